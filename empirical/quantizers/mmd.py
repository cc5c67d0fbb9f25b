"""MMD VQ: the codebook follows the distribution of the vectors in maximum mean discrepancy."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from empirical.quantizers.base import Losses, spread_rows
from empirical.quantizers.vanilla import SETTINGS as VANILLA
from empirical.quantizers.vanilla import GradientCodebook, GradientSettings
from qtheory import _check


@dataclass(frozen=True)
class MMDSettings:
    """Settings of `MMDQuantizer`.

    Attributes
    ----------
    gradient : GradientSettings
        Those of the codebook.
    gamma : float
        Coefficient of the squared discrepancy.
    unbiased : bool
        Leave the diagonals out, so that the value does not depend on the sizes of the samples.
    rows : int
        Most vectors, and most codewords, of a step; larger codebooks take turns.
    """

    gradient: GradientSettings
    gamma: float
    unbiased: bool = True
    rows: int = 4096


SETTINGS = {
    # the codebook learned 100 times faster than the heads; diagonals kept
    "as_run": MMDSettings(
        replace(VANILLA["as_run"], learning_rate_ratio=100.0, decays=False), gamma=1.0, unbiased=False
    ),
    "paper": MMDSettings(VANILLA["paper"], gamma=0.5),
    "fair": MMDSettings(VANILLA["fair"], gamma=0.5),
}
# in the products the codebooks learned 5 times faster than the heads
VP2_SETTINGS = SETTINGS | {
    "as_run": MMDSettings(
        replace(VANILLA["as_run"], commitment=0.2, learning_rate_ratio=5.0, decays=False),
        gamma=0.5,
        unbiased=False,
    ),
}


def _mean_kernel(distances: Tensor, bandwidth: Tensor, *, without_diagonal: bool) -> Tensor:
    kernel = torch.exp(-distances / bandwidth) + torch.exp(-distances / (2 * bandwidth))
    if not without_diagonal:
        return kernel.mean()
    n = len(distances)
    return (kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1))


def squared_mmd(x: Tensor, y: Tensor, *, unbiased: bool) -> Tensor:
    """Return the squared maximum mean discrepancy of two samples.

    Parameters
    ----------
    x, y : (n, d), (m, d) tensor
        Samples of at least two vectors. The bandwidth, the mean squared distance over both, gets no
        gradient.
    unbiased : bool
        The U-statistic, whose mean is zero for equal distributions and which can be negative;
        otherwise the V-statistic of equation (12).

    Notes
    -----
    The kernel is ``exp(-D / B) + exp(-D / 2B)``, D the squared distance and B the bandwidth.
    """
    xx, xy, yy = (_squared_distances(a, b) for a, b in ((x, x), (x, y), (y, y)))
    n = len(x) + len(y)
    bandwidth = ((xx.sum() + 2 * xy.sum() + yy.sum()) / (n * (n - 1))).detach()
    bandwidth = bandwidth.clamp_min(torch.finfo(x.dtype).tiny)
    within = sum(_mean_kernel(own, bandwidth, without_diagonal=unbiased) for own in (xx, yy))
    return within - 2 * _mean_kernel(xy, bandwidth, without_diagonal=False)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    expanded = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
    return expanded.clamp_min(0)


class MMDQuantizer(GradientCodebook):
    """Codebook learned by gradient and drawn to the distribution of the batch's vectors.

    Notes
    -----
    Appendix F of the paper, equation (12). The vectors get no gradient.

    Examples
    --------
    >>> quantizer = MMDQuantizer(2, 4, SETTINGS["fair"], generator=torch.Generator())
    >>> sorted(quantizer(torch.randn(10, 2)).losses)
    ['codebook', 'commitment', 'mmd']
    """

    turn: Tensor

    def __init__(
        self, dim: int, codebook_size: int, settings: MMDSettings, *, generator: torch.Generator
    ) -> None:
        super().__init__(dim, codebook_size, settings.gradient, generator=generator)
        self.gamma = _check.real("gamma", settings.gamma, minimum=0)
        self.unbiased = settings.unbiased
        self.rows = _check.integer("rows", settings.rows, minimum=2)
        self.register_buffer("turn", torch.tensor(0))

    def _matching(self, u: Tensor) -> Losses:
        if len(u) < 2 or self.codebook_size < 2:
            return {}
        size = min(self.rows, self.codebook_size)
        chosen = (torch.arange(size, device=u.device) + self.turn) % self.codebook_size
        self.turn.copy_((self.turn + size) % self.codebook_size)
        codewords = self.codebook[chosen].to(u.dtype)
        centre = u.mean(dim=0)
        value = squared_mmd(spread_rows(u, self.rows) - centre, codewords - centre, unbiased=self.unbiased)
        return {"mmd": self.gamma * value}

    def _update(self, u: Tensor, codes: Tensor) -> None:
        """The optimizer moves the codewords."""
