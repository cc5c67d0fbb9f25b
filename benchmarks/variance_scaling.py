"""Figure 2 as the study runs it, against the 55 searches alone in bare faiss, in the same run.

The study also draws the vectors, recomputes each distortion in float64 and writes the table. The two
are timed in turn, so that a neighbour's load meets both.
"""

import resource
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np

from sims import assign
from sims.runner import run_study
from sims.variance_scaling import STUDY

ROUNDS = 3


def bare_faiss() -> float:
    """Time of the searches alone, with vectors that lie ready in float32."""
    sweep = STUDY.sweep("paper", seed=0)
    dim, codebook_size, n = (int(sweep.fixed[key]) for key in ("dim", "codebook_size", "n"))
    rng = np.random.default_rng(0)
    features = rng.standard_normal((n, dim), dtype=np.float32)
    codebook = rng.standard_normal((codebook_size, dim), dtype=np.float32)
    faiss.omp_set_num_threads(assign.available_threads())
    start = time.perf_counter()
    for _ in sweep.cells():
        index = faiss.IndexFlatL2(dim)
        index.add(codebook)
        index.search(features, 1)
    return time.perf_counter() - start


def study() -> float:
    """Time of the whole study, from the first draw to the written table."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run_study(STUDY, "paper", seed=0, out=Path(folder), quiet=True)
        return time.perf_counter() - start


def run() -> list[dict[str, float | int]]:
    """Return one row a round: seconds of both, their ratio, and the peak memory so far."""
    rows: list[dict[str, float | int]] = []
    for number in range(ROUNDS):
        bare, ours = bare_faiss(), study()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows.append(
            {
                "round": number,
                "faiss_seconds": bare,
                "study_seconds": ours,
                "ratio": ours / bare,
                "peak_gib": peak,
            }
        )
    return rows
