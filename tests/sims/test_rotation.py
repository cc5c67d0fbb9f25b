"""The rotation before a product of codebooks is one, and lowers the product's error where one can."""

import numpy as np
import pytest

from qtheory.errors import DomainError, ShapeError
from sims import _fitted, kmeans


def rng(seed=0):
    return np.random.default_rng(seed)


def correlated(n, dim, seed):
    """Gaussian vectors whose coordinates have correlation 0.9 with their neighbours."""
    distance = np.abs(np.subtract.outer(np.arange(dim), np.arange(dim)))
    return rng(seed).standard_normal((n, dim)) @ np.linalg.cholesky(0.9**distance).T


def error(fitted, x):
    return _fitted.errors(x, fitted.reconstruct(x))


@pytest.mark.parametrize(
    ("dims", "sizes"), [((4,), (8,)), ((1, 3), (4, 16)), ((2, 2), (8, 8)), ((1, 1, 1, 1), (2, 3, 4, 5))]
)
def test_columns_are_orthonormal_whatever_the_blocks(dims, sizes):
    rotation = kmeans.optimized_rotation(correlated(500, 4, 0) + 30, dims, sizes, rng=rng(1))
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(4), atol=1e-12)


@pytest.mark.parametrize(("dims", "sizes"), [((2, 2, 2), (16,) * 3), ((3, 3), (64, 64))])
def test_a_rotated_product_of_dependent_coordinates_costs_far_less_on_fresh_vectors(dims, sizes):
    train, fresh = correlated(4000, 6, 0), correlated(4000, 6, 1)
    plain = error(_fitted.product(train, dims, sizes, rng=rng(2)), fresh)
    turned = error(_fitted.optimized_product(train, dims, sizes, rng=rng(2)), fresh)
    gain = plain["distortion"] - turned["distortion"]
    assert gain > 7 * np.hypot(plain["standard_error"], turned["standard_error"])
    assert turned["distortion"] < 0.8 * plain["distortion"]


def test_a_rotated_product_of_alike_and_independent_coordinates_is_no_worse():
    """No rotation of an isotropic Gaussian gains anything, so none may lose anything either."""
    train, fresh = (rng(seed).standard_normal((6000, 4)) for seed in (0, 1))
    plain = error(_fitted.product(train, (2, 2), (16, 16), rng=rng(2)), fresh)
    turned = error(_fitted.optimized_product(train, (2, 2), (16, 16), rng=rng(2)), fresh)
    assert turned["distortion"] == pytest.approx(plain["distortion"], rel=0.03)


def test_where_a_rotation_undoes_the_dependence_it_is_found():
    """Two pairs of points on lines of their own: turned back, a word for each point leaves no error."""
    points = np.array([[a, b] for a in (-3.0, 3.0) for b in (-1.0, 1.0)])
    x = np.repeat(points, 50, axis=0) + 1e-3 * rng().standard_normal((200, 2))
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    given = x @ turn
    plain = _fitted.product(given, (1, 1), (2, 2), rng=rng(1)).in_sample_distortion
    turned = _fitted.optimized_product(given, (1, 1), (2, 2), rng=rng(1)).in_sample_distortion
    assert plain > 0.5
    assert turned < 1e-5


def test_equal_generators_give_equal_rotations():
    x = correlated(500, 4, 0)
    one, two = (kmeans.optimized_rotation(x, (2, 2), (8, 8), rng=rng(1)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("rows", "dims", "sizes", "error", "message"),
    [
        (50, (2, 2), (8,), ShapeError, r"block_sizes must have 2 numbers, one a block, got \(8,\)"),
        (50, (2, 2), (8, 8, 8), ShapeError, "block_sizes must have 2 numbers"),
        (50, (2, 2), (), ShapeError, "block_sizes must not be empty"),
        (50, (2, 2), 8, ShapeError, "block_sizes must be a sequence of integers, got 8"),
        (50, (2, 2), (8, 0), DomainError, r"block_sizes\[1\] must be at least 1, got 0"),
        (50, (2, 2), (8, 2.5), DomainError, r"block_sizes\[1\] must be an integer, got 2.5"),
        (50, (2, 3), (8, 8), ShapeError, "block_dims must sum to 4"),
        (7, (2, 2), (4, 8), DomainError, "x must have at least 8 vectors, got 7"),
        (1, (2, 2), (1, 1), DomainError, "x must have at least 2 vectors, got 1"),
    ],
)
def test_blocks_that_do_not_fit_are_refused_before_any_work(rows, dims, sizes, error, message):
    with pytest.raises(error, match=message):
        kmeans.optimized_rotation(rng().standard_normal((rows, 4)), dims, sizes, rng=rng(1))
