"""k-means codebooks: Lloyd iterations in faiss, finished in float64; and rotations for products of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory.errors import DomainError, ShapeError
from sims import _faiss, _lloyd_tree, _scalar, assign, starts

Array = NDArray[np.float64]

# exact Lloyd steps after faiss: its centroids are float32 and it may leave cells empty
_EXACT_STEPS = 3
_REPAIRS = 20
_OPQ_ROUNDS = 8
_OPQ_ITERATIONS = 4
_OPQ_ROWS = 8192  # enough for a rotation; the codewords are then fitted to all rows
_FAST_DIM = 4  # with fewer columns faiss takes a path that is much slower


@dataclass(frozen=True)
class KMeansFit:
    """A fitted codebook.

    Attributes
    ----------
    codebook : (K, d) array
        Codewords, float64; each is nearest to at least one training vector.
    in_sample_distortion : float
        Mean squared error of the training vectors, summed over d. It underestimates the error on
        fresh vectors, and may lie below the optimum of their distribution.
    iterations : int
        Lloyd iterations of each restart.
    restarts : int
        Number of starts, of which this is the best.
    n : int
        Training vectors; all were used in each iteration.
    """

    codebook: NDArray[np.float64]
    in_sample_distortion: float
    iterations: int
    restarts: int
    n: int


def _by_tree(x: Array, codebook_size: int) -> bool:
    few = x.shape[1] <= assign.SUPPORT_DIM and codebook_size >= _lloyd_tree.MANY
    return few and not _faiss.on_gpu()


def _search(x: Array, threads: int | None) -> _lloyd_tree.Nearest:
    """Return what finds the nearest codewords of `x`."""
    if x.shape[1] <= assign.SUPPORT_DIM:
        return _lloyd_tree.Search(x, threads)
    return partial(assign.nearest, x, threads=threads)


def _lloyd(x: Array, start: Array, iterations: int, seed: int, threads: int | None) -> Array:
    """Run Lloyd iterations from `start`, on all vectors, in faiss."""
    n, d = x.shape
    columns = max(d, _FAST_DIM)  # zeros add nothing to a distance
    unit = assign.Centred(x.mean(axis=0), x, start)
    with _faiss.faiss_with(_faiss.threads_for(x.size * len(start), threads)) as faiss:
        fit = faiss.Kmeans(
            columns,
            len(start),
            niter=iterations,
            seed=seed,
            min_points_per_centroid=1,
            max_points_per_centroid=n,  # above n / K nothing is subsampled
            gpu=_faiss.on_gpu(),
        )
        fit.train(unit.single(x, columns), init_centroids=unit.single(start, columns))
    return np.ldexp(fit.centroids[:, :d].astype(np.float64), unit.exponent) + unit.centre


def _finish(x: Array, codebook: Array, search: _lloyd_tree.Nearest) -> tuple[Array, float]:
    """Take exact Lloyd steps, moving each empty codeword to a badly served vector."""
    steps = 0
    for _ in range(_EXACT_STEPS + _REPAIRS):
        codes = search(codebook)
        counts = np.bincount(codes, minlength=len(codebook))
        empty = np.flatnonzero(counts == 0)
        if empty.size == 0 and steps == _EXACT_STEPS:
            return codebook, float(assign.distortion(x, codebook, codes).mean())
        if empty.size:
            errors = assign.distortion(x, codebook, codes)
            worst = np.argsort(-errors, kind="stable")
            # equal vectors would make equal codewords, of which one stays empty
            _, first = np.unique(x[worst[: 4 * empty.size]], axis=0, return_index=True)
            chosen = np.sort(first)[: empty.size]
            codebook = codebook.copy()
            codebook[empty[: chosen.size]] = x[worst[chosen]]
        else:
            codebook = _lloyd_tree.centroids(x, codes, counts)
            steps += 1
    raise DomainError(
        f"{empty.size} of {len(codebook)} codewords stay without a vector; "
        f"lower codebook_size, x has too few distinct vectors ({len(x)} in all)"
    )


def _unscaled(distortion: float, exponent: int) -> float:
    """Return the distortion of vectors from that of the vectors over 2^exponent."""
    with np.errstate(over="ignore"):  # seen below
        result = float(np.ldexp(distortion, 2 * exponent))
    if np.isfinite(result) and (result >= np.finfo(np.float64).tiny or distortion == 0):
        return result
    raise DomainError(
        f"x must have a scale whose square lies in the range of float64, got values up to "
        f"{np.ldexp(1.0, exponent):g}; scale it"
    )


def fit(
    x: ArrayLike,
    codebook_size: int,
    *,
    rng: np.random.Generator,
    iterations: int = 25,
    restarts: int = 1,
    start: starts.Start = starts.random,
    threads: int | None = None,
) -> KMeansFit:
    """Fit a codebook by Lloyd's algorithm on all vectors.

    Each restart begins at distinct vectors; faiss iterates in float32 on centred data, or on a CPU from 16384
    codewords in at most three dimensions a tree in float64; then three exact steps in float64 follow, in
    which codewords without a vector move to the vectors served worst.

    Parameters
    ----------
    x : (n, d) array
        Training vectors.
    codebook_size : int
        Codewords K, at most the number of distinct vectors.
    rng : numpy.random.Generator
        Randomness of the starts.
    iterations : int, optional
        Lloyd iterations a restart.
    restarts : int, optional
        Starts; the one with the lowest in-sample distortion is kept.
    start : callable, optional
        Draws the vectors to begin at: `sims.starts.random`, or `sims.starts.spread` for many codewords.
    threads : int, optional
        Threads of searches; see `sims.assign.available_threads` for the default.

    Returns
    -------
    KMeansFit
        Codebook and in-sample distortion. Measure the quantizer on other vectors.

    Raises
    ------
    DomainError
        If there are fewer distinct vectors than codewords, a value is not finite, or the distortion
        leaves the range of float64.
    ShapeError
        If `x` is empty or no matrix.

    References
    ----------
    S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28, 1982.

    Examples
    --------
    >>> points = [[0.0, 0.0], [0.0, 2.0], [9.0, 0.0], [9.0, 2.0]]
    >>> found = fit(points, 2, rng=np.random.default_rng(0), restarts=5)
    >>> found.in_sample_distortion, sorted(found.codebook.tolist())
    (1.0, [[0.0, 1.0], [9.0, 1.0]])
    """
    x = _check.array("x", x, ndim=2)
    codebook_size = _check.integer("codebook_size", codebook_size)
    iterations = _check.integer("iterations", iterations)
    restarts = _check.integer("restarts", restarts)
    rng = _check.generator("rng", rng)
    if len(x) < codebook_size:
        raise DomainError(
            f"x must have at least codebook_size={codebook_size} vectors, got {len(x)}; "
            "lower codebook_size or give more data"
        )
    exponent, (x,) = assign.to_unit_scale(x)  # all of it then scales exactly
    if _by_tree(x, codebook_size):
        x = _lloyd_tree.neighbours_together(x, threads)
    candidates = []
    for _ in range(restarts):
        begin = start(x, codebook_size, rng)
        seed = int(rng.integers(2**31))  # faiss draws from it where it splits a cell
        search = _search(x, threads)
        if _by_tree(x, codebook_size):
            codebook = _lloyd_tree.lloyd(x, begin, iterations, search)
        else:
            codebook = _lloyd(x, begin, iterations, seed, threads)
        candidates.append(_finish(x, codebook, search))
    codebook, distortion = min(candidates, key=lambda candidate: candidate[1])
    return KMeansFit(
        np.ldexp(codebook, exponent), _unscaled(distortion, exponent), iterations, restarts, len(x)
    )


def principal_axes(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the eigenvectors of the sample covariance as columns, the largest variance first."""
    return np.linalg.eigh(np.cov(x, rowvar=False).reshape(x.shape[1], -1))[1][:, ::-1]


def _balanced_axes(x: NDArray[np.float64], block_dims: Sequence[int]) -> NDArray[np.float64]:
    """Principal axes dealt to blocks so that their products of variances are even."""
    axes = principal_axes(x)
    logs = np.log(np.maximum((x @ axes).var(axis=0), 1e-300))
    blocks: list[list[int]] = [[] for _ in block_dims]
    loads = np.zeros(len(block_dims))
    for j in range(len(logs)):
        free = [m for m, dim in enumerate(block_dims) if len(blocks[m]) < dim]
        least = min(free, key=lambda m: loads[m])
        blocks[least].append(j)
        loads[least] += logs[j] - logs[-1]  # not negative, so that a gift never makes a block poorer
    return axes[:, [j for block in blocks for j in block]]


def _decoded(x: Array, size: int, rng: np.random.Generator, threads: int | None) -> tuple[Array, float]:
    """Return vectors of a block by the codewords fitted to them, and the distortion; on a line by levels."""
    if x.shape[1] == 1:
        curve = _scalar.SampleCurve(np.sort(x[:, 0]))
        return _scalar.reconstruct(x, [curve.levels(size)]), curve(size)
    found = fit(x, size, rng=rng, iterations=_OPQ_ITERATIONS, threads=threads)
    return found.codebook[assign.nearest(x, found.codebook, threads=threads)], found.in_sample_distortion


def optimized_rotation(
    x: ArrayLike,
    block_dims: Sequence[int],
    block_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Return the rotation before a product of k-means codebooks that lowers its distortion (OPQ).

    Codewords and rotation are fitted in turn, from principal axes dealt to blocks of even products of
    variances; for fixed codewords the best rotation solves an orthogonal Procrustes problem.

    Parameters
    ----------
    x : (n, d) array
        Training vectors, of which the first 8192 are used, or 8 a codeword.
    block_dims, block_sizes : sequence of int
        Dimensions, which sum to d, and codewords of each block.
    rng : numpy.random.Generator
        Randomness of the starts.
    threads : int, optional
        Threads of searches.

    Returns
    -------
    (d, d) array
        Orthonormal columns: quantize ``x @ rotation`` and multiply by the transpose.

    Raises
    ------
    ShapeError
        If `x` is empty or no matrix, the dimensions do not sum to d, or not each block has one size.
    DomainError
        If a dimension or size is no positive integer, or there are fewer vectors than
        codewords, or in a block of more than one dimension fewer distinct ones.

    References
    ----------
    T. Ge, K. He, Q. Ke, J. Sun, "Optimized product quantization", 2014.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((100, 2)) @ [[3.0, 0.0], [0.0, 1.0]]
    >>> optimized_rotation(x, (1, 1), (2, 2), rng=np.random.default_rng(1)).shape
    (2, 2)
    """
    x = _check.array("x", x, ndim=2)
    ends = np.cumsum(_check.partition("block_dims", block_dims, total=x.shape[1]))
    sizes = _check.integers("block_sizes", block_sizes)
    if len(sizes) != len(ends):
        raise ShapeError(f"block_sizes must have {len(ends)} numbers, one a block, got {sizes}")
    if len(x) < max(2, *sizes):
        raise DomainError(f"x must have at least {max(2, *sizes)} vectors, got {len(x)}; give more data")
    rotation = best = _balanced_axes(x, block_dims)
    sample = x[: max(_OPQ_ROWS, 8 * max(block_sizes))]
    least = math.inf
    for _ in range(_OPQ_ROUNDS):
        parts = np.split(sample @ rotation, ends[:-1], axis=1)
        found = [_decoded(part, size, rng, threads) for part, size in zip(parts, block_sizes, strict=True)]
        distortion = sum(error for _, error in found)
        if distortion < least:
            least, best = distortion, rotation
        left, _, right = np.linalg.svd(sample.T @ np.hstack([block for block, _ in found]))
        rotation = left @ right
    return best
