"""A certified bound on the worst-case error of a random codebook of finite size."""

from fractions import Fraction
from itertools import pairwise

from qtheory import _check
from qtheory.claims._balls import Ball, ball, e, unit_ball_volume
from qtheory.errors import DomainError

CERTIFIED = {
    65: (876, Fraction(467, 1000), 18),
    66: (778, Fraction(438, 1000), 17),
    70: (691, Fraction(395, 1000), 16),
    80: (676, Fraction(348, 1000), 15),
    100: (747, Fraction(299, 1000), 14),
    128: (885, Fraction(260, 1000), 13),
    200: (1274, Fraction(206, 1000), 13),
    500: (2961, Fraction(135, 1000), 14),
    1000: (5811, Fraction(100, 1000), 15),
    10_000: (58518, Fraction(373, 10_000), 15),
}
"""Dimension: log2 of the K from which the constant is below 1/4, with the margin and surplus that show it."""

BINS = 100
SPAN = 18
"""Logarithm of the ratio of the largest to the least y^d that the bins cover."""


def random_codebook_constant(d: int, log2_K: int, margin: Fraction, surplus: int) -> Ball:
    """Return c such that ``sup over P of E*_VQ(P, K) <= c d K^(-2/d)`` for every ``K >= 2^log2_K``.

    Parameters
    ----------
    d : int
        Dimension, at least 3.
    log2_K : int
        Logarithm of the smallest K.
    margin : Fraction
        The ratio a of the enlargement of the cube to the largest radius considered.
    surplus : int
        The exponent s_0 that makes the tail negligible.

    Returns
    -------
    arb
        A ball; its upper endpoint is a proved constant.

    Raises
    ------
    DomainError
        When `margin` is too large or too small for the argument.

    Notes
    -----
    Draw K words uniformly from [-1 - h, 1 + h]^d. Some draw is as good as the mean, for any P, and the
    mean is at most ``sup over x of E min_k |x - e_k|^2 = sup int (1 - p_x(sqrt t))^K dt``, where
    p_x(r) is the share of the cube within r of x. A corner of [-1, 1]^d is the worst x: a coordinate of
    a word is within r <= 2 + h of x_i with probability at least ``min(2 r, r + h) / (2 (1 + h))``, which
    is its value at x_i = 1, and independent summands that are larger in distribution have a larger sum.
    There the cube cuts the ball of radius r at distance h in d directions, so a share
    ``q(r) >= 1 - d u(h / r)`` of it remains, where u(a) is the mass of a cap of the uniform law on the
    unit ball (and r <= 2 + h, so that the far faces do not cut).

    With ``lam = 2 (1 + h) (K V_d)^(-1/d)`` and r = lam y, ``K p >= y^d q(y)``. Let ``s = s_0 + (2/d) ln K``
    and y_1 solve ``y_1^d q(y_1) = s`` with ``h = a lam y_1``. Up to there, q is at least its
    value at the right end of each of many bins. Beyond it the squared distance is at most
    ``d (2 + h)^2`` with probability ``e^-s = e^-s_0 K^(-2/d)``. When K grows, h shrinks and q(y) grows
    for fixed y, so all terms decrease but for the range up to y_1, whose growth costs at most
    ``int exp(-q_1 y^d) d(y^2)`` over y beyond the first y_1. Hence one K settles all larger ones.
    """
    _check.integer("d", d, minimum=3)
    root, log_K = ball(Fraction(1, d)), log2_K * ball(2).log()
    q1 = share_of_ball(d, ball(margin))
    s = surplus + 2 * log_K / d
    if not (q1 > 0 and s > 1):
        raise DomainError(f"margin must leave a positive share of the ball, got {margin} for d={d}")
    y1 = (s / q1) ** root
    scale = 2 * (-log_K / d).exp() * unit_ball_volume(d) ** -root
    reach = ball(margin) * y1 * scale
    if not reach < 1:
        raise DomainError(f"margin must be smaller for K=2^{log2_K}, got {margin}")
    h = reach / (1 - reach)
    if not h / ball(margin) < 2 + h:
        raise DomainError(f"margin must be larger for K=2^{log2_K}, got {margin}: the far faces cut the ball")
    tail = 2 * s ** ball(Fraction(2, d) - 1) * (-s).exp() / (d * q1 ** (2 * root))
    inner = (
        4 * (1 + h) ** 2 * unit_ball_volume(d) ** (-2 * root) * (_integral(d, ball(margin) * y1, y1) + tail)
    )
    return (inner + d * (2 + h) ** 2 * e() ** -surplus) / d


def share_of_ball(d: int, a: Ball) -> Ball:
    """Return the least share of the unit ball that is at most a in every coordinate: ``1 - d u(a)``."""
    return 1 - d * _cap(d, a)


def _cap(d: int, a: Ball) -> Ball:
    """Mass of ``{u_1 > a}`` under the uniform law on the unit ball."""
    if a >= 1:
        return ball(0)
    return (1 - a * a).beta_lower(ball(Fraction(d + 1, 2)), ball(Fraction(1, 2)), regularized=True) / 2


def _integral(d: int, wall: Ball, y1: Ball) -> Ball:
    """Upper bound on ``int exp(-y^d q(y)) d(y^2)`` up to y1, with ``q(y) = 1 - d u(wall / y)``.

    q decreases, so in each bin it is at least its value at the right end; with that value in its place
    the integral is one of the incomplete gamma function.
    """
    power = ball(Fraction(2, d))
    edges = [y1 * (ball(Fraction(i, BINS) - 1) * SPAN / d).exp() for i in range(BINS + 1)]
    total = edges[0] ** 2
    for left, right in pairwise(edges):
        share = share_of_ball(d, wall / right)
        low, high = share * left**d, share * right**d
        total += power * share**-power * (high.gamma_lower(power) - low.gamma_lower(power))
    return total
