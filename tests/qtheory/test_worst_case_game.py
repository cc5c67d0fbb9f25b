"""The worst case at a fixed rate: the game is solved, its certificates hold, and they refuse nonsense."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from qtheory.bounds import BOUNDS, minimax_scalar
from qtheory.claims._balls import lower, upper
from qtheory.claims._certificate import ONE_BIT, ONE_BIT_SLOPE, certified_distortion, largest_payoff
from qtheory.claims._edge_profile import EDGE, FEATURES, WORDS
from qtheory.errors import DomainError
from qtheory.limits import worst_case_distortion, worst_case_game
from qtheory.optimal import optimal_vector
from qtheory.sources import FiniteSource

SLOPES = st.fractions(Fraction(1, 4), Fraction(20), max_denominator=50)


@st.composite
def rational_laws(draw, max_points=4):
    places = draw(st.lists(st.integers(-8, 8), min_size=1, max_size=max_points, unique=True))
    weights = draw(st.lists(st.integers(1, 20), min_size=len(places), max_size=len(places)))
    pairs = zip(places, weights, strict=True)
    return [(Fraction(place, 8), Fraction(weight, sum(weights))) for place, weight in pairs]


def payoff(law, slope, y):
    return sum(float(mass) * np.exp(-float(slope) * (float(x) - y) ** 2) for x, mass in law)


def power(law, d):
    atoms = [[float(x) for x, _ in corner] for corner in product(law, repeat=d)]
    return FiniteSource(
        atoms, [math.prod(float(mass) for _, mass in corner) for corner in product(law, repeat=d)]
    )


@settings(deadline=None, max_examples=40)
@given(rational_laws(), SLOPES, st.integers(1, 6))
def test_no_codebook_on_the_line_is_below_the_certificate(law, slope, K):
    certificate = float(certified_distortion(law, slope, Fraction(math.log2(K))))
    assert optimal_vector(power(law, 1), K).distortion >= certificate - 1e-12


@settings(deadline=None, max_examples=25)
@given(rational_laws(max_points=3), SLOPES, st.integers(1, 5))
def test_no_codebook_in_the_plane_is_below_the_certificate(law, slope, K):
    certificate = 2 * float(certified_distortion(law, slope, Fraction(math.log2(K) / 2)))
    assert optimal_vector(power(law, 2), K).distortion >= certificate - 1e-12


def test_the_certificate_is_attained_where_one_word_serves_all():
    # one atom, one word: no error, and the bound says 0
    assert abs(certified_distortion([(Fraction(1, 2), Fraction(1))], Fraction(3), Fraction(0))) < 1e-8


@settings(deadline=None, max_examples=30)
@given(rational_laws(), SLOPES)
def test_the_largest_payoff_is_enclosed(law, slope):
    bound = largest_payoff(law, slope)
    grid = payoff(law, slope, np.linspace(-2, 2, 4001))
    assert grid.max() <= float(upper(bound)) + 1e-15
    assert float(lower(bound)) <= grid.max() + 1e-4


def test_masses_off_by_little_certify_less():
    best = certified_distortion(ONE_BIT, ONE_BIT_SLOPE, Fraction(1))
    for off in (Fraction(-2, 1000), Fraction(2, 1000)):
        end = ONE_BIT[0][1] + off
        law = [(Fraction(-1), end), (Fraction(0), 1 - 2 * end), (Fraction(1), end)]
        assert certified_distortion(law, ONE_BIT_SLOPE, Fraction(1)) < best - Fraction(1, 2000)


@pytest.mark.parametrize("slope", [0.2, 0.7, 2.547, 9.0, 30.0])
def test_both_players_guarantee_what_they_say(slope):
    game = worst_case_game(slope)
    points = np.linspace(-1.5, 1.5, 6001)[:, None]
    assert (np.exp(-slope * (points - game.law.atoms.T) ** 2) @ game.law.pmf).max() <= game.upper + 1e-9
    inside = points[np.abs(points[:, 0]) <= 1]
    assert (np.exp(-slope * (inside - game.words.atoms.T) ** 2) @ game.words.pmf).min() >= game.lower - 1e-9
    assert game.lower * (1 - 1e-12) <= game.upper <= game.lower * (1 + 2e-6)
    assert np.abs(game.law.atoms).max() <= 1


def test_two_ends_are_the_worst_law_at_small_slopes():
    # for s <= 1/2 the mean payoff of the two ends is largest half way, where it is exp(-s)
    game = worst_case_game(0.4)
    assert game.law.atoms.ravel().tolist() == [-1.0, 1.0]
    assert game.upper == pytest.approx(math.exp(-0.4), rel=1e-12)
    assert worst_case_distortion(0.0).distortion_per_dim == pytest.approx(1.0, rel=1e-12)


def test_the_worst_case_decreases_and_is_convex_in_the_rate():
    values = [worst_case_distortion(rate).distortion_per_dim for rate in (0.0, 0.5, 1.0, 1.5)]
    assert (np.diff(values) < 0).all()
    assert (np.diff(values, 2) > 0).all()


@pytest.mark.parametrize("K", [1, 2, 3])
def test_no_bound_at_a_fixed_rate_exceeds_the_worst_case_on_the_line(K):
    assert BOUNDS["prop2.lower.game"](d=1, K=K) <= minimax_scalar(K) * (1 + 1e-12)


def test_the_best_slope_is_no_worse_than_others():
    worst = worst_case_distortion(1.0)
    for slope in (2.3, 2.5, 2.6, 2.9):
        assert worst_case_game(slope).distortion_per_dim(1.0) <= worst.distortion_per_dim * (1 + 1e-5)


@pytest.mark.parametrize("profile", [EDGE, FEATURES, WORDS], ids=["edge", "features", "words"])
@pytest.mark.parametrize("x", [4.0, 7.5, 22.9])
def test_a_profile_keeps_to_its_side_of_the_line(profile, x):
    start = float(profile.start)
    t = np.linspace(0, 2 * x, 20001)
    total = math.sqrt(math.pi) / 2 * (special.erf(t - start) - special.erf(t - (2 * x - start)))
    for place, mass in profile.atoms:
        for end in (float(place), 2 * x - float(place)):
            total += float(mass) * np.exp(-((t - end) ** 2))
    side = -1 if profile is WORDS else 1
    assert (side * (total - math.sqrt(math.pi))).max() <= 1e-12


def scaled(profile, factor):
    return replace(profile, atoms=[(place, mass * factor) for place, mass in profile.atoms])


def test_profiles_off_by_little_are_noticed():
    assert scaled(FEATURES, Fraction(1001, 1000)).largest_share() > 1
    assert scaled(WORDS, Fraction(999, 1000)).least_share() < 1
    assert replace(FEATURES, far=Fraction(5)).slack_beyond() < 0
    assert replace(WORDS, start=Fraction(4)).surplus_beyond() < 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: worst_case_game(0.0), "slope must be greater than 0"),
        (lambda: worst_case_game(math.nan), "slope must be"),
        (lambda: worst_case_game(1e6), "slope must be at most 200, got 1e+06"),
        (lambda: worst_case_distortion(-1.0), "rate must be at least 0"),
        (lambda: worst_case_distortion(3.5), "rate must be at most 3 bits a dimension, got 3.5"),
        (lambda: BOUNDS["prop2.lower.game"](d=2, K=65), "K=65 is above 8^d for d=2: prop2.lower.game says"),
        (lambda: largest_payoff([(Fraction(2), Fraction(1))], Fraction(1)), "points in [-1, 1]"),
        (lambda: largest_payoff([(Fraction(0), Fraction(1, 2))], Fraction(1)), "sum of 1/2"),
        (lambda: largest_payoff(ONE_BIT, Fraction(0)), "slope must be greater than 0"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(DomainError) as error:
        call()
    assert message in str(error.value)
