"""The model of the ledger: evidence decides, claims are complete, errors are failures."""

from fractions import Fraction

import numpy as np
import pytest

from qtheory import claims
from qtheory.claims import Check, Claim, Evidence
from qtheory.claims._claim import run_check, smallest_margin
from qtheory.errors import DomainError


def passing():
    return Evidence("exact", 1, "<", 2)


def failing():
    return Evidence("exact", 2, "<", 1)


def raising():
    raise ZeroDivisionError("no cells")


def make(**changes):
    options = {
        "id": "c",
        "title": "t",
        "statement": "s",
        "source": "Section 1",
        "verdict": "holds",
        "checks": (Check("a", passing),),
        "group": "g",
    }
    return Claim(**{**options, **changes})


@pytest.mark.parametrize(
    ("relation", "less", "equal", "greater"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
    ],
)
def test_relations_decide_as_they_read(relation, less, equal, greater):
    assert [Evidence("exact", x, relation, 2).holds for x in (1, 2, 3)] == [less, equal, greater]


def test_approximation_holds_within_the_tolerance_only():
    assert Evidence("numerical", 1.0, "~=", 1.5, tolerance=0.5).holds
    assert not Evidence("numerical", 1.0, "~=", 1.5, tolerance=0.25).holds


@pytest.mark.parametrize(
    ("computed", "expected"), [(0.5, Fraction(1)), (Fraction(1, 2), 1.0), (0.5, 1.0), (np.float64(0), 1)]
)
def test_a_float_is_no_exact_evidence(computed, expected):
    with pytest.raises(DomainError, match="kind must be numerical where a side is a float, got 'exact' for"):
        Evidence("exact", computed, "<", expected)
    assert Evidence("numerical", computed, "<", expected).holds
    assert Evidence("exact", Fraction(computed), "<", Fraction(expected)).holds


def test_exact_evidence_may_have_a_tolerance_between_fractions():
    assert Evidence("exact", Fraction(1, 3), "~=", Fraction(1, 2), tolerance=0.25).holds


def test_margin_is_the_signed_slack():
    assert Evidence("exact", 1, "<", 3).margin == 2
    assert Evidence("exact", 3, "<", 1).margin == -2
    assert Evidence("exact", 3, ">=", 1).margin == 2
    assert Evidence("exact", Fraction(1, 2), "==", 1).margin == -0.5


def test_relations_are_decided_without_rounding():
    third = Fraction(1, 3)
    assert float(third) == 1 / 3
    assert Evidence("numerical", 1 / 3, "<", third).holds
    assert not Evidence("numerical", 1 / 3, "==", third).holds
    assert not Evidence("exact", 10**17, "==", 10**17 + 1).holds


def test_numpy_scalars_become_python_numbers():
    evidence = Evidence("numerical", np.int64(3), "==", np.float64(3.0))
    assert evidence.holds
    assert type(evidence.computed) is int
    assert type(evidence.expected) is float


@pytest.mark.parametrize("value", [True, np.True_, "0", None, float("nan"), float("inf"), 1j])
def test_only_finite_numbers_are_evidence(value):
    with pytest.raises(DomainError):
        Evidence("exact", value, "==", 1)
    with pytest.raises(DomainError):
        Evidence("exact", 1, "==", value)


@pytest.mark.parametrize(
    "changes", [{"kind": "obvious"}, {"relation": "!="}, {"tolerance": 0.1}, {"relation": "~="}]
)
def test_malformed_evidence_is_refused(changes):
    with pytest.raises(DomainError):
        Evidence(**{"kind": "exact", "computed": 1, "relation": "==", "expected": 1, **changes})


@pytest.mark.parametrize("verdict", ["holds-amended", "refuted"])
@pytest.mark.parametrize("missing", ["sharp", "proof"])
def test_an_amended_or_refuted_claim_needs_the_true_statement_and_its_proof(verdict, missing):
    complete = {"verdict": verdict, "sharp": "true statement", "proof": "because"}
    make(**complete)
    with pytest.raises(DomainError, match="give the true statement"):
        make(**{**complete, missing: " "})


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "verified"},
        {"statement": ""},
        {"checks": ()},
        {"checks": (Check("a", passing), Check("a", failing))},
        {"checks": (Check("a", passing, slow=True),)},
    ],
)
def test_malformed_claims_are_refused(changes):
    with pytest.raises(DomainError):
        make(**changes)


def test_a_check_that_raises_fails_with_its_error():
    outcome = run_check(make(), Check("a", raising))
    assert not outcome.passed
    assert outcome.error == "ZeroDivisionError: no cells"


def test_a_check_that_returns_something_else_fails():
    outcome = run_check(make(), Check("a", lambda: True))
    assert not outcome.passed
    assert "must return Evidence" in outcome.error


def test_outcome_follows_the_evidence():
    assert run_check(make(), Check("a", passing)).passed
    assert not run_check(make(), Check("a", failing)).passed


def test_smallest_margin_ignores_equalities():
    outcomes = [run_check(make(), Check("a", f)) for f in (passing, lambda: Evidence("exact", 1, "==", 1))]
    assert smallest_margin(outcomes) == 1
    assert smallest_margin(outcomes[1:]) is None


def test_the_ledger_has_unique_ids():
    ids = [claim.id for claim in claims.LEDGER]
    assert len(set(ids)) == len(ids)
    with pytest.raises(DomainError, match="unique"):
        claims._collect((make(),), (make(),))


def test_unknown_names_are_refused():
    with pytest.raises(DomainError, match="prop99"):
        claims.verify(["prop99"])
    with pytest.raises(DomainError, match="prop99"):
        claims.claim("prop99")


def test_a_group_stands_for_its_claims():
    assert {outcome.claim.group for outcome in claims.verify(["finding1"])} == {"finding1"}


def test_slow_checks_are_left_out_on_request(monkeypatch):
    entry = make(checks=(Check("a", passing), Check("b", passing, slow=True)))
    monkeypatch.setattr(claims, "LEDGER", (entry,))
    assert [outcome.check.name for outcome in claims.verify()] == ["a", "b"]
    assert [outcome.check.name for outcome in claims.verify(slow=False)] == ["a"]
