"""The nearest codeword is the nearest one, also where float32 distances fail."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from qtheory.errors import DomainError, ShapeError
from sims import assign
from sims._faiss import search


def gaussian(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 8, 16])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_nearest_agrees_with_brute_force_in_float64(d, offset):
    x, codebook = gaussian(0, 500, d) + offset, gaussian(1, 70, d) + offset
    codes = assign.nearest(x, codebook)
    exact = cdist(x, codebook, "sqeuclidean")
    # a float32 tie may go either way; the distortion may not move
    np.testing.assert_allclose(assign.distortion(x, codebook, codes), exact.min(axis=1), rtol=1e-5)
    assert codes.dtype == np.int64


def line(seed, n, K, d=8):
    """Uniform points and the uniform grid on the diagonal of R^d, whose distortion is d / (3 K^2)."""
    u = np.random.default_rng(seed).uniform(-1, 1, n)
    grid = (2 * np.arange(K) + 1) / K - 1
    return np.outer(u, np.ones(d)), np.outer(grid, np.ones(d))


@pytest.mark.parametrize("K", [256, 4096, 65536])
def test_distortion_on_a_line_is_exact_to_monte_carlo_noise(K):
    n, d = 20_000, 8
    x, codebook = line(0, n, K)
    errors = assign.distortion(x, codebook, assign.nearest(x, codebook)) * 3 * K**2 / d
    # each term lies in [0, 3] with mean 1; Hoeffding at a false-alarm rate of 1e-9
    assert abs(errors.mean() - 1) < 3 * np.sqrt(np.log(2e9) / (2 * n))


@pytest.mark.parametrize("K", [16, 64, 96])
def test_where_the_predicted_error_allows_float32_it_holds_on_the_line_too(K):
    """The rule's border on the line is K = 100, where the distortion is 1e-4 of the mean square norm."""
    x, codebook = line(0, 20_000, K)
    codes = search(np.float32(x), np.float32(codebook), threads=1)
    assert not assign._too_fine_for_float32(x - codebook[codes], x)
    found, least = (
        assign.distortion(x, codebook, some).mean() for some in (codes, assign.nearest(x, codebook))
    )
    assert least <= found < (1 + 1e-3) * least


def test_float32_distances_on_a_line_fail_where_the_float64_route_does_not():
    """Negative control: the same search in faiss alone picks codewords 100 times too far away."""
    x, codebook = line(0, 20_000, 65536)
    wrong = search(np.float32(x), np.float32(codebook), threads=2)
    right = assign.nearest(x, codebook)
    ratio = assign.distortion(x, codebook, wrong).mean() / assign.distortion(x, codebook, right).mean()
    assert ratio > 100


def test_tight_clusters_in_many_dimensions_take_the_float64_route():
    centres = gaussian(0, 300, 16)
    x = centres[np.random.default_rng(1).integers(300, size=2000)] + 1e-5 * gaussian(2, 2000, 16)
    exact = cdist(x, centres, "sqeuclidean").argmin(axis=1)
    assert assign._too_fine_for_float32(x - centres[exact], x)
    np.testing.assert_array_equal(assign.nearest(x, centres), exact)


def test_generic_vectors_take_the_faiss_route():
    x, codebook = gaussian(0, 1000, 8), gaussian(1, 256, 8)
    codes = cdist(x, codebook).argmin(axis=1)
    assert not assign._spans_few_dimensions(x)
    assert not assign._too_fine_for_float32(x - codebook[codes], x)


def test_wrong_codes_of_float32_do_not_hide_that_float32_is_too_coarse():
    """Codewords on eight short segments in five dimensions, closer together than float32 can tell."""
    rng = np.random.default_rng(0)
    ends, steps = np.repeat(gaussian(0, 8, 5), 500, axis=0), np.tile(np.linspace(0, 1e-6, 500), 8)
    codebook = ends + steps[:, None]
    x = codebook[rng.integers(4000, size=2000)] + rng.uniform(0, 1e-9, (2000, 1))
    right, wrong = assign.nearest(x, codebook), search(np.float32(x), np.float32(codebook), threads=1)
    assert assign.distortion(x, codebook, wrong).mean() > 2 * assign.distortion(x, codebook, right).mean()
    assert assign._too_fine_for_float32(x - codebook[wrong], x)
    np.testing.assert_array_equal(right, cdist(x, codebook).argmin(axis=1))


def test_codes_do_not_depend_on_threads():
    x, codebook = gaussian(0, 30_000, 8), gaussian(1, 256, 8)
    np.testing.assert_array_equal(
        assign.nearest(x, codebook, threads=1), assign.nearest(x, codebook, threads=2)
    )


def test_few_vectors_get_the_codes_that_they_get_among_many():
    """faiss takes another path for fewer than 128,000 numbers of queries, and 14 times as long, by itself."""
    import faiss

    before = faiss.cvar.distance_compute_blas_threshold
    x, codebook = gaussian(0, 20_000, 8), gaussian(1, 256, 8)
    np.testing.assert_array_equal(assign.nearest(x, codebook)[:500], assign.nearest(x[:500], codebook))
    assert faiss.cvar.distance_compute_blas_threshold == before


@pytest.mark.parametrize("d", [2, 16])
@pytest.mark.parametrize("offset", [0.0, 1000.0, 1e36])
def test_vectors_in_float32_get_the_codes_that_they_get_in_float64(d, offset):
    single = [
        (gaussian(seed, n, d) * (1 + offset / 10) + offset).astype(np.float32)
        for seed, n in ((0, 3000), (1, 70))
    ]
    double = [array.astype(np.float64) for array in single]
    np.testing.assert_array_equal(assign.nearest(*single), assign.nearest(*double))
    np.testing.assert_array_equal(assign.nearest(single[0], double[1]), assign.nearest(*double))
    single[0][5] = np.nan
    with pytest.raises(DomainError, match=f"x must be finite, got {d} NaN"):
        assign.nearest(*single)


def test_single_vectors_and_single_codewords():
    assert assign.nearest([[1.0, 2.0, 3.0, 4.0]], gaussian(0, 5, 4)).shape == (1,)
    assert (assign.nearest(gaussian(0, 5, 4), [[0.0, 0.0, 0.0, 0.0]]) == 0).all()


@pytest.mark.parametrize("power", [-3, 5])
def test_scaling_by_c_scales_the_distortion_by_c_squared(power):
    x, codebook, c = gaussian(0, 400, 4), gaussian(1, 30, 4), 2.0**power
    codes = assign.nearest(x, codebook)
    np.testing.assert_array_equal(codes, assign.nearest(c * x, c * codebook))
    np.testing.assert_array_equal(
        assign.distortion(c * x, c * codebook, codes), c**2 * assign.distortion(x, codebook, codes)
    )


def test_bad_arguments_are_named():
    x, codebook = gaussian(0, 5, 3), gaussian(1, 4, 3)
    with pytest.raises(ShapeError, match="dimension of x, 3"):
        assign.nearest(x, codebook[:, :2])
    with pytest.raises(ShapeError, match="x must not be empty"):
        assign.nearest(x[:0], codebook)
    with pytest.raises(DomainError, match="1 NaN or infinite"):
        assign.nearest(np.where(np.arange(15).reshape(5, 3) == 4, np.nan, x), codebook)
    with pytest.raises(DomainError, match=r"codes must lie in \[0, 4\), got 0 to 4"):
        assign.distortion(x, codebook, [0, 1, 2, 3, 4])
    with pytest.raises(DomainError, match="integers"):
        assign.distortion(x, codebook, np.zeros(5))
    with pytest.raises(ShapeError, match="codes must have shape"):
        assign.distortion(x, codebook, [0, 1])
    with pytest.raises(DomainError, match="threads must be at least 1"):
        assign.nearest(x, codebook, threads=0)


@pytest.mark.parametrize("exponent", [-500, -60, 60, 400])
def test_codes_do_not_depend_on_the_scale(exponent):
    rng = np.random.default_rng(0)
    x, codebook = rng.standard_normal((500, 5)), rng.standard_normal((40, 5))
    expected = assign.nearest(x, codebook)
    np.testing.assert_array_equal(
        assign.nearest(np.ldexp(x, exponent), np.ldexp(codebook, exponent)), expected
    )


@pytest.mark.parametrize("support_dim", range(1, 9))
def test_few_vectors_tell_the_dimension_of_the_support_as_many_do(support_dim):
    rng = np.random.default_rng(support_dim)
    axes = np.linalg.qr(rng.standard_normal((8, support_dim)))[0]
    x = rng.standard_normal((4096, support_dim)) @ axes.T
    from_few = assign._dimensions(assign._spread(x, assign._PILOT_ROWS), 1e-8)
    assert from_few == support_dim
    assert assign._spans_few_dimensions(x) == (support_dim <= assign.SUPPORT_DIM)


@pytest.mark.parametrize("far", [1e5, 1e9])
def test_a_vector_far_away_that_the_few_do_not_show_spoils_no_code(far):
    """All 4096 then seem to lie on a line, the 64 do not; float32 is too coarse, which its errors show."""
    rng = np.random.default_rng(0)
    x, codebook = rng.standard_normal((4096, 8)), rng.standard_normal((64, 8))
    x[5] *= far
    assert 5 not in np.linspace(0, 4095, assign._PILOT_ROWS).astype(int)
    exact = np.square(x[:, None] - codebook).sum(axis=2).argmin(axis=1)
    assert np.mean(assign.nearest(x, codebook) == exact) > 0.999
