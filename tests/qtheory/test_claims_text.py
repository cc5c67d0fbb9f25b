"""The claims on what the paper says: their checks pass, and fail when a printed number is another one."""

import math
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qtheory import paper
from qtheory.claims import (
    appendix_j,
    architecture,
    comparisons,
    conditions,
    correlations,
    definitions,
    paper_text,
    size_effects,
    tokens,
)
from qtheory.claims._claim import run_check
from qtheory.claims._printed import best, decimal, phase
from qtheory.claims._ranks import (
    bootstrap_difference,
    doubled_ranks,
    partial_spearman,
    permutation_p_value,
    spearman,
    student_p_value,
)
from qtheory.errors import DomainError, ShapeError

MODULES = (
    appendix_j,
    architecture,
    comparisons,
    conditions,
    correlations,
    definitions,
    paper_text,
    size_effects,
    tokens,
)
CLAIMS = {claim.id: claim for module in MODULES for claim in module.CLAIMS}
CHECKS = [(claim, check) for claim in CLAIMS.values() for check in claim.checks]


def names(pairs):
    return [f"{claim.id}: {check.name}" for claim, check in pairs]


@pytest.mark.parametrize(("claim", "check"), CHECKS, ids=names(CHECKS))
def test_every_check_recomputes(claim, check):
    outcome = run_check(claim, check)
    assert outcome.passed, outcome.error or outcome.evidence


CHANGES = [
    (3, {"approach": "Vanilla VQ", "phase": "Adaptation"}, "rfid", 0.50, "spearman.error"),
    (3, {"approach": "LFQ", "phase": "Adaptation"}, "utilization", 1.0, "spearman.utilization"),
    (3, {"approach": "MMD VQ", "phase": "Adaptation"}, "rfid", 0.99, "spearman.paramount"),
    (3, {"approach": "EMA VP2", "phase": "Substitution"}, "distortion_per_dim", 0.199, "text.lowest-error"),
    (3, {"approach": "MMD VP2", "phase": "Substitution"}, "rfid", 1.70, "text.sole-exception"),
    (3, {"approach": "MMD VQ", "phase": "Adaptation"}, "rfid", 0.90, "text.five-epochs"),
    (3, {"approach": "Vanilla VQ", "phase": "Adaptation"}, "rfid", 5.02, "text.five-epochs"),
    (3, {"approach": "Wasserstein VQ", "phase": "Adaptation"}, "rfid", 0.93, "text.five-epochs"),
    (3, {"approach": "BSQ", "phase": "Adaptation"}, "utilization", 0.9, "text.frozen-quantizer"),
    (3, {"approach": "MMD VP2", "phase": "Substitution"}, "distortion_per_dim", 0.213, "condition2.rate"),
    (3, {"approach": "Vanilla VQ", "phase": "Substitution"}, "utilization", 0.02, "appendixJ.maximum"),
    (3, {"approach": "EMA VQ", "phase": "Substitution"}, "distortion_per_dim", 0.2, "text.theory-validated"),
    (3, {"approach": "EMA VP2", "phase": "Adaptation"}, "rfid", 0.85, "text.best-rfid"),
    (3, {"approach": "MMD VP2", "phase": "Substitution"}, "utilization", 0.99, "pq.collapse"),
    (4, {"K": 1024, "phase": "Substitution"}, "distortion_per_dim", 0.381, "text.codebook-size"),
    (4, {"K": 65536, "phase": "Adaptation"}, "distortion_per_dim", 0.204, "text.token-effect"),
    (5, {"tokens": 1024, "phase": "Adaptation"}, "rfid", 0.42, "text.token-count"),
    (5, {"tokens": 512, "phase": "Adaptation"}, "rfid", 1.60, "text.token-effect"),
    (5, {"tokens": 512, "phase": "Substitution"}, "rfid", 2.02, "spearman.paramount"),
    (6, {"K": "256", "phase": "Adaptation"}, "rfid", 0.90, "text.equivalence"),
    (7, {"approach": "FSQ", "phase": "Joint Optimization"}, "rfid", 1.51, "text.joint"),
    (7, {"approach": "Vanilla VQ", "phase": "Joint Optimization"}, "utilization", 1.0, "spearman.paramount"),
]


@pytest.mark.parametrize(("n", "where", "column", "value", "claim"), CHANGES)
def test_another_printed_number_fails_the_claim_that_rests_on_it(monkeypatch, n, where, column, value, claim):
    original = paper.table

    def changed(number):
        rows = original(number)
        if number == n:
            chosen = np.logical_and.reduce([rows[key] == wanted for key, wanted in where.items()])
            assert chosen.sum() == 1
            rows.loc[chosen, column] = value
        return rows

    monkeypatch.setattr(paper, "table", changed)
    outcomes = [run_check(CLAIMS[claim], check) for check in CLAIMS[claim].checks]
    assert not all(outcome.passed for outcome in outcomes)
    assert not any(outcome.error for outcome in outcomes)


def test_the_printed_formulas_are_checked_as_a_whole(monkeypatch):
    rows = paper.table(2)
    rows.loc[rows.quantity == "compression_ratio", "SQ"] = "d*32/log2(K_2)"
    monkeypatch.setattr(paper, "table", lambda n: rows)
    check = CLAIMS["table2.entries"].checks[0]
    assert run_check(CLAIMS["table2.entries"], check).evidence.computed == 1


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_on_printed_numbers_names_its_place_in_the_paper(claim):
    assert any(
        word in claim.source
        for word in ("Section", "Table", "Appendix", "Definition", "Condition", "Equation")
    )


def test_printed_cells_become_exact_decimals():
    assert decimal(0.201) == Fraction(201, 1000)
    assert decimal(np.float64(24.65)) == Fraction(2465, 100)
    assert best(phase(3, "Adaptation"), "PQ", "rfid") == Fraction(93, 100)
    assert best(phase(3, "Adaptation"), "PQ", "psnr") == Fraction(2455, 100)


def with_ties():
    """Pairs of equal length with two different values each, many of them tied."""
    column = st.lists(st.integers(0, 2), min_size=4, max_size=4)
    return st.tuples(column, column).map(lambda pair: tuple([0, 1, *part] for part in pair))


@given(with_ties())
def test_exact_p_value_counts_all_permutations_with_ties_too(pair):
    x, y = pair
    a, b = (doubled_ranks(values).tolist() for values in (x, y))
    center = Fraction(sum(a) * sum(b), len(a))
    sums = [abs(sum(p * q for p, q in zip(a, order, strict=True)) - center) for order in permutations(b)]
    observed = abs(sum(p * q for p, q in zip(a, b, strict=True)) - center)
    expected = Fraction(sum(value >= observed for value in sums), math.factorial(len(a)))
    assert permutation_p_value(x, y) == expected


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 6, 5), (3, 1, 4, 0, 5, 2, 6), (6, 4, 5, 3, 1, 2, 0)])
def test_exact_p_value_agrees_with_scipy_without_ties(order):
    x = np.arange(7)

    def statistic(sample, axis=-1):
        return 1 - 6 * ((sample - x) ** 2).sum(axis) / (7 * 48)

    reference = stats.permutation_test((order,), statistic, permutation_type="pairings", vectorized=True)
    assert spearman(x, order) == pytest.approx(reference.statistic, abs=1e-12)
    assert float(permutation_p_value(x, order)) == pytest.approx(reference.pvalue, abs=1e-12)


@given(with_ties())
def test_correlation_and_ranks_agree_with_scipy_with_ties(pair):
    x, y = pair
    reference = stats.spearmanr(x, y)
    assert spearman(x, y) == pytest.approx(reference.statistic, abs=1e-12)
    assert (doubled_ranks(x) == 2 * stats.rankdata(x)).all()
    if abs(reference.statistic) < 1 - 1e-9:
        assert student_p_value(spearman(x, y), len(x)) == pytest.approx(reference.pvalue, rel=1e-9)


@given(with_ties())
def test_exact_p_value_is_symmetric_and_ignores_the_sign(pair):
    x, y = pair
    value = permutation_p_value(x, y)
    assert value == permutation_p_value(y, x)
    assert value == permutation_p_value(x, [-v for v in y])


def test_exact_p_value_at_thirteen_without_ties_counts_both_ends():
    x = list(range(13))
    assert permutation_p_value(x, x) == Fraction(2, math.factorial(13))


def test_partial_correlation_is_that_of_the_residual_ranks():
    rng = np.random.default_rng(5)
    x, y, z = rng.standard_normal((3, 12))
    ranks = [stats.rankdata(values) for values in (x, y, z)]
    design = np.column_stack([np.ones(12), ranks[2]])
    left, right = (r - design @ np.linalg.lstsq(design, r)[0] for r in ranks[:2])
    assert partial_spearman(x, y, z) == pytest.approx(np.corrcoef(left, right)[0, 1], abs=1e-12)


def test_bootstrap_interval_separates_a_perfect_from_a_useless_predictor_and_not_equal_ones():
    rng = np.random.default_rng(7)
    y = np.arange(30.0)
    useless = rng.permutation(30)
    low, high = bootstrap_difference(y, useless, y, rng=np.random.default_rng(1))
    assert 0.3 < low < high <= 1
    noisy = [y + 5 * rng.standard_normal(30) for _ in range(2)]
    low, high = bootstrap_difference(*noisy, y, rng=np.random.default_rng(1))
    assert low < 0 < high


def test_bootstrap_agrees_with_scipy():
    rows = phase(3, "Substitution")
    columns = [rows[name].to_numpy() for name in ("distortion_per_dim", "utilization", "rfid")]

    def difference(x, z, y):
        return abs(stats.spearmanr(x, y).statistic) - abs(stats.spearmanr(z, y).statistic)

    reference = stats.bootstrap(
        columns,
        difference,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    ours = bootstrap_difference(*columns, rng=np.random.default_rng(1))
    # the 2.5% quantile of 2000 draws has a standard deviation near 0.015 here
    assert ours == pytest.approx((reference.low, reference.high), abs=0.09)


def test_constant_columns_and_unequal_lengths_are_refused():
    with pytest.raises(DomainError, match="two different values"):
        spearman([1, 1, 1], [1, 2, 3])
    with pytest.raises(ShapeError, match="equal length"):
        permutation_p_value([1, 2], [1, 2, 3])
