"""Appendices D and K and the theorems: every check holds, and the claims are in the ledger."""

import pytest

from qtheory.claims import LEDGER
from qtheory.claims._claim import run_check
from qtheory.claims.random_codebooks import CLAIMS as RANDOM
from qtheory.claims.scalar_quantizers import CLAIMS as SCALAR
from qtheory.claims.theorems import CLAIMS as THEOREMS

MINE = [(claim, check) for claim in (*RANDOM, *SCALAR, *THEOREMS) for check in claim.checks]


@pytest.mark.parametrize(("claim", "check"), MINE, ids=lambda item: getattr(item, "id", None) or item.name)
def test_checks_hold(claim, check):
    outcome = run_check(claim, check)
    assert outcome.passed, outcome.error or outcome.evidence


def test_the_claims_are_in_the_ledger():
    assert {claim.id for claim, _ in MINE} <= {claim.id for claim in LEDGER}
