"""Limits are silent outside their hypotheses."""

import numpy as np
import pytest

from qtheory.errors import DomainError, ShapeError
from qtheory.limits import (
    bennett,
    entropy_coded_at_rate,
    entropy_coded_uniform,
    gaussian_distortion_rate,
    optimal_point_density,
    panter_dite,
    product_limit,
    shannon_lower_bound,
    zador,
)
from qtheory.sources import FiniteSource, Gaussian, Mixture, Subspace, Uniform


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: zador(Subspace.diagonal(3), 8), DomainError, "tends to 0"),
        (lambda: zador(FiniteSource([[0.0], [1.0]], [0.5, 0.5]), 8), DomainError, "tends to 0"),
        (
            lambda: zador(Mixture([Gaussian(2), Gaussian(2, 2.0)], [0.5, 0.5]), 8),
            DomainError,
            "not known exactly",
        ),
        (
            lambda: shannon_lower_bound(Gaussian(2, covariance=np.ones((2, 2))), 8),
            DomainError,
            "needs a density",
        ),
        (lambda: shannon_lower_bound(Gaussian(2), 0.5), DomainError, "K must be at least 1"),
        (lambda: panter_dite(Gaussian(2), 8), ShapeError, "scalar_limit"),
        (
            lambda: gaussian_distortion_rate([[1.0, 2.0], [2.0, 1.0]], 1.0),
            DomainError,
            "positive semidefinite",
        ),
        (lambda: gaussian_distortion_rate([[1.0, 0.2], [0.0, 1.0]], 1.0), DomainError, "symmetric"),
        (lambda: gaussian_distortion_rate([[1.0, 0.2]], 1.0), ShapeError, "square"),
        (lambda: gaussian_distortion_rate(np.eye(2), -1.0), DomainError, "rate must be at least 0"),
        (lambda: optimal_point_density(Uniform(2)), DomainError, "must be Gaussian"),
        (lambda: bennett(Gaussian(1), Gaussian(1, 2.0), 4), DomainError, "dense enough"),
        (lambda: bennett(Gaussian(1), Gaussian(1, 0.5), 4), DomainError, "dense enough"),
        (lambda: bennett(Gaussian(1), Uniform(1, 3.0), 4), DomainError, "dense enough"),
        (lambda: bennett(Gaussian(2), Gaussian(2), 4), ShapeError, "dimension 1"),
        (lambda: product_limit([], 4), ShapeError, "blocks must not be empty"),
        (lambda: entropy_coded_uniform(Gaussian(1), 1e-9), DomainError, "high-rate limit"),
        (lambda: entropy_coded_at_rate(Gaussian(2), 1.0), ShapeError, "dimension 1"),
    ],
)
def test_limits_refuse_what_they_say_nothing_about(call, error, message):
    with pytest.raises(error, match=message):
        call()
