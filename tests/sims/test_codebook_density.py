"""The spread of a random codebook: measurements on the exact curve, whose minimum is not at the source."""

import numpy as np
import pytest
from scipy import stats

from sims.codebook_density import STUDY, findings
from sims.runner import run_study

FALSE_ALARM = 1e-9


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


def rejects(ratios, expected):
    """t test of the mean of independent trials, each an average over 3,000 vectors."""
    error = ratios.std(ddof=1) / np.sqrt(len(ratios))
    return abs(ratios.mean() - expected) > error * stats.t.ppf(1 - FALSE_ALARM / 2, len(ratios) - 1)


def test_measurements_scatter_about_the_exact_curve(frame):
    ratios = frame.distortion / frame.expected_distortion
    for dim in (2, 8):
        assert not rejects(ratios[frame.dim == dim], 1.0)


def test_the_curve_of_a_matched_codebook_would_be_rejected_at_other_spreads(frame):
    narrow = frame[(frame.dim == 8) & (frame.codebook_variance == 2.0)]
    assert rejects(narrow.distortion / narrow.matched_distortion, 1.0)


def test_the_best_spread_is_below_the_source_at_low_rate_and_above_it_in_the_plane(frame):
    best = frame.groupby("dim").best_variance.first()
    assert best[8] < 0.8
    assert best[2] > 1.2
    assert (frame.best_distortion <= frame.expected_distortion * (1 + 1e-9)).all()
    assert (frame.best_distortion < 0.99 * frame.matched_distortion).all()


def test_no_spread_beats_shannon(frame):
    assert (frame.best_distortion > frame.shannon_lower_bound).all()


def test_findings_name_the_best_spread(frame):
    assert all("best codebook variance" in line for line in findings(frame))
