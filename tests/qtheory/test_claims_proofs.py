"""The computations inside the ledger's proofs."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from qtheory._edge import ATOMS, EXCESS, START, edge_width
from qtheory.bounds import BOUNDS
from qtheory.claims import _balls, _minimax, _saddle
from qtheory.claims._pieces import mean_squared_error, pieces
from qtheory.claims._random_codebook import CERTIFIED, _cap, random_codebook_constant
from qtheory.claims._shifted_lattice import BAD_LAWS, exact_error, mean_error
from qtheory.errors import DomainError
from qtheory.optimal import optimal_distortion_1d


@pytest.mark.parametrize("d", [1, 2, 7, 46, 100])
def test_ball_arithmetic_agrees_with_floats(d):
    assert float(_balls.sphere_constant(d)) == pytest.approx(
        BOUNDS["prop2.lower.sphere"](d=d, K=1) / d, rel=1e-12
    )
    assert float(_balls.zador_constant(d)) == pytest.approx(BOUNDS["prop2.limit.zador"](d=d) / d, rel=1e-12)


def test_endpoints_enclose_the_ball():
    third = _balls.ball(Fraction(1, 3))
    assert _balls.lower(third) < Fraction(1, 3) < _balls.upper(third)
    assert _balls.upper(third) - _balls.lower(third) < Fraction(1, 10**15)


def test_stirling_bounds_both_constants_and_decreases():
    values = [_balls.upper(_balls.stirling_constant(d)) for d in range(2, 200)]
    assert all(a > b for a, b in pairwise(values))
    for d in range(3, 200):
        bound = _balls.lower(_balls.stirling_constant(d))
        assert bound > _balls.upper(_balls.zador_constant(d))
        assert bound > _balls.upper(_balls.sphere_constant(d))


def test_the_random_codebook_bound_tends_to_zadors_constant():
    constants = [float(random_codebook_constant(100, k, Fraction(3, 10), 18)) for k in (750, 1500, 3000)]
    assert constants[0] > constants[1] > constants[2] > float(_balls.zador_constant(100))
    assert constants[2] < 1.005 * float(_balls.zador_constant(100))


@pytest.mark.parametrize("d", CERTIFIED)
def test_the_random_codebook_does_not_refute_a_quarter_far_below_the_stated_size(d):
    log2_K, margin, surplus = CERTIFIED[d]
    at, below = (_balls.upper(random_codebook_constant(d, k, margin, surplus)) for k in (log2_K, log2_K - 10))
    assert at < Fraction(1, 4)
    assert below > at


@pytest.mark.parametrize("a", [Fraction(0), Fraction(1, 3), Fraction(9, 10), Fraction(2)])
def test_a_cap_of_the_ball_in_space_has_its_elementary_volume(a):
    expected = (1 - min(a, 1)) ** 2 * (2 + min(a, 1)) / 4
    assert float(_cap(3, _balls.ball(a))) == pytest.approx(float(expected), abs=1e-14)


@pytest.mark.parametrize("d", [3, 8])
def test_a_corner_of_random_codewords_is_as_near_as_the_bound_says(d):
    # K^(2/d) E min |1 - e|^2 over codebooks on the enlarged cube. Its mean is 0.88 of the constant, and by
    # Bernstein's inequality each relation fails with probability below 1e-9: errors of one codebook have a
    # deviation of at most 0.72 means and stay below 8 of them.
    log2_K, margin, surplus = 10, Fraction(1, 2), 4
    constant = float(_balls.upper(random_codebook_constant(d, log2_K, margin, surplus)))
    rng = np.random.default_rng(3)
    s = surplus + 2 * log2_K * math.log(2) / d
    q1 = 1 - d * float(_cap(d, _balls.ball(margin)))
    reach = float(margin) * 2 * (s / (q1 * 2**log2_K * float(_balls.unit_ball_volume(d)))) ** (1 / d)
    h = reach / (1 - reach)
    squares = [((rng.uniform(-1 - h, 1 + h, (2**log2_K, d)) - 1) ** 2).sum(axis=1) for _ in range(3000)]
    scale = 2 ** (2 * log2_K / d) / d
    assert 0.8 * constant < scale * np.mean([s.min() for s in squares]) < constant
    # negative control: half the words would not do
    assert scale * np.mean([s[::2].min() for s in squares]) > constant


@pytest.mark.parametrize(
    ("log2_K", "margin", "message"),
    [
        (750, Fraction(1, 100), "positive share"),
        (20, Fraction(3, 10), "must be smaller"),
        (120, Fraction(1, 4), "far faces"),
    ],
)
def test_margins_that_break_the_argument_are_refused(log2_K, margin, message):
    with pytest.raises(DomainError, match=message):
        random_codebook_constant(100, log2_K, margin, 18)


def test_small_dimensions_are_refused():
    with pytest.raises(DomainError, match="d must be at least 3"):
        random_codebook_constant(2, 100, Fraction(3, 10), 18)


@pytest.mark.parametrize("x", [16 / 9, 2.0, 5.0, 22.25])
def test_the_edge_law_keeps_below_the_constant_of_its_mass(x):
    a, start = float(EXCESS), float(START)
    t = np.linspace(-3, 2 * x + 3, 20001)
    total = math.sqrt(math.pi) / 2 * (special.erf(t - start) - special.erf(t - (2 * x - start)))
    for place, mass in ATOMS:
        total += float(mass) * (
            np.exp(-((t - float(place)) ** 2)) + np.exp(-((t - 2 * x + float(place)) ** 2))
        )
    assert total.max() <= math.sqrt(math.pi) * (1 + 1e-12)
    assert 2 * (x - start) + 2 * sum(float(mass) for _, mass in ATOMS) == pytest.approx(2 * (x + a))


@pytest.mark.parametrize("rate", [0.1, math.log(2), 2.0, 4 * math.log(2), 10.0])
def test_the_edge_bound_takes_the_best_width(rate):
    def value(x):
        return (math.log(2 * (x + float(EXCESS))) - math.log(math.pi) / 2 - rate) / x**2

    best = edge_width(rate)
    assert value(best) >= max(value(x) for x in np.geomspace(float(START), 1e6, 4001)) - 1e-15


def test_a_codebook_of_three_levels_that_lost_weight_is_refused(monkeypatch):
    lighter = ((_minimax.THREE_LEVELS[0][0] / 2, _minimax.THREE_LEVELS[0][1]), *_minimax.THREE_LEVELS[1:])
    monkeypatch.setattr(_minimax, "THREE_LEVELS", lighter)
    with pytest.raises(DomainError, match="must sum to 1, got 77/80"):
        _minimax.three_level_error.__wrapped__()


def test_the_three_level_codebook_holds_on_a_fine_grid():
    books = [
        (float(w) / 2, np.array([s * x / 4 for x in book]))
        for w, book in _minimax.THREE_LEVELS
        for s in (1, -1)
    ]
    assert sum(w for w, _ in books) == pytest.approx(1)
    x = np.linspace(-1, 1, 20001)
    error = sum(w * ((x[:, None] - book) ** 2).min(axis=1) for w, book in books)
    assert error.max() == pytest.approx(float(_minimax.three_level_error()), abs=1e-9)


@pytest.mark.parametrize("levels", BAD_LAWS)
def test_exact_errors_of_laws_are_those_of_floats(levels):
    halves = np.array(BAD_LAWS[levels])
    pmf = np.concatenate([halves[:0:-1], halves])
    error = optimal_distortion_1d(np.linspace(-1, 1, 41), pmf / pmf.sum(), levels)
    assert float(exact_error(levels, BAD_LAWS[levels])) == pytest.approx(error, rel=1e-12)


@given(st.integers(3, 9), st.fractions(-1, 1, max_denominator=40))
def test_a_shifted_lattice_errs_alike_at_every_point(levels, x):
    assert mean_error(levels, x) == Fraction(1, 3 * (levels - 1) ** 2)
    assert mean_error(levels, Fraction(3, 2)) > mean_error(levels, x)  # beyond the cube it does not


def test_the_worst_law_beats_nearby_laws():
    law = _minimax.worst_law(200)
    points, pmf = law.atoms[:, 0], law.pmf
    worst = optimal_distortion_1d(points, pmf, 2)
    assert worst == pytest.approx(1 / (2 * math.e), rel=1e-5)
    uniform = np.full(pmf.shape, 1 / pmf.size)
    tilted = pmf * (1 + points)
    for other in (uniform, tilted):
        mixed = 0.9 * pmf + 0.1 * other
        assert optimal_distortion_1d(points, mixed, 2) < worst


def test_levels_leave_no_dimension_out():
    equality, elsewhere = _minimax.largest_constant()
    assert equality == pytest.approx(5 / (2 * math.e), rel=1e-12)
    assert elsewhere < equality


def test_the_saddle_point_is_checked_in_full():
    defects = [
        _saddle.mass_defect, _saddle.threshold_defect, _saddle.variance_defect,
        _saddle.centre_defect, _saddle.end_defect,
    ]  # fmt: skip
    assert [defect() for defect in defects] == [0] * 5


@given(st.integers(1, 12))
def test_equal_cells_of_the_uniform_law(n):
    assert mean_squared_error(pieces([Fraction(k, n) for k in range(n + 1)], range(n))) == Fraction(
        1, 12 * n * n
    )
