"""FID and Inception score from sums, which add up over batches and processes."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from empirical.processes import summed_over_ranks
from qtheory import _check
from qtheory.errors import DomainError, ShapeError

Floats = NDArray[np.float64]


class Moments:
    """Mean and covariance of features, as sums in float64.

    Parameters
    ----------
    dim : int
        Features d.
    device : str, optional
        Where the sums are kept.

    Examples
    --------
    >>> moments = Moments(2)
    >>> moments.update(torch.tensor([[0.0, 0.0], [2.0, 4.0]]))
    >>> moments.mean.tolist(), moments.covariance.tolist()
    ([1.0, 2.0], [[2.0, 4.0], [4.0, 8.0]])
    """

    def __init__(self, dim: int, device: str = "cpu") -> None:
        self.dim = _check.integer("dim", dim)
        self.count = torch.zeros((), dtype=torch.float64, device=device)
        self.sum = torch.zeros(dim, dtype=torch.float64, device=device)
        self.products = torch.zeros(dim, dim, dtype=torch.float64, device=device)

    def update(self, features: Tensor) -> None:
        """Add features (N, d).

        Raises
        ------
        ShapeError
            If the shape differs.
        DomainError
            If a value is NaN or infinite.
        """
        if features.ndim != 2 or features.shape[1] != self.dim:
            raise ShapeError(f"features must have shape (N, {self.dim}), got {tuple(features.shape)}")
        if not torch.isfinite(features).all():
            raise DomainError("features must be finite, got NaN or infinite values")
        rows = features.to(self.sum)
        self.count += len(rows)
        self.sum += rows.sum(0)
        self.products += rows.T @ rows

    def merge(self) -> "Moments":
        """Return the sums of all processes together."""
        merged = Moments(self.dim, str(self.sum.device))
        for name in ("count", "sum", "products"):
            setattr(merged, name, summed_over_ranks(getattr(self, name).clone()))
        return merged

    @property
    def mean(self) -> Floats:
        """The mean, (d,)."""
        return (self.sum / self._n(1)).cpu().numpy()

    @property
    def covariance(self) -> Floats:
        """The covariance over N - 1, (d, d)."""
        n = self._n(2)
        centred = self.products - torch.outer(self.sum, self.sum) / n
        return (centred / (n - 1)).cpu().numpy()

    def _n(self, minimum: int) -> float:
        n = float(self.count)
        if n < minimum:
            raise DomainError(f"features must come from at least {minimum} images, got {n:g}")
        return n


def gaussian_distance(
    mean: Floats, covariance: Floats, other_mean: Floats, other_covariance: Floats
) -> float:
    """Return the squared Frechet distance of two Gaussians, the formula of FID.

    Parameters
    ----------
    mean, other_mean : (d,) array
        Means.
    covariance, other_covariance : (d, d) array
        Covariances, symmetric and non-negative definite up to rounding.

    Returns
    -------
    float
        ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)``: roots by eigenvalues, of which
        rounding can make some of a singular covariance negative; these count as zero.

    Raises
    ------
    ShapeError
        If shapes do not match.

    Examples
    --------
    >>> gaussian_distance(np.zeros(2), np.eye(2), np.ones(2), 4 * np.eye(2))
    4.0
    """
    d = len(mean)
    if not mean.shape == other_mean.shape == (d,) or not covariance.shape == other_covariance.shape == (d, d):
        raise ShapeError(
            f"moments must be of equal dimension, got {mean.shape}, {covariance.shape}, "
            f"{other_mean.shape}, {other_covariance.shape}"
        )
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    overlap = np.linalg.eigvalsh(root @ other_covariance @ root)
    trace = np.trace(covariance) + np.trace(other_covariance) - 2 * np.sqrt(np.maximum(overlap, 0)).sum()
    return float(np.square(mean - other_mean).sum() + trace)


def fid(real: Moments, fake: Moments) -> float:
    """Return the distance of two sets of features.

    Parameters
    ----------
    real, fake : Moments
        Of as many images: the bias of the distance depends on their number.

    Raises
    ------
    DomainError
        If the numbers of images differ, or are below 2.
    """
    if float(real.count) != float(fake.count):
        raise DomainError(
            f"real and fake must hold the same number of images, got {real.count:g} and {fake.count:g}: "
            "the bias of the distance depends on it"
        )
    return gaussian_distance(real.mean, real.covariance, fake.mean, fake.covariance)


@dataclass
class Scores:
    """Sums of the Inception score: class probabilities by split.

    The images are split by a fixed permutation of their numbers, so neither batches nor processes
    matter.

    Parameters
    ----------
    images : int
        Number N of images.
    classes : int
        Classes C.
    splits : int, optional
        Parts of as equal size as possible, over whose scores the mean is taken.
    device : str, optional
        Where the sums are kept.
    """

    images: int
    classes: int
    splits: int = 10
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.images < self.splits:
            raise DomainError(f"images must be at least splits={self.splits}, got {self.images}")
        order = np.random.default_rng(0).permutation(self.images)
        self._split = torch.from_numpy(order * self.splits // self.images).to(self.device)
        self.counts = torch.zeros(self.splits, dtype=torch.float64, device=self.device)
        self.probabilities = torch.zeros(self.splits, self.classes, dtype=torch.float64, device=self.device)
        self.negative_entropies = torch.zeros_like(self.counts)

    def update(self, probabilities: Tensor, numbers: Tensor) -> None:
        """Add class probabilities (B, C) of the images with the given numbers (B,)."""
        split = self._split[numbers.to(self.device)]
        p = probabilities.to(self.probabilities)
        self.counts.index_add_(0, split, torch.ones_like(split, dtype=torch.float64))
        self.probabilities.index_add_(0, split, p)
        self.negative_entropies.index_add_(0, split, torch.special.xlogy(p, p).sum(1))

    def score(self) -> float:
        """Return the mean over splits of ``exp E KL(p(y|x) || p(y))``, over all processes.

        Raises
        ------
        DomainError
            If an image is missing, or counted twice.
        """
        sums = [self.counts, self.probabilities, self.negative_entropies]
        counts, totals, entropies = (summed_over_ranks(part.clone()) for part in sums)
        if not torch.equal(counts, torch.bincount(self._split, minlength=self.splits).to(counts)):
            raise DomainError(f"each of {self.images} images must be counted once, got {counts.sum():g}")
        mean = totals / counts[:, None]
        divergence = entropies / counts - torch.special.xlogy(mean, mean).sum(1)
        return float(divergence.exp().mean())
