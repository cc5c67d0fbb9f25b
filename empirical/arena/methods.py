"""The quantizers of the arena: each between the least maps that it needs, trained and measured alike.

A learned or fitted codebook needs no map. The codewords of FSQ, LFQ and BSQ are fixed: they work on
vectors as they are (``none``), where the numbers of bits and dimensions fit, and between affine maps that
are trained (``affine``). Optimal scalar levels work on the coordinates, and on principal axes
(``principal``). VAR's quantizer codes neighbouring latents of photographs together (`empirical.arena.maps`).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from empirical.arena import maps as grids
from empirical.arena.sources import Vectors
from empirical.protocol import Optimization
from empirical.quantizers import (
    PROTOCOLS,
    REFERENCES,
    FSQQuantizer,
    LloydMaxQuantizer,
    MultiScaleQuantizer,
    Quantizer,
    build,
)
from empirical.quantizers.base import Losses
from empirical.quantizers.ema import EMAQuantizer
from empirical.quantizers.fsq import COMMITMENT
from empirical.quantizers.reference import ReferenceQuantizer
from empirical.quantizers.vanilla import parameter_groups
from empirical.training import Objective
from qtheory.entropy import perplexity, utilization
from qtheory.errors import DomainError

FIXED = ("fsq", "lfq", "bsq")
_ROWS = 16384
_MMD_ROWS = {name: {"rows": 1024} for name in ("mmd", "mmd_vp2")}  # all would take most of the time
# options of quantizers in each protocol; two levels a coordinate need FSQ's symmetric form
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    protocol: {"fsq": {"form": "symmetric"}, **(_MMD_ROWS if protocol == "fair" else {})}
    for protocol in PROTOCOLS
}


class Entrant(nn.Module):
    """A quantizer between two maps, affine ones or those from vectors to maps of latents, or none.

    Parameters
    ----------
    quantizer : Quantizer
        The quantizer.
    before, after : torch.nn.Module or None
        The maps.
    """

    def __init__(
        self, quantizer: Quantizer, before: nn.Module | None = None, after: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.before = before or nn.Identity()
        self.after = after or nn.Identity()

    @property
    def learns(self) -> bool:
        """Whether training changes anything."""
        averages = any(isinstance(module, EMAQuantizer) for module in self.modules())
        return averages or any(parameter.requires_grad for parameter in self.parameters())

    def forward(self, z: Tensor) -> tuple[Tensor, Losses]:
        """Return the reconstruction of vectors (n, d), and the loss terms of the quantizer."""
        result = self.quantizer(self.before(z))
        return self.after(result.z_q), result.losses

    @torch.no_grad()
    def coded(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return reconstructions and codes of vectors (n, d)."""
        codes = self.quantizer.encode(self.before(z))
        return self.after(self.quantizer.decode(codes)), codes


def _whitening(z: Tensor, k: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return mean (d,) and rows (k, d) that make principal coordinates of unit variance of vectors.

    Beyond the dimension of the vectors' support, rows are random mixtures of these.
    """
    wide = z.double()
    mean = wide.mean(dim=0)
    values, axes = torch.linalg.eigh(torch.cov(wide.T))
    kept = torch.nonzero(values > 1e-10 * values[-1])[:, 0].flip(0)[:k]
    rows = (axes[:, kept] / values[kept].sqrt()).T
    mixed = torch.randn(k - len(kept), len(kept), generator=generator, dtype=torch.float64)
    return mean, torch.cat([rows, mixed / len(kept) ** 0.5 @ rows])


def _maps(z: Tensor, k: int, generator: torch.Generator) -> tuple[nn.Linear, nn.Linear]:
    """Return the affine map to k whitened coordinates, and the one back."""
    mean, rows = _whitening(z, k, generator)
    before, after = nn.Linear(z.shape[1], k), nn.Linear(k, z.shape[1])
    with torch.no_grad():
        before.weight.copy_(rows)
        before.bias.copy_(-rows @ mean)
        after.weight.copy_(torch.linalg.pinv(rows))
        after.bias.copy_(mean)
    return before, after


def _principal(z: Tensor) -> tuple[nn.Linear, nn.Linear]:
    """Return the rotation to principal axes and the one back, which are not trained."""
    axes = torch.linalg.eigh(torch.cov(z.double().T))[1].float()
    before, after = (nn.Linear(z.shape[1], z.shape[1], bias=False) for _ in range(2))
    with torch.no_grad():
        before.weight.copy_(axes.T)
        after.weight.copy_(axes)
    return before.requires_grad_(False), after.requires_grad_(False)


def _levels(z: Tensor, codebook_size: int) -> list[int]:
    """Return the levels of FSQ: those of the optimal scalar quantizer along principal axes, above one."""
    before, _ = _principal(z)
    optimal = LloydMaxQuantizer(z.shape[1], codebook_size)
    optimal.fit(before(z).detach())
    return [n for n in optimal.sizes.tolist() if n > 1]


def _of_maps(codebook_size: int, vectors: Vectors, protocol: str, generator: torch.Generator) -> Entrant:
    """Return VAR's quantizer, fitted to the maps of whole crops."""
    if vectors.grid is None:
        raise DomainError(f"{grids.METHOD} needs latents with neighbours, got vectors without; leave it out")
    side, dim = vectors.grid.side, vectors.train.shape[1]
    quantizer = grids.multi_scale(dim, codebook_size, protocol, generator)
    entered = Entrant(quantizer, grids.ToMaps(side), grids.FromMaps(side))
    if isinstance(quantizer, ReferenceQuantizer):
        quantizer.fit(entered.before(_whole_crops(vectors)))
    return entered.eval()


def _whole_crops(vectors: Vectors) -> Tensor:
    """Return the training latents of crops of which none was cut off."""
    area = vectors.grid.side**2 if vectors.grid else 1
    return vectors.train[: len(vectors.train) // area * area]


def entrant(
    method: str, maps: str, codebook_size: int, vectors: Vectors, protocol: str, *, generator: torch.Generator
) -> Entrant:
    """Return a method as it enters, fitted where it is fitted once.

    Parameters
    ----------
    method : str
        Key of a quantizer.
    maps : str
        ``none``, ``affine`` or ``principal``.
    codebook_size : int
        K; FSQ has the product of its levels, which may lie below.
    vectors : Vectors
        Those to train on serve for fits, and for the start of maps.
    protocol : str
        ``as_run``, ``paper`` or ``fair``.
    generator : torch.Generator
        Initial weights and codebooks.
    """
    if method == grids.METHOD:
        return _of_maps(codebook_size, vectors, protocol, generator)
    z = vectors.train
    dim, size = z.shape[1], codebook_size
    if maps == "none":
        options = OPTIONS[protocol].get(method, {})
        entered = Entrant(build(method, dim, size, protocol, generator=generator, **options))
    elif maps == "principal":
        entered = Entrant(build(method, dim, size, protocol, generator=generator), *_principal(z))
    elif method == "fsq":
        levels = _levels(z, size)
        quantizer = FSQQuantizer(levels, form="symmetric", commitment=COMMITMENT[protocol])
        entered = Entrant(quantizer, *_maps(z, len(levels), generator))
    else:
        bits = size.bit_length() - 1
        entered = Entrant(
            build(method, bits, size, protocol, generator=generator), *_maps(z, bits, generator)
        )
    if isinstance(entered.quantizer, ReferenceQuantizer):
        entered.quantizer.fit(entered.before(z).detach())
    return entered.eval()


def is_reference(method: str) -> bool:
    """Whether a method is fitted once instead of trained."""
    return method in REFERENCES


class ArenaObjective(Objective):
    """Mean squared error of the reconstruction, and the quantizer's own loss terms."""

    def __init__(self, model: Entrant, z: Tensor, optimization: Optimization, watch: Any) -> None:
        self.model, self.z, self.optimization, self.size = model, z, optimization, len(z)
        self.watch = watch

    def parts(self) -> dict[str, nn.Module]:
        """Return the entrant."""
        return {"entrant": self.model}

    def groups(self) -> list[dict[str, Any]]:
        """Return the maps' parameters and each learned codebook, with their learning-rate ratios."""
        return parameter_groups(self.model)

    def train(self, mode: bool) -> None:
        """Set the entrant's mode."""
        self.model.train(mode)

    def begin(self, step: int) -> None:
        """Let the watcher look at the entrant between steps."""
        super().begin(step)
        self.watch(step)

    def loss(self, chosen: Tensor) -> Tensor:
        """Return the loss of a batch of vectors."""
        z = self.z[chosen]
        y, losses = self.model(z)
        loss = (y - z).square().mean()
        for value in losses.values():
            loss = loss + value
        return loss


def _counted(quantizer: Quantizer, codes: Tensor) -> tuple[Tensor, ...]:
    """Return how often each codeword occurs; of maps, whose codes are K^4, those of each scale."""
    if isinstance(quantizer, MultiScaleQuantizer):
        return quantizer.part_usage(codes)
    return (quantizer.usage(codes),)


def squared_errors(model: Entrant, z: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return squared errors (n,) in float64, summed over d, and the counts of all codes of each codebook."""
    errors, counts = [], []
    for rows in z.split(_ROWS):
        y, codes = model.coded(rows)
        errors.append((rows.double() - y.double()).square().sum(dim=1))
        counts.append(_counted(model.quantizer, codes))
    return torch.cat(errors), [torch.stack(parts).sum(dim=0) for parts in zip(*counts, strict=True)]


def measured(model: Entrant, vectors: Vectors) -> dict[str, Any]:
    """Return the columns of the table that one entrant alone gives.

    Utilization and perplexity of VAR's quantizer are means over the codebooks of its scales.
    """
    train, held_out, grid = vectors
    codewords = model.quantizer.codebook_size
    if (
        isinstance(model.quantizer, MultiScaleQuantizer) and grid is not None
    ):  # on the same vectors, decoded with their neighbours
        errors, counts = squared_errors(model, grid.latents)
        errors, train = errors[grid.measured], _whole_crops(vectors)
        codewords = round(codewords ** (1 / grids.POSITIONS))
    else:
        errors, counts = squared_errors(model, held_out)
    inside, _ = squared_errors(model, train)
    variance = held_out.double().var(dim=0, correction=0).sum()
    distortion = float(errors.mean())
    used = [part.numpy() for part in counts]
    return {
        "codewords": codewords,
        "distortion": distortion,
        "standard_error": float(errors.std() / np.sqrt(len(errors))),
        "in_sample_distortion": float(inside.mean()),
        "nmse": distortion / float(variance),
        "utilization": float(np.mean([utilization(part) for part in used])),
        "perplexity": float(np.mean([perplexity(part / part.sum()) for part in used])),
    }
