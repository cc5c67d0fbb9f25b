"""Enclosures of optimal levels: they contain what float64 finds and refuse what they cannot enclose."""

import pytest

from qtheory.claims import _levels
from qtheory.claims._balls import lower, upper
from qtheory.claims._levels import gaussian_distortion
from qtheory.errors import DomainError


def test_two_levels_have_their_closed_form():
    from flint import arb

    assert gaussian_distortion(2).overlaps(1 - 2 / arb.pi())


@pytest.mark.parametrize("n", [2, 5, 32])
def test_balls_are_narrow(n):
    ball = gaussian_distortion(n)
    assert float(ball.rad()) < 1e-17
    assert 0 < upper(ball) - lower(ball) < 1e-15  # endpoints are rounded outwards to 53 bits


def test_a_box_away_from_the_levels_is_not_certified(monkeypatch):
    refined = _levels._refined(4)
    monkeypatch.setattr(_levels, "_refined", lambda n: [x + 1e-6 for x in refined])
    with pytest.raises(DomainError, match="not mapped into itself"):
        gaussian_distortion(4)
