"""Two-sided checks of the certificate of random codebooks: it is above what it bounds, and not by much."""

import math
from fractions import Fraction

import numpy as np

from qtheory._bound import log_ball_volume
from qtheory.claims import _balls
from qtheory.claims._claim import Evidence
from qtheory.claims._random_codebook import CERTIFIED, random_codebook_constant, share_of_ball
from qtheory.results import stream

Size = tuple[int, int, Fraction, int]
"""Dimension, log2 K, margin and surplus."""

SMALL: tuple[Size, ...] = ((3, 3, Fraction(9, 10), 1), (3, 6, Fraction(3, 4), 1), (8, 10, Fraction(1, 2), 2))
"""Sizes at which every term of the certificate counts; at those of the claim, some are below 1e-6."""

LARGE: Size = (65, *CERTIFIED[65])


def share_is_sampled() -> Evidence:
    # beyond 1 / sqrt 2 caps are disjoint, so that the bound is the share itself
    count, a = 400_000, Fraction(3, 4)
    rng = stream(0, "ledger", "share of a ball")
    x = rng.standard_normal((count, 3))
    x *= (rng.uniform(size=count) ** (1 / 3) / np.sqrt((x**2).sum(axis=1)))[:, None]
    kept = float((x.max(axis=1) <= float(a)).mean())
    return Evidence(
        "statistical", kept / float(share_of_ball(3, _balls.ball(a))), "~=", 1, tolerance=0.01,
        detail="share of 400000 points of the ball in space below 3/4 in all coordinates, over 1 - d u(3/4); "
        "by Bernstein's inequality a false alarm has probability below 1e-9",
    )  # fmt: skip


def _by_quadrature(size: Size) -> float:
    """Return what `random_codebook_constant` bounds: the same terms, integrated in floats."""
    from scipy import integrate, special

    d, log2_K, margin, surplus = size
    a, log_K, log_V = float(margin), log2_K * math.log(2), log_ball_volume(d)

    def share(wall: float) -> float:
        return 1 - d * float(special.betainc((d + 1) / 2, 0.5, 1 - wall**2)) / 2 if wall < 1 else 1.0

    y1 = ((surplus + 2 * log_K / d) / share(a)) ** (1 / d)
    reach = 2 * a * y1 * math.exp(-(log_K + log_V) / d)
    h = reach / (1 - reach)
    near, _ = integrate.quad(
        lambda y: 2 * y * math.exp(-(y**d) * share(a * y1 / y)), 1e-12, y1, points=[a * y1], limit=400
    )
    beyond, _ = integrate.quad(lambda y: 2 * y * math.exp(-(y**d) * share(a)), y1, 8 * y1)
    corner = 4 * (1 + h) ** 2 * math.exp(-2 * log_V / d) * (near + beyond)
    return corner / d + (2 + h) ** 2 * math.exp(-surplus)


def _ratio(size: Size) -> float:
    return float(_balls.upper(random_codebook_constant(*size))) / _by_quadrature(size)


def above_the_quadrature() -> Evidence:
    return Evidence(
        "numerical", min(map(_ratio, SMALL)), ">=", 1,
        detail="least ratio of the certificate to a quadrature, at sizes where every term counts",
    )  # fmt: skip


def close_to_the_quadrature() -> Evidence:
    return Evidence(
        "numerical", max(map(_ratio, SMALL)), "<=", 1.005, detail="largest ratio, at the same sizes"
    )


def quadrature_at_the_size_of_the_claim() -> Evidence:
    return Evidence(
        "numerical", _ratio(LARGE), "~=", 1, tolerance=1e-5,
        detail="ratio of the certificate to a quadrature, d = 65, K = 2^876",
    )  # fmt: skip
