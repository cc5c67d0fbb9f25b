"""The ledger notices: a bound that is off by little or has the wrong sign fails a check named here."""

from dataclasses import replace
from fractions import Fraction

import pytest

from qtheory import bounds, claims
from qtheory.claims import (
    _covering_checks,
    _edge_profile,
    _minimax,
    _mixing,
    _random_codebook,
    _random_codebook_checks,
    _shifted_lattice,
)
from qtheory.claims._claim import run_check

SHARP = ("prop2.lower", "no larger constant than 2 / (pi e) holds")
REACHED = ("prop2.lower", "the sharp bound is below what random codebooks reach")
INTERVAL = ("prop2.lower", "the sphere bound is the optimum on the interval")
ONE_BIT = ("prop2.lower.game", "the bound at K = 2^d is that of the three atoms")
UNIFORM = ("prop2.order", "E*_SQ of the uniform law is (d/3) K^(-2/d) at K = n^d")
PRINTED = ("prop2.upper", "the printed bound is evaluated as printed")
RATIO = ("prop2.order", "ratio of the sharp constants")
MUTATIONS = [
    ("prop2.lower.paper", 1.001, "prop2.lower", "the printed bound is below the sphere bound for d <= 46"),
    ("prop2.lower.paper", 0.999, "prop2.lower", "the printed bound exceeds the limit at d = 65"),
    ("prop2.lower.paper", -1, "prop2.lower", "the printed bound exceeds the limit at d = 65"),
    ("prop2.lower.sharp", 1.001, *REACHED),
    ("prop2.lower.sharp", 0.999, *SHARP),
    ("prop2.lower.sharp", -1, *RATIO),
    ("prop2.lower.edge", 1.001, "prop2.lower.practical", "it tends to the sharp bound"),
    ("prop2.lower.edge", 0.999, "prop2.lower.practical", "the bound is above the printed one up to K = 16^d"),
    ("prop2.lower.edge", -1, "prop2.lower.practical", "it tends to the sharp bound"),
    ("prop2.lower.game", 1.001, *ONE_BIT),
    ("prop2.lower.game", 0.999, *ONE_BIT),
    ("prop2.lower.game", -1, *ONE_BIT),
    ("prop2.lower.sphere", 1.001, *INTERVAL),
    ("prop2.lower.sphere", 0.999, *INTERVAL),
    ("prop2.lower.sphere", -1, *INTERVAL),
    ("prop2.lower.scalar", 1.001, *UNIFORM),
    ("prop2.lower.scalar", 0.999, *UNIFORM),
    ("prop2.lower.scalar", -1, *UNIFORM),
    ("prop2.limit.zador", 1.001, *SHARP),
    ("prop2.limit.zador", 0.999, *REACHED),
    ("prop2.limit.zador", -1, *REACHED),
    ("prop2.upper.paper", 1.001, *PRINTED),
    ("prop2.upper.paper", 0.1, "prop2.upper", "the printed bound is above the sharp one"),
    ("prop2.upper.paper", -1, "prop2.upper", "the printed bound is above the sharp one"),
    ("prop2.upper.midpoint", 1.01, "prop2.upper", "midpoint grid: 9/4 is its best constant"),
    ("prop2.upper.midpoint", 0.97, "prop2.upper", "midpoint grid: error at most (9/4) d K^(-2/d)"),
    ("prop2.upper.midpoint", -1, "prop2.upper", "midpoint grid: error at most (9/4) d K^(-2/d)"),
    ("prop2.upper.sharp", 1.001, "prop2.upper", "a law attains the bound at d = 2, K = 5"),
    ("prop2.upper.sharp", 0.999, "prop2.upper", "products of the worst law stay below the bound"),
    ("prop2.upper.sharp", 0.98, "prop2.upper", "choosing levels covers all d and K"),
    ("prop2.upper.sharp", -1, "prop2.upper", "products of the worst law stay below the bound"),
    ("prop2.upper.levels", 1.001, "prop2.upper", "two levels: a law comes within 1e-6"),
    ("prop2.upper.levels", 0.999, "prop2.upper", "two levels: it stays below"),
    ("prop2.upper.levels", -1, "prop2.upper", "two levels: it stays below"),
    ("prop2.two_levels", 1.001, "prop2.upper", "the supremum at K = 2^d is d / (2 e)"),
    ("prop2.two_levels", 0.999, "prop2.upper", "the supremum at K = 2^d is d / (2 e)"),
    ("prop2.two_levels", -1, "prop2.upper", "the supremum at K = 2^d is d / (2 e)"),
    ("prop3.vq.upper.paper", 1.001, "prop3.vq.upper", "the sharp bound is below the printed one"),
    ("prop3.vq.upper.paper", 0.1, "prop3.vq.upper", "the sharp bound is below the printed one"),
    ("prop3.vq.upper.paper", -1, "prop3.vq.upper", "the sharp bound is below the printed one"),
    ("prop3.vq.upper.sharp", 1.001, "prop3.vq.upper", "upper and lower bound have the same order"),
    ("prop3.vq.upper.sharp", 0.3, "prop3.vq.upper", "and for the worst two-level law on the diagonal"),
    ("prop3.vq.upper.sharp", -1, "prop3.vq.upper", "the sharp bound holds on finite laws"),
    ("prop3.vq.lower.sharp", 1.001, "prop3.vq.upper", "the lower bound comes from the cube"),
    ("prop3.vq.lower.sharp", 0.999, "prop3.vq.upper", "the lower bound comes from the cube"),
    ("prop3.vq.lower.sharp", -1, "prop3.vq.upper", "the lower bound comes from the cube"),
    ("prop3.vq.diagonal", 1.001, "prop3.pq.lower", "VQ on the diagonal has d / (3 K^2)"),
    ("prop3.vq.diagonal", 0.999, "prop3.pq.lower", "VQ on the diagonal has d / (3 K^2)"),
    ("prop3.vq.diagonal", -1, "prop3.pq.lower", "VQ on the diagonal has d / (3 K^2)"),
    ("prop3.pq.lower.paper", 1.4, "prop3.pq.lower", "the printed bound is below the exact error"),
    ("prop3.pq.lower.paper", 0.999, "prop3.pq.lower", "the printed bound loses 4 d / (3 M)"),
    ("prop3.pq.lower.paper", -1, "prop3.pq.lower", "the printed bound loses 4 d / (3 M)"),
    ("prop3.pq.lower.sharp", 1.001, "prop3.pq.lower", "the sharp bound is below the exact error"),
    ("prop3.pq.lower.sharp", 0.999, "prop3.pq.lower", "equal blocks attain the sharp bound"),
    ("prop3.pq.lower.sharp", -1, "prop3.pq.lower", "equal blocks attain the sharp bound"),
    ("prop3.pq.exact", 1.001, "prop3.pq.lower", "equal blocks attain the sharp bound"),
    ("prop3.pq.exact", 0.999, "prop3.pq.lower", "the sharp bound is below the exact error"),
    ("prop3.pq.exact", -1, "prop3.pq.lower", "equal blocks attain the sharp bound"),
    ("prop3.sq.lower.paper", 1.4, "prop3.sq.lower", "printed and sharp bound are below the exact error"),
    ("prop3.sq.lower.paper", 0.999, "prop3.sq.lower", "the printed bound loses 4/3"),
    ("prop3.sq.lower.paper", -1, "prop3.sq.lower", "the printed bound loses 4/3"),
    ("prop3.sq.lower.sharp", 1.001, "prop3.sq.lower", "printed and sharp bound are below the exact error"),
    ("prop3.sq.lower.sharp", 0.999, "prop3.sq.lower", "the sharp bound is attained at K = n^d"),
    ("prop3.sq.lower.sharp", -1, "prop3.sq.lower", "the sharp bound is attained at K = n^d"),
    ("prop3.sq.exact", 1.001, "prop3.sq.lower", "the exact error by Lloyd-Max"),
    ("prop3.sq.exact", 0.999, "prop3.sq.lower", "the exact error by Lloyd-Max"),
    ("prop3.sq.exact", -1, "prop3.sq.lower", "the exact error by Lloyd-Max"),
]


class Wrong:
    """A bound whose values are off by a factor; a bound itself refuses values that are not positive."""

    def __init__(self, bound, factor):
        self.bound, self.factor = bound, factor

    def __call__(self, **arguments):
        return self.factor * self.bound(**arguments)

    def __getattr__(self, name):
        return getattr(self.bound, name)


def outcome(claim_id, check_name):
    claim = claims.claim(claim_id)
    check = next(check for check in claim.checks if check.name == check_name)
    return run_check(claim, check)


@pytest.mark.parametrize(("name", "factor", "claim_id", "check_name"), MUTATIONS)
def test_a_wrong_bound_fails_the_named_check(monkeypatch, name, factor, claim_id, check_name):
    assert outcome(claim_id, check_name).passed
    monkeypatch.setitem(bounds.BOUNDS, name, Wrong(bounds.BOUNDS[name], factor))
    result = outcome(claim_id, check_name)
    assert not result.passed
    assert result.error == ""


def closer(n):
    """A lattice too fine by 0.4 of a level: bounds on v_n, n >= 3, that are false."""
    return Fraction(25, 3 * (5 * n - 3) ** 2)


@pytest.mark.parametrize("n", [3, 4, 5])
def test_a_false_bound_for_three_levels_or_more_is_noticed(monkeypatch, n):
    names = [f"{n} levels: a law that comes near", "more levels: the bound is that of the lattice"]
    assert all(outcome("prop2.upper", name).passed for name in names)
    right = bounds.BOUNDS["prop2.upper.levels"]
    wrong = {"prop2.upper.levels": lambda d, K: right(d=d, K=K) if 3**d > K else d * float(closer(n))}
    monkeypatch.setattr(_shifted_lattice, "BOUNDS", wrong)
    assert not any(outcome("prop2.upper", name).passed for name in names)


def test_a_false_bound_in_the_argument_for_all_dimensions_is_noticed(monkeypatch):
    right = _minimax.worst_error
    monkeypatch.setattr(_minimax, "worst_error", lambda n: right(n) if n < 4 else closer(n))
    for name in ("more levels: the shifted lattice, exactly", "4 levels: a law that comes near"):
        assert not outcome("prop2.upper", name).passed


def with_excess(method, factor):
    """The method of a profile whose ends add `factor` times as much as they do."""
    return lambda self, *rest: method(replace(self, start=self.start - (factor - 1) * self.excess), *rest)


def test_a_profile_that_certifies_too_much_is_noticed(monkeypatch):
    right = _edge_profile.Profile.constant_at
    monkeypatch.setattr(_edge_profile.Profile, "constant_at", with_excess(right, Fraction(102, 100)))
    assert not outcome("prop2.lower.practical", "certificate and bound agree").passed
    assert not outcome("prop2.lower.game", "at 3 bits the game is above the features").passed


def test_a_profile_with_too_much_to_spare_is_noticed(monkeypatch):
    right = _edge_profile.Profile.nats_to_spare
    monkeypatch.setattr(_edge_profile.Profile, "nats_to_spare", with_excess(right, Fraction(99, 100)))
    assert not outcome("prop2.lower.game", "what is to spare is the least over widths").passed


def test_a_share_of_the_ball_that_is_too_large_is_noticed(monkeypatch):
    for module in (_random_codebook, _random_codebook_checks):
        right = module.share_of_ball
        monkeypatch.setattr(module, "share_of_ball", lambda d, a, right=right: (1 + right(d, a)) / 2)
    for name in ("the share of a ball that the cube keeps", "the certificate is above its integral"):
        assert not outcome("prop2.lower.finite", name).passed


def test_a_weaker_condition_of_separation_is_noticed(monkeypatch):
    name = "mixing is worse under the condition"
    assert outcome("prop5.proof", name).passed
    monkeypatch.setattr(_mixing, "_separated", lambda mass, w: 16 * mass * (1 - mass) > max(w) ** 2)
    assert not outcome("prop5.proof", name).passed


def test_a_smaller_covering_bound_is_noticed(monkeypatch):
    right = _covering_checks._covering_bound
    monkeypatch.setattr(_covering_checks, "_covering_bound", lambda C, k, K: 0.99 * right(C, k, K))
    for name in (
        "the unit circle: K balls of radius pi / K cover it",
        "two points attain the bound at K = 1",
    ):
        assert not outcome("prop3.manifolds", name).passed


@pytest.mark.parametrize("side", ["too large", "too small", "negative"])
def test_every_bound_is_mutated(side):
    inside = {
        "too large": lambda factor: factor > 1,
        "too small": lambda factor: 0 < factor < 1,
        "negative": lambda factor: factor < 0,
    }[side]
    assert {name for name, factor, *_ in MUTATIONS if inside(factor)} == set(bounds.BOUNDS)


def test_every_bound_belongs_to_a_claim():
    ids = {claim.id for claim in claims.LEDGER}
    assert {bound.claim for bound in bounds.BOUNDS.values()} <= ids
