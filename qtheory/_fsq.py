"""Expected error of finite scalar quantization on one Gaussian coordinate."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from qtheory._fixed_rules import FSQ
from qtheory._marginals import Normal, gauss_legendre

Array = NDArray[np.float64]

_REACH = 20.0  # tanh is 1 in float64 beyond 19.1


def _bounded(rule: FSQ, z: Array) -> Array:
    return rule.project(z.reshape(-1, 1)).reshape(z.shape)


@cache
def _jumps(rule: FSQ) -> Array:
    """Inputs at which the rounding of the bounded value changes, by bisection."""
    lowest = -(rule.levels[0] // 2)
    borders = lowest + 0.5 + np.arange(rule.codebook_size - 1)
    low, high = np.full_like(borders, -_REACH), np.full_like(borders, _REACH)
    for _ in range(60):
        middle = (low + high) / 2
        below = _bounded(rule, middle) < borders
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low


def bounded_error(levels: int, variance: float, form: str) -> float:
    """Return the expected squared distance of the bounded value to its rounding."""
    rule = FSQ([levels], form=form)
    law = Normal(0.0, math.sqrt(variance))
    # panels resolve the density, the hyperbolic tangent, and meet at the jumps of the rounding
    edges = np.unique(np.concatenate([law.panels, np.linspace(-_REACH, _REACH, 81), _jumps(rule)]))
    edges = edges[(edges >= law.panels[0]) & (edges <= law.panels[-1])]
    nodes, weights = gauss_legendre(edges[:-1], edges[1:])
    bounded = _bounded(rule, nodes)
    return float(np.sum(weights * law.pdf(nodes) * (bounded - np.round(bounded)) ** 2))
