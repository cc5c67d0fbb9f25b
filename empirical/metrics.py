"""Metrics of reconstructions, image by image, in float64.

Every function returns one value an image (or needs the photograph of each), because crops of one
photograph are dependent: intervals and standard errors resample photographs, never crops.
"""

import torch
from torch import Tensor

from qtheory.errors import DomainError, ShapeError

_LUMA = (65.481, 128.553, 24.966)


def _check_pair(x: Tensor, x_hat: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in float64, scaled to [0, 1]; the reconstruction clamped, as a picture would be."""
    if x.ndim != 4 or x.shape[1] != 3 or x.shape != x_hat.shape:
        raise ShapeError(
            f"x and x_hat must both be (N, 3, H, W), got {tuple(x.shape)} and {tuple(x_hat.shape)}"
        )
    for name, value in (("x", x), ("x_hat", x_hat)):
        bad = int((~torch.isfinite(value)).sum())
        if bad:
            raise DomainError(
                f"{name} must be finite, got {bad} NaN or infinite value(s) of {value.numel()}; "
                "the model that made it has diverged"
            )
    if x.abs().max() > 1:
        raise DomainError(f"x must lie in [-1, 1], got a maximum of |x| of {float(x.abs().max()):g}")
    return (x.double() + 1) / 2, (x_hat.double().clamp(-1, 1) + 1) / 2


def psnr(x: Tensor, x_hat: Tensor, *, luma: bool = False) -> Tensor:
    """Return the peak signal-to-noise ratio of each image.

    Parameters
    ----------
    x : (N, 3, H, W) tensor
        Originals in [-1, 1].
    x_hat : (N, 3, H, W) tensor
        Reconstructions; clamped to [-1, 1].
    luma : bool
        Compare the BT.601 luma in its studio range 16 to 235, with a peak of 255, instead of RGB
        with a peak of its whole range. The luma value of the same grey error is 1.32 dB higher, and
        for colour errors the gap is larger: never compare one form with the other.

    Returns
    -------
    (N,) float64 tensor
        In dB; infinite for a perfect reconstruction.

    Raises
    ------
    ShapeError
        If the shapes differ or are not (N, 3, H, W).
    DomainError
        If a value is NaN or infinite, or an original lies outside [-1, 1].

    Examples
    --------
    >>> x = torch.zeros(1, 3, 8, 8)
    >>> psnr(x, x + 0.2).round(decimals=4).tolist()  # 0.2 of a range of 2: 20 dB
    [20.0]
    >>> (psnr(x, x + 0.2, luma=True) - psnr(x, x + 0.2)).round(decimals=2).tolist()
    [1.32]
    """
    x, x_hat = _check_pair(x, x_hat)
    error = x_hat - x
    if luma:
        weights = torch.tensor(_LUMA, dtype=torch.float64, device=x.device) / 255
        error = torch.einsum("nchw,c->nhw", error, weights)
    return -10 * error.square().flatten(1).mean(1).log10()
