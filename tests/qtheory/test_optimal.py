"""Optimal scalar quantizers of vectors, and what has no optimum here."""

import itertools
import math

import numpy as np
import pytest

from qtheory.errors import DomainError, ShapeError
from qtheory.optimal import (
    lloyd_max,
    optimal_distortion_1d,
    optimal_product,
    optimal_scalar,
)
from qtheory.sources import Diagonal, FiniteSource, Gaussian, Laplace, Subspace, Uniform


@pytest.mark.parametrize(
    ("d", "K", "levels", "distortion"),
    [
        (8, 4096, (2, 2, 3, 3, 3, 3, 3, 4), 1.79511),
        (8, 256, (2,) * 8, 2.90704),
        (8, 8192, (3,) * 8, 1.52139),
        (16, 65536, (2,) * 16, 5.81408),
    ],
)
def test_optimal_scalar_quantizers_of_gaussian_vectors(d, K, levels, distortion):
    found = optimal_scalar(Gaussian(d), K)
    assert found.levels == levels
    assert found.distortion == pytest.approx(distortion, abs=5e-6)
    assert optimal_scalar(Gaussian(d, 2.5), K).distortion == pytest.approx(2.5 * found.distortion, rel=1e-12)


def test_allocation_of_densities_is_the_least_over_all_integer_levels():
    source = Diagonal([Gaussian(1, 4.0), Laplace(1, 1.0), Uniform(1, 0.4)])
    curves = [[lloyd_max(Diagonal([s]), n).distortion for n in range(1, 61)]
              for s in (Gaussian(1, 4.0), Laplace(1, 1.0), Uniform(1, 0.4))]  # fmt: skip
    for K in (7, 24, 60):
        best = min(
            sum(curve[n - 1] for curve, n in zip(curves, choice, strict=True))
            for choice in itertools.product(range(1, K + 1), repeat=3)
            if math.prod(choice) <= K
        )
        assert optimal_scalar(source, K).distortion == pytest.approx(best, rel=1e-14)


@pytest.mark.parametrize(("d", "n"), [(2, 3), (3, 4), (5, 2)])
def test_the_diagonal_of_the_cube_costs_scalar_quantizers_d_over_three_n_squared(d, n):
    assert optimal_scalar(Subspace.diagonal(d), n**d).distortion == pytest.approx(d / (3 * n**2), rel=1e-12)


def test_sign_bits_are_the_optimum_at_one_bit_for_laplace():
    assert optimal_scalar(Laplace(3, 2.0), 8).distortion == pytest.approx(3.0, abs=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lloyd_max(Gaussian(2), 4), ShapeError, "optimal_scalar"),
        (lambda: lloyd_max(Gaussian(1), 0), DomainError, "levels must be at least 1"),
        (lambda: lloyd_max(FiniteSource([[0.0], [1.0]], [0.5, 0.5]), 2), DomainError, "optimal_quantizer_1d"),
        (lambda: optimal_distortion_1d([0.0, 1.0], [1.0], 2), ShapeError, "one entry an atom"),
        (lambda: optimal_distortion_1d([0.0, 1.0], [0.5, 0.5], 0), DomainError, "K must be at least 1"),
        (lambda: optimal_product(FiniteSource([[0.0]], [1.0]), (2,), 2), ShapeError, "block_dims must sum"),
        (lambda: optimal_scalar(Subspace(Uniform(2), np.eye(3)[:, :2]), 4), DomainError, "no density known"),
    ],
)
def test_what_has_no_optimum_here_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
