"""Codebooks, products, token indices and grids."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.codebooks import Codebook, endpoint_grid, midpoint_grid, product, token_digits, token_index
from qtheory.errors import DomainError, ShapeError
from tests.strategies import codebooks

SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=5)


@given(SIZES)
def test_tokens_and_block_codes_correspond_one_to_one(sizes):
    tokens = np.arange(math.prod(sizes))
    digits = token_digits(tokens, sizes)
    assert len(np.unique(digits, axis=0)) == len(tokens)
    assert np.array_equal(token_index(digits, sizes), tokens)


def test_counting_from_one_as_printed_misses_the_range():
    sizes = np.array([2, 2])
    printed = [r1 + sizes[0] * r2 for r1 in (1, 2) for r2 in (1, 2)]
    assert sorted(printed) == [3, 4, 5, 6]


@given(st.lists(codebooks(max_size=4), min_size=1, max_size=3))
def test_a_product_holds_every_concatenation_at_its_token(vectors):
    books = [Codebook(v) for v in vectors]
    whole = product(*books)
    sizes = [book.codebook_size for book in books]
    assert whole.vectors.shape == (math.prod(sizes), sum(book.dim for book in books))
    for token, word in enumerate(whole.vectors):
        digits = token_digits(token, sizes)
        parts = [book.vectors[r] for book, r in zip(books, digits, strict=True)]
        assert np.array_equal(word, np.concatenate(parts))


def test_a_codebook_is_a_read_only_copy():
    given_vectors = np.zeros((2, 3), dtype=np.float32)
    book = Codebook(given_vectors)
    given_vectors[:] = 1
    assert not book.vectors.any()
    assert book.vectors.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        book.vectors[0, 0] = 1


@pytest.mark.parametrize("vectors", [np.zeros(3), np.zeros((0, 2)), np.zeros((2, 0))])
def test_a_codebook_must_be_a_matrix(vectors):
    with pytest.raises(ShapeError, match="vectors"):
        Codebook(vectors)


def test_a_codebook_must_be_finite():
    with pytest.raises(DomainError, match="vectors must be finite"):
        Codebook([[math.nan]])


@pytest.mark.parametrize("digits", [[2, 0], [-1, 0], [0.0, 1.0]])
def test_block_codes_out_of_range_are_refused(digits):
    with pytest.raises(DomainError, match="digits"):
        token_index(digits, (2, 2))


@pytest.mark.parametrize("token", [4, -1, 0.5])
def test_tokens_out_of_range_are_refused(token):
    with pytest.raises(DomainError, match=r"tokens must be integers in \[0, 4\)"):
        token_digits(token, (2, 2))


def test_malformed_block_structures_are_refused():
    with pytest.raises(ShapeError, match="length 3"):
        token_index([0, 0], (2, 2, 2))
    with pytest.raises(ShapeError, match="sizes must not be empty"):
        token_index([0], ())
    with pytest.raises(DomainError, match="2\\^63"):
        token_index([0] * 64, (2,) * 64)


@given(st.integers(2, 60))
def test_covering_radius_of_the_endpoint_grid_is_one_over_n_minus_one(n):
    grid = endpoint_grid(n).vectors.ravel()
    assert grid[0] == -1
    assert grid[-1] == 1
    assert np.diff(grid).max() / 2 == pytest.approx(1 / (n - 1), rel=1e-12)


@given(st.integers(1, 60))
def test_covering_radius_of_the_midpoint_grid_is_one_over_n(n):
    grid = midpoint_grid(n).vectors.ravel()
    gaps = np.concatenate([[grid[0] + 1], np.diff(grid) / 2, [1 - grid[-1]]])
    assert gaps == pytest.approx(np.full(n + 1, 1 / n), rel=1e-12)


def test_an_endpoint_grid_of_one_point_is_refused():
    with pytest.raises(DomainError, match="midpoint_grid"):
        endpoint_grid(1)
