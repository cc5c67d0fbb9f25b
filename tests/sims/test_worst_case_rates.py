"""Proposition 2: no law breaks the upper bounds, and named laws reach the constants."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from qtheory.optimal import optimal_distortion_1d, optimal_vector
from qtheory.sources import FiniteSource
from sims._merges import optimal_with_two_atoms_more
from sims.runner import run_study
from sims.worst_case_rates import ATOMIC, STUDY, findings, laws, run, saddle

FALSE_ALARM = 1e-9


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


def cells(law, dim, trials=1):
    """The rows of a law in one dimension, of as many trials."""
    wanted = [c for c in STUDY.sweep("paper", seed=0).cells() if c.parameters["law"] == law]
    chosen = [c for c in wanted if c.parameters["dim"] == dim][:trials]
    assert len(chosen) == trials
    return pd.DataFrame([{**c.parameters, "trial": c.trial, **row} for c in chosen for row in run(c)])


def random_atoms(n, dim, rng):
    return FiniteSource(2 * rng.beta(0.4, 0.4, (n, dim)) - 1, rng.dirichlet(np.ones(n)))


@pytest.mark.parametrize(("n", "dim"), [(3, 1), (4, 2), (5, 4), (7, 3), (9, 8)])
def test_partitions_with_two_cells_fewer_than_atoms_are_searched_to_the_optimum(n, dim):
    rng = np.random.default_rng(n)
    for _ in range(5):
        source = random_atoms(n, dim, rng)
        exact = optimal_vector(source, n - 2).distortion
        assert optimal_with_two_atoms_more(source) == pytest.approx(exact, rel=1e-12)


def test_the_optimum_is_two_pairs_or_a_triple_whichever_is_cheaper():
    pairs = FiniteSource([[0.0], [1.0], [9.0], [10.0]], [0.25] * 4)
    assert optimal_with_two_atoms_more(pairs) == pytest.approx(0.25, rel=1e-12)
    triple = FiniteSource([[0.0], [0.5], [1.0], [10.0]], [0.25] * 4)
    assert optimal_with_two_atoms_more(triple) == pytest.approx(0.125, rel=1e-12)


@pytest.mark.parametrize("dim", [4, 8])
def test_exact_optima_of_finite_laws_exist_in_four_and_eight_dimensions(dim):
    rows = cells("finite", dim, trials=3).set_index(["trial", "method"])
    assert set(rows.codebook_size) == {2**dim}
    assert (rows.standard_error == 0).all()
    assert (rows.distortion == rows.expected_distortion).all()
    assert (rows.distortion <= rows["prop2.upper.sharp"]).all()
    by = rows.distortion.unstack()
    assert (by["vq"] > 0).all()
    assert (by["vq"] <= by["sq"]).all()


@pytest.mark.parametrize("law", ["finite", "many-atoms"])
def test_exact_optima_and_codebooks_found_obey_the_upper_bounds_and_the_hierarchy(frame, law):
    finite = frame[frame.law == law]
    assert set(finite.dim) == {1, 2, 3}
    assert (finite.distortion <= finite["prop2.upper.sharp"]).all()
    assert (finite["prop2.upper.sharp"] < finite["prop2.upper.paper"]).all()
    by = finite.set_index(["dim", "trial", "method"]).distortion.unstack()
    optima = by.dropna(subset="vq")
    assert (optima["vq"] <= optima["sq"] * (1 + 1e-12)).all()
    np.testing.assert_allclose(by.loc[1]["vq"], by.loc[1]["sq"], rtol=1e-9)


def test_a_codebook_for_many_atoms_of_eight_dimensions_lies_between_both_constants():
    rows = cells("many-atoms", 8).set_index("method")
    assert (rows.standard_error == 0).all()
    assert rows.expected_distortion.isna().to_dict() == {"sq": False, "kmeans-vq": True}
    assert rows.distortion["kmeans-vq"] < rows.distortion["sq"] < rows["prop2.upper.sharp"]["sq"]
    # an upper bound of a third on scalar codebooks would be broken by their exact optimum
    assert rows.constant["sq"] > 1 / 3


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
    assert set(exact[exact.law == "finite"].dim) == {1, 2, 3}
    line = frame[frame.dim == 1].set_index(["law", "codebook_size", "trial", "method"]).distortion.unstack()
    pairs = line.dropna()
    assert len(pairs)
    np.testing.assert_allclose(pairs["vq"], pairs["sq"], rtol=1e-9)
    fitted = frame[frame.method == "kmeans-vq"]
    assert set(fitted.dim) == {2, 3}
    drawn = fitted.law.isin(["uniform", "saddle"])
    assert set(fitted[drawn].law) == {"uniform", "saddle"}
    assert fitted[drawn].in_sample_distortion.notna().all()
    assert (fitted[~drawn].standard_error == 0).all(), "all atoms, not a sample of them"
    assert fitted.expected_distortion.isna().all()


def test_the_saddle_law_reaches_two_over_e_at_two_levels_and_the_sharp_constant_at_five_codewords(frame):
    saddles = frame[(frame.law == "saddle") & frame.expected_distortion.notna()]
    np.testing.assert_allclose(saddles.expected_distortion, saddles.dim / (2 * math.e))
    z = (saddles.distortion - saddles.expected_distortion) / saddles.standard_error
    assert np.abs(z).max() < stats.norm.isf(FALSE_ALARM / 2 / len(z))
    five = saddles[(saddles.dim == 2) & (saddles.codebook_size == 5)]
    np.testing.assert_allclose(five.expected_distortion, five["prop2.upper.sharp"])
    np.testing.assert_allclose(five.constant, 5 / (2 * math.e), rtol=0.05)


def test_vectors_do_better_than_levels_where_the_saddle_law_is_hard_and_obey_the_bounds(frame):
    hard = frame[(frame.law == "saddle") & (frame.dim > 1) & frame.expected_distortion.notna()]
    points = set(zip(hard.dim, hard.codebook_size, strict=True))
    assert points == {(2, 4), (2, 5), (3, 8)}
    found = frame[(frame.law == "saddle") & (frame.method == "kmeans-vq")]
    assert set(zip(found.dim, found.codebook_size, strict=True)) == points | {(2, 16), (3, 32)}
    assert (found.in_sample_distortion > 0).all()
    assert (found.points_per_centroid >= 32).all()
    assert (found.distortion < found["prop2.upper.sharp"]).all()
    keys = ["dim", "codebook_size", "trial"]
    vectors = found.set_index(keys)
    levels = hard[hard.method == "sq"].set_index(keys)
    gain = levels.expected_distortion - vectors.distortion.reindex(levels.index)
    assert (gain / vectors.standard_error.reindex(levels.index)).min() > stats.norm.isf(
        FALSE_ALARM / len(gain)
    )


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
    table, levels = laws(frame), frame[frame.method == "sq"]
    wanted = (table.law == "saddle") & (table.dim == 2) & (table.codebook_size == 5)
    five = table[wanted & (table.method == "sq")].iloc[0]
    trials = levels[(levels.law == "saddle") & (levels.dim == 2) & (levels.codebook_size == 5)].constant
    assert five.constant == pytest.approx(trials.mean(), rel=1e-12)
    assert five.error == pytest.approx(trials.std(ddof=1) / math.sqrt(len(trials)), rel=1e-12)
    assert five.constant < trials.max()
    assert five.exact == pytest.approx(5 / (2 * math.e))
    line = next(line for line in findings(frame) if line.startswith("d=2"))
    assert f"sq {five.constant:.4f} +- {five.error:.4f} (saddle, K=5; exact 0.9197)" in line


def test_a_trial_of_random_atoms_is_a_law_of_its_own(frame):
    atoms = laws(frame)
    atoms = atoms[atoms.law.isin(ATOMIC)]
    assert (atoms.groupby(["law", "dim", "method"]).size() == frame.trial.nunique()).all()
    assert (atoms.error == 0).all()
    known = atoms[atoms.method != "kmeans-vq"]
    np.testing.assert_allclose(known.constant, known.exact)
