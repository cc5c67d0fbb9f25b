"""The base of all sources: what is known of a law on R^d, and what follows from independent coordinates."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory._marginals import Marginal
from qtheory.errors import DomainError, ShapeError

Array = NDArray[np.float64]

LARGEST_DIM = 10_000


def read_only(value: ArrayLike) -> Array:
    result = np.array(value, dtype=np.float64)
    result.setflags(write=False)
    return result


def dimension(value: int) -> int:
    """Return a dimension for which a covariance matrix can be held."""
    dim = _check.integer("dim", value)
    if dim > LARGEST_DIM:
        raise DomainError(
            f"dim must be at most {LARGEST_DIM}, got {dim}: a covariance would not fit in memory; at such "
            "dimensions use the bounds, which need no source"
        )
    return dim


def mean_vector(value: ArrayLike, dim: int) -> Array:
    given = _check.numbers("mean", value)
    if given.ndim > 1 or (given.ndim == 1 and given.shape != (dim,)):
        raise ShapeError(f"mean must be a number or have shape ({dim},), got shape {given.shape}")
    return _check.array("mean", np.broadcast_to(given, (dim,)), ndim=1)


class Source(ABC):
    """A law on R^d.

    Attributes
    ----------
    dim : int
        Dimension d.
    mean : (d,) array
        Expectation.
    covariance : (d, d) array
        Covariance matrix.
    support_dim : int
        Dimension of the smallest affine subspace that carries the law.
    independent : bool
        Whether the coordinates are known to be independent.
    """

    dim: int
    mean: Array
    support_dim: int
    independent: bool = False

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__:
            raise AttributeError(f"{name} of a source is fixed, got {value!r}; build another source")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(dim={self.dim}, variance={self.variance:g})"

    @cached_property
    def covariance(self) -> Array:
        """Covariance matrix, of shape ``(d, d)``; each source sets it, or makes it when asked for."""
        raise NotImplementedError(f"{type(self).__name__} must set covariance")

    @property
    def variance(self) -> float:
        """Variance per coordinate: squared distance to the mean, averaged over coordinates."""
        return float(self.coordinate_variances.sum()) / self.dim

    @property
    def coordinate_variances(self) -> Array:
        """Variance of every coordinate, of shape ``(d,)``."""
        return np.diag(self.covariance).copy()

    @property
    def has_density(self) -> bool:
        """Whether the law has a density on R^d."""
        return self.support_dim == self.dim

    @abstractmethod
    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw independent vectors.

        Parameters
        ----------
        n : int
            Number of vectors.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        (n, d) array
            One vector a row.

        Raises
        ------
        DomainError
            If `n` is no positive integer, or `rng` is no generator.
        """

    def marginal(self, j: int) -> Marginal:
        """Return the law of one coordinate.

        Parameters
        ----------
        j : int
            The coordinate, counted from 0.

        Returns
        -------
        Marginal
            Density, masses and moments of intervals.

        Raises
        ------
        DomainError
            If it is not known exactly.
        """
        raise DomainError(
            f"coordinate {j} of {type(self).__name__} has no density known exactly; "
            "use optimal_distortion_1d on its atoms or on a sample"
        )

    @property
    def differential_entropy(self) -> float:
        """Differential entropy in nats; `DomainError` where it is not known or not finite."""
        self._require_density("differential_entropy")
        return sum(self.marginal(j).differential_entropy for j in range(self.dim))

    def density_power_integral(self, p: float) -> float:
        """Return the integral of ``f^p`` over R^d.

        Parameters
        ----------
        p : float
            Exponent, above 0.

        Returns
        -------
        float
            In units of the coordinates to the power ``d (1 - p)``.

        Raises
        ------
        DomainError
            If it is not known, or there is no density.
        """
        p = _check.real("p", p, above=0.0)
        self._require_density("density_power_integral")
        return math.prod(self.marginal(j).power_integral(p) for j in range(self.dim))

    @property
    def density_norm(self) -> float:
        """Zador's functional of the density: ``(int f^p)^(1/p)`` with ``p = d / (d + 2)``."""
        p = self.dim / (self.dim + 2)
        return self.density_power_integral(p) ** (1 / p)

    def _require_density(self, what: str) -> None:
        if not self.has_density:
            raise DomainError(
                f"{what} needs a density on R^{self.dim}, this {type(self).__name__} has none (its support "
                f"spans dimension {self.support_dim}); use a source on the subspace that carries it"
            )
        if not self.independent and self.dim > 1:
            raise DomainError(
                f"{what} is not known exactly for {type(self).__name__} in dimension {self.dim}; "
                "estimate it from a sample"
            )


class IndependentSource(Source):
    """Independent coordinates with known laws."""

    independent = True

    def __init__(self, marginals: Sequence[Marginal]) -> None:
        self._marginals = tuple(marginals)
        self.dim = len(self._marginals)
        self.mean = read_only([m.mean for m in self._marginals])
        self.support_dim = self.dim

    @property
    def coordinate_variances(self) -> Array:
        """Variance of every coordinate, of shape ``(d,)``."""
        return np.array([m.variance for m in self._marginals])

    @cached_property
    def covariance(self) -> Array:
        """Covariance matrix, of shape ``(d, d)``; made when asked for."""
        return read_only(np.diag(self.coordinate_variances))

    def marginal(self, j: int) -> Marginal:
        """Law of coordinate `j`, counted from 0."""
        return self._marginals[j]

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw `n` independent vectors, of shape ``(n, d)``."""
        n, rng = _check.integer("n", n), _check.generator("rng", rng)
        return np.column_stack([m.sample(n, rng=rng) for m in self._marginals])
