"""Bounds on optimal quantization errors: as the paper prints them, and sharp.

Every bound says which quantity it bounds, on which side, and under which hypotheses. Outside them it
raises; it never extrapolates. Errors are summed over the d coordinates. Write P for a law on [-1, 1]^d
and E*_VQ, E*_PQ, E*_SQ for the least errors with at most K codewords.

Examples
--------
>>> BOUNDS["prop2.upper.paper"](d=3, K=4)
Traceback (most recent call last):
    ...
qtheory.errors.DomainError: K=4 is below 2^d=8 for d=3: prop2.upper.paper says nothing there
>>> round(BOUNDS["prop2.upper.sharp"](d=2, K=5), 4), round(BOUNDS["prop2.upper.paper"](d=2, K=5), 4)
(0.3679, 3.2)
"""

import math
from dataclasses import replace

from qtheory import _check
from qtheory._bound import Bound, Hypothesis, in_range, log_ball_volume, power, root, shown
from qtheory._diagonal import diagonal_allocation
from qtheory._edge import edge_bound
from qtheory._game import MOST_BITS, worst_case_distortion

__all__ = ["BOUNDS", "Bound", "Hypothesis", "diagonal_allocation", "minimax_scalar"]

SHARP_LOWER = 2 / (math.pi * math.e)
"""Best constant of a lower bound in all dimensions; of 1/4 in the paper."""

SHARP_UPPER = 5 / (2 * math.e)
"""Best constant of an upper bound for all d and K >= 2^d; of 8 in the paper."""

_WORST_VQ = "sup over P of E*_VQ"
_WORST_SQ = "sup over P of E*_SQ"
_SUBSPACE_VQ = "sup of E*_VQ over P on any subspace of dimension support_dim"
_DIAGONAL = "of the uniform law on the diagonal of [-1, 1]^d"


def _two_to(exponent: int, symbol: str) -> str:
    return f"2^{symbol}={2**exponent}" if exponent <= 64 else f"2^{symbol}=2^{exponent}"


def _codewords(exponent: int, symbol: str, K: int) -> str:
    enough = K.bit_length() > exponent  # K >= 2^exponent, without forming the power
    return "" if enough else f"K={shown(K)} is below {_two_to(exponent, symbol)} for {symbol}={exponent}"


_K_FROM_2_TO_D = Hypothesis("K >= 2^d", lambda *, d, K, **_: _codewords(d, "d", K))
_K_FROM_2_TO_SUM = Hypothesis("K >= 2^d", lambda *, block_dims, K: _codewords(sum(block_dims), "d", K))
_K_FROM_2_TO_SUPPORT = Hypothesis(
    "K >= 2^support_dim", lambda *, support_dim, K, **_: _codewords(support_dim, "support_dim", K)
)
_K_IS_2_TO_D = Hypothesis(
    "K = 2^d", lambda *, d, K: "" if 1 << d == K else f"K={shown(K)} is not {_two_to(d, 'd')} for d={d}"
)
_K_TO_8_TO_D = Hypothesis(
    "K <= 8^d",
    lambda *, d, K: (
        "" if K.bit_length() <= MOST_BITS * d or 8**d == K else f"K={shown(K)} is above 8^d for d={d}"
    ),
)
_PROPER = Hypothesis(
    "support_dim < d",
    lambda *, d, support_dim, **_: "" if support_dim < d else f"{support_dim=} is not below {d=}",
)
_WITHIN = Hypothesis(
    "support_dim <= d",
    lambda *, d, support_dim, **_: "" if support_dim <= d else f"{support_dim=} is above {d=}",
)
_DIVIDES = Hypothesis(
    "support_dim divides d",
    lambda *, d, support_dim, **_: f"{support_dim=} does not divide {d=}" if d % support_dim else "",
)


def minimax_scalar(n: int) -> float:
    """Return the best known closed upper bound on v_n, the worst n-level error of a law on [-1, 1].

    Parameters
    ----------
    n : int
        Number of levels.

    Returns
    -------
    float
        1 for n = 1 and 1 / (2e) for n = 2, both exact; ``1 / (3 (n - 1)^2)`` from 3 on. The law that
        is uniform shows ``v_n >= 1 / (3 n^2)``.

    Raises
    ------
    DomainError
        Where float64 cannot hold the value, from n about 10^153 on.

    Notes
    -----
    For n >= 3, a lattice of spacing h = 2 / (n - 1), shifted uniformly at random, has exactly n points
    in [-1 - h/2, 1 + h/2), and its mean squared error is h^2 / 12 at every point of [-1, 1].

    What Proposition 2 of the paper needs in one dimension.

    Examples
    --------
    >>> minimax_scalar(3)
    0.08333333333333333
    """
    if _check.integer("n", n) == 1:
        return 1.0
    return 1 / (2 * math.e) if n == 2 else in_range("minimax_scalar(n)", lambda: 1 / (3 * (n - 1) ** 2))


def _sphere(d: int, K: int) -> float:
    return 4 * d / (d + 2) * math.exp(-2 / d * log_ball_volume(d)) * power(K, d)


def _zador(d: int) -> float:
    return 4 * math.gamma(1 + 2 / d) * math.exp(-2 / d * log_ball_volume(d))


def _any_subspace(d: int, K: int, support_dim: int) -> float:
    return min(9.0, 9 / 4 * support_dim) * d * power(K, support_dim)


def _blocks_lower(K: int, block_dims: tuple[int, ...]) -> float:
    blocks = len(block_dims)
    return blocks / 3 * math.prod(block_dims) ** (1 / blocks) * power(K, blocks)


_PROPOSITION_2 = (
    Bound("prop2.lower.paper", "prop2.lower", "lower", _WORST_VQ, "d / (4 K^(2/d))",
          ("d", "K"), (_K_FROM_2_TO_D,), lambda d, K: d / 4 * power(K, d)),
    Bound("prop2.lower.sharp", "prop2.lower", "lower", _WORST_VQ, "(2 / (pi e)) d K^(-2/d)",
          ("d", "K"), (), lambda d, K: SHARP_LOWER * d * power(K, d)),
    Bound("prop2.lower.edge", "prop2.lower.practical", "lower", _WORST_VQ,
          "d max over x >= 16/9 of (ln(2 (x + 0.7462)) - ln(pi)/2 - ln(K)/d) / x^2",
          ("d", "K"), (), edge_bound),
    Bound("prop2.lower.game", "prop2.lower.game", "lower", _WORST_VQ,
          "d max over s of (-ln c(s) - ln(K)/d) / s, c(s) the value of a game on [-1, 1]",
          ("d", "K"), (_K_TO_8_TO_D,),
          lambda d, K: d * worst_case_distortion(math.log2(K) / d).distortion_per_dim),
    Bound("prop2.lower.sphere", "prop2.lower", "lower",
          "E*_VQ of the uniform law on [-1, 1]^d, hence also sup over P of E*_VQ",
          "4 d / (d + 2) V_d^(-2/d) K^(-2/d), V_d the volume of the unit ball",
          ("d", "K"), (), _sphere),
    Bound("prop2.lower.scalar", "prop2.upper", "lower",
          "E*_SQ of the uniform law on [-1, 1]^d, hence also sup over P of E*_SQ",
          "(d / 3) K^(-2/d)", ("d", "K"), (), lambda d, K: d / 3 * power(K, d)),
    Bound("prop2.limit.zador", "prop2.lower", "upper", "limit of K^(2/d) sup over P of E*_VQ, K to infinity",
          "4 Gamma(1 + 2/d) V_d^(-2/d)", ("d",), (), _zador),
    Bound("prop2.upper.paper", "prop2.upper", "upper", _WORST_SQ, "8 d / K^(2/d)",
          ("d", "K"), (_K_FROM_2_TO_D,), lambda d, K: 8 * d * power(K, d)),
    Bound("prop2.upper.midpoint", "prop2.upper", "upper", _WORST_SQ, "(9/4) d K^(-2/d)",
          ("d", "K"), (_K_FROM_2_TO_D,), lambda d, K: 9 / 4 * d * power(K, d)),
    Bound("prop2.upper.sharp", "prop2.upper", "upper", _WORST_SQ, "(5 / (2 e)) d K^(-2/d)",
          ("d", "K"), (_K_FROM_2_TO_D,), lambda d, K: SHARP_UPPER * d * power(K, d)),
    Bound("prop2.upper.levels", "prop2.upper", "upper", _WORST_SQ,
          "d v_n, n = floor(K^(1/d)), v_1 = 1, v_2 = 1 / (2 e), v_n = 1 / (3 (n - 1)^2)",
          ("d", "K"), (), lambda d, K: d * minimax_scalar(root(K, d))),
    Bound("prop2.two_levels", "prop2.upper", "upper", _WORST_SQ, "d / (2 e)",
          ("d", "K"), (_K_IS_2_TO_D,), lambda d, K: d / (2 * math.e), exact=True),
)  # fmt: skip

_PROPOSITION_3 = (
    Bound("prop3.vq.upper.paper", "prop3.vq.upper", "upper", _SUBSPACE_VQ,
          "8 d support_dim K^(-2/support_dim)", ("d", "K", "support_dim"), (_PROPER, _K_FROM_2_TO_SUPPORT),
          lambda d, K, support_dim: 8 * d * support_dim * power(K, support_dim)),
    Bound("prop3.vq.upper.sharp", "prop3.vq.upper", "upper", _SUBSPACE_VQ,
          "min(9, (9/4) support_dim) d K^(-2/support_dim)", ("d", "K", "support_dim"), (_WITHIN,),
          _any_subspace),
    Bound("prop3.vq.lower.sharp", "prop3.vq.upper", "lower",
          "sup of E*_VQ over P on the subspace where each of support_dim values fills d / support_dim "
          "coordinates", "(2 / (pi e)) d K^(-2/support_dim)", ("d", "K", "support_dim"), (_DIVIDES,),
          lambda d, K, support_dim: SHARP_LOWER * d * power(K, support_dim)),
    Bound("prop3.vq.diagonal", "prop3.pq.lower", "upper", f"E*_VQ {_DIAGONAL}", "d / (3 K^2)",
          ("d", "K"), (), lambda d, K: d / 3 * power(K, 1), exact=True),
    Bound("prop3.pq.lower.paper", "prop3.pq.lower", "lower", f"E*_PQ {_DIAGONAL}", "(M / 4) K^(-2/M)",
          ("K", "block_dims"), (_K_FROM_2_TO_SUM,),
          lambda K, block_dims: len(block_dims) / 4 * power(K, len(block_dims))),
    Bound("prop3.pq.lower.sharp", "prop3.pq.lower", "lower", f"E*_PQ {_DIAGONAL}",
          "(M / 3) (prod_m d_m)^(1/M) K^(-2/M)", ("K", "block_dims"), (), _blocks_lower),
    Bound("prop3.pq.exact", "prop3.pq.lower", "lower", f"E*_PQ {_DIAGONAL}",
          "min of sum_m d_m / (3 n_m^2) over integers with prod_m n_m <= K", ("K", "block_dims"), (),
          lambda K, block_dims: float(diagonal_allocation(K, block_dims)[1]), exact=True),
    Bound("prop3.sq.lower.paper", "prop3.sq.lower", "lower", f"E*_SQ {_DIAGONAL}", "(d / 4) K^(-2/d)",
          ("d", "K"), (_K_FROM_2_TO_D,), lambda d, K: d / 4 * power(K, d)),
    Bound("prop3.sq.lower.sharp", "prop3.sq.lower", "lower", f"E*_SQ {_DIAGONAL}", "(d / 3) K^(-2/d)",
          ("d", "K"), (), lambda d, K: d / 3 * power(K, d)),
    Bound("prop3.sq.exact", "prop3.sq.lower", "lower", f"E*_SQ {_DIAGONAL}",
          "min of sum_i 1 / (3 n_i^2) over integers with prod_i n_i <= K", ("d", "K"), (),
          lambda d, K: float(diagonal_allocation(K, (1,) * d)[1]), exact=True),
)  # fmt: skip

_THIN = tuple(
    replace(bound, law="subspace" if "support_dim" in bound.needs else "diagonal") for bound in _PROPOSITION_3
)

BOUNDS: dict[str, Bound] = {bound.id: bound for bound in (*_PROPOSITION_2, *_THIN)}
"""All bounds by id."""
