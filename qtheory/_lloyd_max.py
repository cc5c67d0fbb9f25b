"""Optimal scalar quantizers of log-concave densities by Newton's method."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qtheory import _check
from qtheory._marginals import Marginal
from qtheory.errors import DomainError, ShapeError
from qtheory.sources import FiniteSource, Source

Array = NDArray[np.float64]

_ITERATIONS = 500


@dataclass(frozen=True)
class ScalarQuantizer:
    """A scalar quantizer whose levels are the centroids of their cells.

    Attributes
    ----------
    levels : (n,) array
        Reconstruction levels, ascending.
    thresholds : (n - 1,) array
        Midpoints of neighbouring levels: the borders of the cells.
    masses : (n,) array
        Probabilities of the cells.
    distortion : float
        Expected squared error.
    """

    levels: Array
    thresholds: Array
    masses: Array
    distortion: float


def midpoints(levels: Array) -> Array:
    """Return the borders of the cells of ascending levels."""
    return (levels[:-1] + levels[1:]) / 2


def _cells(law: Marginal, levels: Array) -> tuple[Array, Array]:
    """Mass and centroid of every cell; the centroid of an empty cell is NaN."""
    borders = np.concatenate([[-np.inf], midpoints(levels), [np.inf]])
    mass = law.mass(borders[:-1], borders[1:])
    first = law.first_moment(borders[:-1], borders[1:])
    return mass, np.divide(first, mass, out=np.full_like(mass, np.nan), where=mass > 0)


def _newton_step(law: Marginal, levels: Array, mass: Array, centroids: Array) -> Array:
    """Solve for the step that makes levels equal their centroids to first order.

    A centroid moves with a border by ``density * distance to the border / mass``, and the border by half
    of what its levels move. For a log-concave density the rows of that derivative sum to at most one, and
    an end cell's to less unless the density is exponential on it; then the system is an M-matrix. Where it
    is exponential on every cell, as for a Laplace law and even n, the system is singular at the solution.
    """
    from scipy.linalg import LinAlgError, solve_banded

    borders = midpoints(levels)
    density = law.pdf(borders) / 2
    with_left = density * (centroids[1:] - borders) / mass[1:]
    with_right = density * (borders - centroids[:-1]) / mass[:-1]
    bands = np.zeros((3, len(levels)))
    bands[0, 1:] = -with_right
    bands[1] = 1
    bands[1, 1:] -= with_left
    bands[1, :-1] -= with_right
    bands[2, :-1] = -with_left
    try:
        return solve_banded((1, 1), bands, centroids - levels)
    except LinAlgError:
        return np.full_like(levels, np.nan)


def _advance(law: Marginal, levels: Array, mass: Array, centroids: Array) -> tuple[Array, Array, Array]:
    """Take the longest halved Newton step that brings levels nearer their centroids, else one of Lloyd."""
    distance = float(np.abs(centroids - levels).max())
    step = _newton_step(law, levels, mass, centroids)
    for _ in range(8):
        trial = levels + step
        if np.isfinite(trial).all() and (np.diff(trial) > 0).all():
            new_mass, new_centroids = _cells(law, trial)
            if float(np.abs(new_centroids - trial).max()) < distance:
                return trial, new_mass, new_centroids
        step = step / 2
    return (centroids, *_cells(law, centroids))


def solve(law: Marginal, levels: int) -> ScalarQuantizer:
    """Return the quantizer of a density all of whose stationary points are optimal."""
    scale = law.variance**0.5
    # companding: optimal levels have a density proportional to f^(1/3)
    points = np.sort(law.power_quantile(1 / 3, (np.arange(levels) + 0.5) / levels))
    mass, centroids = _cells(law, points)
    last = np.inf
    for _ in range(_ITERATIONS):
        if not np.isfinite(centroids).all():
            break
        previous = points
        points, mass, centroids = _advance(law, points, mass, centroids)
        moved = float(np.abs(points - previous).max()) / scale
        # quadratic convergence ends in rounding noise, where steps stop shrinking
        if moved <= 1e-14 or (last <= 1e-9 and moved >= last / 2):
            if law.symmetric:
                # the only optimum is symmetric too; where cells on both sides of the mean move alike, as a
                # Laplace law's do, rounding leaves the levels free to move together by its square root
                points = law.mean + (points - points[::-1]) / 2
                mass, centroids = _cells(law, points)
            return ScalarQuantizer(points, midpoints(points), mass, _distortion(law, points, mass, centroids))
        last = moved
    raise DomainError(
        f"levels={levels} leaves cells that float64 cannot resolve; ask for fewer levels, "
        "or use limits.zador at this size"
    )


def _distortion(law: Marginal, levels: Array, mass: Array, centroids: Array) -> float:
    """Variance less the variance of the levels, corrected for levels that are off their centroids."""
    spread = np.sum(mass * ((centroids - law.mean) ** 2 - (levels - centroids) ** 2))
    return float(law.variance - spread)


def lloyd_max(source: Source, levels: int) -> ScalarQuantizer:
    """Return the optimal scalar quantizer of a one-dimensional log-concave source.

    Newton's method solves the conditions of Lloyd and Max, that levels are centroids and borders are
    midpoints. For a log-concave density they have one solution, which is the optimum.

    Parameters
    ----------
    source : Source
        One-dimensional, with a log-concave density.
    levels : int
        Number of levels n >= 1.

    Returns
    -------
    ScalarQuantizer
        Levels, thresholds, masses and distortion, to about 1e-13 of the variance.

    Raises
    ------
    ShapeError
        If the source has more than one dimension.
    DomainError
        If the density is not known to be log-concave: other stationary quantizers may exist then.

    References
    ----------
    S. P. Lloyd, Least squares quantization in PCM, 1957 (IEEE Trans. Inf. Theory 28, 1982).
    J. Max, Quantizing for minimum distortion, IRE Trans. Inf. Theory 6, 1960.
    P. E. Fleischer, Sufficient conditions for achieving minimum distortion in a quantizer, 1964.
    J. C. Kieffer, Uniqueness of locally optimal quantizer for log-concave density, 1983.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> found = lloyd_max(Gaussian(1), 4)
    >>> found.levels.round(4)
    array([-1.5104, -0.4528,  0.4528,  1.5104])
    >>> round(found.distortion, 10)
    0.1174818478
    """
    n = _check.integer("levels", levels)
    if source.dim != 1:
        raise ShapeError(f"source must have dimension 1, got {source.dim}; use optimal_scalar")
    if isinstance(source, FiniteSource) or not source.marginal(0).log_concave:
        raise DomainError(
            f"source must have a log-concave density, {type(source).__name__} is not known to have one and "
            "its stationary quantizers need not be optimal; use optimal_quantizer_1d on atoms or a sample"
        )
    return solve(source.marginal(0), n)
