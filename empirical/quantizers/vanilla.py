"""Codebooks learned by gradient: the shared class, and Vanilla VQ."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor, nn

from empirical.processes import gathered_over_ranks
from empirical.quantizers._codebook import CodebookQuantizer
from empirical.quantizers._gradients import mean_square
from empirical.quantizers.base import Losses
from empirical.quantizers.product import ProductQuantizer
from qtheory import _check


@dataclass(frozen=True)
class GradientSettings:
    """Settings that codebooks learned by gradient share.

    Attributes
    ----------
    codebook : float
        Coefficient alpha of the mean squared error that moves codewords to their vectors.
    commitment : float
        Coefficient beta of the one that moves vectors to their codewords.
    data_init : bool
        Start from vectors of the first training batches; otherwise uniform in +-1/K, about 1.5e-5
        at K = 65536, from where a learning rate of 1e-4 takes 10,000 steps to travel one unit.
    learning_rate_ratio : float
        Learning rate of the codebook over that of the heads.
    decays : bool
        Whether that rate decays as the heads' does.
    synced : bool
        Whether statistics of all processes are added up.
    """

    codebook: float
    commitment: float
    data_init: bool
    learning_rate_ratio: float
    decays: bool
    synced: bool

    def __post_init__(self) -> None:
        _check.real("codebook", self.codebook, minimum=0)
        _check.real("commitment", self.commitment, minimum=0)
        _check.real("learning_rate_ratio", self.learning_rate_ratio, above=0)


SETTINGS = {
    "as_run": GradientSettings(
        codebook=1.0,
        commitment=1.0,
        data_init=False,
        learning_rate_ratio=1.0,
        decays=True,
        synced=False,
    ),
    # the paper is silent; commitment of the article it cites (van den Oord et al. 2017)
    "paper": GradientSettings(
        codebook=1.0,
        commitment=0.25,
        data_init=False,
        learning_rate_ratio=1.0,
        decays=True,
        synced=True,
    ),
    "fair": GradientSettings(
        codebook=1.0,
        commitment=0.25,
        data_init=True,
        learning_rate_ratio=1.0,
        decays=True,
        synced=True,
    ),
}
# the published products kept their learning rates, see `HEADS_DECAY` for those of their heads
VP2_SETTINGS = SETTINGS | {"as_run": replace(SETTINGS["as_run"], decays=False)}


def _spread_rows(u: Tensor, n: int) -> Tensor:
    """Return `n` evenly spaced rows of (N, d), all N if fewer, the middle one if one.

    They are a random sample where the batch is shuffled.
    """
    n = min(n, len(u))
    first = 0 if n > 1 else len(u) // 2
    return u[torch.linspace(first, len(u) - 1, n, device=u.device).long()]


class GradientCodebook(CodebookQuantizer):
    """A codebook that is a parameter, trained by ``alpha ||sg z - q||^2`` and what a method adds.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    codebook_size : int
        Codewords.
    settings : GradientSettings
        See there.
    generator : torch.Generator
        Initial codewords, where they do not start from data.
    """

    placed: Tensor

    def __init__(
        self, dim: int, codebook_size: int, settings: GradientSettings, *, generator: torch.Generator
    ) -> None:
        super().__init__(dim, codebook_size)
        self.settings = settings
        start = torch.rand(codebook_size, dim, generator=generator) * 2 - 1
        self.codebook = nn.Parameter(start / codebook_size)
        self.register_buffer("placed", torch.tensor(0 if settings.data_init else codebook_size))

    @final
    @property
    def synced(self) -> bool:
        """Whether statistics and losses are those of all processes together."""
        return self.settings.synced

    @abstractmethod
    def _matching(self, u: Tensor) -> Losses:
        """Return what the method adds to the loss, of (N, d) vectors; they get no gradient from it."""

    @final
    def _losses(self, z: Tensor, u: Tensor, q: Tensor) -> Losses:
        losses = {
            "codebook": self.settings.codebook * mean_square(q, u.detach()),
            "commitment": self.settings.commitment * mean_square(u, q.detach()),
        }
        return losses | (self._matching(u.detach()) if self.training else {})

    @final
    def _awaits_data(self) -> bool:
        return int(self.placed) == 0

    @final
    @torch.no_grad()
    def _prepare(self, u: Tensor) -> None:
        """Place codewords on vectors of the first batches, until each has its own."""
        placed = int(self.placed)
        if placed < self.codebook_size:
            vectors = gathered_over_ranks(u, synced=self.settings.synced)
            rows = _spread_rows(vectors, self.codebook_size - placed)
            self.codebook[placed : placed + len(rows)] = rows.to(self.codebook.dtype)
            self.placed += len(rows)


class VanillaQuantizer(GradientCodebook):
    """VQ-VAE's quantizer: codewords move by gradient alone, unused ones never.

    Notes
    -----
    van den Oord et al. (2017).

    Examples
    --------
    >>> quantizer = VanillaQuantizer(2, 4, SETTINGS["fair"], generator=torch.Generator())
    >>> sorted(quantizer(torch.randn(10, 2)).losses)
    ['codebook', 'commitment']
    """

    def _matching(self, u: Tensor) -> Losses:
        return {}

    def _update(self, u: Tensor, codes: Tensor) -> None:
        """The optimizer moves the codewords."""


def parameter_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Return what is trained of a module: all parameters but learned codebooks, then each of those.

    Parameters
    ----------
    module : torch.nn.Module
        Holds quantizers, anywhere.

    Returns
    -------
    list of dict
        ``params``, with their learning-rate ``ratio`` and whether it ``decays``.
    """
    codebooks = [part for part in module.modules() if isinstance(part, GradientCodebook)]
    own = {id(part.codebook) for part in codebooks}
    rest = [p for p in module.parameters() if id(p) not in own and p.requires_grad]
    products = [part for part in module.modules() if isinstance(part, ProductQuantizer)]
    heads = {"ratio": 1.0, "decays": all(product.heads_decay for product in products)}
    groups: list[dict[str, Any]] = [{"params": rest, **heads}] if rest else []
    for part in codebooks:
        ratio, decays = part.settings.learning_rate_ratio, part.settings.decays
        groups.append({"params": [part.codebook], "ratio": ratio, "decays": decays})
    return groups
