"""Laws carried by few dimensions of a larger space: boxes in random subspaces, and curved surfaces."""

import math

import numpy as np
from numpy.typing import NDArray

from qtheory.sources import Diagonal, Subspace, Uniform

Array = NDArray[np.float64]

SURFACE_SPAN = {"sphere": 3, "swiss-roll": 3, "torus": 4}
"""Dimension of the linear span of each two-dimensional surface."""


def box(support_dim: int) -> Diagonal:
    """Return the uniform law on a box in the unit ball, with unequal sides.

    Unequal sides make the principal axes those of the box, so that a rotation can be learned.
    """
    sides = 1 - np.arange(support_dim) / (2 * support_dim)
    return Diagonal([Uniform(1, float(side)) for side in sides / np.linalg.norm(sides)])


def random_axes(dim: int, count: int, *, rng: np.random.Generator) -> Array:
    """Return `count` orthonormal columns in R^dim, uniformly distributed."""
    q, r = np.linalg.qr(rng.standard_normal((dim, count)))
    return q * np.sign(np.diag(r))


def random_subspace(dim: int, support_dim: int, *, rng: np.random.Generator) -> Subspace:
    """Return the box of `support_dim` dimensions turned at random; it lies in the cube [-1, 1]^dim."""
    return Subspace(box(support_dim), random_axes(dim, support_dim, rng=rng))


def surface(name: str, n: int, *, rng: np.random.Generator) -> Array:
    """Draw `n` points of a two-dimensional surface inside the unit ball of its span."""
    if name == "sphere":
        points = rng.standard_normal((n, 3))
        return points / np.linalg.norm(points, axis=1, keepdims=True)
    if name == "torus":  # the flat one in R^4, uniform in area
        angles = rng.uniform(0, 2 * math.pi, (n, 2))
        return np.hstack([np.cos(angles), np.sin(angles)]) / math.sqrt(2)
    turn = rng.uniform(1.5 * math.pi, 4.5 * math.pi, n)
    height = rng.uniform(-1, 1, n)
    radius = turn / (4.5 * math.pi)
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn), height]) / math.sqrt(2)
