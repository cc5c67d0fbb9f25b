"""Arguments are checked at the boundary: what is no number is not taken for one."""

from fractions import Fraction

import numpy as np
import pytest
import sympy

from qtheory import _check
from qtheory.codebooks import Codebook
from qtheory.errors import DomainError, ShapeError
from qtheory.quantizers import FSQ, LFQ, NearestNeighbor, distortion
from qtheory.sources import FiniteSource, Gaussian, Laplace, Mixture, Uniform


@pytest.mark.parametrize(
    "value", [2, 2.0, np.float32(2), np.int64(2), Fraction(2), sympy.Rational(2), np.array(2.0)]
)
def test_every_kind_of_real_number_is_one(value):
    assert _check.real("x", value) == 2.0
    assert _check.array("x", [value], ndim=1).tolist() == [2.0]


@pytest.mark.parametrize("value", ["2", b"2", True, 2j, np.complex128(2), None, [2.0], 10**400])
def test_nothing_else_is_a_real_number(value):
    with pytest.raises(DomainError, match=r"^x must be "):
        _check.real("x", value)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([["2"]], DomainError, "x must hold real numbers, got <U1"),
        ([[2j]], DomainError, "x must hold real numbers, got complex128"),
        ([[object()]], DomainError, "x must hold real numbers, got object"),
        ([[10**400]], DomainError, "x must hold real numbers"),
        ([[1.0], [1.0, 2.0]], ShapeError, "x must have rows of equal length"),
        ([[None]], DomainError, "x must be finite"),
        ([1.0], ShapeError, r"x must have 2 dimension\(s\), got shape \(1,\)"),
        ([[]], ShapeError, "x must not be empty"),
    ],
)
def test_nothing_else_is_a_matrix_of_real_numbers(value, error, message):
    with pytest.raises(error, match=message):
        _check.array("x", value, ndim=2)


RULES = [NearestNeighbor(Codebook([[0.0, 0.0], [1.0, 1.0]])), FSQ([3, 5]), LFQ(2)]


@pytest.mark.parametrize("rule", RULES)
def test_quantizers_refuse_complex_vectors(rule):
    for use in (rule.encode, lambda x: distortion(rule, x)):
        with pytest.raises(DomainError, match="x must hold real numbers, got complex128"):
            use([[1j, 0.0]])


SOURCES = [
    Gaussian(2), Uniform(2), Laplace(2), FiniteSource([[0.0], [1.0]], [0.5, 0.5]),
    Mixture([Gaussian(1), Uniform(1)], [0.5, 0.5]),
]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("rng", [0, None, np.random, np.random.RandomState(0)])
def test_no_seed_and_no_other_generator_is_taken_for_one(source, rng):
    with pytest.raises(DomainError, match=r"rng must be a numpy.random.Generator, got .*default_rng\(seed\)"):
        source.sample(3, rng=rng)


def test_texts_are_no_parameters_of_sources():
    with pytest.raises(DomainError, match="variance must be a real number, got '1' of type str"):
        Gaussian(8, "1")
    with pytest.raises(DomainError, match="mean must hold real numbers"):
        Gaussian(2, mean="1")
    with pytest.raises(DomainError, match="dim must be an integer, got '8' of type str"):
        Gaussian("8")


@pytest.mark.parametrize("kind", [Gaussian, Uniform, Laplace])
def test_a_dimension_whose_covariance_no_memory_holds_is_refused(kind):
    with pytest.raises(DomainError, match="dim must be at most 10000, got 1000000000"):
        kind(10**9)
