"""The calculator: rows of data for one source at one codebook size, and what it says where none apply."""

import math

import numpy as np
import pytest

from qtheory import claims
from qtheory.bounds import BOUNDS
from qtheory.claims.calculator import _up_to_the_game, _verdict, calculate
from qtheory.errors import DomainError, ShapeError
from qtheory.expected import lfq_distortion, matched_product_distortion
from qtheory.limits import shannon_lower_bound, zador
from qtheory.optimal import optimal_scalar
from qtheory.sources import FiniteSource, Gaussian, Laplace, Mixture, Subspace, Uniform

SOURCES = (Uniform(4), Gaussian(4), Laplace(4, 2.0), Gaussian(2, covariance=[[2.0, 0.5], [0.5, 1.0]]))


def rows(source, K, **options):
    return {row.name: row for row in calculate(source, K, **options).rows}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("K", [1, 16, 100])
def test_no_quantizer_and_no_upper_bound_is_below_a_limit_of_every_quantizer(source, K):
    found = calculate(source, K).rows
    floor = max(row.value for row in found if row.section == "limit")
    above = [row for row in found if row.section == "quantizer" or row.side == "upper"]
    assert above
    for row in above:
        if row.name != "prop3.vq.diagonal":
            assert row.value >= floor * (1 - 1e-12), row.name


def test_rows_name_claims_of_the_ledger_and_their_hypotheses():
    ids = {claim.id for claim in claims.LEDGER}
    for source in SOURCES:
        for row in calculate(source, 16, support_dim=2).rows:
            assert row.claim in ids
            assert row.quantity
            assert row.formula
            assert row.side in ("lower", "upper", "equal", "limit", "attained")
            assert row.section == "worst case" or row.hypotheses


def test_decibels_are_relative_to_shannons_bound_and_free_of_the_scale():
    once, scaled = rows(Gaussian(8), 4096), rows(Gaussian(8, 7.0), 4096)
    assert once["shannon"].decibel == 0
    assert once.keys() == scaled.keys()
    for name, row in once.items():
        assert row.decibel == pytest.approx(10 * math.log10(row.value / once["shannon"].value), abs=1e-12)
        assert scaled[name].value == pytest.approx(7 * row.value, rel=1e-9)
        assert scaled[name].decibel == pytest.approx(row.decibel, abs=1e-8)


def test_values_are_those_of_the_functions_they_come_from():
    found = rows(Gaussian(8), 4096, block_dims=(4, 4))
    best = optimal_scalar(Gaussian(8), 4096)
    assert found["optimal-sq"].value == best.distortion
    assert found["optimal-sq"].formula.endswith(" ".join(map(str, best.levels)))
    assert found["matched-pq"].value == matched_product_distortion((4, 4), (64, 64))
    assert found["zador"].value == zador(Gaussian(8), 4096)
    assert rows(Gaussian(8), 256)["lfq"].value == lfq_distortion(8, 1.0)
    for name, row in rows(Uniform(8), 4096, support_dim=2, block_dims=(4, 4)).items():
        if name in BOUNDS:
            assert row.value == BOUNDS[name](d=8, K=4096, support_dim=2, block_dims=(4, 4))


def test_bounds_on_the_diagonal_and_on_subspaces_are_measured_from_shannons_bound_there():
    found = rows(Uniform(8), 4096, support_dim=2)
    # cells of a segment are intervals: pi e / 6 above Shannon's bound, whatever its length
    assert found["prop3.vq.diagonal"].decibel == pytest.approx(10 * math.log10(math.pi * math.e / 6))
    assert found["prop3.vq.lower.sharp"].decibel == pytest.approx(0, abs=1e-12)


def test_a_law_on_a_subspace_is_quantized_there_by_vectors_and_along_the_axes_by_scalars():
    inner = Gaussian(2, 3.0)
    spread = Subspace.replicated(inner, 8)
    found = calculate(spread, 64)
    assert found.shannon == shannon_lower_bound(inner, 64)
    by_name = {row.name: row for row in found.rows}
    assert by_name["optimal-sq"].value == pytest.approx(optimal_scalar(Gaussian(8, 0.75), 64).distortion)
    # along two axes, the other coordinates are constant: they cost nothing and get one level
    flat = calculate(Subspace(inner, np.eye(8)[:, :2]), 64)
    assert flat.shannon == found.shannon
    levels = next(row for row in flat.rows if row.name == "optimal-sq")
    assert levels.value == pytest.approx(optimal_scalar(inner, 64).distortion)
    assert levels.formula == "Lloyd-Max, levels 8 8 1 1 1 1 1 1"
    assert "coordinate 2 has variance 0" in dict(flat.silent)["scalar-limit"]


def test_replicated_laws_have_each_value_along_equally_many_axes():
    x = Subspace.replicated(Laplace(2), 6).sample(5, rng=np.random.default_rng(0))
    assert np.allclose(x[:, :1], x[:, 1:3])
    assert np.allclose(x[:, 3:4], x[:, 4:])
    for dim in (1, 3):
        with pytest.raises(DomainError, match="dim must be a multiple of the source's dimension 2"):
            Subspace.replicated(Laplace(2), dim)


def test_what_does_not_apply_is_named_with_its_reason():
    silent = dict(calculate(Gaussian(8), 4096).silent)
    assert silent["lfq"] == "K=4096 is not 2^d for d=8"
    assert "[-1, 1]^d" in silent["worst cases"]
    assert "laws on [-1, 1]^d" in dict(calculate(Uniform(2, half_width=2.0), 4).silent)["worst cases"]
    assert "64 coordinates" in dict(calculate(Gaussian(65), 2**65).silent)["optimal-sq"]
    assert "8 bits a coordinate, here 8.5" in dict(calculate(Gaussian(2), 2**17).silent)["entropy-coded-sq"]
    assert "entropy-coded-sq" in {row.name for row in calculate(Gaussian(2), 2**16).rows}
    assert (
        "equal laws"
        in dict(calculate(Gaussian(2, covariance=np.diag([1.0, 2.0])), 16).silent)["entropy-coded-sq"]
    )


def test_sizes_beyond_floats_are_values_or_reasons_but_never_zero():
    found = calculate(Uniform(1), 2**600)
    assert all(row.value > 0 for row in found.rows)
    assert "range of float64" in dict(found.silent)["prop3.vq.diagonal"]
    assert calculate(Uniform(200), 2**2000).shannon == pytest.approx(
        200 * 4 / (2 * math.pi * math.e) * 2.0**-20
    )


@pytest.mark.parametrize(
    ("source", "K", "options", "error", "message"),
    [
        (Gaussian(2), 0, {}, DomainError, "K must be at least 1"),
        (Gaussian(2), 4.0, {}, DomainError, "K must be an integer"),
        (Gaussian(2), 4, {"block_dims": (1, 2)}, ShapeError, "must sum to 2"),
        (Uniform(2), 4, {"support_dim": 0}, DomainError, "support_dim must be at least 1"),
        (FiniteSource([[0.0], [1.0]], [0.5, 0.5]), 2, {}, DomainError, "needs a density"),
        (Mixture([Gaussian(2), Gaussian(2, 2.0)], [0.5, 0.5]), 2, {}, DomainError, "not known exactly"),
    ],
)  # fmt: skip
def test_arguments_that_make_no_problem_are_errors(source, K, options, error, message):
    with pytest.raises(error, match=message):
        calculate(source, K, **options)


@pytest.mark.parametrize("source", [Gaussian(2000), Laplace(2000), Uniform(2000)], ids=repr)
def test_independent_coordinates_are_calculated_without_a_matrix(source):
    assert calculate(source, 2).rows
    assert "covariance" not in vars(source)


@pytest.mark.parametrize(("d", "bits", "verdict"), [(50, 202, "open"), (450, 1818, "refuted")])
def test_the_printed_bound_is_proved_up_to_the_last_codeword(d, bits, verdict):
    assert _verdict("prop2.lower.paper", d, 2**bits) == "holds"  # bits = 4.04 d exactly
    assert _verdict("prop2.lower.paper", d, 2**bits + 1) == verdict


@pytest.mark.parametrize(("d", "K"), [(65, 2**262), (65, 2**263), (500, 2**2020), (501, 2**2025)])
def test_the_end_of_the_proof_is_compared_in_integers(d, K):
    for size in (K - 1, K, K + 1, 3 * K // 2):
        assert _up_to_the_game(d, size) == (size**25 <= 2 ** (101 * d))


def test_only_the_printed_lower_bound_is_marked_and_only_where_it_is_not_proved():
    for d, bits, verdict in [(46, 400, "holds"), (47, 189, "holds"), (47, 190, "open"), (65, 263, "refuted")]:
        found = rows(Uniform(d), 2**bits)
        assert found.pop("prop2.lower.paper").verdict == verdict
        assert {row.verdict for row in found.values()} == {"holds"}
