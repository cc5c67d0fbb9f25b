"""Gaussian, uniform, Laplace and log-concave sources."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory._log_concave import LogConcaveMarginal
from qtheory._marginals import DoubleExponential, Flat, Marginal, Normal
from qtheory._source import IndependentSource, Source, dimension, mean_vector, read_only
from qtheory.errors import DomainError, ShapeError

Array = NDArray[np.float64]


@final
class Gaussian(Source):
    """Gaussian law.

    Parameters
    ----------
    dim : int
        Dimension d.
    variance : float, optional
        Variance of every coordinate, 1 where neither it nor `covariance` is given.
    covariance : (d, d) array, optional
        Covariance matrix, symmetric and positive semidefinite, in place of `variance`.
    mean : float or (d,) array, optional
        Expectation, 0 by default.

    Raises
    ------
    DomainError
        If the variance is not positive, the covariance is not symmetric positive semidefinite, or
        both are given.

    Examples
    --------
    >>> Gaussian(8, variance=2.0).variance
    2.0
    >>> round(Gaussian(1).density_norm / 12, 4)  # sqrt(3) pi / 2, the constant of Panter and Dite
    2.7207
    """

    def __init__(
        self,
        dim: int,
        variance: float | None = None,
        *,
        covariance: ArrayLike | None = None,
        mean: ArrayLike = 0.0,
    ) -> None:
        self.dim = dimension(dim)
        self.mean = read_only(mean_vector(mean, self.dim))
        if covariance is not None:
            if variance is not None:
                raise DomainError("variance and covariance exclude each other, got both; pass one of them")
            self._set_covariance(_check.array("covariance", covariance, ndim=2))
            return
        scale = 1.0 if variance is None else _check.real("variance", variance, above=0.0)
        self._variances = self._spectrum = np.full(self.dim, scale)
        self.support_dim, self.independent = self.dim, True

    def _set_covariance(self, matrix: Array) -> None:
        if matrix.shape != (self.dim, self.dim):
            raise ShapeError(f"covariance must have shape ({self.dim}, {self.dim}), got {matrix.shape}")
        if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0):
            raise DomainError("covariance must be symmetric; pass (C + C.T) / 2")
        self._spectrum, self._axes = np.linalg.eigh(matrix)
        slack = 1e-12 * self.dim * max(float(self._spectrum[-1]), 0.0)
        if self._spectrum[0] < -slack or self._spectrum[-1] <= 0:
            raise DomainError(
                f"covariance must be positive semidefinite and not zero, its eigenvalues run from "
                f"{self._spectrum[0]:.3g} to {self._spectrum[-1]:.3g}"
            )
        self.covariance = read_only(matrix)
        self._variances = np.diag(matrix).copy()
        self.support_dim = int(np.count_nonzero(self._spectrum > slack))
        self.independent = bool(np.count_nonzero(matrix - np.diag(self._variances)) == 0)

    @cached_property
    def covariance(self) -> Array:
        """Covariance matrix, of shape ``(d, d)``; made when asked for where it is not what was given."""
        return read_only(np.diag(self._variances))

    @property
    def coordinate_variances(self) -> Array:
        """Variance of every coordinate, of shape ``(d,)``."""
        return self._variances.copy()

    @property
    def eigenvalues(self) -> Array:
        """Eigenvalues of the covariance, ascending, of shape ``(d,)``."""
        return np.maximum(self._spectrum, 0.0)

    def marginal(self, j: int) -> Marginal:
        """Law of coordinate `j`, counted from 0."""
        return Normal(float(self.mean[j]), math.sqrt(self._variances[j]))

    def _rotated(self, what: str) -> tuple[Normal, ...]:
        if not self.has_density:
            self._require_density(what)
        return tuple(Normal(0.0, math.sqrt(value)) for value in self._spectrum)

    @property
    def differential_entropy(self) -> float:
        """Differential entropy in nats."""
        return sum(m.differential_entropy for m in self._rotated("differential_entropy"))

    def density_power_integral(self, p: float) -> float:
        """Integral of ``f^p`` over R^d for an exponent `p` > 0."""
        p = _check.real("p", p, above=0.0)
        return math.prod(m.power_integral(p) for m in self._rotated("density_power_integral"))

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw `n` independent vectors, of shape ``(n, d)``."""
        n, rng = _check.integer("n", n), _check.generator("rng", rng)
        x = rng.standard_normal((n, self.dim))
        if self.independent:
            deviations = np.sqrt(self._variances)
            # one number is quicker than a row of equal ones
            x *= deviations[0] if (deviations == deviations[0]).all() else deviations
        else:
            x = (x * np.sqrt(self.eigenvalues)) @ self._axes.T
        if self.mean.any():
            x += self.mean
        return x


@final
class Uniform(IndependentSource):
    """Uniform law on a cube.

    Parameters
    ----------
    dim : int
        Dimension d.
    half_width : float, optional
        Half the side of the cube; 1, the cube of the paper's Proposition 2, by default.
    mean : float or (d,) array, optional
        Centre of the cube, 0 by default.

    Examples
    --------
    >>> round(Uniform(2).variance, 6), round(Uniform(2).density_norm, 6)
    (0.333333, 4.0)
    """

    def __init__(self, dim: int, half_width: float = 1.0, *, mean: ArrayLike = 0.0) -> None:
        dim = dimension(dim)
        self.half_width = _check.real("half_width", half_width, above=0.0)
        super().__init__([Flat(float(m), self.half_width) for m in mean_vector(mean, dim)])


@final
class Laplace(IndependentSource):
    """Independent Laplace coordinates.

    Parameters
    ----------
    dim : int
        Dimension d.
    variance : float, optional
        Variance of every coordinate.
    mean : float or (d,) array, optional
        Expectation, 0 by default.

    Examples
    --------
    >>> round(Laplace(1).density_norm / 12, 12)  # Panter and Dite: 9/2 of the variance
    4.5
    """

    def __init__(self, dim: int, variance: float = 1.0, *, mean: ArrayLike = 0.0) -> None:
        dim = dimension(dim)
        scale = math.sqrt(_check.real("variance", variance, above=0.0) / 2)
        super().__init__([DoubleExponential(float(m), scale) for m in mean_vector(mean, dim)])


@final
class LogConcave(IndependentSource):
    """One-dimensional source given by the logarithm of a log-concave density.

    Parameters
    ----------
    log_density : callable
        Takes an array of points and returns the logarithm of the density there, up to a constant. It
        must be concave, and smooth except at its maximum.
    support : (float, float), optional
        Ends of the interval where the density is positive; they may be infinite.

    Raises
    ------
    DomainError
        If the function is not concave (checked on a grid), or is nowhere finite.

    Examples
    --------
    >>> logistic = LogConcave(lambda x: -x - 2 * np.log1p(np.exp(-x)))
    >>> round(logistic.variance, 10) == round(math.pi**2 / 3, 10)
    True
    """

    def __init__(
        self,
        log_density: Callable[[Array], Array],
        support: tuple[float, float] = (-math.inf, math.inf),
    ) -> None:
        lower, upper = (float(end) for end in support)
        if not lower < upper:
            raise DomainError(f"support must be an interval (lower, upper) with lower < upper, got {support}")
        super().__init__([LogConcaveMarginal(log_density, (lower, upper))])
