"""Wasserstein VQ: the mean and covariance of the codebook follow those of the vectors."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from empirical.processes import gathered_over_ranks
from empirical.quantizers.base import Losses
from empirical.quantizers.vanilla import SETTINGS as VANILLA
from empirical.quantizers.vanilla import GradientCodebook, GradientSettings
from qtheory import _check


@dataclass(frozen=True)
class WassersteinSettings:
    """Settings of `WassersteinQuantizer`.

    Attributes
    ----------
    gradient : GradientSettings
        Those of the codebook.
    gamma : float
        Coefficient of the distance.
    queue : int
        Latest vectors that stand for their distribution.
    noise_queue : bool
        Start the queue from noise of deviation 1/K, which the first steps mix with vectors.
    floor : float
        Added to variances and eigenvalues; it slows down a codebook that starts below its root.
    """

    gradient: GradientSettings
    gamma: float
    queue: int = 32768
    noise_queue: bool = False
    floor: float = 0.0


SETTINGS = {
    # the paper's 0.2 is the run's commitment; its codebook learned 100 times faster than its heads
    "as_run": WassersteinSettings(
        replace(VANILLA["as_run"], commitment=0.2, learning_rate_ratio=100.0, decays=False),
        gamma=1.0,
        noise_queue=True,
        floor=1e-8,
    ),
    "paper": WassersteinSettings(VANILLA["paper"], gamma=0.2),
    "fair": WassersteinSettings(VANILLA["fair"], gamma=0.2),
}
# in the products the codebooks learned 5 times faster than the heads
VP2_SETTINGS = SETTINGS | {
    "as_run": WassersteinSettings(
        replace(VANILLA["as_run"], commitment=0.2, learning_rate_ratio=5.0, decays=False),
        gamma=0.5,
        noise_queue=True,
        floor=1e-8,
    ),
}


def _moments(x: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    mean = x.mean(dim=0)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1) + floor * torch.eye(x.shape[1]).to(x)


def _roots(spectrum: Tensor, floor: float) -> Tensor:
    """Return the square roots of eigenvalues; those lost in rounding count as zero, without gradient.

    The derivative 1 / (2 sqrt) of the others meets a derivative of the eigenvalue that vanishes as fast,
    so in double precision a codebook that is still tiny needs no floor.
    """
    shifted = spectrum.relu() + floor
    lost = shifted <= len(shifted) * torch.finfo(shifted.dtype).eps * shifted.max()
    return torch.where(lost, 0.0, torch.where(lost, 1.0, shifted).sqrt())


def gaussian_wasserstein(x: Tensor, y: Tensor, *, floor: float = 0.0) -> Tensor:
    """Return the 2-Wasserstein distance of the Gaussians with the moments of two samples.

    Parameters
    ----------
    x, y : (n, d), (m, d) tensor
        Samples of at least two vectors. Gradients flow to `y`, through eigenvalues only, never
        through eigenvectors.
    floor : float
        Added to the variances and to the eigenvalues whose roots are taken.

    Returns
    -------
    () tensor of float64
        The distance, not its square; at least 1e-5, or its derivative at zero would have no bound.

    Notes
    -----
    ``||mu_x - mu_y||^2 + tr(S_x + S_y - 2 (S_x^1/2 S_y S_x^1/2)^1/2)``, with unbiased covariances.
    Olkin and Pukelsheim (1982).

    Examples
    --------
    >>> x = torch.tensor([[0.0], [2.0]])
    >>> float(gaussian_wasserstein(x, x + 3))
    3.000...
    """
    mean_x, covariance_x = _moments(x.detach().double(), floor)
    mean_y, covariance_y = _moments(y.double(), floor)
    values, vectors = torch.linalg.eigh(covariance_x)
    root = vectors * _roots(values, floor) @ vectors.T
    cross = _roots(torch.linalg.eigvalsh(root @ covariance_y @ root), floor).sum()
    spread = (covariance_x.trace() + covariance_y.trace() - 2 * cross).relu()
    return ((mean_x - mean_y).square().sum() + spread + 1e-10).sqrt()


class WassersteinQuantizer(GradientCodebook):
    """Codebook learned by gradient whose two moments are drawn to those of the vectors.

    Notes
    -----
    Fang et al. (2025). Vectors and codewords are first divided by the largest standard deviation of
    a coordinate of the queue. The vectors get no gradient.

    Examples
    --------
    >>> quantizer = WassersteinQuantizer(2, 4, SETTINGS["fair"], generator=torch.Generator())
    >>> sorted(quantizer(torch.randn(10, 2)).losses)
    ['codebook', 'commitment', 'wasserstein']
    """

    queue: Tensor
    filled: Tensor

    def __init__(
        self, dim: int, codebook_size: int, settings: WassersteinSettings, *, generator: torch.Generator
    ) -> None:
        super().__init__(dim, codebook_size, settings.gradient, generator=generator)
        self.gamma = _check.real("gamma", settings.gamma, minimum=0)
        self.floor = _check.real("floor", settings.floor, minimum=0)
        rows = _check.integer("queue", settings.queue, minimum=2)
        noise = torch.randn(rows, dim, generator=generator) / codebook_size
        self.register_buffer("queue", noise if settings.noise_queue else torch.zeros(rows, dim))
        self.register_buffer("filled", torch.tensor(rows if settings.noise_queue else 0))

    def _enqueue(self, u: Tensor) -> Tensor:
        """Put the vectors of all processes in front of the queue and return all that it holds."""
        arrived = gathered_over_ranks(u, synced=self.settings.synced).to(self.queue.dtype)
        rows = torch.cat([arrived, self.queue])[: len(self.queue)]
        self.queue.copy_(rows)
        self.filled.add_(len(arrived)).clamp_(max=len(self.queue))
        return rows[: int(self.filled)]

    def _matching(self, u: Tensor) -> Losses:
        features = self._enqueue(u).double()
        if min(len(features), self.codebook_size) < 2:
            return {}  # no covariance
        squares = (features - features.mean(dim=0)).square().sum(dim=0)  # `std` takes four times as long
        deviation = (squares.max() / (len(features) - 1)).sqrt()
        scale = torch.where(deviation > 0, deviation, 1.0)
        distance = gaussian_wasserstein(features / scale, self.codebook / scale, floor=self.floor)
        return {"wasserstein": self.gamma * distance.to(u.dtype)}

    def _update(self, u: Tensor, codes: Tensor) -> None:
        """The optimizer moves the codewords."""
