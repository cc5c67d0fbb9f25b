"""The worst case at a fixed rate: a zero-sum game between a law and random words on [-1, 1].

One player picks a law of x, the other one of the word y, both on [-1, 1]; the second wants
exp(-s (x - y)^2) to be large on average, the first small. The value c(s) bounds every quantizer of the
product law in every dimension, by Jensen's inequality and a union bound over the words.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from qtheory import _check
from qtheory._edge import edge_width
from qtheory.errors import DomainError
from qtheory.sources import FiniteSource

MOST_BITS = 3.0
"""Largest rate a dimension at which the game is solved; the linear program grows with 2^rate."""

GAP = 1e-6
"""Relative gap of the two players' guarantees at which the search ends."""

_ROUNDS = 20
_FINE = 16  # points, for each point of the first grid, at which guarantees are evaluated


@dataclass(frozen=True)
class WorstCaseGame:
    """Strategies of both players at one slope, and what they guarantee.

    Attributes
    ----------
    slope : float
        The s of ``exp(-s (x - y)^2)``, per squared unit.
    law : FiniteSource
        Law of x; no word y has a larger mean than `upper`.
    words : FiniteSource
        Law of y; no x has a smaller mean than `lower`.
    lower, upper : float
        Bracket of the value c(s), in floats: extremes over a fine grid and the tops of parabolas through
        it, within 1e-8 of those over all points. `claims` has certificates in ball arithmetic.
    """

    slope: float
    law: FiniteSource
    words: FiniteSource
    lower: float
    upper: float

    def distortion_per_dim(self, rate: float) -> float:
        """Return the squared error a dimension that the law forces on every quantizer.

        Parameters
        ----------
        rate : float
            Bits a dimension.

        Returns
        -------
        float
            A lower bound, ``(-ln(upper) - rate ln 2) / slope``; negative at rates that are too high for
            the slope.

        Raises
        ------
        DomainError
            If `rate` is negative or no finite number.
        """
        return (-math.log(self.upper) - _check.real("rate", rate, minimum=0) * math.log(2)) / self.slope


def worst_case_game(slope: float) -> WorstCaseGame:
    """Solve the game on [-1, 1] with payoff ``exp(-slope (x - y)^2)``.

    Parameters
    ----------
    slope : float
        Positive, at most 200; per squared unit of the features. Below 1/2 the value is exp(-slope), the
        ends against the word 0; below 1e-6 the gap of 1e-6 says little.

    Returns
    -------
    WorstCaseGame
        Symmetric strategies with finitely many points, whose guarantees differ by 1e-6 or less,
        relatively.

    Raises
    ------
    DomainError
        If `slope` is not in (0, 200].
    FloatingPointError
        If a linear program fails, or the gap stays above 1e-6.

    Notes
    -----
    Points at which one strategy does best against the other are added to the linear program of a
    coarse grid, until none does better. Both strategies may be taken symmetric, for the payoff is.

    Lower bound behind Proposition 2, at one rate.

    Examples
    --------
    >>> game = worst_case_game(2.547)
    >>> game.law.atoms.ravel().tolist()
    [-1.0, 0.0, 1.0]
    >>> game.law.pmf.round(3).tolist(), round(game.upper, 5)
    ([0.34, 0.319, 0.34], 0.37257)
    """
    slope = _check.real("slope", slope, above=0.0)
    if slope > 200:
        raise DomainError(
            f"slope must be at most 200, got {slope:g}; beyond, prop2.lower.edge is within 0.5 %"
        )
    count = max(5, math.ceil(4 * math.sqrt(slope)))
    xs = ys = np.linspace(0, 1, count)
    fine = np.linspace(0, 1, _FINE * count + 1)
    for _ in range(_ROUNDS):
        law, words = _equilibrium(_payoff(slope, xs, ys))
        worst = np.concatenate([fine, _tops(fine, -(_payoff(slope, fine, ys) @ words))])
        best = np.concatenate([fine, _tops(fine, law @ _payoff(slope, xs, fine))])
        lower = float((_payoff(slope, worst, ys) @ words).min())
        upper = float((law @ _payoff(slope, xs, best)).max())
        found = WorstCaseGame(slope, _mirrored(xs, law), _mirrored(ys, words), lower, upper)
        if upper - lower <= GAP * upper:
            return found
        apart = 1e-4 / math.sqrt(slope)
        xs, ys = _with(xs, worst[len(fine) :], apart), _with(ys, best[len(fine) :], apart)
    raise FloatingPointError(
        f"the game at slope {slope:g} has a gap of {found.upper / found.lower - 1:.2g} after {_ROUNDS} rounds"
    )


def _payoff(slope: float, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Mean payoff of x or -x, fairly, against y: shape (xs, ys)."""
    x, y = xs[:, None], ys[None, :]
    return (np.exp(-slope * (x - y) ** 2) + np.exp(-slope * (x + y) ** 2)) / 2


def _equilibrium(payoff: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Optimal strategies of the row player, who pays, and of the column player."""
    from scipy.optimize import linprog

    rows, columns = payoff.shape
    found = linprog(
        np.append(np.zeros(rows), 1.0),
        A_ub=np.hstack([payoff.T, -np.ones((columns, 1))]),
        b_ub=np.zeros(columns),
        A_eq=np.append(np.ones(rows), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * rows + [(None, None)],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if found.status != 0:
        raise FloatingPointError(f"the linear program of the game failed: {found.message}")
    return _normalised(np.asarray(found.x)[:-1]), _normalised(-found.ineqlin.marginals)


def _normalised(weights: np.ndarray) -> np.ndarray:
    positive = np.maximum(weights, 0)
    return np.asarray(positive / positive.sum())


def _mirrored(points: np.ndarray, weights: np.ndarray) -> FiniteSource:
    used = weights > 0
    points, weights = points[used], weights[used]
    twins = points > 0
    atoms = np.concatenate([-points[twins][::-1], points])
    halves = np.where(twins, weights / 2, weights)
    pmf = np.concatenate([halves[twins][::-1], halves])
    return FiniteSource(atoms[:, None], pmf / pmf.sum())


def _tops(fine: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Local maxima inside the grid, each at the top of the parabola through three of its points."""
    left, middle, right = values[:-2], values[1:-1], values[2:]
    peak = (middle >= left) & (middle >= right) & (left + right < 2 * middle)
    bend = 2 * middle[peak] - left[peak] - right[peak]
    return np.asarray(fine[1:-1][peak] + (right[peak] - left[peak]) / (2 * bend) * (fine[1] - fine[0]))


def _with(points: np.ndarray, others: np.ndarray, apart: float) -> np.ndarray:
    far = np.abs(others[:, None] - points[None, :]).min(axis=1, initial=np.inf) > apart
    return np.sort(np.concatenate([points, others[far]]))


@dataclass(frozen=True)
class WorstCase:
    """The worst-case distortion-rate function at one rate, with the law that certifies it.

    Attributes
    ----------
    rate : float
        Bits a dimension.
    distortion_per_dim : float
        ``D*(rate)``, from below.
    game : WorstCaseGame
        The best slope, the law and the words.
    """

    rate: float
    distortion_per_dim: float
    game: WorstCaseGame


def worst_case_distortion(rate: float) -> WorstCase:
    """Return ``D*(R) = max over s of (-ln c(s) - R ln 2) / s``, the worst case over laws on [-1, 1].

    For all d and K the supremum over laws P on [-1, 1]^d of E*_VQ(P, K) is at least d D*(log2(K) / d),
    and at a fixed rate it tends to that as d grows. D* is the supremum over laws on [-1, 1] of their
    distortion-rate functions.

    Parameters
    ----------
    rate : float
        Bits a dimension, from 0 to 3.

    Returns
    -------
    WorstCase
        The squared error a dimension, and the game at the best slope.

    Raises
    ------
    DomainError
        If `rate` is not in [0, 3].

    Notes
    -----
    The slope is where the derivative of -ln c, which is the mean squared distance of the two players'
    points weighted by the payoff, equals D*; any slope gives a valid lower bound.

    Lower bound behind Proposition 2, at one rate.

    Examples
    --------
    >>> worst = worst_case_distortion(1.0)
    >>> round(worst.distortion_per_dim, 5), 2.5 < worst.game.slope < 2.6
    (0.1155, True)
    """
    rate = _check.real("rate", rate, minimum=0)
    if rate > MOST_BITS:
        raise DomainError(
            f"rate must be at most {MOST_BITS:g} bits a dimension, got {rate:g}; beyond, prop2.lower.edge is "
            "within 0.5 %"
        )
    return _best_slope(rate)


@cache
def _best_slope(rate: float) -> WorstCase:
    from scipy.optimize import minimize_scalar

    guess = 2 * math.log(edge_width(rate * math.log(2)))
    games: dict[float, WorstCaseGame] = {}

    def loss(log_slope: float) -> float:
        slope = min(math.exp(log_slope), 200.0)
        games[slope] = worst_case_game(slope)
        return -games[slope].distortion_per_dim(rate)

    bounds = (guess - (0.3 if rate >= 1.5 else 2.0), guess + 0.2)
    minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 3e-3, "maxiter": 40})
    best = max(games.values(), key=lambda game: game.distortion_per_dim(rate))
    return WorstCase(rate, best.distortion_per_dim(rate), best)
