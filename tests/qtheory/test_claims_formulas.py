"""The ledger notices: a formula off by a thousandth, or of the wrong sign, fails a check named here."""

import inspect
import sys
from dataclasses import replace

import numpy as np
import pytest

from qtheory import _high_rate, claims, entropy, expected, information, limits
from qtheory.claims._claim import run_check
from qtheory.information import Scheme
from qtheory.limits import WorstCase, WorstCaseGame
from qtheory.sources import Gaussian

FACTORS = (1.001, 0.999, -1)
MUTATIONS = [
    ("limits.bennett", (1.001, -1), "theorem.bennett", "2000 levels at quantiles of a wider law"),
    ("limits.bennett", (0.999,), "theorem.bennett", "closed form for Gaussian levels"),
    ("limits.entropy_coded_at_rate", (1.001, 0.999), "theorem.entropy-coding", "the gap at 6 bits"),
    ("limits.entropy_coded_at_rate", (-1,), "theorem.entropy-coding", "no rate is below Shannon's bound"),
    ("limits.entropy_coded_uniform", FACTORS, "theorem.entropy-coding", "the gap at 6 bits"),
    ("limits.gains", FACTORS, "theorem.gains", "the memory gain of a Gaussian is Hadamard's ratio"),
    ("limits.gaussian_distortion_rate", FACTORS, "theorem.water-filling", "primal and dual agree"),
    ("limits.gaussian_point_density", FACTORS, "theorem.mismatch", "the integral by quadrature"),
    ("limits.optimal_perplexity_ratio", FACTORS, "theorem.perplexity",
     "the limit for Gaussians in closed form"),
    ("limits.optimal_point_density", FACTORS, "theorem.point-density",
     "the density of a Gaussian to the power d/(d+2)"),
    ("limits.panter_dite", FACTORS, "theorem.panter-dite", "its constants for three laws"),
    ("limits.perplexity_lower_bound", FACTORS, "theorem.utilization",
     "the perplexity that an error asks for"),
    ("limits.product_limit", (1.001, 0.999), "theorem.product-limit",
     "equal distortion a dimension attains it"),
    ("limits.product_limit", (-1,), "theorem.product-limit", "no allocation on a grid is better"),
    ("limits.random_codebook_limit", (1.001, 0.999), "theorem.mismatch", "the integral by quadrature"),
    ("limits.random_codebook_limit", (-1,), "theorem.mismatch",
     "random words of three variances approach it"),
    ("limits.reverse_water_filling", (1.001, 0.999), "theorem.water-filling",
     "the test channel spends the rate"),
    ("limits.reverse_water_filling", (-1,), "theorem.shannon",
     "for N(0, I) it is the distortion-rate function"),
    ("limits.scalar_limit", FACTORS, "theorem.gains", "the limit for scalars in closed form"),
    ("limits.shannon_lower_bound", FACTORS, "theorem.shannon", "its value for three laws"),
    ("limits.zador", FACTORS, "theorem.panter-dite", "its constants for three laws"),
    ("limits.zador_constant", FACTORS, "theorem.panter-dite", "its constants for three laws"),
    ("expected.best_codebook_variance", (1.001, 0.999), "appendixD.matched",
     "the best spread at d = 8, K = 256 is .726"),
    ("expected.best_codebook_variance", (-1,), "appendixD.matched",
     "the best spread at d = 8, K = 2^40 is wider"),
    ("expected.bsq_distortion", FACTORS, "figure5.bsq", "its value for d = 8"),
    ("expected.bsq_input_distortion", (1.001, 0.999), "figure5.bsq", "its words are scaled words of LFQ"),
    ("expected.bsq_input_distortion", (-1,), "figure5.bsq", "against the features it is not constant"),
    ("expected.fsq_distortion", FACTORS, "figure5.fsq", "it starts like 4 d s^2"),
    ("expected.lfq_distortion", (1.001, 0.999), "figure5.bsq", "its words are scaled words of LFQ"),
    ("expected.lfq_distortion", (-1,), "figure5.lfq", "both ends of the figure cost more than twice as much"),
    ("expected.matched_codebook_distortion", FACTORS, "figure5.pq-linear", "slope of VQ"),
    ("expected.matched_product_distortion", FACTORS, "figure5.pq-linear", "slope of PQ"),
    ("expected.mean_sphere_l1", FACTORS, "figure5.bsq", "its value for d = 8"),
    ("information.input_bits", FACTORS, "table2.entries", "the experiments compress 32 to 1"),
    ("information.messages", FACTORS, "finding1.identity", "they are the numbers of messages listed"),
    ("information.output_bits", FACTORS, "table2.entries", "the experiments compress 32 to 1"),
    ("information.scheme", FACTORS, "table2.entries", "the experiments compress 32 to 1"),
    ("information.compression_ratio", FACTORS, "table2.entries", "the package computes all 25 entries"),
    ("information.elasticities", (1.001, 0.999), "finding1.influence", "elasticities are derivatives"),
    ("information.elasticities", (-1,), "finding1.influence", "K = 2: codewords matter more"),
    ("entropy.entropy", (1.001, 0.999), "prop1.b", "its value is (3/4) log2 3 - 1/4"),
    ("entropy.entropy", (-1,), "appendixJ.tokens", "equal codewords: z_q has less"),
    ("entropy.perplexity", FACTORS, "theorem.utilization", "n equal masses have perplexity n"),
    ("entropy.utilization", FACTORS, "theorem.utilization", "utilization counts words with mass"),
    ("entropy.conditional_entropy", (1.001, 0.999), "prop1.b", "its value is (3/4) log2 3 - 1/4"),
    ("entropy.conditional_entropy", (-1,), "prop1.b", "it exceeds the minimum"),
    ("limits.worst_case_distortion", FACTORS, "prop2.lower.game",
     "the bound at K = 2^d is that of the three atoms"),
    ("limits.worst_case_game", FACTORS, "prop2.lower.game", "at small slopes two ends meet the word 0"),
]  # fmt: skip
CASES = [(name, factor, *check) for name, factors, *check in MUTATIONS for factor in factors]


def formulas(module):
    """Public functions of a module, those it offers from private modules included."""
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__
    ]
    short = module.__name__.split(".")[-1]
    return {
        f"{short}.{name}" for name in names if inspect.isfunction(getattr(module, name)) and name[0] != "_"
    }


def mutated(value, factor):
    """A number, array or record of them times `factor`; integers by one, laws by their covariance."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return -value if factor < 0 else value + (1 if factor > 1 else -1)
    if isinstance(value, float | np.ndarray):
        return value * factor
    if isinstance(value, Gaussian):  # the wrong sign in the exponent d / (d + 2)
        spread = (value.dim / (value.dim + 2)) ** 2 if factor < 0 else factor
        return Gaussian(value.dim, covariance=spread * value.covariance)
    if isinstance(value, Scheme):
        return replace(value, codebook_size=mutated(value.codebook_size, factor))
    if isinstance(value, WorstCase):
        return replace(value, distortion_per_dim=mutated(value.distortion_per_dim, factor))
    if isinstance(value, WorstCaseGame):
        return replace(value, lower=mutated(value.lower, factor), upper=mutated(value.upper, factor))
    parts = [mutated(part, factor) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def outcome(claim_id, check_name):
    claim = claims.claim(claim_id)
    return run_check(claim, next(check for check in claim.checks if check.name == check_name))


def replace_everywhere(monkeypatch, original, other):
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "qtheory":
            for key, value in list(vars(module).items()):
                if value is original:
                    monkeypatch.setattr(module, key, other)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # logarithms of what should not be negative
@pytest.mark.parametrize(("name", "factor", "claim_id", "check_name"), CASES)
def test_a_wrong_formula_fails_the_named_check(monkeypatch, name, factor, claim_id, check_name):
    module, function = name.split(".")
    original = getattr(sys.modules[f"qtheory.{module}"], function)
    replace_everywhere(
        monkeypatch, original, lambda *given, **named: mutated(original(*given, **named), factor)
    )
    assert not outcome(claim_id, check_name).passed


@pytest.mark.parametrize(("claim_id", "check_name"), sorted({case[2:] for case in CASES}))
def test_the_named_checks_pass_as_long_as_nothing_is_wrong(claim_id, check_name):
    assert outcome(claim_id, check_name).passed


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.02, 0.98])
def test_a_wrong_norm_of_scalars_cancels_in_the_gains_but_not_against_exact_optima(monkeypatch, factor):
    norm = _high_rate._scalar_norm
    monkeypatch.setattr(_high_rate, "_scalar_norm", lambda source: factor * norm(source))
    assert outcome("theorem.gains", "the gains multiply to the ratio of the limits").passed
    assert not outcome("theorem.gains", "the limit for scalars in closed form").passed
    assert not outcome("theorem.gains", "exact allocation approaches the scalar limit").passed


@pytest.mark.parametrize("factor", FACTORS)
def test_every_public_formula_is_mutated(factor):
    public = set.union(*map(formulas, (limits, expected, information, entropy)))
    assert {name for name, given, *_ in CASES if given == factor} == public
    assert len(public) > 30
