"""Going down to a coarser grid of latents and up again, as VAR's multi-scale quantizer does."""

from torch import Tensor
from torch.nn import functional


def coarser(z: Tensor, side: int) -> Tensor:
    """Return the averages of latents (B, C, S, S) over a grid of `side` x `side` areas."""
    return z if z.shape[-1] == side else functional.adaptive_avg_pool2d(z, side)


def finer(h: Tensor, side: int) -> Tensor:
    """Return latents (B, C, s, s) interpolated (bicubic) to `side` x `side`."""
    return h if h.shape[-1] == side else functional.interpolate(h, (side, side), mode="bicubic")
