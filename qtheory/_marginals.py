"""One-dimensional laws with densities: cells' masses and moments, powers of the density, entropy."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def gauss_legendre(lower: Array, upper: Array) -> tuple[Array, Array]:
    """Return the 20 nodes and weights of every interval, each of shape ``(n, 20)``."""
    half = (upper - lower)[:, None] / 2
    return lower[:, None] + half * (1 + _NODES), half * _WEIGHTS


class Marginal(ABC):
    """A law on the line with a density.

    Attributes
    ----------
    log_concave : bool
        Whether the density is known to be log-concave.
    symmetric : bool
        Whether the density is known to be symmetric about the mean.
    """

    log_concave: ClassVar[bool] = False
    symmetric: ClassVar[bool] = False

    @property
    @abstractmethod
    def mean(self) -> float:
        """Expectation."""

    @property
    @abstractmethod
    def variance(self) -> float:
        """Variance."""

    @property
    @abstractmethod
    def panels(self) -> Array:
        """Ascending finite points; the density is smooth between neighbours, negligible outside."""

    @abstractmethod
    def pdf(self, x: ArrayLike) -> Array:
        """Density at `x`."""

    @abstractmethod
    def mass(self, a: ArrayLike, b: ArrayLike) -> Array:
        """Probability of the interval from `a` to `b`, for ``a <= b``."""

    @abstractmethod
    def first_moment(self, a: ArrayLike, b: ArrayLike) -> Array:
        """Integral of ``x f(x)`` from `a` to `b`."""

    @abstractmethod
    def second_moment(self, a: ArrayLike, b: ArrayLike) -> Array:
        """Integral of ``x^2 f(x)`` from `a` to `b`."""

    @abstractmethod
    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw `n` independent values."""

    def cdf(self, x: ArrayLike) -> Array:
        """Distribution function at `x`."""
        return self.mass(-np.inf, x)

    def _on_panels(self) -> tuple[Array, Array, Array]:
        nodes, weights = gauss_legendre(self.panels[:-1], self.panels[1:])
        return nodes, weights, self.pdf(nodes)

    @property
    def differential_entropy(self) -> float:
        """Differential entropy in nats."""
        _, weights, density = self._on_panels()
        return float(np.sum(weights * special.entr(density)))

    def power_integral(self, p: float) -> float:
        """Integral of the density to the power `p` > 0."""
        _, weights, density = self._on_panels()
        return float(np.sum(weights * density**p))

    def power_quantile(self, p: float, u: ArrayLike) -> Array:
        """Quantiles of the density proportional to ``f^p``, to the accuracy of a starting point."""
        _, weights, density = self._on_panels()
        cumulative = np.concatenate([[0.0], np.cumsum(np.sum(weights * density**p, axis=1))])
        return np.interp(np.asarray(u) * cumulative[-1], cumulative, self.panels)


@dataclass(frozen=True)
class LocationScale(Marginal):
    """The law of ``location + scale * Z`` for a fixed law of Z with closed forms, symmetric about 0."""

    symmetric = True
    location: float
    scale: float

    _entropy: ClassVar[float]
    _panels: ClassVar[Array]

    @property
    def panels(self) -> Array:
        return self.location + self.scale * self._panels

    def _standard(self, x: ArrayLike) -> Array:
        return (np.asarray(x, dtype=np.float64) - self.location) / self.scale

    @abstractmethod
    def _pdf(self, z: Array) -> Array: ...

    @abstractmethod
    def _moments(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """Mass, first and second moment of Z between `a` and `b`."""

    @abstractmethod
    def _power_integral(self, p: float) -> float: ...

    @abstractmethod
    def _power_quantile(self, p: float, u: Array) -> Array: ...

    def pdf(self, x: ArrayLike) -> Array:
        return self._pdf(self._standard(x)) / self.scale

    def mass(self, a: ArrayLike, b: ArrayLike) -> Array:
        return self._moments(self._standard(a), self._standard(b))[0]

    def first_moment(self, a: ArrayLike, b: ArrayLike) -> Array:
        mass, first, _ = self._moments(self._standard(a), self._standard(b))
        return self.location * mass + self.scale * first

    def second_moment(self, a: ArrayLike, b: ArrayLike) -> Array:
        mass, first, second = self._moments(self._standard(a), self._standard(b))
        return self.location**2 * mass + 2 * self.location * self.scale * first + self.scale**2 * second

    @property
    def differential_entropy(self) -> float:
        return self._entropy + math.log(self.scale)

    def power_integral(self, p: float) -> float:
        return self._power_integral(p) * self.scale ** (1 - p)

    def power_quantile(self, p: float, u: ArrayLike) -> Array:
        return self.location + self.scale * self._power_quantile(p, np.asarray(u, dtype=np.float64))


class Normal(LocationScale):
    """Gaussian law with standard deviation `scale`."""

    log_concave = True
    _entropy = 0.5 * math.log(2 * math.pi * math.e)
    _panels = np.linspace(-38.0, 38.0, 153)  # the density underflows beyond 38.6

    @property
    def mean(self) -> float:
        return self.location

    @property
    def variance(self) -> float:
        return self.scale**2

    def _pdf(self, z: Array) -> Array:
        return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    def _moments(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        # the upper tail is reflected, since 1 - tiny would lose the tiny
        mass = np.where(a > 0, special.ndtr(-a) - special.ndtr(-b), special.ndtr(b) - special.ndtr(a))
        at_a, at_b = self._pdf(a), self._pdf(b)
        bounded_a, bounded_b = np.clip(a, -40, 40), np.clip(b, -40, 40)  # infinity times zero is zero here
        return mass, at_a - at_b, mass + bounded_a * at_a - bounded_b * at_b

    def _power_integral(self, p: float) -> float:
        return (2 * math.pi) ** ((1 - p) / 2) / math.sqrt(p)

    def _power_quantile(self, p: float, u: Array) -> Array:
        return special.ndtri(u) / math.sqrt(p)

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        return self.location + self.scale * rng.standard_normal(n)


class Flat(LocationScale):
    """Uniform law on ``location ± scale``."""

    log_concave = True
    _entropy = math.log(2)
    _panels = np.linspace(-1.0, 1.0, 17)

    @property
    def mean(self) -> float:
        return self.location

    @property
    def variance(self) -> float:
        return self.scale**2 / 3

    def _pdf(self, z: Array) -> Array:
        return np.where(np.abs(z) <= 1, 0.5, 0.0)

    def _moments(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        a, b = np.clip(a, -1, 1), np.clip(b, -1, 1)
        return (b - a) / 2, (b**2 - a**2) / 4, (b**3 - a**3) / 6

    def _power_integral(self, p: float) -> float:
        return float(2 ** (1 - p))

    def _power_quantile(self, p: float, u: Array) -> Array:
        return 2 * u - 1

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        return self.location + self.scale * rng.uniform(-1.0, 1.0, n)


class DoubleExponential(LocationScale):
    """Laplace law with density ``exp(-|x - location| / scale) / (2 scale)``."""

    log_concave = True
    _entropy = 1 + math.log(2)
    _panels = np.concatenate([-np.geomspace(700, 0.5, 150), [0.0], np.geomspace(0.5, 700, 150)])

    @property
    def mean(self) -> float:
        return self.location

    @property
    def variance(self) -> float:
        return 2 * self.scale**2

    def _pdf(self, z: Array) -> Array:
        return np.exp(-np.abs(z)) / 2

    def _moments(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        tail_a, tail_b = self._pdf(a), self._pdf(b)
        mass = np.where(a > 0, tail_a - tail_b, np.where(b < 0, tail_b - tail_a, 1 - tail_a - tail_b))
        size_a, size_b = np.minimum(np.abs(a), 750), np.minimum(np.abs(b), 750)
        first = (1 + size_a) * tail_a - (1 + size_b) * tail_b
        lost_a = (size_a**2 + 2 * size_a + 2) * tail_a
        lost_b = (size_b**2 + 2 * size_b + 2) * tail_b
        second = np.sign(b) * (1 - lost_b) - np.sign(a) * (1 - lost_a)
        return mass, first, second

    def _power_integral(self, p: float) -> float:
        return float(2 ** (1 - p) / p)

    def _power_quantile(self, p: float, u: Array) -> Array:
        return np.where(u < 0.5, np.log(2 * np.minimum(u, 0.5)), -np.log(2 * np.minimum(1 - u, 0.5))) / p

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        return self.location + rng.laplace(scale=self.scale, size=n)


@dataclass(frozen=True)
class MixtureMarginal(Marginal):
    """Mixture of laws; nothing is claimed about log-concavity."""

    components: tuple[Marginal, ...]
    weights: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(w * c.mean for w, c in zip(self.weights, self.components, strict=True))

    @property
    def variance(self) -> float:
        second = sum(w * (c.variance + c.mean**2) for w, c in zip(self.weights, self.components, strict=True))
        return second - self.mean**2

    @cached_property
    def panels(self) -> Array:
        return np.unique(np.concatenate([c.panels for c in self.components]))

    def _sum(self, values: list[Array]) -> Array:
        return np.tensordot(np.array(self.weights), np.array(values), axes=1)

    def pdf(self, x: ArrayLike) -> Array:
        return self._sum([c.pdf(x) for c in self.components])

    def mass(self, a: ArrayLike, b: ArrayLike) -> Array:
        return self._sum([c.mass(a, b) for c in self.components])

    def first_moment(self, a: ArrayLike, b: ArrayLike) -> Array:
        return self._sum([c.first_moment(a, b) for c in self.components])

    def second_moment(self, a: ArrayLike, b: ArrayLike) -> Array:
        return self._sum([c.second_moment(a, b) for c in self.components])

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        which = rng.choice(len(self.weights), size=n, p=self.weights)
        result = np.empty(n)
        for k, component in enumerate(self.components):
            result[which == k] = component.sample(int(np.count_nonzero(which == k)), rng=rng)
        return result
