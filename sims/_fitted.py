"""The quantizers that studies fit to samples: vector, product, scalar, residual; also after a rotation."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sims import _scalar, assign, kmeans

Array = NDArray[np.float64]

_OPQ_ROUNDS = 8
_OPQ_ITERATIONS = 4
_OPQ_ROWS = 8192  # enough for a rotation; the codewords are then fitted to all rows


@dataclass(frozen=True)
class Fitted:
    """A fitted quantizer.

    Attributes
    ----------
    reconstruct : callable
        Maps vectors (n, d) to their codewords.
    block_sizes : tuple of int
        Codewords of each block or stage; their product is the codebook size.
    in_sample_distortion : float
        Distortion on the training vectors.
    """

    reconstruct: Callable[[Array], Array]
    block_sizes: tuple[int, ...]
    in_sample_distortion: float

    @property
    def codebook_size(self) -> int:
        """Codewords of the whole quantizer."""
        return math.prod(self.block_sizes)


def errors(x: Array, x_hat: Array) -> dict[str, float]:
    """Return the mean squared error of a vector and its standard error over the rows."""
    squared = np.square(x - x_hat).sum(axis=1)
    return {
        "distortion": float(squared.mean()),
        "standard_error": float(squared.std(ddof=1) / math.sqrt(len(squared))),
    }


def measure(fitted: Fitted, held_out: Array) -> dict[str, Any]:
    """Return held-out distortion, its standard error, in-sample distortion and codebook size."""
    return {
        "codebook_size": fitted.codebook_size,
        **errors(held_out, fitted.reconstruct(held_out)),
        "in_sample_distortion": fitted.in_sample_distortion,
    }


def lookup(codebook: Array) -> Callable[[Array], Array]:
    """Return the map of vectors to their nearest codewords."""
    return lambda x: codebook[assign.nearest(x, codebook)]


def vector(x: Array, codebook_size: int, *, rng: np.random.Generator, **options: Any) -> Fitted:
    """Fit a k-means codebook."""
    found = kmeans.fit(x, codebook_size, rng=rng, **options)
    return Fitted(lookup(found.codebook), (codebook_size,), found.in_sample_distortion)


def product(
    x: Array,
    block_dims: Sequence[int],
    block_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    **options: Any,
) -> Fitted:
    """Fit a k-means codebook to each block of coordinates."""
    ends = np.cumsum(block_dims)
    slices = [slice(end - dim, end) for end, dim in zip(ends, block_dims, strict=True)]
    blocks = [
        vector(x[:, part], size, rng=rng, **options) for part, size in zip(slices, block_sizes, strict=True)
    ]

    def reconstruct(vectors: Array) -> Array:
        return np.hstack(
            [block.reconstruct(vectors[:, part]) for block, part in zip(blocks, slices, strict=True)]
        )

    return Fitted(reconstruct, tuple(block_sizes), sum(block.in_sample_distortion for block in blocks))


def scalar(x: Array, codebook_size: int) -> Fitted:
    """Fit Lloyd-Max levels to each coordinate, their numbers allocated optimally."""
    levels, distortion = _scalar.fit(x, codebook_size)
    sizes = tuple(len(part.values) for part in levels)
    return Fitted(lambda vectors: _scalar.reconstruct(vectors, levels), sizes, distortion)


def residual(x: Array, stage_sizes: Sequence[int], *, rng: np.random.Generator, **options: Any) -> Fitted:
    """Fit k-means codebooks in stages, each to what the stages before left; encode greedily."""
    stages = []
    rest = x
    for size in stage_sizes:
        found = kmeans.fit(rest, size, rng=rng, **options)
        stages.append(lookup(found.codebook))
        rest = rest - stages[-1](rest)

    def reconstruct(vectors: Array) -> Array:
        left = vectors
        for stage in stages:
            left = left - stage(left)
        return vectors - left

    return Fitted(reconstruct, tuple(stage_sizes), float(np.square(rest).sum(axis=1).mean()))


def principal_axes(x: Array) -> Array:
    """Return the eigenvectors of the sample covariance as columns, the largest variance first."""
    return np.linalg.eigh(np.cov(x, rowvar=False))[1][:, ::-1]


def rotated(fit: Callable[[Array], Fitted], x: Array, rotation: Array) -> Fitted:
    """Fit in the coordinates ``x @ rotation``, with orthonormal columns, and turn back."""
    found = fit(x @ rotation)
    mean = x.mean(axis=0)
    outside = mean - rotation @ (rotation.T @ mean)  # zero unless columns are missing
    return Fitted(
        lambda vectors: found.reconstruct(vectors @ rotation) @ rotation.T + outside,
        found.block_sizes,
        found.in_sample_distortion,
    )


def _balanced_axes(x: Array, block_dims: Sequence[int]) -> Array:
    """Principal axes dealt to blocks so that their products of variances are even."""
    axes = principal_axes(x)
    logs = np.log(np.maximum((x @ axes).var(axis=0), 1e-300))
    blocks: list[list[int]] = [[] for _ in block_dims]
    loads = np.zeros(len(block_dims))
    for j in range(len(logs)):
        free = [m for m, dim in enumerate(block_dims) if len(blocks[m]) < dim]
        least = min(free, key=lambda m: loads[m])
        blocks[least].append(j)
        loads[least] += logs[j] - logs[-1]  # not negative, so that a gift never makes a block poorer
    return axes[:, [j for block in blocks for j in block]]


def optimized_product(
    x: Array,
    block_dims: Sequence[int],
    block_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    **options: Any,
) -> Fitted:
    """Fit a product quantizer and a rotation in turn (OPQ), from principal axes of even products.

    T. Ge, K. He, Q. Ke, J. Sun, "Optimized product quantization", 2014: for fixed codewords the best
    rotation solves an orthogonal Procrustes problem.
    """
    rotation = best = _balanced_axes(x, block_dims)
    sample = x[: max(_OPQ_ROWS, 8 * max(block_sizes))]
    least = math.inf
    for _ in range(_OPQ_ROUNDS):
        y = sample @ rotation
        short = {**options, "iterations": _OPQ_ITERATIONS}
        found = product(y, block_dims, block_sizes, rng=rng, **short)
        if found.in_sample_distortion < least:
            least, best = found.in_sample_distortion, rotation
        left, _, right = np.linalg.svd(sample.T @ found.reconstruct(y))
        rotation = left @ right
    return rotated(lambda y: product(y, block_dims, block_sizes, rng=rng, **options), x, best)
