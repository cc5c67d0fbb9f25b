"""Maximum mean discrepancy of two samples by tiles of pairs, with the gradient found on the way.

The discrepancy is a scalar whose gradient needs nothing but the kernel values that its own value is
made of, so both come out of one pass and no pair is kept or visited again.
"""

from typing import Any

import torch
from torch import Tensor

# rows a side; a tile stays in the cache of a core, or keeps a GPU busy
_TILE_CPU, _TILE_GPU = 1024, 8192


def squared_mmd(features: Tensor, codebook: Tensor, bandwidth: Tensor, *, unbiased: bool) -> Tensor:
    """Return the squared maximum mean discrepancy of features and codewords.

    Parameters
    ----------
    features : (N, d) tensor
        Vectors; they get no gradient.
    codebook : (K, d) tensor
        Codewords, of the same dtype.
    bandwidth : () tensor
        B of the kernel ``exp(-D / B) + exp(-D / 2B)`` of the squared distance D; no gradient.
    unbiased : bool
        The U-statistic, without the pairs of a vector with itself: it needs two codewords, has mean
        zero for equal distributions, and can be negative. It needs two vectors too; of one, the mean
        over their pairs, which has no gradient, counts as zero. Otherwise the V-statistic, which is
        never negative but grows as samples shrink.

    Returns
    -------
    () tensor
        The value, once differentiable with respect to `codebook`.

    Notes
    -----
    Gretton et al. (2012), equations 3 (U) and 5 (V). The kernel is the paper's "multi-Gaussian" one
    with variances B / 2 and B.

    Examples
    --------
    >>> x = torch.zeros(2, 1)
    >>> float(squared_mmd(x, x + 1, torch.tensor(1.0), unbiased=False))
    2.05...
    """
    centre = features.mean(dim=0)
    value: Tensor = _SquaredMMD.apply(codebook - centre, features - centre, bandwidth, unbiased)
    return value


class _SquaredMMD(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, codebook: Tensor, features: Tensor, bandwidth: Tensor, unbiased: bool) -> Tensor:
        n, k = len(features), len(codebook)
        pairs_n, pairs_k = (m * (m - 1) if unbiased else m * m for m in (n, k))
        # in units of sqrt(2B) the kernel is e^2 + e with e = exp(-D)
        unit = (2 * bandwidth).sqrt()
        x, y = codebook / unit, features / unit
        slope = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        within = _within(y, None, 0.0) / max(pairs_n, 1) + _within(x, slope, 1 / pairs_k) / pairs_k
        across = _across(x, y, slope, -2 / (n * k)) / (n * k)
        own = 0 if unbiased else 2 / n + 2 / k  # each vector with itself
        if slope is not None:
            ctx.save_for_backward(slope / unit)
        return (within + own - 2 * across).to(codebook.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, None, None]:
        return gradient * ctx.saved_tensors[0], None, None, None


def _tiles(x: Tensor) -> list[tuple[slice, Tensor]]:
    """Return slices of the rows of x, and the rows themselves with a column of ones."""
    size = _TILE_CPU if x.device.type == "cpu" else _TILE_GPU
    starts = range(0, len(x), size)
    with_ones = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    return [(slice(start, start + size), with_ones[start : start + size]) for start in starts]


def _pair(a: Tensor, b: Tensor, *, same: bool = False) -> tuple[Tensor, Tensor]:
    """Return the sum of the kernel over a and b, and w such that ``dk(x, y)/dx = -2 w (x - y)``.

    Of a tile with itself the pairs of a vector with itself are left out.
    """
    x, y = a[:, :-1], b[:, :-1]
    e = torch.addmm(-y.square().sum(1), x, y.T, alpha=2).sub_(x.square().sum(1, keepdim=True))
    e = e.clamp_(max=0).exp_()
    if same:
        e.fill_diagonal_(0)
    once = e.sum(1)
    w = e.addcmul_(e, e, value=2)  # e + 2 e^2, of which and of e the kernel is half the sum
    return (once + w.sum(1)).double().sum() / 2, w


def _pull(w: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return the sum over y in b of ``w (x - y)`` for each x in a."""
    moved = (b.T @ w.T).T  # `w @ b` is the same, and on a CPU four to ten times slower: b has few columns
    return moved[:, -1:] * a[:, :-1] - moved[:, :-1]


def _across(x: Tensor, y: Tensor, slope: Tensor | None, factor: float) -> Tensor:
    """Return the sum of the kernel over x and y; add `factor` times its gradient in x to `slope`."""
    total = x.new_zeros((), dtype=torch.float64)
    columns = _tiles(y)
    for rows, a in _tiles(x):
        for _, b in columns:
            kernel, w = _pair(a, b)
            total += kernel
            if slope is not None:
                slope[rows] -= 2 * factor * _pull(w, a, b)
    return total


def _within(x: Tensor, slope: Tensor | None, factor: float) -> Tensor:
    """Return the sum of the kernel over ordered pairs of different rows of x; and as above.

    Each pair is visited once for both of its orders.
    """
    total = x.new_zeros((), dtype=torch.float64)
    tiles = _tiles(x)
    for i, (rows, a) in enumerate(tiles):
        for columns, b in tiles[i:]:
            same = columns == rows
            kernel, w = _pair(a, b, same=same)
            total += kernel if same else 2 * kernel
            if slope is not None:
                slope[rows] -= 4 * factor * _pull(w, a, b)
                if not same:
                    slope[columns] -= 4 * factor * _pull(w.T, b, a)
    return total
