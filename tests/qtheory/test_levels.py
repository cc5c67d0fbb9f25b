"""Enclosures of optimal levels: they contain what float64 finds and refuse what they cannot enclose."""

from itertools import pairwise

import pytest

from qtheory.claims import _levels
from qtheory.claims._balls import lower, upper
from qtheory.claims._levels import optimal_distortion, optimal_levels
from qtheory.errors import DomainError
from qtheory.optimal import lloyd_max
from qtheory.sources import Laplace


def test_two_levels_have_their_closed_form():
    from flint import arb

    assert optimal_distortion("gaussian", 2).overlaps(1 - 2 / arb.pi())
    # +-1, the means of the exponential law
    assert optimal_distortion("laplace", 2).contains(1)


@pytest.mark.parametrize("name", ["gaussian", "laplace"])
@pytest.mark.parametrize("n", [2, 5, 32, 256])
def test_balls_are_narrow(name, n):
    ball = optimal_distortion(name, n)
    assert float(ball.rad()) < 1e-17
    assert 0 <= upper(ball) - lower(ball) < 1e-15  # endpoints are rounded outwards to 53 bits
    levels = optimal_levels(name, n)
    assert len(levels) == n
    assert all(float(level.rad()) < 2e-20 for level in levels)
    assert all(a < b for a, b in pairwise(levels))


@pytest.mark.parametrize("n", [2, 4, 64, 256])
def test_levels_of_a_laplace_law_do_not_drift_together(n):
    # to first order all its cells move alike on each side of the mean
    found = lloyd_max(Laplace(1, 2.0), n).levels
    assert (
        max(float(abs(ball - x).upper()) for ball, x in zip(optimal_levels("laplace", n), found, strict=True))
        < 1e-12
    )


def test_a_box_away_from_the_levels_is_not_certified(monkeypatch):
    refined = _levels._refined(_levels._LAWS["gaussian"], 40)
    monkeypatch.setattr(_levels, "_refined", lambda law, n: [x + 1e-6 for x in refined])
    monkeypatch.setattr(_levels, "_box", _levels._box.__wrapped__)  # no box of another test
    with pytest.raises(DomainError, match="not mapped into itself"):
        optimal_distortion("gaussian", 40)


@pytest.mark.parametrize(
    ("name", "n", "message"), [("cauchy", 2, "name must be one of"), ("laplace", 1, "at least 2")]
)
def test_other_laws_and_single_levels_are_refused(name, n, message):
    with pytest.raises(DomainError, match=message):
        optimal_distortion(name, n)
