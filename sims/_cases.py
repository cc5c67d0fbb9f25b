"""The sources of the equal-rate study, each with the two product laws that its limits need."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from qtheory import limits
from qtheory.sources import Diagonal, Gaussian, Laplace, Mixture, Source, Uniform

DIM = 8
CORRELATION = 0.9
_CLUSTER = 2.0  # distance of the mixture's two means from the origin
_WITHIN = 0.5  # variance of each cluster


@dataclass(frozen=True, eq=False)
class Case:
    """A source in `DIM` dimensions.

    Attributes
    ----------
    source : Source
        The law that is sampled.
    marginals : tuple of Source
        Laws of its coordinates: all that a scalar quantizer sees.
    axes : tuple of Source
        Laws of the coordinates along axes in which they are independent.
    axes_found : bool
        Whether principal axes do as well as those.
    """

    source: Source
    marginals: tuple[Source, ...]
    axes: tuple[Source, ...]
    axes_found: bool

    @cached_property
    def axes_law(self) -> Diagonal:
        """The law along its axes of independence; entropy and density norm are those of the source."""
        return Diagonal(self.axes)

    def shannon(self, bits: float) -> float:
        """Return the best lower bound on distortion at this rate."""
        bound = limits.shannon_lower_bound(self.axes_law, 2.0**bits)
        if isinstance(self.source, Gaussian):
            bound = max(bound, limits.gaussian_distortion_rate(self.source.covariance, bits))
        return bound

    def gains(self) -> dict[str, float]:
        """Return what separates scalar quantization from Shannon's bound at high rate, as factors."""
        alone = Diagonal(self.marginals)
        parts = limits.gains(alone)
        return {
            "space_filling": parts.space_filling,
            "shape": parts.shape,
            "memory": alone.density_norm / self.axes_law.density_norm,
            "longer_blocks": limits.zador(self.axes_law, 1) / limits.shannon_lower_bound(self.axes_law, 1),
        }


def _correlated() -> Case:
    distance = np.abs(np.subtract.outer(np.arange(DIM), np.arange(DIM)))
    source = Gaussian(DIM, covariance=CORRELATION**distance)
    axes = tuple(Gaussian(1, float(value)) for value in source.eigenvalues)
    return Case(source, (Gaussian(1),) * DIM, axes, True)


def _clusters() -> Case:
    """Two spherical clusters on the diagonal of the cube."""

    def pair(dim: int, at: float) -> Mixture:
        return Mixture([Gaussian(dim, _WITHIN, mean=-at), Gaussian(dim, _WITHIN, mean=at)], [0.5, 0.5])

    each = _CLUSTER / DIM**0.5
    axes = (pair(1, _CLUSTER), *(Gaussian(1, _WITHIN) for _ in range(DIM - 1)))
    return Case(pair(DIM, each), (pair(1, each),) * DIM, axes, True)


def _independent(source: Source, coordinate: Source, axes_found: bool) -> Case:
    return Case(source, (coordinate,) * DIM, (coordinate,) * DIM, axes_found)


@cache
def case(name: str) -> Case:
    """Return a source by name."""
    if name == "mixture":
        return _clusters()
    if name == "correlated":
        return _correlated()
    if name == "gaussian":
        return _independent(Gaussian(DIM), Gaussian(1), axes_found=True)
    if name == "laplace":
        return _independent(Laplace(DIM), Laplace(1), axes_found=False)
    return _independent(Uniform(DIM, 3**0.5), Uniform(1, 3**0.5), axes_found=False)


NAMES = ("gaussian", "laplace", "uniform", "mixture", "correlated")
