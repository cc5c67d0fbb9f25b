"""Figure 5 (a) to (d) as the study runs them, against their searches and roundings alone, in the same run.

The peer has its vectors ready in float32 and measures nothing. The study also draws them, recomputes each
distortion in float64 and evaluates the closed forms. Each cell follows its peer, so that a neighbour's load
meets both.
"""

import time
from collections.abc import Callable
from functools import partial

import faiss
import numpy as np

from sims import assign
from sims.quantizer_variance import DIM, STUDY

ROUNDS = 3
PRESET = "paper"
LIMIT = 2.0
"""Ratio to hold."""


def _search(words: np.ndarray, x: np.ndarray) -> None:
    index = faiss.IndexFlatL2(words.shape[1])
    index.add(words)
    index.search(x, 1)


class Bare:
    """The searches of a cell in faiss and its roundings in numpy, all in float32."""

    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal((n, DIM), dtype=np.float32)
        self.halves = [np.ascontiguousarray(half) for half in np.split(self.x, 2, axis=1)]
        self.words = rng.standard_normal((4096, DIM), dtype=np.float32)
        self.small = rng.standard_normal((64, DIM // 2), dtype=np.float32)

    def __call__(self) -> None:
        """Quantize by all methods of the panel."""
        x = self.x
        _search(self.words, x)
        for half in self.halves:
            _search(self.small, half)
        for bounded in (2 * np.tanh(x), 1.5 * np.tanh(x + 0.35) - 0.5):
            np.round(bounded)
        np.sign(x)
        np.sign(x / np.linalg.norm(x, axis=1, keepdims=True))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run() -> list[dict[str, float | int]]:
    """Return one row a round: seconds of both, their ratio, and whether it is within the limit."""
    faiss.omp_set_num_threads(assign.available_threads())
    cells = [cell for cell in STUDY.sweep(PRESET, seed=0).cells() if cell.parameters["panel"] == "figure-5"]
    bare = Bare(int(cells[0].parameters["n"]))
    STUDY.run(cells[0])  # imports and closed forms that do not depend on the variance
    rows: list[dict[str, float | int]] = []
    for number in range(ROUNDS):
        alone = ours = 0.0
        for cell in cells:
            alone += _seconds(bare)
            ours += _seconds(partial(STUDY.run, cell))
        row: dict[str, float | int] = {"round": number, "bare_seconds": alone, "study_seconds": ours}
        rows.append(row | {"ratio": ours / alone, "limit": LIMIT, "within": ours / alone <= LIMIT})
    return rows
