"""Nearest code on a GPU: ours against torch.cdist, faiss-gpu and vector-quantize-pytorch, in the same run.

131,072 vectors of 16 numbers, K = 65536: one search of a batch of 256 images with 512 tokens. The floor is
the time of its ``2 d N K`` operations at 67 TFLOP/s, float32 on an H100: 4.1 ms. Each method gets the vectors
in float32 on the GPU and leaves its codes there. Those that hold the distances to all codewords get 8192
vectors at a time, since all at once are 32 GiB. Ours is the fused kernel; the tiles, which larger dimensions
and other types take, stand beside it. They write each distance to memory once and read it back: 20 ms at
3.35 TB/s. Needs CUDA, Triton for the kernel, and faiss-gpu for its row.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import vector_quantize_pytorch as peer
from torch import Tensor

from empirical.quantizers._nearest import nearest, tiled_nearest

N, DIM, SIZE = 131_072, 16, 65_536
FLOAT32_PEAK = 67e12  # of an H100, operations a second; other cards have other floors
LIMIT = 3.0  # ours over the floor, on that card
WARMUPS, ROUNDS = 3, 20
_ROWS = 8192

Search = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Problem:
    """Vectors (n, dim) and codewords (size, dim), both standard normal, on a device."""

    device: str
    n: int = N
    dim: int = DIM
    size: int = SIZE

    def draw(self) -> tuple[Tensor, Tensor]:
        """Return vectors and codewords."""
        generator = torch.Generator().manual_seed(0)
        z, codebook = (torch.randn(m, self.dim, generator=generator) for m in (self.n, self.size))
        return z.to(self.device), codebook.to(self.device)


def missing() -> str | None:
    """Return what this benchmark needs and does not find, if anything."""
    if torch.cuda.is_available():
        return None
    return "nearest_gpu needs a CUDA device, and torch finds none: see nvidia-smi and CUDA_VISIBLE_DEVICES"


def by_cdist(z: Tensor, codebook: Tensor) -> Tensor:
    """Return codes by `torch.cdist`, which holds all distances of some vectors."""
    return torch.cat([torch.cdist(rows, codebook).argmin(dim=1) for rows in z.split(_ROWS)])


def by_peer(codebook: Tensor) -> Search:
    """Return the search of vector-quantize-pytorch with these codewords."""
    quantizer = peer.VectorQuantize(codebook.shape[1], len(codebook)).to(codebook.device).eval()
    quantizer.codebook = codebook

    @torch.no_grad()
    def search(z: Tensor, codebook: Tensor) -> Tensor:
        return torch.cat([quantizer(rows[None])[1][0] for rows in z.split(_ROWS)])

    return search


def by_faiss() -> Search | None:
    """Return faiss's search on the GPU, on tensors that stay there; None where this faiss has none."""
    import faiss

    if not hasattr(faiss, "StandardGpuResources") or faiss.get_num_gpus() == 0:
        return None
    import faiss.contrib.torch_utils  # lets faiss take tensors

    resources = faiss.StandardGpuResources()

    def search(z: Tensor, codebook: Tensor) -> Tensor:
        found: Tensor = faiss.knn_gpu(resources, z, codebook, 1)[1][:, 0]
        return found

    return search


def milliseconds(work: Callable[[], object], device: str) -> list[float]:
    """Return the times of some rounds, by CUDA's own events on a GPU, after rounds that are not counted."""
    for _ in range(WARMUPS):
        work()
    times = []
    for _ in range(ROUNDS):
        if device == "cpu":
            start = time.perf_counter()
            work()
            times.append(1e3 * (time.perf_counter() - start))
            continue
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end))
    return times


def _peak_mib(work: Callable[[], object], device: str) -> float | None:
    """Return the most memory of torch on the GPU that a round adds to what was held before."""
    if device == "cpu":
        return None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def measure(problem: Problem) -> list[dict[str, Any]]:
    """Return one row a method: median milliseconds, ratios, peak memory, and what its codes lose.

    ``excess`` is the mean squared error of the codes over that of ours, less one, in float64.
    """
    z, codebook = problem.draw()
    searches: dict[str, Search] = {"ours": nearest, "ours by tiles": tiled_nearest, "torch.cdist": by_cdist}
    searches["vector-quantize-pytorch"] = by_peer(codebook)
    if problem.device != "cpu" and (found := by_faiss()):
        searches["faiss-gpu"] = found
    floor = 2e3 * problem.dim * problem.n * problem.size / FLOAT32_PEAK
    rows: list[dict[str, Any]] = []
    for method, search in searches.items():
        work = partial(search, z, codebook)
        times = milliseconds(work, problem.device)
        error = float((z - codebook[work()]).double().square().sum(dim=1).mean())
        median = statistics.median(times)
        first = rows[0] if rows else {"milliseconds": median, "distortion": error}
        rows.append(
            {
                "method": method,
                "n": problem.n,
                "dim": problem.dim,
                "codebook_size": problem.size,
                "milliseconds": median,
                "least": min(times),
                "most": max(times),
                "over_ours": median / first["milliseconds"],
                "over_floor": median / floor,
                "limit": LIMIT if method == "ours" else None,
                "within": median / floor <= LIMIT if method == "ours" else None,
                "peak_mib": _peak_mib(work, problem.device),
                "distortion": error,
                "excess": error / first["distortion"] - 1,
            }
        )
    return rows


def run() -> list[dict[str, Any]]:
    """Return one row a method; the card's name is in the manifest."""
    return measure(Problem("cuda"))
