"""Nearest codewords on CUDA in one kernel, which writes no distance to memory.

``||c||^2 - 2 u.c`` grows in registers, true float32 throughout, and only its running minimum is kept. A
program searches 128 vectors among a share of the codewords, 64 at a time; where vectors are few, the
codewords are split over more programs. With 4 warps a thread holds 16 x 4 distances, and a word from
shared memory serves 4 or 16 of its multiplications. Wider vectors than `MAX_DIM` would spill registers.
"""

import warnings
from functools import cache
from importlib.util import find_spec
from math import ceil

import torch
from torch import Tensor

from empirical.quantizers._centred import centred

MAX_DIM = 32
TILE = {"ROWS": 128, "WORDS": 64, "GROUP": 4, "num_warps": 4, "num_stages": 3}
_MIN_DIM = 16  # of a matrix product in Triton
_PROGRAMS = 32  # a multiprocessor, of which three or so run at once: the last ones cost little
_SPLIT_TILES = 16  # least share of a program
_MOST = 2**26  # vectors, and codewords: 31 times as many, with what fills the splits, are int32 offsets


def takes(u: Tensor, codebook: Tensor) -> bool:
    """Whether `fused_nearest` can search these, float32 on a CUDA device with Triton."""
    return (
        u.dtype == codebook.dtype == torch.float32
        and u.shape[1] <= MAX_DIM
        and len(u) <= _MOST
        and 0 < len(codebook) <= _MOST
        and u.is_cuda
        and _runs_on(u.device)
    )


@cache
def _runs_on(device: torch.device) -> bool:
    """Whether the kernel can be built and started there; where Triton is but fails, a warning says why."""
    if torch.version.cuda is None or find_spec("triton") is None:
        return False
    try:
        fused_nearest(torch.zeros(1, 1, device=device), torch.zeros(1, 1, device=device))
    except Exception as error:  # no compiler for Triton's launcher, a card it does not know, ...
        warnings.warn(
            f"nearest codewords on {device} are searched by tiles, several times slower, since Triton "
            f"cannot run the fused kernel: {type(error).__name__}: {error}",
            stacklevel=2,
        )
        return False
    return True


@torch.no_grad()
def fused_nearest(u: Tensor, codebook: Tensor) -> Tensor:
    """Return the index of the codeword nearest to each row, the lowest where several are.

    Parameters
    ----------
    u : (N, d) tensor of float32
        Vectors, d at most `MAX_DIM`, on a CUDA device; at most 2^26.
    codebook : (K, d) tensor of float32
        Codewords there, at least one, at most 2^26.

    Returns
    -------
    (N,) tensor of int64
        Codes.
    """
    from empirical.quantizers._fused_kernel import search

    if len(u) == 0:
        return torch.empty(0, dtype=torch.int64, device=u.device)
    blocks, splits, span = _shares(len(u), len(codebook), u.device)
    n, size, dim = blocks * TILE["ROWS"], splits * span, max(_MIN_DIM, 1 << (u.shape[1] - 1).bit_length())
    centre, codewords = centred(codebook)
    vectors, words = _transposed(u - centre, dim, n), _transposed(-2 * codewords, dim, size)
    norms = codewords.new_full((size + TILE["WORDS"],), torch.inf)
    norms[: len(codebook)] = codewords.square().sum(1)
    least = vectors.new_empty(splits, n)
    codes = torch.empty(splits, n, dtype=torch.int32, device=u.device)
    with torch.cuda.device_of(u):  # Triton starts kernels on the current device
        search[(blocks, splits)](vectors, words, norms, least, codes, n, size, span, DIM=dim, **TILE)
    return codes.gather(0, least.argmin(0, keepdim=True))[0, : len(u)].long()


def _shares(vectors: int, codewords: int, device: torch.device) -> tuple[int, int, int]:
    """Return how many blocks of vectors and splits of the codewords there are, and codewords a split."""
    blocks, tiles = ceil(vectors / TILE["ROWS"]), ceil(codewords / TILE["WORDS"])
    processors = 1  # under Triton's interpreter
    if device.type == "cuda":
        processors = torch.cuda.get_device_properties(device).multi_processor_count
    splits = min(ceil(_PROGRAMS * processors / blocks), max(1, tiles // _SPLIT_TILES))
    share = ceil(tiles / splits)
    return blocks, ceil(tiles / share), share * TILE["WORDS"]


def _transposed(x: Tensor, rows: int, columns: int) -> Tensor:
    """Return the transpose with zeros added to fill (rows, columns)."""
    filled = x.new_zeros(rows, columns)
    filled[: x.shape[1], : len(x)] = x.T
    return filled
