"""Pictures as uint8 pixels and as tensors in [-1, 1], and the way between the two."""

import base64
import io

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qtheory.errors import DomainError, ShapeError

Image = NDArray[np.uint8]


def check_crops(name: str, crops: Tensor) -> None:
    """Raise unless `crops` is a finite tensor of shape (N, 3, H, W) with N at least 1."""
    if crops.ndim != 4 or crops.shape[1] != 3 or not len(crops):
        raise ShapeError(f"{name} must have shape (N, 3, H, W) with N >= 1, got {tuple(crops.shape)}")
    bad = int((~torch.isfinite(crops)).sum())
    if bad:
        raise DomainError(
            f"{name} must be finite, got {bad} NaN or infinite value(s) of {crops.numel()}; "
            "the model that made it has diverged"
        )


def to_tensor(pixels: Image) -> Tensor:
    """Return `(N, H, W, 3)` uint8 pixels as an `(N, 3, H, W)` float32 tensor in [-1, 1]: x/127.5 - 1.

    Examples
    --------
    >>> to_tensor(np.array([[[[0, 51, 255]]]], dtype=np.uint8)).flatten().tolist()
    [-1.0, -0.6000000238418579, 1.0]
    """
    return torch.from_numpy(
        np.moveaxis(pixels, -1, 1).astype(np.float32) / np.float32(127.5) - 1
    ).contiguous()


def to_uint8(crops: Tensor) -> Image:
    """Return `(N, 3, H, W)` crops as `(N, H, W, 3)` uint8 pixels: clamped to [-1, 1] and rounded.

    The inverse of `to_tensor`; what a reconstruction is before a metric network sees it.
    """
    check_crops("crops", crops)
    rounded = ((crops.detach().cpu().clamp(-1, 1) + 1) * 127.5).round()
    return np.moveaxis(rounded.numpy().astype(np.uint8), 1, -1)


def to_png(crop: Tensor) -> str:
    """Return a crop (3, H, W) in [-1, 1] as the base64 text of a PNG file, without loss beyond rounding.

    Examples
    --------
    >>> to_png(torch.zeros(3, 8, 8))[:16]
    'iVBORw0KGgoAAAAN'
    """
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    PilImage.fromarray(to_uint8(crop[None])[0]).save(buffer, format="png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def varied(crops: Tensor, groups: NDArray[np.int64], n: int) -> list[int]:
    """Return the numbers of crops to show: of different photographs, from rich in detail to plain.

    Of each photograph the middle crop stands for it, which shows more of its subject than the first. Those
    whose brightness lies outside the quartiles are left out, dark and pale ones; the others stand in the
    order of their detail, the mean absolute difference of neighbouring pixels, and are taken evenly
    spread. What methods make of the crops plays no part.

    Parameters
    ----------
    crops : (N, 3, H, W) tensor
        Crops in [-1, 1].
    groups : (N,) array of int
        Photograph of each.
    n : int
        How many to return; fewer where there are not as many.

    Examples
    --------
    >>> stripes = torch.tensor([-1.0, 1.0]).repeat(4).expand(3, 8, 8)
    >>> crops = torch.stack([torch.full((3, 8, 8), -1.0), 0.1 * stripes, stripes, torch.ones(3, 8, 8)])
    >>> varied(crops, np.arange(4), 2)
    [2, 1]
    """
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    middle = np.array([own[(len(own) - 1) // 2] for own in members])
    grey = crops[torch.from_numpy(middle)].double().mean(1)
    brightness = grey.mean((1, 2)).numpy()
    down, across = (grey.diff(dim=axis).abs().mean((1, 2)) for axis in (1, 2))
    detail = (down + across).numpy()
    low, high = np.quantile(brightness, [0.25, 0.75])
    inside = np.flatnonzero((brightness >= low) & (brightness <= high))
    ordered = inside[np.argsort(-detail[inside], kind="stable")]
    n = min(n, len(ordered))
    return [int(middle[ordered[(2 * i + 1) * len(ordered) // (2 * n)]]) for i in range(n)]
