"""k-means with K = 4096 in 8 dimensions, against bare faiss and scikit-learn's Lloyd, in the same run.

All make the same number of Lloyd iterations from random vectors: ours counts its three exact ones, and
measures the result besides. The row with a million vectors, at the number of iterations that a fit makes
by default, leaves scikit-learn out, which would take minutes.
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
"""Vectors, and iterations in faiss; scikit-learn runs the first only."""
MOST_TO_FAISS, LEAST_TO_SKLEARN = 1.1, 5.0
"""Ratios to hold: the first with the most vectors, the second with those that scikit-learn gets."""


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _faiss(x: np.ndarray, iterations: int) -> None:
    fit = faiss.Kmeans(DIM, CODEWORDS, niter=iterations, max_points_per_centroid=len(x))
    fit.train(x.astype(np.float32), init_centroids=x[:CODEWORDS].astype(np.float32))


def _sklearn(x: np.ndarray, iterations: int) -> None:
    start = x[:CODEWORDS].astype(np.float32)
    KMeans(CODEWORDS, init=start, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd").fit(
        x.astype(np.float32)
    )


def run() -> list[dict[str, float | int]]:
    """Return one row a size: seconds of each, ratios to ours, and whether the limit is held."""
    faiss.omp_set_num_threads(assign.available_threads())
    rows: list[dict[str, float | int]] = []
    for n, iterations in SIZES:
        x = np.random.default_rng(0).standard_normal((n, DIM))
        ours = _seconds(
            partial(kmeans.fit, x, CODEWORDS, rng=np.random.default_rng(1), iterations=iterations)
        )
        bare = _seconds(partial(_faiss, x, iterations + 3))
        row: dict[str, float | int] = {"n": n, "iterations": iterations + 3, "seconds": ours}
        row |= {"faiss_seconds": bare, "ratio_to_faiss": ours / bare}
        if n == SIZES[0][0]:
            other = _seconds(partial(_sklearn, x, iterations + 3))
            row |= {"sklearn_seconds": other, "sklearn_over_ours": other / ours}
            row["within"] = other / ours >= LEAST_TO_SKLEARN
        else:
            row["within"] = ours / bare <= MOST_TO_FAISS
        rows.append(row)
    return rows
