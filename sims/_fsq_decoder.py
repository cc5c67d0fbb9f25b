"""FSQ's encoder with the best decoder, measured where the source lives."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement

import numpy as np

from qtheory.sources import Gaussian
from sims._scalar import Levels

# the official rule needs 3 levels; a coordinate may also be left out, with 1
_LEVELS = (1, 3, 4, 5, 6, 7, 8, 9)


def fsq_borders(levels: int) -> list[float]:
    """Return the borders of FSQ's cells before its tanh, official form.

    Examples
    --------
    >>> [round(border, 4) for border in fsq_borders(3)]
    [-0.55, 0.55]
    """
    if levels == 1:
        return []
    half = (levels - 1) * (1 - 1e-3) / 2
    offset = 0.0 if levels % 2 else 0.5
    shift = math.atanh(offset / half)
    integers = -(levels // 2) + np.arange(levels - 1)
    return [math.atanh((k + 0.5 + offset) / half) - shift for k in integers.tolist()]


@cache
def centroid_decoder(levels: int, variance: float) -> tuple[Levels, float]:
    """Return FSQ's cells on N(0, variance) with their centroids, and the exact distortion."""
    law = Gaussian(1, variance).marginal(0)
    borders = np.array(fsq_borders(levels))
    edges = np.concatenate([[-np.inf], borders, [np.inf]])
    mass = law.mass(edges[:-1], edges[1:])
    moment = law.first_moment(edges[:-1], edges[1:])
    values = np.divide(moment, mass, out=np.zeros_like(mass), where=mass > 0)
    return Levels(borders, values), variance - float(np.sum(moment * values))


def best_levels(dim: int, codebook_size: int, variance: float) -> tuple[tuple[int, ...], float]:
    """Return the levels of each coordinate, at most `codebook_size` in all, with the least distortion."""

    def distortion(levels: Sequence[int]) -> float:
        return sum(centroid_decoder(n, variance)[1] for n in levels)

    fitting = (
        levels for levels in combinations_with_replacement(_LEVELS, dim) if math.prod(levels) <= codebook_size
    )
    best = min(fitting, key=distortion)
    return best, distortion(best)


def best_input_variance(dim: int, codebook_size: int) -> float:
    """Return the variance at which FSQ's relative distortion is least: the best scale before its tanh."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_variance: (
            best_levels(dim, codebook_size, math.exp(log_variance))[1] / math.exp(log_variance)
        ),
        bounds=(math.log(0.05), math.log(20.0)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return math.exp(found.x)
