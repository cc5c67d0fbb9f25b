"""Product quantizers (VP2): a quantizer for each block of consecutive dimensions."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from empirical.quantizers.base import Losses, Quantizer
from qtheory.errors import ShapeError

# whether the learning rate of the heads around a product decays, where that of all heads does; the trainer
# that is stored of the published products has the decay commented out, for heads and codebooks
HEADS_DECAY = {"as_run": False, "paper": True, "fair": True}


class ProductQuantizer(Quantizer):
    """Independent quantizers on consecutive blocks, with one composite code.

    Parameters
    ----------
    blocks : sequence of Quantizer
        Their dimensions add up, their codebook sizes multiply.
    heads_decay : bool, optional
        Whether the learning rate of the heads around it decays, see `HEADS_DECAY`.

    Notes
    -----
    The code is ``sum_m (prod_{k<m} n_k) r_m`` (equation 5 of the paper, counted from 0). Loss terms
    are averages over the blocks weighted by their dimensions, so that a mean squared error is the
    one over the concatenation.
    """

    def __init__(self, blocks: Sequence[Quantizer], *, heads_decay: bool = True) -> None:
        if not blocks:
            raise ShapeError("blocks must not be empty; give one quantizer a block")
        super().__init__(
            sum(block.dim for block in blocks), math.prod(block.codebook_size for block in blocks)
        )
        self.blocks = nn.ModuleList(blocks)
        self.heads_decay = heads_decay

    @property
    def block_dims(self) -> tuple[int, ...]:
        """Dimension of each block."""
        return tuple(block.dim for block in self._quantizers)

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """Codewords of each block."""
        return tuple(block.codebook_size for block in self._quantizers)

    @property
    def _quantizers(self) -> list[Quantizer]:
        return [block for block in self.blocks if isinstance(block, Quantizer)]

    @property
    def synced(self) -> bool:
        """Whether statistics and losses of all blocks are those of all processes together."""
        return all(block.synced for block in self._quantizers)

    def _split(self, z: Tensor) -> tuple[Tensor, ...]:
        return z.split(self.block_dims, dim=-1)

    @property
    def part_sizes(self) -> tuple[int, ...]:
        """Codewords of each block."""
        return self.block_sizes

    def _project(self, z: Tensor) -> Tensor:
        parts = zip(self._quantizers, self._split(z), strict=True)
        return torch.cat([block._project(part) for block, part in parts], dim=-1)

    def _assign(self, u: Tensor) -> Tensor:
        codes = torch.zeros(len(u), dtype=torch.int64, device=u.device)
        radix = 1
        for block, part in zip(self._quantizers, self._split(u), strict=True):
            codes += radix * block._assign(part.contiguous())
            radix *= block.codebook_size
        return codes

    def _lookup(self, codes: Tensor) -> Tensor:
        parts = zip(self._quantizers, self._parts(codes), strict=True)
        return torch.cat([block._lookup(digit) for block, digit in parts], dim=-1)

    def _losses(self, z: Tensor, u: Tensor, q: Tensor) -> Losses:
        total: Losses = {}
        for block, *parts in zip(self._quantizers, *map(self._split, (z, u, q)), strict=True):
            for name, value in block._losses(*parts).items():
                weighted = value * (block.dim / self.dim)
                total[name] = total[name] + weighted if name in total else weighted
        return total

    def _prepare(self, u: Tensor) -> None:
        for block, part in zip(self._quantizers, self._split(u), strict=True):
            block._prepare(part)

    def _update(self, u: Tensor, codes: Tensor) -> None:
        for block, part, digit in zip(self._quantizers, self._split(u), self._parts(codes), strict=True):
            block._update(part, digit)
