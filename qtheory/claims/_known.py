"""What is known of one law at one codebook size: limits of every quantizer, high rate, and quantizers."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from qtheory import _check, expected, limits
from qtheory._bound import root, shown
from qtheory._source import IndependentSource
from qtheory.errors import DomainError
from qtheory.optimal import Allocation, optimal_scalar
from qtheory.sources import Gaussian, Source, Subspace

LIMIT, HIGH_RATE, QUANTIZER, WORST_CASE = "limit", "high rate", "quantizer", "worst case"

_LEVELS = 256
"""Levels a coordinate up to which the optimal scalar quantizer is computed."""

_COORDINATES = 64
"""Coordinates up to which its levels are allocated, and random words are averaged."""

_ENTROPY_BITS = 8
"""Bits a coordinate up to which entropy-coded levels are computed; all their digits shown are right there."""


@dataclass(frozen=True)
class Entry:
    """A value that may turn out not to apply: `value` then raises `DomainError`."""

    section: str
    name: str
    side: str
    quantity: str
    formula: str
    hypotheses: tuple[str, ...]
    claim: str
    value: Callable[[], float | Allocation]


def carrier(source: Source) -> Source:
    """Return the law in the subspace that carries it: vector quantization sees nothing else."""
    return source.source if isinstance(source, Subspace) else source


def _isotropic(source: Source) -> float | None:
    """Variance of a Gaussian N(0, variance I), None for other laws."""
    if not isinstance(source, Gaussian) or source.mean.any():
        return None
    variances = source.coordinate_variances
    return float(variances[0]) if source.independent and np.ptp(variances) == 0 else None


def _blocks(source: Source, block_dims: Sequence[int]) -> list[Source]:
    """Laws of consecutive blocks of coordinates."""
    ends = np.cumsum(_check.partition("block_dims", block_dims, total=source.dim)).tolist()
    ranges = [range(end - dim, end) for end, dim in zip(ends, block_dims, strict=True)]
    if isinstance(source, Gaussian) and not source.independent:
        return [
            Gaussian(len(r), covariance=source.covariance[r.start : r.stop, r.start : r.stop]) for r in ranges
        ]
    if not source.independent:
        raise DomainError(f"the laws of blocks of {type(source).__name__} are not known")
    return [IndependentSource([source.marginal(j) for j in r]) for r in ranges]


def _optimal_scalar(source: Source, K: int) -> Allocation:
    levels = root(K, source.support_dim)
    if levels > _LEVELS or source.dim > _COORDINATES:
        raise DomainError(
            f"computed up to {_LEVELS} levels a coordinate and {_COORDINATES} coordinates, here about "
            f"{shown(levels)} and {source.dim}; call qtheory.optimal.optimal_scalar, or see scalar-limit"
        )
    return optimal_scalar(source, K)


def _entropy_coded(source: Source, K: int) -> float:
    laws = {source.marginal(j) for j in range(source.dim)}
    if len(laws) != 1:
        raise DomainError("needs equal laws in all coordinates")
    rate = math.log2(K) / source.dim
    if rate > _ENTROPY_BITS:
        raise DomainError(
            f"computed up to {_ENTROPY_BITS} bits a coordinate, here {rate:.6g}; beyond, it is about 1.53 dB "
            "above shannon; or call qtheory.limits.entropy_coded_at_rate"
        )
    one = IndependentSource([laws.pop()])
    return source.dim * limits.entropy_coded_at_rate(one, rate).distortion


def _of_every_quantizer(source: Source, K: int) -> Iterator[Entry]:
    inner = carrier(source)
    yield Entry(
        LIMIT, "shannon", "lower", "E*_VQ", "d / (2 pi e) exp(2 h / d) K^(-2/d)",
        ("finite differential entropy h",), "theorem.shannon", lambda: limits.shannon_lower_bound(inner, K),
    )  # fmt: skip
    if isinstance(inner, Gaussian):
        yield Entry(
            LIMIT, "distortion-rate", "lower", "E*_VQ",
            "sum_i min(theta, l_i) with sum_i max(0, log2(l_i / theta)) / 2 = log2 K", ("Gaussian",),
            "theorem.water-filling", lambda: limits.gaussian_distortion_rate(inner.eigenvalues, math.log2(K)),
        )  # fmt: skip


def _at_high_rate(source: Source, K: int, block_dims: Sequence[int] | None) -> Iterator[Entry]:
    inner = carrier(source)
    bracket = limits.zador_constant(inner.dim)
    tails = ("K to infinity", "a density and a moment of order above 2")
    formula = "d G ||f||_{d/(d+2)} K^(-2/d)"
    if bracket.lower < bracket.upper:
        yield Entry(
            HIGH_RATE, "zador.sphere", "limit", "E*_VQ, at least", f"{formula}, G of the ball", tails,
            "theorem.zador", lambda: limits.zador(inner, K) * bracket.lower / bracket.upper,
        )  # fmt: skip
    yield Entry(
        HIGH_RATE, "zador", "limit", "E*_VQ, at most" if bracket.lower < bracket.upper else "E*_VQ",
        f"{formula}, G of {bracket.source}", tails, "theorem.zador", lambda: limits.zador(inner, K),
    )  # fmt: skip
    yield Entry(
        HIGH_RATE, "scalar-limit", "limit", "E*_SQ", "(d / 12) prod_j ||f_j||_{1/3}^(1/d) K^(-2/d)", tails,
        "theorem.gains", lambda: limits.scalar_limit(source, K),
    )  # fmt: skip
    if block_dims is not None:
        yield Entry(
            HIGH_RATE, "product-limit", "limit", "E*_PQ, at most",
            "d prod_m (G_{d_m} ||f_m||_{d_m/(d_m+2)})^(d_m/d) K^(-2/d)", tails, "theorem.product-limit",
            lambda: limits.product_limit(_blocks(source, block_dims), K),
        )  # fmt: skip


def _of_any_law(source: Source, K: int) -> Iterator[Entry]:
    yield Entry(
        QUANTIZER, "optimal-sq", "equal", "E*_SQ", "Lloyd-Max, levels",
        ("log-concave marginals",), "scaling.optimal-sq", lambda: _optimal_scalar(source, K),
    )  # fmt: skip
    yield Entry(
        QUANTIZER, "entropy-coded-sq", "attained", "error at entropy log2 K, not K words",
        "uniform cells, centroids, log2(K) / d bits of entropy a coordinate",
        ("equal laws in all coordinates",), "theorem.entropy-coding", lambda: _entropy_coded(source, K),
    )  # fmt: skip


def _random_words(d: int, K: int, variance: float, *, matched: bool) -> float:
    if d > _COORDINATES:
        raise DomainError(f"computed up to {_COORDINATES} coordinates; call qtheory.expected")
    if matched:
        return expected.matched_codebook_distortion(d, K, variance)
    return expected.best_codebook_variance(d, K, variance).distortion


def _of_isotropic_gaussians(
    d: int, K: int, variance: float, block_dims: Sequence[int] | None
) -> Iterator[Entry]:
    gaussian = ("N(0, s^2 I)",)
    yield Entry(
        QUANTIZER, "matched-vq", "attained", "mean error of K random words", "words N(0, s^2 I)", gaussian,
        "appendixK.near-optimal", partial(_random_words, d, K, variance, matched=True),
    )  # fmt: skip
    yield Entry(
        QUANTIZER, "best-random-vq", "attained", "mean error of K random words", "words N(0, t^2 I), best t",
        gaussian, "appendixD.matched", partial(_random_words, d, K, variance, matched=False),
    )  # fmt: skip
    if block_dims is not None:
        dims = _check.partition("block_dims", block_dims, total=d)
        sizes = [root(K**dim, d) for dim in dims]
        yield Entry(
            QUANTIZER, "matched-pq", "attained", f"mean error of {' x '.join(map(str, sizes))} random words",
            "words N(0, s^2 I) in each block", gaussian, "appendixK.near-optimal",
            lambda: expected.matched_product_distortion(dims, sizes, variance),
        )  # fmt: skip
    signs = (*gaussian, "K = 2^d")
    yield Entry(
        QUANTIZER, "lfq", "attained", "error of LFQ", "d (s^2 - 2 s sqrt(2/pi) + 1)", signs, "figure5.lfq",
        lambda: _with_signs(d, K, expected.lfq_distortion(d, variance)),
    )  # fmt: skip
    yield Entry(
        QUANTIZER, "bsq", "attained", "error of BSQ's words, no normalisation",
        "d s^2 - 2 s sqrt(2 d / pi) + 1", signs, "figure5.bsq",
        lambda: _with_signs(d, K, expected.bsq_input_distortion(d, variance)),
    )  # fmt: skip


def _with_signs(d: int, K: int, value: float) -> float:
    if 1 << d != K:
        raise DomainError(f"K={shown(K)} is not 2^d for d={d}")
    return value


def entries(source: Source, K: int, block_dims: Sequence[int] | None) -> Iterator[Entry]:
    """Yield what is known of a law, whether or not it applies."""
    yield from _of_every_quantizer(source, K)
    yield from _at_high_rate(source, K, block_dims)
    yield from _of_any_law(source, K)
    variance = _isotropic(source)
    if variance is not None:
        yield from _of_isotropic_gaussians(source.dim, K, variance, block_dims)
