"""Figure 2 as the study runs it, against the 55 searches alone in bare faiss, in the same run.

The study also draws the vectors, recomputes each distortion in float64 and writes the table. Each cell
follows its own bare search, so that a neighbour's load meets both.
"""

import tempfile
import time
from pathlib import Path

import faiss
import numpy as np

from qtheory.results import Cell, Sweep, run_sweep
from qtheory.results.sweep import Row
from sims import assign
from sims.variance_scaling import STUDY

ROUNDS = 3
PRESET = "paper"
LIMIT = 1.5
"""Ratio to hold."""


class Interleaved:
    """Runs a cell after a bare search of the same size, whose time it adds up."""

    def __init__(self, dim: int, codebook_size: int, n: int) -> None:
        rng = np.random.default_rng(0)
        self.features = rng.standard_normal((n, dim), dtype=np.float32)
        self.codebook = rng.standard_normal((codebook_size, dim), dtype=np.float32)
        self.bare_seconds = 0.0

    def __call__(self, cell: Cell) -> Row | list[Row]:
        """Search with faiss alone, then run the cell."""
        start = time.perf_counter()
        index = faiss.IndexFlatL2(self.features.shape[1])
        index.add(self.codebook)
        index.search(self.features, 1)
        self.bare_seconds += time.perf_counter() - start
        return STUDY.run(cell)


def _seconds(sweep: Sweep) -> tuple[float, float]:
    """Return the seconds of the study and of the bare searches."""
    cell = Interleaved(*(int(sweep.fixed[key]) for key in ("dim", "codebook_size", "n")))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run_sweep(sweep, cell, Path(folder) / "table.csv")
        return time.perf_counter() - start - cell.bare_seconds, cell.bare_seconds


def run() -> list[dict[str, float | int]]:
    """Return one row a round: seconds of both, their ratio, and whether it is within the limit."""
    faiss.omp_set_num_threads(assign.available_threads())
    rows: list[dict[str, float | int]] = []
    _seconds(STUDY.sweep("smoke", seed=0))  # what is imported at its first use is no part of a round
    for number in range(ROUNDS):
        ours, bare = _seconds(STUDY.sweep(PRESET, seed=number))
        ratio = ours / bare
        rows.append(
            {
                "round": number,
                "faiss_seconds": bare,
                "study_seconds": ours,
                "ratio": ratio,
                "limit": LIMIT,
                "within": ratio <= LIMIT,
            }
        )
    return rows
