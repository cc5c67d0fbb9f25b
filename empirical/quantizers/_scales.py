"""Going down to a coarser grid of latents and up again, as VAR's multi-scale quantizer does."""

import math

from torch import Tensor
from torch.nn import functional


def coarser(z: Tensor, side: int) -> Tensor:
    """Return the averages of latents (B, C, S, S) over a grid of `side` x `side` areas."""
    return z if z.shape[-1] == side else functional.adaptive_avg_pool2d(z, side)


def finer(h: Tensor, side: int) -> Tensor:
    """Return latents (B, C, s, s) interpolated (bicubic) to `side` x `side`."""
    return h if h.shape[-1] == side else functional.interpolate(h, (side, side), mode="bicubic")


# sides of VAR's grids, of 256 x 256 pixels
VAR_SCALES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)


def sides(side: int, chunks: int) -> tuple[int, ...]:
    """Return the sides of grids that have as many tokens as `chunks` tokens at each of side^2 positions.

    The full grid is one of them. VAR's smaller grids follow from the coarsest on, as long as their tokens
    are still to be had, and what remains are the largest squares that fit.

    Parameters
    ----------
    side : int
        Side of the latents.
    chunks : int
        Tokens a position of the quantizers to compare with.

    Returns
    -------
    tuple of int
        From coarse to fine.

    Examples
    --------
    >>> sides(8, 2)  # 64 + 64 tokens
    (1, 2, 3, 3, 4, 5, 8)
    >>> sides(16, 2)
    (1, 1, 2, 3, 4, 5, 6, 8, 10, 16)
    """
    found, rest = [side], (chunks - 1) * side**2
    for smaller in VAR_SCALES:
        if smaller < side and smaller**2 <= rest:
            found.append(smaller)
            rest -= smaller**2
    while rest:
        found.append(min(side, math.isqrt(rest)))
        rest -= found[-1] ** 2
    return tuple(sorted(found))
