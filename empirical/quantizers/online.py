"""Online VQ (CVQ-VAE): rarely used codewords move to vectors of the batch, the rarer the further."""

from dataclasses import dataclass

import torch
from torch import Tensor

from empirical.processes import gathered_over_ranks, summed_over_ranks
from empirical.quantizers._nearest import farthest, nearest
from empirical.quantizers.base import Losses
from empirical.quantizers.vanilla import SETTINGS as VANILLA
from empirical.quantizers.vanilla import VP2_SETTINGS as VANILLA_VP2
from empirical.quantizers.vanilla import GradientCodebook, GradientSettings
from qtheory import _check

_DECAY = 0.99
_ANCHORS = {"closest": nearest, "farthest": farthest}


@dataclass(frozen=True)
class OnlineSettings:
    """Settings of `OnlineQuantizer`.

    Attributes
    ----------
    gradient : GradientSettings
        Those of the codebook.
    anchor : str
        Vector that an unused codeword moves to: ``closest``, as in CVQ-VAE, or ``farthest``, which
        the published run took by a slip of sign in the distance.
    """

    gradient: GradientSettings
    anchor: str


SETTINGS = {
    # the published run added up the counts of its two replicas, whose codebooks else never met (not in the
    # products): of one replica alone, which is what was kept, they are its own
    "as_run": OnlineSettings(VANILLA["as_run"], "farthest"),
    "paper": OnlineSettings(VANILLA["paper"], "closest"),
    "fair": OnlineSettings(VANILLA["fair"], "closest"),
}
VP2_SETTINGS = SETTINGS | {"as_run": OnlineSettings(VANILLA_VP2["as_run"], "farthest")}


class OnlineQuantizer(GradientCodebook):
    """Codebook learned by gradient, with running averages of use that revive codewords.

    Notes
    -----
    Zheng and Vedaldi (2023). After each training batch ``p <- 0.99 p + 0.01 share``, and with
    ``a = exp(-10 K p / (1 - 0.99) - 0.001)`` each codeword becomes ``(1 - a) codeword + a anchor``.

    Examples
    --------
    >>> quantizer = OnlineQuantizer(2, 4, SETTINGS["fair"], generator=torch.Generator())
    >>> quantizer(torch.randn(10, 2)).codes.shape
    torch.Size([10])
    """

    use: Tensor

    def __init__(
        self, dim: int, codebook_size: int, settings: OnlineSettings, *, generator: torch.Generator
    ) -> None:
        super().__init__(dim, codebook_size, settings.gradient, generator=generator)
        self.anchor = _check.one_of("anchor", settings.anchor, _ANCHORS)
        self.register_buffer("use", torch.zeros(codebook_size))

    def _matching(self, u: Tensor) -> Losses:
        return {}

    @torch.no_grad()
    def _update(self, u: Tensor, codes: Tensor) -> None:
        synced = self.settings.synced
        counts = torch.bincount(codes, minlength=self.codebook_size).double()
        counts = summed_over_ranks(counts, synced=synced)
        self.use.mul_(_DECAY).add_((counts / counts.sum()).to(self.use.dtype), alpha=1 - _DECAY)
        vectors, codebook = gathered_over_ranks(u, synced=synced), self.codebook.detach().to(u.dtype)
        found = _ANCHORS[self.anchor](codebook, vectors)
        a = torch.exp(-10 * self.codebook_size * self.use / (1 - _DECAY) - 1e-3)[:, None]
        self.codebook.lerp_(vectors[found].to(self.codebook.dtype), a)
