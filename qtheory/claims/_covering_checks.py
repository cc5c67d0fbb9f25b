"""Checks of Proposition 3's extension to manifolds: a covering of the support, and the error it leaves."""

import math

import numpy as np

from qtheory.claims._claim import Evidence
from qtheory.optimal import optimal_vector
from qtheory.sources import FiniteSource


def _covering_bound(C: float, k: int, K: int) -> float:
    return C**2 * K ** (-2 / k)


def _radius_of_arcs(K: int) -> float:
    """Largest distance of K equal arcs of the unit circle from the middles of their chords."""
    half = math.pi / K
    angles = np.linspace(-half, half, 1001)
    centre = math.cos(half) if K > 1 else 0.0
    return float(np.abs(np.exp(1j * angles) - centre).max())


def circle_is_covered() -> Evidence:
    ratio = max(_radius_of_arcs(K) / math.sqrt(_covering_bound(math.pi, 1, K)) for K in range(1, 200))
    return Evidence("numerical", ratio, "<=", 1, detail="radius of K balls over C / K, C = pi, K < 200")


def circle_needs_pi() -> Evidence:
    # K balls of radius r < 1 cover arcs of 2 arcsin(r) each at most
    ratio = 200 * math.sin(math.pi / 200) / math.sqrt(_covering_bound(math.pi, 1, 1))
    return Evidence("numerical", ratio, ">", 0.9999, detail="least radius of 200 balls over C / 200, C = pi")


def circle_obeys_the_bound() -> Evidence:
    # K equal arcs of the unit circle, each coded by its centroid at distance sinc from the origin
    ratio = max(
        (1 - (math.sin(math.pi / K) / (math.pi / K)) ** 2) / _covering_bound(math.pi, 1, K)
        for K in range(1, 200)
    )
    return Evidence("numerical", ratio, "<=", 1, detail="error of K arcs over C^2 K^-2, C = pi, K < 200")


def two_points_attain_the_bound() -> Evidence:
    pair = FiniteSource([[-3.0], [3.0]], [0.5, 0.5])
    return Evidence(
        "numerical", optimal_vector(pair, 1).distortion, "==", _covering_bound(3.0, 2, 1),
        detail="E* of two points at distance 6, and the bound with C = 3, K = 1",
    )  # fmt: skip
