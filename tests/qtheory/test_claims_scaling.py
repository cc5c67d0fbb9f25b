"""Appendices D, F and K and the theorems: every check holds, and every theorem is in the ledger."""

import pytest

from qtheory.claims import LEDGER
from qtheory.claims._claim import run_check
from qtheory.claims.high_rate import CLAIMS as HIGH_RATE
from qtheory.claims.mmd import CLAIMS as MMD
from qtheory.claims.random_codebooks import CLAIMS as RANDOM
from qtheory.claims.scalar_quantizers import CLAIMS as SCALAR
from qtheory.claims.theorems import CLAIMS as THEOREMS
from qtheory.claims.utilization import CLAIMS as UTILIZATION

FAMILIES = (*RANDOM, *SCALAR, *THEOREMS, *HIGH_RATE, *MMD, *UTILIZATION)
MINE = [(claim, check) for claim in FAMILIES for check in claim.checks]

THEOREMS_BY_NAME = {
    "conditional entropy is minus log-perplexity": ("prop1.a", "affine function of the log-perplexity"),
    "perplexity of optimal codebooks": ("theorem.perplexity", "0.806"),
    "optimal codebooks use all words": ("prop4", "at least K points"),
    "lower bound with the best constant": ("prop2.lower", "2 / (pi e)"),
    "criterion for a quarter": ("prop2.lower", "G_d >= 1/16"),
    "lower bound at practical rates": ("prop2.lower.practical", "16^d"),
    "worst case at a fixed rate": ("prop2.lower.game", "D*(log2(K) / d)"),
    "finite refutation": ("prop2.lower.finite", "2^747"),
    "two-level minimax": ("prop2.upper", "d / (2 e)"),
    "upper bound with the best constant": ("prop2.upper", "5 / (2 e)"),
    "upper bound on subspaces": ("prop3.vq.upper", "(9/4) d_eff) d K^(-2/d_eff)"),
    "product error on the diagonal": ("prop3.pq.lower", "sum_m d_m / (3 n_m^2)"),
    "scaling of vector error": ("scaling.vq", "c^2"),
    "scaling of product error": ("scaling.pq", "c^2"),
    "scaling of scalar error": ("scaling.sq", "c^2"),
    "slopes of random codebooks": ("figure5.pq-linear", "1.93502"),
    "learned maps make the classes equal": ("text.theory-validated", "arbitrary maps"),
    "existence and necessary conditions": ("theorem.necessary", "codebook of least error exists"),
    "uniqueness of Lloyd-Max": ("theorem.lloyd-max", "log-concave"),
    "Zador": ("theorem.zador", "G_d"),
    "Panter-Dite": ("theorem.panter-dite", "sqrt(3) pi"),
    "Bennett": ("theorem.bennett", "int f g^-2"),
    "mismatch": ("theorem.mismatch", "int f g^(-2/d)"),
    "point density": ("theorem.point-density", "f^(d/(d+2))"),
    "product quantizers at high rate": ("theorem.product-limit", "same distortion a dimension"),
    "Lookabaugh-Gray": ("theorem.gains", "space-filling"),
    "Shannon lower bound": ("theorem.shannon", "perplexity"),
    "reverse water-filling": ("theorem.water-filling", "min(t, l_i)"),
    "entropy-coded scalar quantization": ("theorem.entropy-coding", "0.2546"),
    "utilization": ("theorem.utilization", "PPL(Z)^(-2/d)"),
    "error bounds r-FID": ("theorem.rfid", "sqrt(r-FID)"),
    "straight-through gradient": ("text.stability", "L_1"),
}


@pytest.mark.parametrize(("claim", "check"), MINE, ids=lambda item: getattr(item, "id", None) or item.name)
def test_checks_hold(claim, check):
    outcome = run_check(claim, check)
    assert outcome.passed, outcome.error or outcome.evidence


def test_the_claims_are_in_the_ledger():
    assert {claim.id for claim, _ in MINE} <= {claim.id for claim in LEDGER}


@pytest.mark.parametrize("name", THEOREMS_BY_NAME)
def test_every_theorem_is_found_in_the_ledger(name):
    claim_id, formula = THEOREMS_BY_NAME[name]
    entry = {claim.id: claim for claim in LEDGER}[claim_id]
    assert formula in f"{entry.title} {entry.statement} {entry.sharp}"
    assert entry.proof
