"""The sources of the equal-rate study, each with the two product laws that its limits need."""

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from qtheory import limits, optimal
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


@cache
def exact_entropy_coded(coordinates: tuple[Source, ...], bits: int) -> float:
    """Return the distortion of uniform scalar quantizers of one step, `bits` bits of entropy a vector."""
    from scipy.optimize import brentq

    laws = Counter(coordinates)  # equal coordinates are one object

    def coded(log_step: float) -> list[tuple[int, limits.EntropyCoded]]:
        return [(many, limits.entropy_coded_uniform(law, math.exp(log_step))) for law, many in laws.items()]

    def excess(log_step: float) -> float:
        return sum(many * part.rate for many, part in coded(log_step)) - bits

    deviations = np.log([law.variance**0.5 for law in coordinates])
    # at high rate the step is sqrt(2 pi e) times the mean deviation, a factor of 2 finer each bit
    finest = float(deviations.mean()) - math.log(2) * bits / len(coordinates) - 1
    step = brentq(excess, finest, float(deviations.max()) + 4, xtol=1e-12)
    return sum(many * part.distortion for many, part in coded(step))


@cache
def exact(name: str, method: str, bits: int) -> float | None:
    """Return the exact distortion of a scalar method where it is known.

    After a rotation it is known where the principal axes are those of independence; for a law with
    equal variances they are arbitrary, except that every axis of an isotropic Gaussian is as good.
    """
    found = case(name)
    turned = method.endswith("-pca")
    if turned and not found.axes_found:
        return None
    coordinates = found.axes if turned else found.marginals
    if method.startswith("ecsq"):
        return exact_entropy_coded(coordinates, bits)
    if not method.startswith("sq") or not all(law.marginal(0).log_concave for law in coordinates):
        return None
    return optimal.optimal_scalar(Diagonal(coordinates), 2**bits).distortion
