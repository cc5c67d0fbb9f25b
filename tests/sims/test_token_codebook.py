"""Equal bits are not equal distortion; the maps and their resizing are what they claim."""

import numpy as np
import pytest

from sims import _maps
from sims.runner import run_study
from sims.token_codebook import DIM, SCALES, SIDE, STUDY, findings


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


def test_all_ways_spend_the_same_bits(frame):
    assert (frame.bits == SIDE * SIDE * 2 * np.log2(frame["size"])).all()
    assert sum(s * s for s in SCALES) == 2 * SIDE * SIDE


def test_equal_bits_are_not_equal_distortion(frame):
    independent = frame[frame.correlation == 0].set_index("method").distortion
    assert independent["vq"] < independent["split"] < independent["multiscale"]
    correlated = frame[frame.correlation == 0.95].set_index("method").distortion
    assert correlated["multiscale"] < 0.5 * correlated["vq"]


def test_no_code_of_a_map_beats_its_distortion_rate_function(frame):
    assert (frame.distortion - 7 * frame.standard_error > frame.map_distortion_rate).all()
    alone = frame[(frame.correlation == 0) & (frame.method != "multiscale")]
    np.testing.assert_allclose(alone.map_distortion_rate, alone.vector_distortion_rate, rtol=1e-9)


def test_codes_of_maps_gain_from_correlation_what_no_code_of_single_vectors_can(frame):
    limit = frame[frame.correlation == 0.95].vector_distortion_rate.min()
    multiscale = frame[(frame.correlation == 0.95) & (frame.method == "multiscale")]
    assert (multiscale.distortion < limit).all()


def test_a_limit_stands_only_on_rows_to_which_it_applies(frame):
    """Coarse tokens tell of many vectors at once, so the limit of codes of single vectors is not theirs."""
    assert frame.map_distortion_rate.notna().all()
    without = frame[frame.vector_distortion_rate.isna()]
    assert set(without.method) == {"multiscale"}
    assert len(without) == (frame.method == "multiscale").sum()
    held = frame[frame.vector_distortion_rate.notna()]
    assert (held.distortion > held.vector_distortion_rate).all()


def test_maps_have_the_covariance_they_claim():
    maps = _maps.gaussian_maps(40_000, 3, 1, 0.8, rng=rng())[..., 0].reshape(-1, 9)
    axis = _maps.axis_covariance(3, 0.8)
    np.testing.assert_allclose(np.cov(maps, rowvar=False), np.kron(axis, axis), atol=0.05)
    np.testing.assert_allclose(
        sorted(_maps.spectrum(3, 1, 0.8)), np.linalg.eigvalsh(np.kron(axis, axis)), rtol=1e-9
    )


@pytest.mark.parametrize("small", [1, 2, 3, 5, 8])
def test_resizing_keeps_constants_and_full_size_is_the_identity(small):
    np.testing.assert_allclose(_maps.shrinking(8, small) @ np.ones(8), 1, rtol=1e-12)
    np.testing.assert_allclose(_maps.growing(8, small) @ np.ones(small), 1, rtol=1e-12)
    if small == 8:
        np.testing.assert_allclose(_maps.shrinking(8, 8), np.eye(8))
        np.testing.assert_allclose(_maps.growing(8, 8), np.eye(8))


def test_one_full_scale_is_plain_vector_quantization():
    maps = _maps.gaussian_maps(50, 4, DIM, 0.3, rng=rng())
    fit = _maps.multiscale(maps, (4,), 16, rng=rng(1))
    words = np.unique(fit.reconstruct(maps).reshape(-1, DIM).round(9), axis=0)
    assert len(words) == 16
    squared = np.square(maps - fit.reconstruct(maps)).sum(axis=3).mean()
    np.testing.assert_allclose(squared, fit.in_sample_distortion, rtol=1e-9)


def test_findings_give_the_ratio_of_splitting_to_squaring(frame):
    assert all("splitting / squaring" in line for line in findings(frame))
