"""Maps of neighbouring latents, on which VAR's multi-scale quantizer works, in the place of single vectors.

A map has 2 x 2 positions. Its mean gets one of K codewords, and what that leaves of each position one of
K^(3/4), with the bits of four vectors, 4 log2 K, in all. Latents of photographs have neighbours, whose
likeness single vectors cannot use; vectors drawn from a law have none. The maps stop at 2 x 2: a code of
4 x 4 would not fit 64 bits.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from empirical.quantizers import Quantizer, build
from qtheory.errors import DomainError

METHOD = "var"
SIDE = 2
POSITIONS = SIDE**2


class Grid(NamedTuple):
    """All latents of the held-out crops, of which those that are measured are a part.

    Attributes
    ----------
    latents : (crops side side, d) tensor
        Row by row of each crop.
    measured : (n,) tensor of int64
        Which of them are the held-out vectors.
    side : int
        Positions a side of a crop.
    """

    latents: Tensor
    measured: Tensor
    side: int


class ToMaps(nn.Module):
    """Groups the latents of crops into maps of 2 x 2 positions, channels last in one row.

    Parameters
    ----------
    side : int
        Positions a side of a crop, even.

    Examples
    --------
    >>> latents = torch.arange(16.0)[:, None]
    >>> ToMaps(4)(latents)[0].tolist()
    [0.0, 1.0, 4.0, 5.0]
    >>> torch.equal(FromMaps(4)(ToMaps(4)(latents)), latents)
    True
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.shape = (side // SIDE, SIDE, side // SIDE, SIDE)

    def forward(self, z: Tensor) -> Tensor:
        """Return latents (crops side side, d), row by row, as maps (n, 4 d)."""
        return z.reshape(-1, *self.shape, z.shape[1]).transpose(2, 3).reshape(-1, POSITIONS * z.shape[1])


class FromMaps(ToMaps):
    """The inverse of `ToMaps`."""

    def forward(self, z: Tensor) -> Tensor:
        """Return maps (n, 4 d) as latents (crops side side, d), row by row."""
        rows, inner, columns, _ = self.shape
        dim = z.shape[1] // POSITIONS
        return z.reshape(-1, rows, columns, inner, SIDE, dim).transpose(2, 3).reshape(-1, dim)


def multi_scale(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    """Return VAR's quantizer of maps of vectors, with the bits of `codebook_size` codewords a vector.

    Raises
    ------
    DomainError
        If `codebook_size` is no fourth power.
    """
    fourth = round(codebook_size**0.25)
    if fourth**4 != codebook_size:
        raise DomainError(f"codebook_size must be n^4 for {METHOD}, got {codebook_size}; take {fourth**4}")
    whole, sizes = codebook_size**POSITIONS, (codebook_size, fourth**3)
    return build(METHOD, POSITIONS * dim, whole, protocol, generator=generator, scales=(1, SIDE), sizes=sizes)
