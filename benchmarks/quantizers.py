"""A training step (forward and backward) of quantizers against vector-quantize-pytorch 1.32, in the same run.

8192 vectors of 16 numbers; FSQ, LFQ and BSQ have 4096 codewords in 6 or 12 numbers. The row of EMA VQ also
holds the time of faiss's search alone, and the peak memory of fresh processes that do three steps.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import torch
import vector_quantize_pytorch as peer
from torch import Tensor, nn

from empirical.quantizers import FSQQuantizer, build
from sims import assign

N, DIM = 8192, 16
SIZES = (4096, 65536)
ROUNDS = 3


def _vectors(dim: int) -> Tensor:
    return torch.randn(N, dim, generator=torch.Generator().manual_seed(0))


def _ours(quantizer: nn.Module, z: Tensor) -> None:
    free = z.clone().requires_grad_()
    result = quantizer(free)
    (result.z_q.sum() + sum(result.losses.values())).backward()


def _theirs(quantizer: nn.Module, z: Tensor) -> None:
    free = z[None].clone().requires_grad_()
    found = quantizer(free)
    loss = found[2].sum() if len(found) > 2 else 0.0
    (found[0].sum() + loss).backward()


def _search(codebook: Tensor, z: Tensor) -> None:
    index = faiss.IndexFlatL2(z.shape[1])
    index.add(codebook.numpy())
    index.search(z.numpy(), 1)


def _seconds(work: Callable[..., None], *arguments: Any) -> float:
    """Return the least time of some rounds, after one that sets up what depends on data."""
    work(*arguments)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


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
    for size in SIZES:
        z, (ours, theirs) = _vectors(DIM), _ema(size)
        for seed in range(-(-size // N)):  # fill the codebook
            ours(torch.randn(N, DIM, generator=torch.Generator().manual_seed(seed)))
        row = {"quantizer": "ema", "dim": DIM, "codebook_size": size}
        row |= {"seconds": _seconds(_ours, ours, z), "peer_seconds": _seconds(_theirs, theirs, z)}
        row["faiss_seconds"] = _seconds(_search, ours.codebook, z)
        row |= {"peak_mib": _peak("ours", size), "peer_peak_mib": _peak("theirs", size)}
        rows.append(row)
    return rows


def _rows_of_fixed() -> list[dict[str, Any]]:
    size = SIZES[0]
    bits = size.bit_length() - 1
    levels = [4] * (bits // 2)
    cases = {
        "fsq": (FSQQuantizer(levels), peer.FSQ(levels)),
        "lfq": (build("lfq", bits, size), peer.LFQ(codebook_size=size, commitment_loss_weight=0.25)),
        "bsq": (
            build("bsq", bits, size),
            peer.LFQ(codebook_size=size, commitment_loss_weight=0.25, spherical=True),
        ),
    }
    return [
        {
            "quantizer": name,
            "dim": ours.dim,
            "codebook_size": size,
            "seconds": _seconds(_ours, ours, _vectors(ours.dim)),
            "peer_seconds": _seconds(_theirs, theirs, _vectors(ours.dim)),
        }
        for name, (ours, theirs) in cases.items()
    ]


def run() -> list[dict[str, Any]]:
    """Return one row a quantizer and codebook size: seconds of a step, ratios, peak memory."""
    threads = assign.available_threads()
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    rows = _rows_of_ema() + _rows_of_fixed()
    for row in rows:
        row["peer_over_ours"] = row["peer_seconds"] / row["seconds"]
        if "faiss_seconds" in row:
            row["ours_over_faiss"] = row["seconds"] / row["faiss_seconds"]
    return rows
