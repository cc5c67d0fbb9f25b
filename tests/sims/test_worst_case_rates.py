"""Proposition 2: no law breaks the upper bounds, and named laws reach the constants."""

import math

import numpy as np
import pytest
from scipy import stats

from qtheory.optimal import optimal_distortion_1d
from sims.runner import run_study
from sims.worst_case_rates import STUDY, findings, laws, saddle

FALSE_ALARM = 1e-9


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


def test_exact_optima_of_finite_laws_obey_the_upper_bounds_and_the_hierarchy(frame):
    finite = frame[frame.law == "finite"]
    assert (finite.distortion <= finite["prop2.upper.sharp"]).all()
    assert (finite["prop2.upper.sharp"] < finite["prop2.upper.paper"]).all()
    by = finite.set_index(["dim", "trial", "method"]).distortion.unstack()
    assert (by["vq"] <= by["sq"] * (1 + 1e-12)).all()
    np.testing.assert_allclose(by.loc[1]["vq"], by.loc[1]["sq"], rtol=1e-9)


def test_no_codebook_for_the_uniform_law_beats_the_sphere_bound(frame):
    uniform = frame[frame.law == "uniform"]
    z = (uniform.distortion - uniform["prop2.lower.sphere"]) / uniform.standard_error
    assert z.min() > stats.norm.ppf(FALSE_ALARM / len(z))
    assert (uniform["prop2.lower.sphere"] > uniform["prop2.lower.sharp"]).all()


def test_a_lower_bound_of_a_third_would_be_broken_by_vectors_in_three_dimensions(frame):
    rows = frame[(frame.law == "uniform") & (frame.method == "kmeans-vq") & (frame.dim == 3)]
    assert len(rows)
    third = rows.dim / 3 * rows.codebook_size ** (-2 / rows.dim) * 1.15
    assert ((rows.distortion - third) / rows.standard_error).min() < stats.norm.ppf(FALSE_ALARM / len(rows))


def test_optimal_scalar_quantizers_of_the_uniform_law_cost_their_exact_optimum(frame):
    rows = frame[(frame.law == "uniform") & (frame.method == "sq")]
    z = (rows.distortion - rows.expected_distortion) / rows.standard_error
    assert np.abs(z).max() < stats.norm.isf(FALSE_ALARM / 2 / len(z))
    worse = (rows.distortion - 1.2 * rows.expected_distortion) / rows.standard_error
    assert worse.min() < stats.norm.ppf(FALSE_ALARM / len(z)), "twenty percent would be noticed"


def test_vector_quantizers_named_so_are_optimal_and_fitted_ones_are_named_kmeans(frame):
    exact = frame[frame.method == "vq"]
    assert exact.expected_distortion.notna().all()
    assert set(exact[exact.law != "finite"].dim) == {1}
    line = frame[frame.dim == 1].set_index(["law", "codebook_size", "trial", "method"]).distortion.unstack()
    pairs = line.dropna()
    assert len(pairs)
    np.testing.assert_allclose(pairs["vq"], pairs["sq"], rtol=1e-9)
    fitted = frame[frame.method == "kmeans-vq"]
    assert set(fitted.dim) == {2, 3}
    assert fitted.in_sample_distortion.notna().all()
    assert fitted.expected_distortion.isna().all()


def test_the_saddle_law_reaches_two_over_e_at_two_levels_and_the_sharp_constant_at_five_codewords(frame):
    saddles = frame[(frame.law == "saddle") & frame.expected_distortion.notna()]
    np.testing.assert_allclose(saddles.expected_distortion, saddles.dim / (2 * math.e))
    z = (saddles.distortion - saddles.expected_distortion) / saddles.standard_error
    assert np.abs(z).max() < stats.norm.isf(FALSE_ALARM / 2 / len(z))
    five = saddles[(saddles.dim == 2) & (saddles.codebook_size == 5)]
    np.testing.assert_allclose(five.expected_distortion, five["prop2.upper.sharp"])
    np.testing.assert_allclose(five.constant, 5 / (2 * math.e), rtol=0.05)


def test_the_saddle_law_has_its_atoms_and_no_better_two_levels():
    x = saddle(40_000, 1, rng=np.random.default_rng(0))[:, 0]
    share = np.mean(np.abs(x) == 1)
    mass = 1 - math.tanh(0.5)
    assert abs(share - mass) < 6.5 * math.sqrt(mass * (1 - mass) / len(x))
    assert np.abs(x[np.abs(x) < 1]).max() <= (1 - 1 / math.e) / 2
    # in-sample optima lie below 1 / (2e) by sampling noise only
    np.testing.assert_allclose(
        optimal_distortion_1d(x, np.full(len(x), 1 / len(x)), 2), 1 / (2 * math.e), rtol=0.02
    )


def test_findings_name_both_constants(frame):
    assert all("0.9197" in line and "0.2342" in line for line in findings(frame))


def test_findings_take_means_of_trials_not_their_largest(frame):
    table = laws(frame)
    five = table[(table.law == "saddle") & (table.dim == 2) & (table.codebook_size == 5)].iloc[0]
    trials = frame[(frame.law == "saddle") & (frame.dim == 2) & (frame.codebook_size == 5)].constant
    assert five.constant == pytest.approx(trials.mean(), rel=1e-12)
    assert five.error == pytest.approx(trials.std(ddof=1) / math.sqrt(len(trials)), rel=1e-12)
    assert five.constant < trials.max()
    assert five.exact == pytest.approx(5 / (2 * math.e))
    line = next(line for line in findings(frame) if line.startswith("d=2"))
    assert f"sq {five.constant:.4f} +- {five.error:.4f} (saddle, K=5; exact 0.9197)" in line


def test_a_trial_of_random_atoms_is_a_law_of_its_own(frame):
    atoms = laws(frame)
    atoms = atoms[atoms.law == "finite"]
    assert (atoms.groupby(["dim", "method"]).size() == frame.trial.nunique()).all()
    assert (atoms.error == 0).all()
    np.testing.assert_allclose(atoms.constant, atoms.exact)
