"""Nearest codewords of tensors, never holding more than a tile of the N x K distances."""

import torch
from torch import Tensor

from empirical.quantizers import _fused
from empirical.quantizers._centred import centred
from sims import assign

_TILE_ROWS = 4096
_TILE_CODEWORDS = 8192


def nearest(u: Tensor, codebook: Tensor) -> Tensor:
    """Return the index of the codeword nearest to each row.

    Parameters
    ----------
    u : (N, d) tensor
        Vectors.
    codebook : (K, d) tensor
        Codewords, of the same dtype and device.

    Returns
    -------
    (N,) tensor of int64
        Codes. On the CPU `sims.assign.nearest` finds them. On CUDA one Triton kernel does, for float32
        vectors of at most 32 numbers; whatever else there is, and other devices, tiles of distances with a
        running minimum.
    """
    return _searched(u, codebook) if u.device.type in ("cpu", "cuda") else tiled_nearest(u, codebook)


# an operator of its own, since torch.compile would trace into numpy
@torch.library.custom_op("qtheory::nearest", mutates_args=(), device_types="cpu")
def _searched(u: Tensor, codebook: Tensor) -> Tensor:
    return torch.from_numpy(assign.nearest(u.numpy(), codebook.numpy(), threads=torch.get_num_threads()))


@_searched.register_kernel("cuda")
def _(u: Tensor, codebook: Tensor) -> Tensor:
    return _fused.fused_nearest(u, codebook) if _fused.takes(u, codebook) else tiled_nearest(u, codebook)


@_searched.register_fake
def _(u: Tensor, codebook: Tensor) -> Tensor:
    return torch.empty(len(u), dtype=torch.int64, device=u.device)


def tiled_nearest(u: Tensor, codebook: Tensor) -> Tensor:
    """Return the same as `nearest`, by tiles, on any device.

    Both arguments are centred by the mean codeword, so that the expanded square
    ``||c||^2 - 2 u.c`` loses no digits to an offset.
    """
    return _tiled(u, codebook, sign=1.0)


def farthest(u: Tensor, codebook: Tensor) -> Tensor:
    """Return the index of the codeword farthest from each row, by tiles."""
    return _tiled(u, codebook, sign=-1.0)


def _tiled(u: Tensor, codebook: Tensor, sign: float) -> Tensor:
    centre, codewords = centred(codebook)
    return torch.cat([_extreme_of_tile(rows - centre, codewords, sign) for rows in u.split(_TILE_ROWS)])


def _extreme_of_tile(rows: Tensor, codewords: Tensor, sign: float) -> Tensor:
    """Return where ``sign (||c||^2 - 2 u.c)`` is least."""
    best = rows.new_full((len(rows),), torch.inf)
    codes = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    for start in range(0, len(codewords), _TILE_CODEWORDS):
        tile = codewords[start : start + _TILE_CODEWORDS]
        distances, found = torch.addmm(tile.square().sum(1), rows, tile.T, beta=sign, alpha=-2 * sign).min(
            dim=1
        )
        closer = distances < best
        best = torch.where(closer, distances, best)
        codes = torch.where(closer, found + start, codes)
    return codes
