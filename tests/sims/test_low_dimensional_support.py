"""Proposition 3: exact values on the diagonal, rates in subspaces, and no rotation for curved supports."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from qtheory.bounds import BOUNDS
from qtheory.errors import DomainError
from qtheory.results import read_table
from sims import _supports
from sims.low_dimensional_support import STUDY, findings, rates
from sims.runner import run_study

FALSE_ALARM = 1e-9


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


@pytest.fixture(scope="module")
def diagonal(frame):
    return frame[frame["shape"] == "diagonal"]


def farthest(rows, expected):
    """Largest deviation in standard errors; the bounded errors of 4,000 vectors have a normal mean."""
    z = np.abs(rows.distortion - expected) / rows.standard_error
    return z.max(), stats.norm.isf(FALSE_ALARM / 2 / len(z))


def test_on_the_diagonal_every_method_costs_its_exact_value(diagonal):
    worst, allowed = farthest(diagonal, diagonal.expected_distortion)
    assert worst < allowed


def test_the_printed_step_of_the_proof_would_be_rejected_as_a_value(diagonal):
    vq = diagonal[diagonal.method == "vq"]
    worst, allowed = farthest(vq, vq.expected_distortion * 3 / 8)
    assert worst > 2 * allowed


def test_exact_values_are_those_of_the_ledger(diagonal):
    for row in diagonal.itertuples():
        blocks = {"vq": 1, "sq-pca": 1, "pq-2": 2, "pq-4": 4, "sq": 8}[row.method]
        exact = BOUNDS["prop3.pq.exact"](K=row.nominal_size, block_dims=(8 // blocks,) * blocks)
        np.testing.assert_allclose(row.expected_distortion, exact, rtol=1e-12)


def test_a_rotated_scalar_quantizer_is_the_vector_quantizer_of_a_line(diagonal):
    by = diagonal.set_index(["nominal_size", "method"]).distortion.unstack()
    np.testing.assert_allclose(by["sq-pca"], by["vq"], rtol=1e-6)
    assert by.index.max() == 65536


def test_finer_blocks_cost_more_on_the_diagonal(diagonal):
    by = diagonal.set_index(["nominal_size", "method"]).expected_distortion.unstack()
    assert (by["vq"] < by["pq-2"]).all()
    assert (by["pq-2"] < by["pq-4"]).all()
    assert (by["pq-4"] < by["sq"]).all()


def test_bounds_lie_on_their_sides_and_apply_where_their_hypotheses_do(frame, diagonal):
    known = diagonal[diagonal.lower_bound.notna()]
    assert (known.lower_bound <= known.expected_distortion * (1 + 1e-12)).all()
    vq = frame[frame.upper_bound.notna()]
    assert set(vq.method) == {"vq"}
    assert "sphere" not in set(vq["shape"])
    assert (vq.distortion < vq.upper_bound).all()
    printed = frame[frame.upper_bound_paper.notna()]
    assert (printed.upper_bound < printed.upper_bound_paper).all()
    assert (printed.support_dim < printed.dim).all()
    assert frame[frame.lower_bound_paper.notna()].nominal_size.min() >= 2**8


def test_every_method_keeps_the_rate(frame):
    assert (frame.codebook_size <= frame.nominal_size).all()


def test_a_rotation_recovers_the_rate_in_a_subspace_but_not_on_a_sphere(frame):
    slope = rates(frame).set_index(["shape", "support_dim", "method"]).slope
    assert slope["subspace", 1, "vq"] < -1.9
    assert slope["subspace", 1, "sq"] > -0.4
    assert slope["subspace", 2, "sq-pca"] < -0.9
    assert slope["subspace", 2, "sq"] > -0.4
    assert slope["sphere", 2, "vq"] < -0.85
    assert slope["sphere", 2, "sq-pca"] > -0.8
    assert slope["torus", 2, "sq-pca"] > -0.6


def test_rates_recover_a_power_law_and_its_scatter():
    size = np.repeat([64.0, 256.0, 1024.0, 4096.0], 50)
    noise = np.random.default_rng(0).normal(scale=0.1, size=len(size))
    table = pd.DataFrame(
        {"shape": "line", "dim": 8, "support_dim": 1, "method": "vq", "nominal_size": size}
    ).assign(distortion=3 * size**-2 * np.exp(noise))
    found = rates(table).iloc[0]
    expected = 0.1 / np.sqrt(np.square(np.log(size) - np.log(size).mean()).sum())
    assert abs(found.slope + 2) < 6 * expected
    assert abs(found.standard_error / expected - 1) < 0.3


@pytest.mark.parametrize("name", _supports.SURFACE_SPAN)
def test_surfaces_span_what_they_claim_inside_the_unit_ball(name):
    points = _supports.surface(name, 3000, rng=np.random.default_rng(0))
    assert (
        points.shape[1] == np.linalg.matrix_rank(np.cov(points, rowvar=False)) == _supports.SURFACE_SPAN[name]
    )
    assert np.linalg.norm(points, axis=1).max() <= 1 + 1e-12


def test_random_subspaces_lie_in_the_cube_and_show_the_axes_of_their_box():
    source = _supports.random_subspace(16, 4, rng=np.random.default_rng(1))
    x = source.sample(5000, rng=np.random.default_rng(2))
    assert np.abs(x).max() <= 1
    assert source.support_dim == 4
    variances = _supports.box(4).coordinate_variances
    assert (np.diff(variances) < 0).all()
    np.testing.assert_allclose(np.linalg.eigvalsh(source.covariance)[-4:], variances[::-1], rtol=1e-9)


def test_findings_name_each_support(frame):
    text = "\n".join(findings(frame))
    assert all(shape in text for shape in ("diagonal", "subspace", "sphere", "swiss-roll", "torus"))


def test_codebooks_of_the_paper_preset_are_as_large_as_is_stated():
    most = {}
    for cell in STUDY.sweep("paper", seed=0).cells():
        point = cell.parameters
        key = (point["shape"], point["dim"], point["support_dim"])
        most[key] = max(most.get(key, 0), point["nominal_size"])
    lines = {(shape, dim, 1) for shape in ("diagonal", "subspace") for dim in (8, 16, 32)}
    fine = lines | {("subspace", 8, 2), ("sphere", 8, 2), ("swiss-roll", 8, 2)}
    assert {most.pop(key) for key in fine} == {65536}
    wide = {("subspace", dim, k) for dim in (8, 16, 32) for k in (2, 4, 8)} - {("subspace", 8, 2)}
    assert set(most) == wide | {("torus", 8, 2)}
    assert set(most.values()) == {4096}


def test_fitted_rates_are_stored_beside_the_table_that_they_follow_from(tmp_path):
    table = run_study(STUDY, "smoke", seed=0, out=tmp_path, quiet=True)
    path = table.path.with_name("smoke-rates.csv")
    stored = read_table(path)
    pd.testing.assert_frame_equal(stored.frame, rates(table.frame), check_exact=True)
    for row in stored.frame.itertuples():
        rows = table.frame[
            (table.frame["shape"] == row.shape)
            & (table.frame["support_dim"] == row.support_dim)
            & (table.frame["method"] == row.method)
        ]
        expected = stats.linregress(np.log(rows.nominal_size), np.log(rows.distortion))
        np.testing.assert_allclose(
            (row.slope, row.standard_error), (expected.slope, expected.stderr), rtol=1e-6, atol=1e-9
        )
        assert row.measurements == len(rows)
        assert row.vq_limit == -2 / row.support_dim
    before = path.stat().st_mtime_ns
    run_study(STUDY, "smoke", seed=0, out=tmp_path, quiet=True)
    assert path.stat().st_mtime_ns == before
    content = path.read_bytes()
    path.write_text("shape,slope\nline,-2\n")  # or half of it, where the command was killed
    run_study(STUDY, "smoke", seed=0, out=tmp_path, quiet=True)
    assert read_table(path).path.read_bytes() == content


def test_rates_follow_their_formula_and_the_version_of_the_study_where_the_rows_stay(tmp_path):
    def rounded(frame):
        return rates(frame).round(2)

    def again(study):
        table = run_study(study, "smoke", seed=0, out=tmp_path, quiet=True)
        return table, read_table(table.path.with_name("smoke-rates.csv"))

    small = replace(STUDY.presets["smoke"], points=STUDY.presets["smoke"].points[:3])
    study = replace(STUDY, presets={"smoke": small})
    table, before = again(study)
    other, after = again(replace(study, derived={"rates": rounded}))
    assert other.manifest == table.manifest
    pd.testing.assert_frame_equal(after.frame, rounded(table.frame), check_exact=True)
    assert not after.frame.equals(before.frame)
    newer, last = again(replace(study, version=study.version + 1))
    assert newer.manifest["digest"] == last.manifest["digest"] != before.manifest["digest"]


def test_no_rates_are_stored_of_a_table_that_lacks_cells(tmp_path):
    def fails(cell):
        raise DomainError("no vectors")

    table = run_study(replace(STUDY, run=fails), "smoke", seed=0, out=tmp_path, quiet=True)
    assert table.manifest["failures"]
    assert not table.path.with_name("smoke-rates.csv").exists()
