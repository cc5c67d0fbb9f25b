"""A training step (forward and backward) of quantizers against vector-quantize-pytorch 1.32, in the same run.

8192 vectors of 16 numbers; FSQ (both forms), LFQ and BSQ have 4096 codewords in 6 or 12 numbers. All have the
same vectors and threads and do one step that is not counted. Then they take turns, so that a neighbour's load
meets both, and medians are taken. The row of EMA VQ also holds, from turns of its own, the time of faiss's
search alone, in an index that is there already, and the peak memory of fresh processes that do three steps
each, libraries included. Columns named ``limit`` hold what is asked for: of the peer over ours at least, of
ours over faiss and of the peak in MiB at most. ``within`` says whether a row keeps all of its limits.

torch is imported before faiss. In the other order each has a pool of threads of its own, which wait for work
beside each other's: on two cores a search in faiss took 11 ms in place of 6 then, a step 20 in place of 10.
"""

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import vector_quantize_pytorch as peer
from torch import Tensor, nn

from empirical.quantizers import FSQQuantizer, build
from sims import assign

N, DIM = 8192, 16
# of EMA VQ: rounds, and how many times faster than the peer it is to be
SIZES = {4096: (7, 20.0), 65536: (3, 50.0)}
FAISS_ROUNDS, FAISS_LIMIT, MIB_LIMIT = 15, 2.0, 1024
FIXED_SIZE, FIXED_ROUNDS = 4096, 15
_SEEN = 100  # seeds of vectors apart from others


def _vectors(dim: int, seed: int = 0) -> Tensor:
    return torch.randn(N, dim, generator=torch.Generator().manual_seed(seed))


def _ours(quantizer: nn.Module, z: Tensor) -> None:
    free = z.clone().requires_grad_()
    result = quantizer(free)
    (result.z_q.sum() + sum(result.losses.values())).backward()


def _theirs(quantizer: nn.Module, z: Tensor) -> None:
    free = z[None].clone().requires_grad_()
    found = quantizer(free)
    loss = found[2].sum() if len(found) > 2 else 0.0
    (found[0].sum() + loss).backward()


def _searching(codebook: Tensor) -> Callable[[Tensor], object]:
    """Return faiss's search alone."""
    import faiss  # after torch, as where quantizers train: then both have one pool of threads

    index = faiss.IndexFlatL2(codebook.shape[1])
    index.add(codebook.numpy())
    return lambda z: index.search(z.numpy(), 1)


def _medians(
    works: dict[str, Callable[[Tensor], object]], dim: int, rounds: int, seed: int = 0
) -> dict[str, float]:
    """Return the median seconds of each; they take turns, after a round for what depends on data.

    Each round has vectors of its own, as in a training: codewords may have been put on earlier ones.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for counted in range(rounds + 1):
        z = _vectors(dim, seed + counted)
        for name, work in works.items():
            start = time.perf_counter()
            work(z)
            if counted:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _ema(size: int) -> tuple[nn.Module, nn.Module]:
    return build("ema", DIM, size), peer.VectorQuantize(DIM, size, decay=0.99, commitment_weight=0.25)


def _peak(which: str, size: int) -> float:
    """Return the peak memory of a process that does three steps of EMA VQ, in MiB."""
    code = (
        "from pathlib import Path\n"
        "from benchmarks import quantizers as b\n"
        f"ours, theirs = b._ema({size})\n"
        f"for _ in range(3): b._{which}({which}, b._vectors(b.DIM))\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return int(done.stdout) / 1024


def _rows_of_ema() -> list[dict[str, Any]]:
    rows = []
    for size, (rounds, limit) in SIZES.items():
        ours, theirs = _ema(size)
        for batch in range(-(-size // N)):  # fill the codebook
            ours(_vectors(DIM, 2 * _SEEN + batch))
        work = partial(_ours, ours)
        # each pair by itself: the peer's tables of vectors by codewords leave caches and memory cold
        pair = {"seconds": work, "peer_seconds": partial(_theirs, theirs)}
        row = {"quantizer": "ema", "dim": DIM, "codebook_size": size, **_medians(pair, DIM, rounds)}
        pair = {"seconds_beside_faiss": work, "faiss_seconds": _searching(ours.codebook)}
        row |= _medians(pair, DIM, FAISS_ROUNDS, seed=_SEEN)
        row |= {"peer_over_ours": row["peer_seconds"] / row["seconds"], "peer_limit": limit}
        over = row["seconds_beside_faiss"] / row["faiss_seconds"]
        row |= {"ours_over_faiss": over, "faiss_limit": FAISS_LIMIT}
        row |= {"peak_mib": _peak("ours", size), "peer_peak_mib": _peak("theirs", size)}
        rows.append({**row, "mib_limit": MIB_LIMIT})
    return rows


def _fixed() -> dict[str, tuple[nn.Module, nn.Module]]:
    """Return ours and theirs of the quantizers without a learned codebook."""
    bits = FIXED_SIZE.bit_length() - 1
    levels = [4] * (bits // 2)
    lookup_free = partial(peer.LFQ, codebook_size=FIXED_SIZE, commitment_loss_weight=0.25)
    symmetric = FSQQuantizer(levels, form="symmetric"), peer.FSQ(levels, preserve_symmetry=True)
    return {
        "fsq": (FSQQuantizer(levels), peer.FSQ(levels)),
        "fsq symmetric": symmetric,
        "lfq": (build("lfq", bits, FIXED_SIZE), lookup_free()),
        "bsq": (build("bsq", bits, FIXED_SIZE), lookup_free(spherical=True)),
    }


def _rows_of_fixed() -> list[dict[str, Any]]:
    rows = []
    for name, (ours, theirs) in _fixed().items():
        works = {"seconds": partial(_ours, ours), "peer_seconds": partial(_theirs, theirs)}
        row = {"quantizer": name, "dim": ours.dim, "codebook_size": FIXED_SIZE}
        row |= _medians(works, ours.dim, FIXED_ROUNDS)
        rows.append({**row, "peer_over_ours": row["peer_seconds"] / row["seconds"], "peer_limit": 1.0})
    return rows


def _within(row: dict[str, Any]) -> bool:
    """Whether a row keeps all of its limits; rows of fixed codewords have that of the peer alone."""
    return bool(
        row["peer_over_ours"] >= row["peer_limit"]
        and row.get("ours_over_faiss", 0.0) <= row.get("faiss_limit", math.inf)
        and row.get("peak_mib", 0.0) <= row.get("mib_limit", math.inf)
    )


def run() -> list[dict[str, Any]]:
    """Return one row a quantizer and codebook size: median seconds of a step, ratios, peak memory, limits."""
    import faiss

    threads = assign.available_threads()
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    rows = _rows_of_ema() + _rows_of_fixed()
    return [{**row, "threads": threads, "within": _within(row)} for row in rows]
