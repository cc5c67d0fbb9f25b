"""Utilization bounds distortion from below only."""

import numpy as np
import pytest

from qtheory.limits import shannon_lower_bound
from qtheory.sources import Gaussian
from sims.runner import run_study
from sims.utilization import STUDY, findings


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


def test_distortion_lies_above_the_bounds_and_the_bounds_are_ordered(frame):
    assert (frame.distortion - 7 * frame.standard_error > frame.bound_utilization).all()
    assert (frame.distortion - 7 * frame.standard_error > frame.bound_perplexity).all()
    assert (frame.bound_size <= frame.bound_utilization * (1 + 1e-12)).all()
    assert (frame.bound_utilization <= frame.bound_perplexity * (1 + 1e-12)).all()


def test_the_bound_is_that_of_the_codewords_in_use(frame):
    for row in frame.itertuples():
        used = round(row.utilization * row.codebook_size)
        np.testing.assert_allclose(row.bound_utilization, shannon_lower_bound(Gaussian(row.dim), used))


def test_collapsed_codes_use_their_share(frame):
    rows = frame[frame.kind == "collapsed"]
    np.testing.assert_array_equal(rows.utilization, rows.parameter)


def test_collapse_costs_in_proportion_to_the_bound_within_a_factor(frame):
    for dim in (2, 8):
        rows = frame[(frame.dim == dim) & (frame.kind == "collapsed")].set_index("parameter").distortion
        assert 0.6 < rows[1 / 16] / rows[1.0] * (1 / 16) ** (2 / dim) <= 1.05


def test_full_use_by_interleaved_cells_does_not_keep_distortion_small(frame):
    by = frame.set_index(["dim", "kind", "parameter"])
    for dim in (2, 8):
        mixed, best = by.loc[(dim, "interleaved", 4.0)], by.loc[(dim, "collapsed", 1.0)]
        assert mixed.utilization == 1.0
        assert mixed.perplexity > best.perplexity * 0.99
        assert mixed.distortion > 1.5 * best.distortion


def test_the_best_codebook_in_the_plane_is_not_used_evenly(frame):
    best = frame[(frame.dim == 2) & (frame.kind == "collapsed") & (frame.parameter == 1)].iloc[0]
    assert best.perplexity < 0.95 * best.codebook_size
    assert best.optimal_perplexity_ratio < 0.85


def test_findings_compare_collapse_and_interleaving(frame):
    assert all("U^(-2/d)" in line and "interleaved" in line for line in findings(frame))
