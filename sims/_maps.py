"""Maps of correlated feature vectors, and their quantization by residuals of growing resolution (VAR)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sims import _fitted, kmeans
from sims._fitted import Fitted

Array = NDArray[np.float64]


def axis_covariance(side: int, correlation: float) -> Array:
    """Return the covariance of a row of the map: ``correlation ** distance``."""
    return correlation ** np.abs(np.subtract.outer(np.arange(side), np.arange(side)))


def gaussian_maps(n: int, side: int, dim: int, correlation: float, *, rng: np.random.Generator) -> Array:
    """Draw maps ``(n, side, side, dim)`` of unit variance, correlated along both axes of the map."""
    root = np.linalg.cholesky(axis_covariance(side, correlation))
    noise = rng.standard_normal((n, side, side, dim))
    return np.einsum("ij,kl,njld->nikd", root, root, noise, optimize=True)


def spectrum(side: int, dim: int, correlation: float) -> Array:
    """Return all eigenvalues of the covariance of a map."""
    values = np.linalg.eigvalsh(axis_covariance(side, correlation))
    return np.repeat(np.outer(values, values).ravel(), dim)


def shrinking(side: int, small: int) -> Array:
    """Return the matrix (small, side) that averages the cells of a row, as adaptive pooling does."""
    matrix = np.zeros((small, side))
    for i in range(small):
        first, last = i * side // small, -(-(i + 1) * side // small)
        matrix[i, first:last] = 1 / (last - first)
    return matrix


def growing(side: int, small: int) -> Array:
    """Return the matrix (side, small) of linear interpolation between cell centres."""
    centres = (np.arange(small) + 0.5) * side / small
    return np.column_stack([np.interp(np.arange(side) + 0.5, centres, row) for row in np.eye(small)])


def _resize(maps: Array, matrix: Array) -> Array:
    return np.einsum("ij,kl,njld->nikd", matrix, matrix, maps, optimize=True)


def multiscale(maps: Array, scales: Sequence[int], size: int, *, rng: np.random.Generator) -> Fitted:
    """Fit one codebook a scale to the residuals of the scales before, shrunk to that scale.

    Each scale quantizes ``scale ** 2`` vectors and subtracts them, grown to full resolution.
    """
    side, dim = maps.shape[1], maps.shape[3]
    stages = []
    rest = maps
    for scale in scales:
        down, up = shrinking(side, scale), growing(side, scale)
        vectors = _resize(rest, down).reshape(-1, dim)
        nearest = _fitted.lookup(kmeans.fit(vectors, size, rng=rng).codebook)
        stages.append((scale, down, up, nearest))
        rest = rest - _resize(nearest(vectors).reshape(-1, scale, scale, dim), up)

    def reconstruct(fresh: Array) -> Array:
        left = fresh
        for scale, down, up, quantize in stages:
            small = quantize(_resize(left, down).reshape(-1, dim)).reshape(-1, scale, scale, dim)
            left = left - _resize(small, up)
        return fresh - left

    return Fitted(
        reconstruct,
        (size,) * len(scales),
        float(np.square(rest).sum(axis=3).mean()),
        points_per_centroid=len(maps) * min(scales) ** 2 / size,
    )
