"""Where k-means begins: at distinct vectors, as dense as the data or as optimal codewords."""

import numpy as np
import pytest

from qtheory.errors import DomainError
from sims import assign, kmeans, starts


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("start", [starts.random, starts.spread])
def test_starts_are_distinct_vectors_of_the_data(start):
    x = np.round(rng().standard_normal((4000, 2)), 1)
    found = start(x, 500, rng(1))
    assert len(np.unique(found, axis=0)) == 500
    assert {tuple(row) for row in found} <= {tuple(row) for row in x}


@pytest.mark.parametrize("start", [starts.random, starts.spread])
def test_one_codeword_for_equal_vectors_is_that_vector(start):
    assert start(np.tile([[1.0, 2.0]], (5, 1)), 1, rng()).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("start", [starts.random, starts.spread])
def test_too_few_distinct_vectors_are_refused(start):
    with pytest.raises(DomainError, match="at least codebook_size=5 distinct vectors, got 4 among 400"):
        start(np.tile(np.eye(4), (100, 1)), 5, rng())


@pytest.mark.parametrize("start", [starts.random, starts.spread])
def test_as_many_codewords_as_distinct_vectors_are_all_of_them(start):
    found = start(np.tile(np.eye(4), (100, 1)), 4, rng())
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(np.eye(4), axis=0))


def test_spread_starts_have_the_spread_of_optimal_codewords():
    # p^(1/2) of N(0, 1) in the plane is N(0, 2) up to scale, cut where vectors end; p itself has variance 1
    x = rng().standard_normal((65_536, 2))
    random, spread = (np.square(start(x, 1024, rng(1))).mean() for start in (starts.random, starts.spread))
    assert 0.9 < random < 1.1
    assert 1.6 < spread < 2.1


def test_many_codewords_in_a_plane_cost_less_after_few_iterations_from_spread_starts():
    """As `starts.spread` says: over 15 % less."""
    x, fresh = rng().standard_normal((32_768, 2)), rng(1).standard_normal((8192, 2))

    def cost(start, iterations):
        found = kmeans.fit(x, 1024, rng=rng(2), iterations=iterations, start=start).codebook
        return assign.distortion(fresh, found, assign.nearest(fresh, found)).mean()

    assert cost(starts.spread, 5) < 0.85 * cost(starts.random, 25)
