"""Triton kernel behind `_fused`: distances live and die in registers. Importing it needs Triton."""
# mypy: allow-untyped-defs, allow-incomplete-defs

import triton
import triton.language as tl

_NONE = tl.constexpr(2**31 - 1)


@triton.jit
def search(
    vectors,  # (DIM, n): column i is u_i
    words,  # (DIM, size): column j is -2 c_j
    norms,  # (size + WORDS,): ||c_j||^2, and infinity where there is no codeword
    least,  # (splits, n), written: the least ||c_j||^2 - 2 u_i.c_j of a split
    codes,  # (splits, n), written: the lowest j that has it
    n,
    size,
    span,
    DIM: tl.constexpr,
    ROWS: tl.constexpr,
    WORDS: tl.constexpr,
    GROUP: tl.constexpr,
):  # fmt: skip
    """Search ROWS vectors among the codewords [s span, (s + 1) span) of split s.

    n is a multiple of ROWS, span one of WORDS, size = splits span, so no load needs a mask.
    """
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, WORDS)[None, :]
    k = tl.arange(0, DIM).to(tl.int64)[:, None]
    first = tl.program_id(1) * span
    # loaded along the vectors, so that shared memory holds them so too: four come at once, without conflict
    u = tl.trans(tl.load(vectors + k * n + rows[None, :]))
    best = tl.full((ROWS, WORDS // GROUP), float("inf"), tl.float32)
    tile = tl.zeros((ROWS, WORDS // GROUP), tl.int32) + first
    ahead = tl.load(norms + first + columns)
    for start in range(first, first + span, WORDS):
        distance = tl.broadcast_to(ahead, (ROWS, WORDS))
        ahead = tl.load(norms + start + WORDS + columns)
        distance = tl.dot(u, tl.load(words + k * size + start + columns), distance, input_precision="ieee")
        # a thread holds GROUP neighbours: their least costs one operation each, and the index one of GROUP
        distance = tl.min(tl.reshape(distance, (ROWS, WORDS // GROUP, GROUP)), axis=2)
        closer = distance < best
        best = tl.where(closer, distance, best)
        tile = tl.where(closer, start, tile)
    group = tile + GROUP * tl.arange(0, WORDS // GROUP)[None, :]
    group = tl.min(tl.where(best == tl.min(best, axis=1)[:, None], group, _NONE), axis=1)
    value, code = _best_of_group(vectors, words, norms, rows, group, n, size, DIM, GROUP)
    at = tl.program_id(1).to(tl.int64) * n + rows
    tl.store(least + at, value)
    tl.store(codes + at, code)


@triton.jit
def _best_of_group(
    vectors, words, norms, rows, group, n, size, DIM: tl.constexpr, GROUP: tl.constexpr
):  # fmt: skip
    """Return the least of the GROUP distances from codeword `group` on, and the first code that has it."""
    members = group[:, None] + tl.arange(0, GROUP)[None, :]
    distance = tl.load(norms + members)
    for k in range(DIM):
        distance += tl.load(vectors + k * n + rows)[:, None] * tl.load(words + k * size + members)
    value = tl.min(distance, axis=1)
    code = tl.min(tl.where(distance == value[:, None], members, _NONE), axis=1)
    return value, tl.where(code == _NONE, group, code)  # where all are NaN
