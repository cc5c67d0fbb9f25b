"""Figure 5 (a) to (d) as the study runs them, against their searches and roundings alone, in the same run.

The peer has its vectors ready in float32 and measures nothing. The study also draws them, recomputes each
distortion in float64 and evaluates the closed forms. The two are timed in turn.
"""

import time

import faiss
import numpy as np

from sims import assign
from sims.quantizer_variance import DIM, STUDY

ROUNDS = 3
_CELLS = [cell for cell in STUDY.sweep("paper", seed=0).cells() if cell.parameters["panel"] == "figure-5"]


def _search(words: np.ndarray, x: np.ndarray) -> None:
    index = faiss.IndexFlatL2(words.shape[1])
    index.add(words)
    index.search(x, 1)


def bare() -> float:
    """Time of the searches in faiss and of the rounding in numpy, all in float32."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((int(_CELLS[0].parameters["n"]), DIM), dtype=np.float32)
    halves = [np.ascontiguousarray(half) for half in np.split(x, 2, axis=1)]
    words = rng.standard_normal((4096, DIM), dtype=np.float32)
    small = rng.standard_normal((64, DIM // 2), dtype=np.float32)
    faiss.omp_set_num_threads(assign.available_threads())
    start = time.perf_counter()
    for _ in _CELLS:
        _search(words, x)
        for half in halves:
            _search(small, half)
        for bounded in (2 * np.tanh(x), 1.5 * np.tanh(x + 0.35) - 0.5):
            np.round(bounded)
        np.sign(x)
        np.sign(x / np.linalg.norm(x, axis=1, keepdims=True))
    return time.perf_counter() - start


def study() -> float:
    """Time of the panel's cells."""
    start = time.perf_counter()
    for cell in _CELLS:
        STUDY.run(cell)
    return time.perf_counter() - start


def run() -> list[dict[str, float | int]]:
    """Return one row a round: seconds of both and their ratio."""
    rows: list[dict[str, float | int]] = []
    for number in range(ROUNDS):
        alone, ours = bare(), study()
        rows.append({"round": number, "bare_seconds": alone, "study_seconds": ours, "ratio": ours / alone})
    return rows
