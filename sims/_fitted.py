"""The quantizers that studies fit to samples: vector, product, scalar, residual; also after a rotation."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sims import _entropy_coded, _scalar, assign, kmeans
from sims._rows import parts, row_sums

Array = NDArray[np.float64]

principal_axes = kmeans.principal_axes

_FOR_ROTATION = 256
FEW_POINTS = 39
"""Training vectors a codeword below which a row carries a warning; faiss draws the same line."""


@dataclass(frozen=True)
class Fitted:
    """A fitted quantizer.

    Attributes
    ----------
    reconstruct : callable
        Maps vectors (n, d) to their codewords.
    block_sizes : tuple of int
        Codewords of each block or stage; their product is the codebook size. Empty where their number
        is not limited.
    in_sample_distortion : float
        Distortion on the training vectors.
    code_lengths : callable or None
        Maps vectors (n, d) to the bits (n,) that each takes; None where all take the same.
    points_per_centroid : float or None
        Training vectors for each codeword of the largest block or stage; None where none is fitted, or
        their number is not limited.
    """

    reconstruct: Callable[[Array], Array]
    block_sizes: tuple[int, ...]
    in_sample_distortion: float
    code_lengths: Callable[[Array], Array] | None = None
    points_per_centroid: float | None = None

    @property
    def codebook_size(self) -> int | None:
        """Codewords of the whole quantizer; None where their number is not limited."""
        return math.prod(self.block_sizes) if self.block_sizes else None


def errors(x: Array, x_hat: Array) -> dict[str, float]:
    """Return the mean squared error of a vector and its standard error over the rows.

    That is the error of the mean for the one codebook that made `x_hat`. How far other codebooks would
    be, where these are random or fitted, only trials tell.
    """
    return rounding_errors(lambda part: (x[part], x_hat[part]), *x.shape)


def rounding_errors(pairs: Callable[[slice], tuple[Array, Array]], n: int, dim: int) -> dict[str, float]:
    """Return the same as `errors` for n vectors and their codewords, which `pairs` makes slice by slice."""
    squared = np.empty(n)
    for part in parts(n, dim):
        x, x_hat = pairs(part)
        left = x - x_hat
        squared[part] = row_sums(np.square(left, out=left))
    return {
        "distortion": float(squared.mean()),
        "standard_error": float(squared.std(ddof=1) / math.sqrt(n)),
    }


def sampling(points: float | None) -> dict[str, Any]:
    """Return the columns that say how many training vectors a codeword had, and warn where too few.

    With 32 a codeword VQ's in-sample distortion lies a fifth below its held-out one (256 codewords in 4
    dimensions; study finite-sample).
    """
    few = points is not None and points < FEW_POINTS
    return {
        "points_per_centroid": points,
        "warning": f"fewer than {FEW_POINTS} training vectors a codeword" if few else "",
    }


def measure(fitted: Fitted, held_out: Array) -> dict[str, Any]:
    """Return held-out distortion, its standard error, in-sample distortion, codebook size and warning."""
    return {
        "codebook_size": fitted.codebook_size,
        **errors(held_out, fitted.reconstruct(held_out)),
        "in_sample_distortion": fitted.in_sample_distortion,
        **sampling(fitted.points_per_centroid),
    }


def lookup(codebook: Array) -> Callable[[Array], Array]:
    """Return the map of vectors to their nearest codewords."""
    return lambda x: codebook.take(assign.nearest(x, codebook), axis=0)


def vector(x: Array, codebook_size: int, *, rng: np.random.Generator, **options: Any) -> Fitted:
    """Fit a codebook: by k-means, or on a line, where sorted numbers do without a search, by levels."""
    points = len(x) / codebook_size
    if x.shape[1] == 1:
        curve = _scalar.SampleCurve(np.sort(x[:, 0]))
        levels = [curve.levels(codebook_size)]
        return Fitted(
            lambda vectors: _scalar.reconstruct(vectors, levels),
            (codebook_size,),
            curve(codebook_size),
            points_per_centroid=points,
        )
    found = kmeans.fit(x, codebook_size, rng=rng, **options)
    return Fitted(
        lookup(found.codebook), (codebook_size,), found.in_sample_distortion, points_per_centroid=points
    )


def product(
    x: Array,
    block_dims: Sequence[int],
    block_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    **options: Any,
) -> Fitted:
    """Fit a codebook to each block of coordinates."""
    ends = np.cumsum(block_dims)
    slices = [slice(end - dim, end) for end, dim in zip(ends, block_dims, strict=True)]
    blocks = [
        vector(x[:, part], size, rng=rng, **options) for part, size in zip(slices, block_sizes, strict=True)
    ]

    def reconstruct(vectors: Array) -> Array:
        return np.hstack(
            [block.reconstruct(vectors[:, part]) for block, part in zip(blocks, slices, strict=True)]
        )

    return Fitted(
        reconstruct,
        tuple(block_sizes),
        sum(block.in_sample_distortion for block in blocks),
        points_per_centroid=len(x) / max(block_sizes),
    )


def scalar(x: Array, codebook_size: int) -> Fitted:
    """Fit Lloyd-Max levels to each coordinate, their numbers allocated optimally."""
    levels, distortion = _scalar.fit(x, codebook_size)
    sizes = tuple(len(part.values) for part in levels)
    return Fitted(
        lambda vectors: _scalar.reconstruct(vectors, levels),
        sizes,
        distortion,
        points_per_centroid=len(x) / max(sizes),
    )


def entropy_coded(x: Array, rate: float) -> Fitted:
    """Fit uniform scalar quantizers of one step and no last cell, `rate` bits of entropy a vector."""
    coded = _entropy_coded.fit(x, rate)
    return Fitted(coded.reconstruct, (), coded.in_sample_distortion, coded.code_lengths)


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

    return Fitted(
        reconstruct,
        tuple(stage_sizes),
        float(np.square(rest).sum(axis=1).mean()),
        points_per_centroid=len(x) / max(stage_sizes),
    )


def rotated(fit: Callable[[Array], Fitted], x: Array, rotation: Array) -> Fitted:
    """Fit in the coordinates ``x @ rotation``, with orthonormal columns, and turn back."""
    found = fit(x @ rotation)
    mean = x.mean(axis=0)
    outside = mean - rotation @ (rotation.T @ mean)  # zero unless columns are missing
    lengths = found.code_lengths
    return Fitted(
        lambda vectors: found.reconstruct(vectors @ rotation) @ rotation.T + outside,
        found.block_sizes,
        found.in_sample_distortion,
        None if lengths is None else lambda vectors: lengths(vectors @ rotation),
        found.points_per_centroid,
    )


def optimized_product(
    x: Array,
    block_dims: Sequence[int],
    block_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    **options: Any,
) -> Fitted:
    """Fit a product quantizer after the rotation of `kmeans.optimized_rotation` (OPQ).

    The rotation is found with at most 256 codewords a block: more hardly move it, and take long.
    """
    few = [min(size, _FOR_ROTATION) for size in block_sizes]
    rotation = kmeans.optimized_rotation(x, block_dims, few, rng=rng)
    return rotated(lambda y: product(y, block_dims, block_sizes, rng=rng, **options), x, rotation)
