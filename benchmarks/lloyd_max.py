"""Optimal levels of N(0, 1) by Newton's method, against komm and Lloyd's own iteration, in the same run.

komm (0.37) iterates on a sampled density over a finite range. Its levels are judged by their exact error.
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qtheory._marginals import Normal
from qtheory.claims._levels import optimal_distortion
from qtheory.optimal import lloyd_max
from qtheory.sources import Gaussian

LEVELS = (4, 8, 16, 64)
ROUNDS = 3
NEWTON_CALLS = 50

Array = NDArray[np.float64]

_LAW = Normal(0.0, 1.0)


def _cells(levels: Array) -> tuple[Array, Array]:
    borders = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    return borders[:-1], borders[1:]


def _error(levels: Array) -> float:
    """Exact distortion of levels with their nearest-neighbour cells."""
    a, b = _cells(levels)
    second, first, mass = _LAW.second_moment(a, b), _LAW.first_moment(a, b), _LAW.mass(a, b)
    return float(np.sum(second - 2 * levels * first + levels**2 * mass))


def _newton(n: int) -> Array:
    return lloyd_max(Gaussian(1), n).levels


def _lloyd(n: int) -> Array:
    """Lloyd's iteration from the same start, until no level moves by more than 1e-10."""
    levels = _LAW.power_quantile(1 / 3, (np.arange(n) + 0.5) / n)
    while True:
        a, b = _cells(levels)
        previous, levels = levels, _LAW.first_moment(a, b) / _LAW.mass(a, b)
        if np.abs(levels - previous).max() <= 1e-10:
            return levels


def _komm() -> Callable[[int], Array]:
    try:
        import komm
    except ModuleNotFoundError as error:
        raise SystemExit(
            "lloyd_max compares with komm, which is not installed: pip install 'komm>=0.37'"
        ) from error

    def density(x: Array) -> Array:
        return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))

    def solve(n: int) -> Array:
        quantizer = komm.LloydMaxQuantizer(density, (-5.0, 5.0), n)  # the range of its documentation
        return np.asarray(quantizer.levels)

    return solve


def _timed(solve: Callable[[int], Array], n: int, calls: int = 1) -> tuple[Array, float]:
    start = time.perf_counter()
    for _ in range(calls):
        levels = solve(n)
    return levels, (time.perf_counter() - start) / calls


def run() -> list[dict[str, float | int]]:
    """Return one row a round and number of levels: times, their ratios, and relative excess errors."""
    komm = _komm()
    _newton(2)  # import scipy before the first measurement
    optimum = {n: optimal_distortion("gaussian", n) for n in LEVELS}
    rows: list[dict[str, float | int]] = []
    for number in range(ROUNDS):
        for n in LEVELS:
            newton, newton_seconds = _timed(_newton, n, NEWTON_CALLS)
            lloyd, lloyd_seconds = _timed(_lloyd, n)
            peer, komm_seconds = _timed(komm, n)
            rows.append(
                {
                    "round": number,
                    "levels": n,
                    "newton_seconds": newton_seconds,
                    "lloyd_seconds": lloyd_seconds,
                    "komm_seconds": komm_seconds,
                    "lloyd_over_newton": lloyd_seconds / newton_seconds,
                    "komm_over_newton": komm_seconds / newton_seconds,
                    "newton_excess": float(_error(newton) / optimum[n] - 1),
                    "lloyd_excess": float(_error(lloyd) / optimum[n] - 1),
                    "komm_excess": float(_error(peer) / optimum[n] - 1),
                }
            )
    return rows
