"""Fitted codebooks are stationary, complete, and optimal where the optimum is known."""

import ckmeans
import numpy as np
import pytest

from qtheory.errors import DomainError
from sims import _lloyd_tree, assign, kmeans


def rng(seed=0):
    return np.random.default_rng(seed)


def exact_1d(x, K):
    """Sum of squares of the optimal partition, by dynamic programming, over n."""
    clusters = ckmeans.ckmeans(x, K)
    return sum(((cluster - cluster.mean()) ** 2).sum() for cluster in clusters) / len(x)


@pytest.mark.parametrize("K", [1, 2, 3, 4])
def test_best_of_many_starts_is_the_dynamic_programming_optimum_in_one_dimension(K):
    x = rng(1).standard_normal(60)
    found = kmeans.fit(x[:, None], K, rng=rng(), restarts=60)
    np.testing.assert_allclose(found.in_sample_distortion, exact_1d(x, K), rtol=1e-9)


@pytest.mark.parametrize("K", [2, 8, 30])
def test_no_start_beats_the_dynamic_programming_optimum(K):
    x = rng(2).standard_normal(200)
    found = kmeans.fit(x[:, None], K, rng=rng())
    assert found.in_sample_distortion >= exact_1d(x, K) * (1 - 1e-12)


def test_every_codeword_is_near_a_vector_and_distortion_is_recomputed():
    x = rng().standard_normal((3000, 8)) + 50
    found = kmeans.fit(x, 200, rng=rng(1))
    codes = assign.nearest(x, found.codebook)
    assert np.unique(codes).size == 200
    assert found.in_sample_distortion == assign.distortion(x, found.codebook, codes).mean()
    assert found.codebook.dtype == np.float64


def test_codewords_are_close_to_the_means_of_their_cells():
    x = rng().standard_normal((2000, 4))
    found = kmeans.fit(x, 10, rng=rng(1), iterations=300)
    codes = assign.nearest(x, found.codebook)
    means = np.stack([x[codes == k].mean(axis=0) for k in range(10)])
    np.testing.assert_allclose(found.codebook, means, atol=1e-6)


def test_empty_cells_are_repaired():
    """98 % of the vectors coincide nearly; random starts put most codewords there."""
    x = np.concatenate([1e-9 * rng().standard_normal((980, 4)), 10 * rng(1).standard_normal((20, 4))])
    found = kmeans.fit(x, 40, rng=rng(2))
    assert np.unique(assign.nearest(x, found.codebook)).size == 40
    assert found.in_sample_distortion < 1e-15


def test_as_many_codewords_as_distinct_vectors_is_lossless():
    x = np.repeat(rng().standard_normal((12, 3)), 4, axis=0)
    found = kmeans.fit(x, 12, rng=rng())
    assert found.in_sample_distortion < 1e-25


@pytest.mark.parametrize("n", [100_000])
def test_no_vector_is_dropped(n):
    """faiss by default keeps 256 vectors a codeword; K = 1 then gives the mean of a subsample."""
    x = rng().standard_normal((n, 4))
    np.testing.assert_allclose(kmeans.fit(x, 1, rng=rng()).codebook[0], x.mean(axis=0), atol=1e-12)
    assert kmeans.fit(x, 2, rng=rng(), iterations=1).n == n


def test_equal_generators_give_equal_codebooks_whatever_the_threads():
    x = rng().standard_normal((100_000, 8))
    one = kmeans.fit(x, 64, rng=rng(5), threads=1)
    two = kmeans.fit(x, 64, rng=rng(5), threads=2)
    np.testing.assert_array_equal(one.codebook, two.codebook)
    assert (one.codebook != kmeans.fit(x, 64, rng=rng(6)).codebook).any()


def test_more_restarts_never_fit_worse():
    x = rng().standard_normal((500, 2))
    distortions = [
        kmeans.fit(x, 20, rng=rng(3), restarts=restarts).in_sample_distortion for restarts in (1, 3, 9)
    ]
    assert distortions == sorted(distortions, reverse=True)


def test_too_few_vectors_are_reported_with_their_number():
    with pytest.raises(DomainError, match="at least codebook_size=6 vectors, got 5"):
        kmeans.fit(rng().standard_normal((5, 2)), 6, rng=rng())
    with pytest.raises(DomainError, match="at least codebook_size=6 distinct vectors, got 4"):
        kmeans.fit(np.repeat(rng().standard_normal((4, 2)), 5, axis=0), 6, rng=rng())
    with pytest.raises(DomainError, match="restarts must be at least 1"):
        kmeans.fit(rng().standard_normal((5, 2)), 2, rng=rng(), restarts=0)


@pytest.mark.parametrize("exponent", [-480, -100, 66, 130, 480])
def test_a_power_of_two_scales_the_fit_and_changes_no_digit(exponent):
    """Far beyond float32, in which faiss works: 2^130 is above its largest number, 2^-100 squared is 0."""
    x = rng(4).standard_normal((500, 5)) + 3
    one, other = (kmeans.fit(vectors, 30, rng=rng(1)) for vectors in (x, np.ldexp(x, exponent)))
    np.testing.assert_array_equal(other.codebook, np.ldexp(one.codebook, exponent))
    assert other.in_sample_distortion == np.ldexp(one.in_sample_distortion, 2 * exponent)


def test_a_small_spread_around_a_large_offset_is_no_lack_of_distinct_vectors():
    x = 1e6 + 1e-6 * rng(5).standard_normal((400, 5))
    found = kmeans.fit(x, 20, rng=rng(1))
    assert 0 < found.in_sample_distortion < 5e-12
    assert np.unique(assign.nearest(x, found.codebook)).size == 20


@pytest.mark.parametrize("scale", [1e200, 1e307, 1e-200, 1e-307])
def test_a_distortion_outside_float64_is_an_error(scale):
    x = scale * rng(6).standard_normal((100, 5))
    with pytest.raises(DomainError, match="whose square lies in the range of float64"):
        kmeans.fit(x, 10, rng=rng(1))
    codes = assign.nearest(x, x[:10])
    with pytest.raises(DomainError, match="squared errors must lie in the range of float64"):
        assign.distortion(x, x[:10], codes)
    np.testing.assert_array_equal(codes, assign.nearest(x / scale, x[:10] / scale))


def test_a_seed_is_no_generator():
    with pytest.raises(DomainError, match=r"rng must be a numpy.random.Generator, got 0"):
        kmeans.fit(rng().standard_normal((5, 2)), 2, rng=0)


@pytest.fixture
def small_trees(monkeypatch):
    monkeypatch.setattr(_lloyd_tree, "MANY", 64)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_tree_fits_what_faiss_fits(d, monkeypatch):
    x, fresh = rng().random((6000, d)), rng(2).random((6000, d))
    by_faiss = kmeans.fit(x, 100, rng=rng(1))
    monkeypatch.setattr(_lloyd_tree, "MANY", 64)
    by_tree = kmeans.fit(x, 100, rng=rng(1))
    assert by_tree.codebook.tolist() != by_faiss.codebook.tolist()
    one, other = (
        assign.distortion(fresh, fit.codebook, assign.nearest(fresh, fit.codebook)).mean()
        for fit in (by_tree, by_faiss)
    )
    assert one == pytest.approx(other, rel=0.25 if d == 1 else 0.05)  # starts on a line differ more
    few = kmeans.fit(x, 100, rng=rng(1), iterations=1)
    assert by_tree.in_sample_distortion < few.in_sample_distortion


@pytest.mark.usefixtures("small_trees")
def test_a_tree_fits_the_same_whatever_the_threads_and_leaves_no_codeword_without_a_vector():
    x = rng().random((5000, 2)) ** 3
    one, two = (kmeans.fit(x, 500, rng=rng(1), threads=threads) for threads in (1, 2))
    assert one.codebook.tobytes() == two.codebook.tobytes()
    codes = assign.nearest(x, one.codebook)
    assert np.bincount(codes, minlength=500).min() > 0
    assert one.in_sample_distortion == pytest.approx(
        assign.distortion(x, one.codebook, codes).mean(), rel=1e-12
    )


@pytest.mark.parametrize(("d", "K", "called"), [(3, 64, True), (3, 63, False), (4, 64, False)])
def test_a_tree_is_taken_for_many_codewords_in_few_dimensions(d, K, called, small_trees, monkeypatch):
    calls = []
    inner = _lloyd_tree.lloyd
    monkeypatch.setattr(_lloyd_tree, "lloyd", lambda *given: calls.append(1) or inner(*given))
    kmeans.fit(rng().random((1000, d)), K, rng=rng(1))
    assert bool(calls) is called


def test_neighbours_come_together_and_none_is_lost():
    x = rng().random((20_000, 2))
    y = _lloyd_tree.neighbours_together(x)
    np.testing.assert_array_equal(np.unique(x, axis=0), np.unique(y, axis=0))
    steps = [np.linalg.norm(np.diff(rows, axis=0), axis=1).mean() for rows in (x, y)]
    assert steps[1] < 0.1 * steps[0]


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_search_that_remembers_finds_the_nearest_codeword_of_every_codebook(d):
    x = rng().random((5000, d)) + 100.0
    search = _lloyd_tree.Search(x, 1)
    codebook = x[:200]
    for step in (0.0, 1e-3, 0.02, 1.0):  # from none to one that moves all codewords past each other
        moved = codebook + step * rng(1).standard_normal(codebook.shape)
        np.testing.assert_array_equal(search(moved), assign.nearest(x, moved))
    codebook = np.repeat(codebook[:100], 2, axis=0)  # no gap: both are as near
    errors = [
        assign.distortion(x, codebook, codes) for codes in (search(codebook), assign.nearest(x, codebook))
    ]
    np.testing.assert_array_equal(*errors)


def test_a_search_that_remembers_searches_few_again_where_codewords_hardly_move(monkeypatch):
    x = rng().random((5000, 2))
    codebook = kmeans.fit(x, 100, rng=rng(1)).codebook
    search = _lloyd_tree.Search(x, 1)
    search(codebook)
    searched = []
    inner = assign.nearest
    monkeypatch.setattr(
        assign, "nearest", lambda y, *given, **more: searched.append(len(y)) or inner(y, *given, **more)
    )
    search(codebook + 1e-6)
    assert len(searched) == 1
    assert 0 < searched[0] < 2500
