"""The Inception network of FID and Inception score, as converted from TensorFlow's graph of 2015-12-05.

Weights are those that torch-fidelity publishes. Sizes and pooling follow the graph: it is not
torchvision's Inception v3, whose average pooling counts the border and whose last maximum is a mean.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torchvision.models import inception as blocks

from empirical._pretrained import load_exactly, read_state
from empirical.pixels import check_crops, to_uint8
from qtheory.weights import find

FILE = "weights-inception-2015-12-05-6726825d.pth"
_SIDE = 299

EXTRACTOR: dict[str, str] = {
    "network": "Inception of 2015-12-05, 2048 features after global average pooling; logits without bias",
    "uint8": "clamp to [-1, 1], (x + 1) 127.5, round to nearest",
    "resize": f"bilinear to {_SIDE} x {_SIDE} as TensorFlow 1: no half-pixel centres, antialias off",
    "normalisation": "(pixel - 128) / 128",
}


def _mean_inside(x: Tensor) -> Tensor:
    """Return means over 3 x 3 windows, of the pixels inside of the image only."""
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class _A(blocks.InceptionA):
    def _forward(self, x: Tensor) -> list[Tensor]:
        return [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(_mean_inside(x)),
        ]


class _C(blocks.InceptionC):
    def _forward(self, x: Tensor) -> list[Tensor]:
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        return [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(double)),
            self.branch_pool(_mean_inside(x)),
        ]


class _E(blocks.InceptionE):
    """The last two blocks; the very last one pools by the maximum."""

    def __init__(self, in_channels: int, *, maximum: bool) -> None:
        super().__init__(in_channels)
        self.maximum = maximum

    def _forward(self, x: Tensor) -> list[Tensor]:
        one = self.branch3x3_1(x)
        two = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = functional.max_pool2d(x, 3, stride=1, padding=1) if self.maximum else _mean_inside(x)
        return [
            self.branch1x1(x),
            torch.cat([self.branch3x3_2a(one), self.branch3x3_2b(one)], 1),
            torch.cat([self.branch3x3dbl_3a(two), self.branch3x3dbl_3b(two)], 1),
            self.branch_pool(pooled),
        ]


def resize_tensorflow1(pixels: Tensor, side: int = _SIDE) -> Tensor:
    """Return images resized as TensorFlow 1 did: bilinear, pixel i of n from place i n_in / n.

    Parameters
    ----------
    pixels : (N, C, H, W) tensor
        Floating point.
    side : int, optional
        Side of the result, in pixels.

    Examples
    --------
    >>> resize_tensorflow1(torch.tensor([[[[0.0, 2.0], [4.0, 6.0]]]]), 4)[0, 0, 0].tolist()
    [0.0, 1.0, 2.0, 2.0]
    """
    for axis in (-1, -2):
        length = pixels.shape[axis]
        # TensorFlow computes places in float32
        places = torch.arange(side, dtype=torch.float32, device=pixels.device) * (length / side)
        low = places.floor()
        share = (places - low).to(pixels)
        first = low.long()
        second = (first + 1).clamp(max=length - 1)
        shape = (-1,) if axis == -1 else (-1, 1)
        a, b = pixels.index_select(axis, first), pixels.index_select(axis, second)
        pixels = a + (b - a) * share.view(shape)
    return pixels


class Inception(nn.Module):
    """The network up to its logits, frozen; module names are the keys of the published file.

    Weights are random until they are loaded: see `from_file`.

    Attributes
    ----------
    sha256 : str
        Checksum of the file that the weights came from; empty for random ones.
    """

    FEATURES, CLASSES = 2048, 1008

    def __init__(self) -> None:
        super().__init__()
        conv = blocks.BasicConv2d
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _A(192, 32), _A(256, 64), _A(288, 64)
        self.Mixed_6a = blocks.InceptionB(288)
        self.Mixed_6b, self.Mixed_6c = _C(768, 128), _C(768, 160)
        self.Mixed_6d, self.Mixed_6e = _C(768, 160), _C(768, 192)
        self.Mixed_7a = blocks.InceptionD(768)
        self.Mixed_7b, self.Mixed_7c = _E(1280, maximum=False), _E(2048, maximum=True)
        self.fc = nn.Linear(self.FEATURES, self.CLASSES)
        self.sha256 = ""
        self.requires_grad_(False)
        self.eval()

    @classmethod
    def from_file(cls, path: Path | str, sha256: str | None = None) -> "Inception":
        """Return the network with weights from a local file.

        Parameters
        ----------
        path : pathlib.Path or str
            A flat state dict, as torch-fidelity publishes it.
        sha256 : str, optional
            Checksum; that of the published file by default.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        SchemaError
            If the checksum differs, or the file holds other tensors.
        """
        from qtheory.weights import file_sha256

        published, path = find(FILE), Path(path)
        tensors = read_state(path, sha256 or published.sha256, origin=published.source)
        model = cls()
        # files of older torch lack these counters, which nothing here reads
        counters = {key: value for key, value in model.state_dict().items() if "num_batches" in key}
        load_exactly(model, counters | tensors, path=path)
        model.sha256 = file_sha256(path)
        return model

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and logits of pixels.

        Parameters
        ----------
        pixels : (N, 3, H, W) tensor
            Whole numbers from 0 to 255, in floating point.

        Returns
        -------
        features, logits : (N, 2048), (N, 1008) tensor
            Logits without bias, as the Inception score takes them.
        """
        x = (resize_tensorflow1(pixels) - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(x, 3, stride=2)))
        x = functional.max_pool2d(x, 3, stride=2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = self.get_submodule(f"Mixed_{name}")(x)
        features = x.mean((2, 3))
        return features, features @ self.fc.weight.T

    @torch.no_grad()
    def measure(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and class probabilities of images in [-1, 1], in float64.

        Parameters
        ----------
        crops : (N, 3, H, W) tensor
            `EXTRACTOR` says what happens to them.

        Returns
        -------
        features, probabilities : (N, 2048), (N, 1008) float64 tensor

        Raises
        ------
        ShapeError
            If the shape is not (N, 3, H, W).
        DomainError
            If a value is NaN or infinite.
        """
        check_crops("crops", crops)
        pixels: Any = torch.from_numpy(to_uint8(crops)).movedim(-1, 1).to(crops.device).float()
        features, logits = self(pixels)
        return features.double(), logits.double().softmax(1)
