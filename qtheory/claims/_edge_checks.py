"""Two-sided checks of the certificates about laws near the ends: they say what they should, and no more."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from qtheory._edge import edge_width
from qtheory.bounds import BOUNDS
from qtheory.claims._claim import Evidence
from qtheory.claims._edge_profile import EDGE, FEATURES, WORDS, Profile
from qtheory.limits import worst_case_distortion

STATED = {1.0: 0.4620, 1.5: 0.3627, 2.0: 0.3140, 2.5: 0.2862, 3.0: 0.2690}
"""Bits a dimension and 4^R D*(R), as the claim states it."""


def constant_is_the_bound() -> Evidence:
    gaps = []
    for bits in (1, 2, 4):
        width = Fraction(edge_width(bits * math.log(2)))
        bound = BOUNDS["prop2.lower.edge"](d=1, K=2**bits) * 4**bits
        gaps.append(abs(float(EDGE.constant_at(Fraction(bits), width)) / bound - 1))
    return Evidence(
        "numerical", max(gaps), "<=", 1e-12,
        detail="largest relative gap of the certified constant and the bound in float64, 1, 2 and 4 bits",
    )  # fmt: skip


def constant_at_bits(bits: int, stated: float, tolerance: float) -> Evidence:
    return Evidence(
        "numerical", BOUNDS["prop2.lower.edge"](d=1, K=2**bits) * 4**bits, "~=", stated, tolerance=tolerance,
        detail=f"K^(2/d) / d times the bound at K = 2^({bits} d), as stated",
    )  # fmt: skip


def features_weigh_less() -> Evidence:
    return Evidence(
        "exact",
        FEATURES.excess,
        "<",
        WORDS.excess,
        detail="what an end adds to features (a), and to words (b)",
    )


def _nats(profile: Profile, x: np.ndarray) -> np.ndarray:
    return np.log(2 * (x + float(profile.excess))) - math.log(math.pi) / 2


def game_at_three_bits(profile: Profile, relation: str) -> Evidence:
    # the best width is near that of the lighter law; on the grid the loss is of second order
    widths = edge_width(3 * math.log(2)) * np.linspace(0.99, 1.01, 21)
    best = max(float(profile.constant_at(Fraction(3), Fraction(width))) for width in widths)
    return Evidence(
        "numerical", 64 * worst_case_distortion(3.0).distortion_per_dim, relation, best,
        detail=f"4^R D*(R) at R = 3 from the game, and the value with {float(profile.excess):g} for the ends",
    )  # fmt: skip


def nats_are_the_least(bits: Fraction) -> Evidence:
    """Compare with the least over a grid of widths, fine enough for 1e-9."""
    rate, target = float(bits) * math.log(2), 4 ** -float(bits) / 4
    x = np.linspace(10, 40, 300_001)
    least = float((rate + target * x**2 - _nats(WORDS, x)).min())
    return Evidence(
        "numerical", float(WORDS.nats_to_spare(bits)), "~=", least, tolerance=1e-9,
        detail=f"certified nats to spare at {float(bits):g} bits, and the least over widths from 10 to 40",
    )  # fmt: skip


def stated_values(rates: tuple[float, ...]) -> Callable[[], Evidence]:
    def compare() -> Evidence:
        gaps = [
            abs(4**rate * worst_case_distortion(rate).distortion_per_dim - STATED[rate]) for rate in rates
        ]
        return Evidence(
            "numerical", max(gaps), "<=", 5e-5,
            detail=f"largest gap of 4^R D*(R) to its stated value, R = {', '.join(f'{r:g}' for r in rates)}",
        )  # fmt: skip

    return compare
