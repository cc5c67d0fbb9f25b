"""Sources built from other sources or from atoms."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory._marginals import LocationScale, Marginal, MixtureMarginal, Normal
from qtheory._source import IndependentSource, Source, read_only
from qtheory._standard_sources import Gaussian, Uniform
from qtheory.errors import DomainError, ShapeError

Array = NDArray[np.float64]


def _rank(covariance: Array) -> int:
    return int(np.linalg.matrix_rank(covariance, hermitian=True))


@final
class Diagonal(IndependentSource):
    """Independent coordinates, each a one-dimensional source of its own.

    Parameters
    ----------
    coordinates : sequence of Source
        One-dimensional sources with densities.

    Raises
    ------
    ShapeError
        If one of them has more than one dimension, or there is none.

    Examples
    --------
    >>> from qtheory.sources import Gaussian, Laplace
    >>> Diagonal([Gaussian(1, 4.0), Laplace(1, 1.0)]).coordinate_variances.round(12)
    array([4., 1.])
    """

    def __init__(self, coordinates: Sequence[Source]) -> None:
        dims = [source.dim for source in coordinates]
        if not dims or set(dims) != {1}:
            raise ShapeError(f"coordinates must be one or more sources of dimension 1, got dimensions {dims}")
        super().__init__([source.marginal(0) for source in coordinates])


@final
class Mixture(Source):
    """Mixture of sources.

    Parameters
    ----------
    components : sequence of Source
        Sources of one common dimension.
    weights : (m,) array
        Their probabilities.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> Mixture([Gaussian(1, 0.25, mean=-1), Gaussian(1, 0.25, mean=1)], [0.5, 0.5]).variance
    1.25
    """

    def __init__(self, components: Sequence[Source], weights: ArrayLike) -> None:
        self.components = tuple(components)
        self.weights = read_only(_check.pmf("weights", weights))
        if len(self.components) != len(self.weights):
            raise ShapeError(f"weights must have length {len(self.components)}, got {len(self.weights)}")
        dims = {source.dim for source in self.components}
        if len(dims) != 1:
            raise ShapeError(f"components must have one common dimension, got {sorted(dims)}")
        self.dim = dims.pop()
        means = np.array([source.mean for source in self.components])
        self.mean = read_only(self.weights @ means)
        within = np.tensordot(self.weights, [source.covariance for source in self.components], axes=1)
        centred = means - self.mean
        self.covariance = read_only(within + (self.weights[:, None] * centred).T @ centred)
        self.support_dim = _rank(self.covariance)

    @property
    def has_density(self) -> bool:
        """Whether the law has a density on R^d."""
        return all(source.has_density for source in self.components)

    def marginal(self, j: int) -> Marginal:
        """Law of coordinate `j`, counted from 0."""
        return MixtureMarginal(
            tuple(source.marginal(j) for source in self.components), tuple(self.weights.tolist())
        )

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw `n` independent vectors, of shape ``(n, d)``."""
        n, rng = _check.integer("n", n), _check.generator("rng", rng)
        which = rng.choice(len(self.weights), size=n, p=self.weights)
        result = np.empty((n, self.dim))
        for k, source in enumerate(self.components):
            count = int(np.count_nonzero(which == k))
            if count:
                result[which == k] = source.sample(count, rng=rng)
        return result


@final
class Subspace(Source):
    """A source carried by a linear subspace of a larger space.

    Parameters
    ----------
    source : Source
        The law on R^k.
    basis : (d, k) array
        Orthonormal columns that span the subspace.

    Raises
    ------
    ShapeError
        If the shape of the basis does not fit the source.
    DomainError
        If its columns are not orthonormal.

    Examples
    --------
    >>> line = Subspace.diagonal(4)
    >>> line.dim, line.support_dim, round(line.variance, 6)
    (4, 1, 0.333333)
    """

    def __init__(self, source: Source, basis: ArrayLike) -> None:
        matrix = _check.array("basis", basis, ndim=2)
        if matrix.shape[1] != source.dim or matrix.shape[0] < matrix.shape[1]:
            raise ShapeError(
                f"basis must have shape (d, {source.dim}) with d >= {source.dim}, got {matrix.shape}"
            )
        if not np.allclose(matrix.T @ matrix, np.eye(source.dim), atol=1e-10):
            raise DomainError("basis must have orthonormal columns; pass numpy.linalg.qr(basis)[0]")
        self.source = source
        self.basis = read_only(matrix)
        self.dim = matrix.shape[0]
        self.mean = read_only(matrix @ source.mean)
        self.support_dim = source.support_dim

    @cached_property
    def covariance(self) -> Array:
        """Covariance matrix, of shape ``(d, d)``; made when asked for."""
        return read_only(self.basis @ self.source.covariance @ self.basis.T)

    @classmethod
    def diagonal(cls, dim: int) -> "Subspace":
        """Return the uniform law on the diagonal of the cube [-1, 1]^d, the example of Proposition 3.

        Parameters
        ----------
        dim : int
            Dimension d of the cube.

        Returns
        -------
        Subspace
            Of support dimension 1.

        Raises
        ------
        DomainError
            If the dimension is no positive integer.
        """
        dim = _check.integer("dim", dim)
        return cls.replicated(Uniform(1, half_width=dim**0.5), dim)

    @classmethod
    def replicated(cls, source: Source, dim: int) -> "Subspace":
        """Return a law on R^k spread over R^d, each of its values along d / k consecutive coordinates.

        Parameters
        ----------
        source : Source
            The law on R^k.
        dim : int
            Dimension d, a multiple of k.

        Returns
        -------
        Subspace
            Of support dimension k, if the law has a density.

        Raises
        ------
        DomainError
            If k does not divide d.
        """
        dim = _check.integer("dim", dim)
        copies, rest = divmod(dim, source.dim)
        if rest or not copies:
            raise DomainError(f"dim must be a multiple of the source's dimension {source.dim}, got {dim}")
        return cls(source, np.kron(np.eye(source.dim), np.full((copies, 1), copies**-0.5)))

    @property
    def has_density(self) -> bool:
        """Whether the law has a density on R^d."""
        return self.dim == self.source.dim and self.source.has_density

    def marginal(self, j: int) -> Marginal:
        """Law of coordinate `j`, counted from 0; known for Gaussian sources and symmetric lines."""
        if isinstance(self.source, Gaussian):
            return Normal(float(self.mean[j]), math.sqrt(self.covariance[j, j]))
        factor = float(self.basis[j, 0])
        law = self.source.marginal(0) if self.source.dim == 1 else None
        if isinstance(law, LocationScale) and factor != 0:
            # the laws with closed forms are symmetric, so the sign of the factor only moves the centre
            return replace(law, location=factor * law.location, scale=abs(factor) * law.scale)
        return super().marginal(j)

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw `n` independent vectors, of shape ``(n, d)``."""
        return self.source.sample(n, rng=rng) @ self.basis.T


@final
class FiniteSource(Source):
    """A law on finitely many points, on which optima can be found exactly.

    Parameters
    ----------
    atoms : (m, d) array
        The points.
    pmf : (m,) array
        Their probabilities.

    Examples
    --------
    >>> bits = FiniteSource([[-1.0, -1.0], [1.0, 1.0]], [0.5, 0.5])
    >>> bits.variance, bits.support_dim
    (1.0, 1)
    """

    def __init__(self, atoms: ArrayLike, pmf: ArrayLike) -> None:
        self.atoms = read_only(_check.array("atoms", atoms, ndim=2))
        self.pmf = read_only(_check.pmf("pmf", pmf))
        if len(self.atoms) != len(self.pmf):
            raise ShapeError(f"pmf must have one entry an atom, {len(self.atoms)}, got {len(self.pmf)}")
        self.dim = self.atoms.shape[1]
        self.mean = read_only(self.pmf @ self.atoms)
        centred = self.atoms - self.mean
        self.covariance = read_only((self.pmf[:, None] * centred).T @ centred)
        self.support_dim = _rank(self.covariance)

    @property
    def has_density(self) -> bool:
        """Always False: the law is discrete."""
        return False

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw `n` independent vectors, of shape ``(n, d)``."""
        n, rng = _check.integer("n", n), _check.generator("rng", rng)
        return self.atoms[rng.choice(len(self.pmf), size=n, p=self.pmf)]
