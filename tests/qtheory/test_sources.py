"""Sources: closed forms against quadrature, samples against moments, and what is refused."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate

from qtheory.errors import DomainError, ShapeError
from qtheory.results import stream
from qtheory.sources import (
    Diagonal,
    FiniteSource,
    Gaussian,
    Laplace,
    LogConcave,
    Mixture,
    Source,
    Subspace,
    Uniform,
)

LINE = {
    "gaussian": Gaussian(1, 1.7, mean=0.3),
    "laplace": Laplace(1, 0.8, mean=-0.4),
    "uniform": Uniform(1, 1.5, mean=0.2),
    "logistic": LogConcave(lambda x: -x - 2 * np.log1p(np.exp(-x))),
    "exponential": LogConcave(lambda x: -2 * x, support=(0, math.inf)),
    "truncated": LogConcave(lambda x: -((x - 3) ** 2), support=(0, 1)),
    "mixture": Mixture([Gaussian(1, 0.2, mean=-1), Laplace(1, 0.5, mean=2)], [0.3, 0.7]),
}


def quad(function, a, b):
    points = sorted({a, *(p for p in (-1, -0.4, 0, 0.2, 0.3, 2) if a < p < b), b})
    pairs = itertools.pairwise(points)
    return math.fsum(integrate.quad(function, p, q, epsabs=1e-13, epsrel=1e-12)[0] for p, q in pairs)


@pytest.mark.parametrize("name", LINE)
@pytest.mark.parametrize(("a", "b"), [(-0.7, 0.4), (0.1, 0.9), (0.35, 0.36), (-1.2, 1.1)])
def test_moments_of_a_cell_are_integrals_of_the_density(name, a, b):
    law = LINE[name].marginal(0)
    a, b = max(a, float(law.panels[0])), min(b, float(law.panels[-1]))
    for moment, power in ((law.mass, 0), (law.first_moment, 1), (law.second_moment, 2)):
        expected = quad(lambda x, k=power: float(law.pdf(x)) * x**k, a, b)
        assert float(moment(a, b)) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("name", LINE)
def test_moments_of_the_line_are_one_mean_and_second_moment(name):
    source = LINE[name]
    law = source.marginal(0)
    ends = (-math.inf, math.inf)
    assert float(law.mass(*ends)) == pytest.approx(1, abs=1e-13)
    assert float(law.first_moment(*ends)) == pytest.approx(float(source.mean[0]), abs=1e-12)
    second = source.variance + float(source.mean[0]) ** 2
    assert float(law.second_moment(*ends)) == pytest.approx(second, rel=1e-12)


@pytest.mark.parametrize("name", LINE)
@pytest.mark.parametrize("p", [1 / 3, 0.8, 1.0])
def test_power_integrals_and_entropy_are_integrals(name, p):
    source = LINE[name]
    law = source.marginal(0)
    low, high = max(-60, float(law.panels[0])), min(60, float(law.panels[-1]))
    expected = quad(lambda x: float(law.pdf(x)) ** p, low, high)
    assert source.density_power_integral(p) == pytest.approx(expected, rel=1e-8)

    def entropy(x):
        density = float(law.pdf(x))
        return -density * math.log(density) if density > 0 else 0.0

    assert source.differential_entropy == pytest.approx(quad(entropy, low, high), rel=1e-8)


@pytest.mark.parametrize("name", LINE)
def test_power_quantiles_invert_the_distribution_of_the_powered_density(name):
    law = LINE[name].marginal(0)
    u = np.array([0.1, 0.5, 0.77])
    for p in (1 / 3, 1.0):
        for level, x in zip(u, law.power_quantile(p, u), strict=True):
            low = max(float(law.panels[0]), -80.0)
            assert quad(lambda t, p=p: float(law.pdf(t)) ** p, low, float(x)) == pytest.approx(
                level * law.power_integral(p), abs=2e-2 * law.power_integral(p)
            )


def test_zadors_functional_of_gaussian_laplace_and_uniform_laws():
    for d in (1, 2, 8):
        covariance = np.diag(np.linspace(0.5, 2, d)) + 0.1
        expected = 2 * math.pi * np.linalg.det(covariance) ** (1 / d) * ((d + 2) / d) ** ((d + 2) / 2)
        assert Gaussian(d, covariance=covariance).density_norm == pytest.approx(expected, rel=1e-12)
        assert Laplace(d, 2.0).density_norm == pytest.approx(4 * ((d + 2) / d) ** (d + 2), rel=1e-12)
        assert Uniform(d, 3.0).density_norm == pytest.approx(36, rel=1e-12)


def test_entropy_of_a_correlated_gaussian_is_half_log_det():
    covariance = np.array([[2.0, 0.7], [0.7, 1.0]])
    expected = 0.5 * math.log((2 * math.pi * math.e) ** 2 * np.linalg.det(covariance))
    assert Gaussian(2, covariance=covariance).differential_entropy == pytest.approx(expected, rel=1e-13)


MANY: dict[str, Source] = {
    "correlated": Gaussian(2, covariance=[[2.0, 0.7], [0.7, 1.0]], mean=[1.0, -1.0]),
    "singular": Gaussian(2, covariance=[[1.0, 1.0], [1.0, 1.0]]),
    "cube": Uniform(3),
    "laplace": Laplace(3, 0.5, mean=[0.0, 1.0, 2.0]),
    "diagonal": Diagonal([Gaussian(1, 4.0), Laplace(1, 1.0, mean=3.0), Uniform(1)]),
    "planar mixture": Mixture([Gaussian(2, mean=[2.0, 0.0]), Uniform(2)], [0.4, 0.6]),
    "line": Subspace.diagonal(3),
    "plane": Subspace(Uniform(2), np.linalg.qr([[1.0, 2.0], [0.0, 1.0], [1.0, 1.0]])[0]),
    "finite": FiniteSource([[0.0, 1.0], [2.0, 2.0], [1.0, -3.0]], [0.2, 0.5, 0.3]),
    **LINE,
}


@pytest.mark.parametrize("name", MANY)
def test_samples_have_the_stated_mean_and_covariance(name):
    # a mean of n draws leaves 8 standard errors with probability below 2e-15 each, by the normal
    # limit at n = 40000; fourth moments are estimated from the same draws. False alarms below 1e-9.
    source = MANY[name]
    draws = source.sample(40_000, rng=stream(0, "sources", name))
    assert draws.shape == (40_000, source.dim)
    assert draws.dtype == np.float64
    centred = draws - source.mean
    products = centred[:, :, None] * centred[:, None, :]
    for values, expected in ((draws, source.mean), (products, source.covariance)):
        error = np.abs(values.mean(axis=0) - expected)
        assert (error <= 8 * values.std(axis=0) / 200 + 1e-12).all()
    # negative control: variances 1.4 times as large, 16 standard errors away or more, are not missed
    squares, wrong = centred**2, 1.4 * source.coordinate_variances
    width = 8 * squares.std(axis=0) / 200 + 1e-12
    assert (0.4 * source.coordinate_variances > 2 * width).all()
    assert (np.abs(squares.mean(axis=0) - wrong) > width).all()
    assert source.variance == pytest.approx(float(np.trace(source.covariance)) / source.dim)


def test_equal_streams_give_equal_samples():
    first = Gaussian(3).sample(5, rng=stream(1, "a"))
    assert (first == Gaussian(3).sample(5, rng=stream(1, "a"))).all()
    assert (first != Gaussian(3).sample(5, rng=stream(1, "b"))).any()


def test_sources_are_frozen():
    source = Gaussian(2)
    with pytest.raises(AttributeError, match="build another source"):
        source.dim = 3
    with pytest.raises(ValueError, match="read-only"):
        source.covariance[0, 0] = 2.0
    assert repr(source) == "Gaussian(dim=2, variance=1)"


def test_support_dimensions():
    assert {name: MANY[name].support_dim for name in ("singular", "cube", "line", "plane", "finite")} == {
        "singular": 1,
        "cube": 3,
        "line": 1,
        "plane": 2,
        "finite": 2,
    }
    assert not MANY["finite"].has_density
    assert not MANY["line"].has_density
    assert MANY["cube"].has_density


def test_every_coordinate_of_the_diagonal_is_uniform_on_minus_one_to_one():
    law = Subspace.diagonal(5).marginal(3)
    assert law.variance == pytest.approx(1 / 3)
    assert float(law.mass(-1, 0.5)) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Gaussian(2, -1.0), DomainError, "variance must be greater than 0"),
        (lambda: Gaussian(2, 1.0, covariance=np.eye(2)), DomainError, "exclude"),
        (lambda: Gaussian(2, covariance=[[1, 2], [2, 1]]), DomainError, "positive semidefinite"),
        (lambda: Gaussian(2, covariance=[[1, 0.5], [0.4, 1]]), DomainError, "symmetric"),
        (lambda: Gaussian(2, mean=[1, 2, 3]), ShapeError, "mean must be a number or have shape"),
        (lambda: Uniform(2, 0.0), DomainError, "half_width"),
        (lambda: Laplace(0), DomainError, "dim must be at least 1"),
        (lambda: Diagonal([Gaussian(2)]), ShapeError, "dimension 1"),
        (lambda: Mixture([Gaussian(1)], [0.5, 0.5]), ShapeError, "weights must have length 1"),
        (lambda: Mixture([Gaussian(1), Gaussian(2)], [0.5, 0.5]), ShapeError, "common dimension"),
        (lambda: Subspace(Gaussian(1), [[1.0], [1.0]]), DomainError, "orthonormal"),
        (lambda: FiniteSource([[0.0], [1.0]], [0.5, 0.6]), DomainError, "sum to 1"),
        (lambda: FiniteSource([0.0, 1.0], [0.5, 0.5]), ShapeError, "atoms must have 2 dimension"),
        (
            lambda: LogConcave(lambda x: np.logaddexp(-((x - 3) ** 2), -((x + 3) ** 2))),
            DomainError,
            "concave",
        ),
        (lambda: LogConcave(lambda x: -np.log1p(x**2)), DomainError, "concave|fall to -infinity"),
        (lambda: LogConcave(lambda x: -x, support=(1, 0)), DomainError, "lower < upper"),
        (lambda: Gaussian(2, covariance=np.ones((2, 2))).density_norm, DomainError, "needs a density"),
        (lambda: MANY["planar mixture"].differential_entropy, DomainError, "not known exactly"),
        (lambda: MANY["plane"].marginal(0), DomainError, "no density known exactly"),
        (lambda: MANY["finite"].marginal(0), DomainError, "optimal_distortion_1d"),
    ],
)
def test_what_is_not_a_source_or_not_known_is_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()
