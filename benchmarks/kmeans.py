"""k-means with K = 4096 in 8 dimensions, against bare faiss and scikit-learn's Lloyd, in the same run.

All begin at the same vectors and make the same number of Lloyd iterations: ours counts its three exact ones,
and measures the result besides. A hundred thousand vectors show how the ratios change; that to faiss is held
with a million, at the number of iterations that a fit makes by default. scikit-learn takes over a minute.
"""

import time
from collections.abc import Callable
from functools import partial

import faiss
import numpy as np
from sklearn.cluster import KMeans

from sims import assign, kmeans

CODEWORDS, DIM = 4096, 8
SIZES = ((100_000, 4), (1_000_000, 25))
"""Vectors, and iterations in faiss."""
MOST_TO_FAISS, LEAST_TO_SKLEARN = 1.1, 5.0
"""Ratios to hold with the most vectors; the second with fewer, too."""


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _first(x: np.ndarray, codebook_size: int, rng: np.random.Generator) -> np.ndarray:
    """Return the vectors that all begin at."""
    return x[:codebook_size]


def _ours(x: np.ndarray, iterations: int) -> None:
    kmeans.fit(x, CODEWORDS, rng=np.random.default_rng(1), iterations=iterations, start=_first)


def _faiss(x: np.ndarray, iterations: int) -> None:
    fit = faiss.Kmeans(DIM, CODEWORDS, niter=iterations, max_points_per_centroid=len(x))
    fit.train(x.astype(np.float32), init_centroids=x[:CODEWORDS].astype(np.float32))


def _sklearn(x: np.ndarray, iterations: int) -> None:
    start = x[:CODEWORDS].astype(np.float32)
    fit = KMeans(CODEWORDS, init=start, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd")
    made = fit.fit(x.astype(np.float32)).n_iter_
    if made != iterations:
        raise RuntimeError(f"scikit-learn must make {iterations} iterations, made {made}; give more vectors")


def run() -> list[dict[str, float | int]]:
    """Return one row a size: seconds of each, ratios to ours, and whether the limits are held."""
    faiss.omp_set_num_threads(assign.available_threads())
    rows: list[dict[str, float | int]] = []
    for n, iterations in SIZES:
        x = np.random.default_rng(0).standard_normal((n, DIM))
        ours = _seconds(partial(_ours, x, iterations))
        bare, other = (_seconds(partial(peer, x, iterations + 3)) for peer in (_faiss, _sklearn))
        row: dict[str, float | int] = {"n": n, "iterations": iterations + 3, "seconds": ours}
        row |= {"faiss_seconds": bare, "ratio_to_faiss": ours / bare}
        row |= {"sklearn_seconds": other, "sklearn_over_ours": other / ours}
        row["within"] = other / ours >= LEAST_TO_SKLEARN
        if n == SIZES[-1][0]:
            row["within"] = row["within"] and ours / bare <= MOST_TO_FAISS
        rows.append(row)
    return rows
