"""Nearest codewords, and the distortion that results: with `kmeans` the only door to faiss.

faiss computes ||x - c||^2 in float32 as ||x||^2 - 2 x.c + ||c||^2. The rounding error is about
1e-7 ||x||^2, so the choice is wrong once the true error falls to that size: on a line in R^8 with
K = 65536 codewords it costs over 100 times the optimum. Such inputs go to a float64 tree instead.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory.errors import DomainError, ShapeError
from sims._faiss import available_threads, search, threads_for
from sims._rows import column_extremes, parts

__all__ = ["available_threads", "distortion", "nearest", "to_unit_scale"]

# faiss in float32 is exact enough above this ratio of distortion to mean square norm: its rounding
# then moves the distortion by less than 1e-3 of itself
RELATIVE_ERROR = 1e-4
# a tree is fast and float64 costs nothing up to this dimension of the support
SUPPORT_DIM = 3
_PILOT_ROWS = 64
_RANK_ROWS = 4096


def _exponent(arrays: Iterable[NDArray[np.float64]]) -> int:
    """Return e for which the largest absolute value over 2^e lies in [1/2, 1); 1025 where it is infinite."""
    largest = max(max(array.max(), -array.min()) for array in arrays)
    return int(np.frexp(largest)[1]) if np.isfinite(largest) else 1025


def _over(
    array: NDArray[np.float64], exponent: int, *, out: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return an array over 2^exponent, where 2^-exponent is no float too."""
    if abs(exponent) > 1000:
        return np.asarray(np.ldexp(array, -exponent, out=out))
    return np.asarray(np.multiply(array, 2.0**-exponent, out=out))


def to_unit_scale(*arrays: NDArray[np.float64]) -> tuple[int, list[NDArray[np.float64]]]:
    """Return an exponent e, and the arrays over 2^e, the largest absolute value then lying in [1/2, 1).

    float32 has a narrow range, and squares halve that of float64. A power of two changes no digit, so
    whatever is computed from the arrays scales exactly.

    Examples
    --------
    >>> to_unit_scale(np.array([3.0, -1.0]), np.array([4.0]))
    (3, [array([ 0.375, -0.125]), array([0.5])])
    """
    exponent = _exponent(arrays)
    return exponent, [_over(array, exponent) for array in arrays]


class Centred:
    """Vectors less a centre, over a power of two; the whole of them is never held in float64.

    Parameters
    ----------
    centre : (d,) array
        What is subtracted.
    *arrays : (n, d) arrays
        Whose largest absolute value less the centre, over 2^exponent, lies in [1/2, 1).

    Examples
    --------
    >>> x = np.array([[3.0, 1.0], [5.0, 1.0]])
    >>> unit = Centred(x.mean(axis=0), x)
    >>> unit.exponent, unit(x), unit.single(x).dtype
    (1, array([[-0.5,  0. ],
           [ 0.5,  0. ]]), dtype('float32'))
    """

    def __init__(self, centre: NDArray[np.float64], *arrays: NDArray[Any]) -> None:
        self.centre = centre
        # rounding keeps order: the extremes of the differences are those of the columns, less the centre
        self.exponent = _exponent(extreme - centre for array in arrays for extreme in column_extremes(array))

    def __call__(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Return rows in float64."""
        result = rows - self.centre
        return _over(result, self.exponent, out=result)

    def single(self, rows: NDArray[Any], columns: int = 0) -> NDArray[np.float32]:
        """Return rows in float32, filled up with zeros to a number of columns."""
        n, d = rows.shape
        result = np.zeros((n, columns), np.float32) if columns > d else np.empty((n, d), np.float32)
        for part in parts(n, d):
            result[part, :d] = self(rows[part])
        return result


def _spread(x: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return at most `rows` rows of `x`, evenly spaced."""
    return x[np.linspace(0, len(x) - 1, min(rows, len(x))).astype(np.intp)]


def _dimensions(sample: NDArray[np.float64], least: float) -> int:
    """Return in how many dimensions vectors vary by more than a share of the largest variance."""
    centred = sample - sample.mean(axis=0)
    spectrum = np.linalg.eigvalsh(centred.T @ centred)
    return int(np.count_nonzero(spectrum > least * spectrum[-1]))


def _spans_few_dimensions(sample: NDArray[np.float64]) -> bool:
    """Whether vectors lie in at most `SUPPORT_DIM` dimensions, where a tree is fast."""
    return _dimensions(sample, 1e-10) <= SUPPORT_DIM


def _too_fine_for_float32(error: NDArray[np.float64], sample: NDArray[np.float64]) -> bool:
    """Whether errors of a few vectors are so small that float32 may have chosen their codes wrongly.

    Its error in squared distance, 1e-7 of the square norm, is far below the threshold, so wrong codes
    do not hide that.
    """
    scale = np.square(sample).sum(axis=1).mean()
    return bool(np.square(error).sum(axis=1).mean() < RELATIVE_ERROR * scale)


def _nearest_float64(
    x: NDArray[np.float64], codebook: NDArray[np.float64], threads: int
) -> NDArray[np.int64]:
    from scipy.spatial import cKDTree

    _, codes = cKDTree(codebook).query(x, workers=threads)
    return np.asarray(codes, dtype=np.int64)


def nearest(x: ArrayLike, codebook: ArrayLike, *, threads: int | None = None) -> NDArray[np.int64]:
    """Return the index of the codeword nearest to each vector.

    Both arguments are centred by the mean codeword. faiss then searches in float32, except where
    the vectors span at most 3 dimensions, or where the distortion of a pilot sample is below 1e-4
    of the mean square norm: there a k-d tree searches in float64.

    Parameters
    ----------
    x : (n, d) array
        Vectors.
    codebook : (K, d) array
        Codewords.
    threads : int, optional
        Threads at most; see `available_threads` for the default. The codes do not depend on it.

    Returns
    -------
    (n,) array of int64
        Codes in [0, K). Of codewords at one distance either may be chosen.

    Raises
    ------
    ShapeError
        If an argument is empty or no matrix, or if their dimensions differ.
    DomainError
        If a value is NaN or infinite.

    Examples
    --------
    >>> nearest([[0.1, 0.0], [0.9, 1.2]], [[0.0, 0.0], [1.0, 1.0]])
    array([0, 1])
    """
    points, codewords = _check.floats("x", x, ndim=2), _check.floats("codebook", codebook, ndim=2)
    if points.shape[1] != codewords.shape[1]:
        raise ShapeError(
            f"codebook must have the dimension of x, {points.shape[1]}, got shape {codewords.shape}; "
            "transpose it?"
        )
    points = np.ascontiguousarray(points)  # columns of a wider array take thrice as long
    with np.errstate(over="ignore", invalid="ignore"):  # seen below
        unit = Centred(codewords.mean(axis=0, dtype=np.float64), points, codewords)
    if abs(unit.exponent) > 500:  # where a difference may have left float64
        _, (points, codewords) = to_unit_scale(*(x.astype(np.float64) for x in (points, codewords)))
        unit = Centred(codewords.mean(axis=0), points, codewords)
    workers = threads_for(points.size * len(codewords), threads)
    pilot = unit(_spread(points, _PILOT_ROWS))
    # most often a few vectors already show that they span more
    if _dimensions(pilot, 1e-8) > SUPPORT_DIM or not _spans_few_dimensions(unit(_spread(points, _RANK_ROWS))):
        codes = search(unit.single(points), unit.single(codewords), threads=workers)
        error = pilot - unit(codewords[_spread(codes, _PILOT_ROWS)])
        # no coordinate is above 1, so that large errors need no look at the vectors' norms
        large = np.square(error).sum(axis=1).mean() >= RELATIVE_ERROR * points.shape[1]
        if large or not _too_fine_for_float32(error, unit(_spread(points, _RANK_ROWS))):
            return codes
    return _nearest_float64(unit(points), unit(codewords), workers)


def distortion(x: ArrayLike, codebook: ArrayLike, codes: ArrayLike) -> NDArray[np.float64]:
    """Return the squared error of each vector, summed over its dimensions, in float64.

    Parameters
    ----------
    x : (n, d) array
        Vectors.
    codebook : (K, d) array
        Codewords.
    codes : (n,) array of int
        Index of the codeword of each vector.

    Returns
    -------
    (n,) array
        ``||x_i - codebook[codes_i]||^2``; its mean is the distortion of Definition 4.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    DomainError
        If a code lies outside [0, K), a value is not finite, or the squared errors leave the range of
        float64.

    Examples
    --------
    >>> distortion([[3.0, 4.0]], [[0.0, 0.0], [3.0, 3.0]], [0])
    array([25.])
    """
    points, codewords = _check.array("x", x, ndim=2), _check.array("codebook", codebook, ndim=2)
    chosen = np.asarray(codes)
    if chosen.shape != (len(points),) or points.shape[1] != codewords.shape[1]:
        raise ShapeError(
            f"codes must have shape ({len(points)},) and codebook {points.shape[1]} columns, "
            f"got shapes {chosen.shape} and {codewords.shape}"
        )
    if not np.issubdtype(chosen.dtype, np.integer):
        raise DomainError(f"codes must be integers, got {chosen.dtype}")
    if chosen.min() < 0 or chosen.max() >= len(codewords):
        raise DomainError(f"codes must lie in [0, {len(codewords)}), got {chosen.min()} to {chosen.max()}")
    squared = np.empty(len(points))
    with np.errstate(over="ignore"):  # seen below
        for part in parts(*points.shape):
            error = codewords.take(chosen[part], axis=0)
            np.subtract(points[part], error, out=error)
            squared[part] = np.linalg.vecdot(error, error)
    largest = squared.max()
    if largest >= np.finfo(np.float64).tiny and np.isfinite(largest):
        return squared
    error = np.abs(points - codewords[chosen])
    if np.isfinite(largest) and not error.any():
        return squared
    raise DomainError(
        f"squared errors must lie in the range of float64, got a largest of {largest:g} for errors up to "
        f"{error.max():g}; scale x and codebook, for example by to_unit_scale"
    )
