"""Finite scalar quantization of one Gaussian coordinate: bounding map, cells, expected error."""

import math

import numpy as np
from numpy.typing import NDArray

from qtheory._marginals import Normal, gauss_legendre

Array = NDArray[np.float64]


def _map(levels: int, form: str) -> tuple[float, float, float]:
    """Half width, offset and shift of ``tanh(z + shift) half - offset``."""
    if form == "paper":
        return float(levels // 2), 0.0, 0.0
    half = (levels - 1) * (1 - 1e-3) / 2
    offset = 0.0 if levels % 2 else 0.5
    return half, offset, math.tan(offset / half)


def _borders(levels: int, form: str) -> Array:
    """Half-integers inside the range of the bounded value: there the rounding changes."""
    half, offset, _ = _map(levels, form)
    first, last = math.floor(-half - offset) - 0.5, math.ceil(half - offset) + 0.5
    inside = np.arange(first, last + 1)
    return inside[np.abs(inside + offset) < half]


def reached_levels(levels: int, form: str) -> int:
    """Return the number of distinct roundings of the bounded value."""
    return len(_borders(levels, form)) + 1


def bounded_error(levels: int, variance: float, form: str) -> float:
    """Return the expected squared distance of the bounded value to its rounding."""
    half, offset, shift = _map(levels, form)
    law = Normal(0.0, math.sqrt(variance))
    jumps = np.arctanh((_borders(levels, form) + offset) / half) - shift
    # panels resolve the density, the hyperbolic tangent, and meet at the jumps of the rounding
    edges = np.unique(np.concatenate([law.panels, np.linspace(-20, 20, 81), jumps]))
    edges = edges[(edges >= law.panels[0]) & (edges <= law.panels[-1])]
    nodes, weights = gauss_legendre(edges[:-1], edges[1:])
    bounded = np.tanh(nodes + shift) * half - offset
    return float(np.sum(weights * law.pdf(nodes) * (bounded - np.round(bounded)) ** 2))
