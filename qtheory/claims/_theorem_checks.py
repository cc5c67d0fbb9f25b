"""Checks of the theorems of quantization."""

import math
from fractions import Fraction
from functools import cache

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtr, xlogy

from qtheory import limits
from qtheory.claims._claim import Evidence
from qtheory.entropy import perplexity
from qtheory.expected import matched_codebook_distortion
from qtheory.optimal import lloyd_max, optimal_scalar
from qtheory.sources import Diagonal, Gaussian, Laplace, Source, Uniform

_LINE: tuple[Source, ...] = (Gaussian(1), Laplace(1), Uniform(1))
_SIZES = (1, 2, 3, 4, 8, 16, 64)
_COVARIANCE = np.array([[2.0, 0.8, 0.1], [0.8, 1.0, 0.3], [0.1, 0.3, 0.5]])


def panter_dite_is_approached() -> Evidence:
    worst = max(abs(lloyd_max(s, 256).distortion / limits.panter_dite(s, 256) - 1) for s in _LINE)
    return Evidence(
        "numerical", worst, "<", 0.01, detail="relative gap at 256 levels, Gaussian, Laplace and uniform"
    )


def panter_dite_gap_halves() -> Evidence:
    gaps = [
        1 - lloyd_max(Gaussian(1), n).distortion / limits.panter_dite(Gaussian(1), n) for n in (64, 128, 256)
    ]
    return Evidence(
        "numerical",
        max(gaps[1] / gaps[0], gaps[2] / gaps[1]),
        "<",
        0.55,
        detail="gap after over gap before doubling n, N(0, 1)",
    )


def sphere_below_random() -> Evidence:
    slack = min(limits.zador_constant(d).upper / limits.zador_constant(d).lower for d in range(3, 200))
    return Evidence(
        "numerical", slack, ">", 1, detail="least ratio of upper to lower bound on G_d, d = 3, ..., 199"
    )


def random_codebooks_stay_above_zador() -> Evidence:
    K, d = 2**45, 8
    bracket = limits.zador_constant(d)
    least = limits.zador(Gaussian(d), K) * bracket.lower / bracket.upper
    return Evidence(
        "numerical", matched_codebook_distortion(d, K, 1.0, 1.25), ">", least,
        detail="random codewords of optimal density against Zador's value with the sphere's constant, d = 8",
    )  # fmt: skip


def random_codebooks_near_zador() -> Evidence:
    K, d = 2**45, 8
    ratio = matched_codebook_distortion(d, K, 1.0, 1.25) / limits.zador(Gaussian(d), K)
    return Evidence(
        "numerical", ratio, "<", 1.13, detail="the same codebook over Zador's value with the constant of E8"
    )


def _perplexity_of_levels(source: Source) -> Evidence:
    used = perplexity(lloyd_max(source, 256).masses) / 256
    return Evidence(
        "numerical", used, "~=", limits.optimal_perplexity_ratio(source), tolerance=0.005,
        detail=f"perplexity over n of Lloyd-Max with 256 levels and its limit exp(-KL), {source!r}",
    )  # fmt: skip


def perplexity_of_gaussian_levels() -> Evidence:
    return _perplexity_of_levels(Gaussian(1))


def perplexity_of_laplace_levels() -> Evidence:
    return _perplexity_of_levels(Laplace(1))


def _nearest_of(words: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.asarray(((words**2).sum(axis=1) / 2 - x @ words.T).argmin(axis=1))


def _perplexity_of_fitted_words(K: int) -> float:
    """Perplexity over K, on new vectors, of words that Lloyd's iteration fits to N(0, I_2)."""
    rng = np.random.Generator(np.random.PCG64(0))
    x = rng.standard_normal((2**14, 2))
    words = x[:K]
    for _ in range(60):
        codes = _nearest_of(words, x)
        counts = np.bincount(codes, minlength=K)[:, None]
        sums = np.stack([np.bincount(codes, x[:, j], K) for j in (0, 1)], axis=1)
        words = np.where(counts > 0, sums / np.maximum(counts, 1), words)
    counts = np.bincount(_nearest_of(words, rng.standard_normal((2**16, 2))), minlength=K)
    return perplexity(counts / counts.sum()) / K


def perplexity_in_the_plane() -> Evidence:
    # words at the rim, of the order of sqrt(K), make the gap: it halves from 16 to 64
    used = 2 * _perplexity_of_fitted_words(64) - _perplexity_of_fitted_words(16)
    return Evidence(
        "numerical", used, "~=", limits.optimal_perplexity_ratio(Gaussian(2)), tolerance=0.03,
        detail="perplexity over K of fitted words, extrapolated from K = 16 and 64, and exp(-KL), N(0, I_2); "
        "full use is 0.176 above",
    )  # fmt: skip


def perplexity_is_below_full() -> Evidence:
    most = max(perplexity(lloyd_max(Gaussian(1), n).masses) / n for n in range(3, 65))
    return Evidence(
        "numerical",
        most,
        "<",
        1,
        detail="largest perplexity over n of optimal levels of N(0, 1), n = 3, ..., 64",
    )


def shannon_below_optimal_levels() -> Evidence:
    least = min(lloyd_max(s, n).distortion / limits.shannon_lower_bound(s, n) for s in _LINE for n in _SIZES)
    return Evidence(
        "numerical",
        least,
        ">=",
        1 - 1e-12,
        detail="least ratio of optimum to bound on the line, n up to 64, three laws",
    )


def shannon_at_the_perplexity() -> Evidence:
    quantizers = [(s, lloyd_max(s, n)) for s in _LINE for n in _SIZES]
    least = min(q.distortion / limits.shannon_lower_bound(s, perplexity(q.masses)) for s, q in quantizers)
    return Evidence(
        "numerical", least, ">=", 1 - 1e-12, detail="the same with the perplexity of the codes in place of n"
    )


def water_filling_spends_the_rate() -> Evidence:
    gap = 0.0
    for rate in (0.5, 2.0, 8.0):
        parts = limits.reverse_water_filling(_COVARIANCE, rate).distortions
        gap = max(gap, abs(float(np.log2(np.linalg.eigvalsh(_COVARIANCE) / parts).sum()) / 2 - rate))
    return Evidence(
        "numerical", gap, "<=", 1e-12, detail="bits of the test channel against the rate, at .5, 2 and 8 bits"
    )


def water_filling_meets_its_dual() -> Evidence:
    gap, spectrum = 0.0, np.linalg.eigvalsh(_COVARIANCE)
    for rate in (0.5, 2.0, 8.0):
        level = limits.reverse_water_filling(_COVARIANCE, rate).level
        # at any price s, D(R) >= sum_i min_D [D + s ln(l_i / D) / 2] - s R ln 2, with minima at s/2 or l_i
        parts = np.minimum(level, spectrum)
        dual = float((parts + level * np.log(spectrum / parts)).sum()) - 2 * level * rate * math.log(2)
        gap = max(gap, abs(dual - limits.gaussian_distortion_rate(_COVARIANCE, rate)))
    return Evidence(
        "numerical", gap, "<=", 1e-12, detail="largest gap of primal and Lagrangian dual, at .5, 2 and 8 bits"
    )


def water_filling_below_scalar() -> Evidence:
    source = Gaussian(3, covariance=_COVARIANCE)
    least = min(
        optimal_scalar(source, K).distortion / limits.gaussian_distortion_rate(_COVARIANCE, math.log2(K))
        for K in (1, 2, 3, 8, 50, 400)
    )
    return Evidence(
        "numerical", least, ">=", 1 - 1e-12, detail="least ratio of E*_SQ to D(log2 K), correlated Gaussian"
    )


def entropy_coded_gap() -> Evidence:
    coded = limits.entropy_coded_at_rate(Gaussian(1), 6.0)
    excess = coded.rate + 0.5 * math.log2(coded.distortion)
    return Evidence(
        "numerical", excess, "~=", 0.5 * math.log2(math.pi * math.e / 6), tolerance=1e-4,
        detail="bits above D(R) of uniform cells with entropy coding at 6 bits, N(0, 1)",
    )  # fmt: skip


def entropy_coded_above_shannon() -> Evidence:
    least = min(
        limits.entropy_coded_at_rate(s, r).distortion / limits.shannon_lower_bound(s, 2**r)
        for s in _LINE
        for r in (0.1, 0.5, 1.0, 2.0, 5.0)
    )
    return Evidence(
        "numerical", least, ">", 1, detail="least ratio to Shannon's bound at equal entropy, .1 to 5 bits"
    )


def _dithered_rate(step: float) -> float:
    """Return I(X; X + U) in bits for X of N(0, 1) and U uniform on an interval of length `step`."""
    end = 12 + step / 2
    density = lambda y: (ndtr(y + step / 2) - ndtr(y - step / 2)) / step  # noqa: E731
    nats, _ = quad(lambda y: -xlogy(density(y), density(y)), 0, end, points=[step / 2], limit=200)
    return float(2 * nats - math.log(step)) / math.log(2)


def dithered_below_ziv() -> Evidence:
    steps = np.geomspace(0.01, 100, 81)
    excess = max(_dithered_rate(w) - max(0.0, -0.5 * math.log2(w * w / 12)) for w in steps)
    return Evidence(
        "numerical", excess, "<=", 0.5 * math.log2(math.pi * math.e / 3),
        detail="largest I(X; X + U) - R(D) in bits over 81 steps from .01 to 100, N(0, 1)",
    )  # fmt: skip


def gains_multiply() -> Evidence:
    sources = (
        Gaussian(3, covariance=_COVARIANCE),
        Diagonal([Gaussian(1, 4.0), Laplace(1), Uniform(1)]),
        Uniform(2),
    )
    gap = max(
        abs(math.prod(limits.gains(s)) * limits.zador(s, 64) / limits.scalar_limit(s, 64) - 1)
        for s in sources
    )
    return Evidence(
        "numerical", gap, "<=", 1e-12, detail="product of the three gains against the ratio of limits"
    )


def memory_gain_is_hadamard() -> Evidence:
    ratio = np.prod(np.diag(_COVARIANCE)) / np.linalg.det(_COVARIANCE)
    memory = limits.gains(Gaussian(3, covariance=_COVARIANCE)).memory
    return Evidence(
        "numerical",
        memory,
        "~=",
        float(ratio) ** (1 / 3),
        tolerance=1e-12,
        detail="memory gain of a Gaussian",
    )


def rotation_takes_the_memory_gain() -> Evidence:
    skew = Gaussian(3, covariance=_COVARIANCE)
    turned = Gaussian(3, covariance=np.diag(np.linalg.eigvalsh(_COVARIANCE)))
    ratio = limits.scalar_limit(skew, 64) / limits.scalar_limit(turned, 64)
    return Evidence(
        "numerical", ratio, "~=", limits.gains(skew).memory, tolerance=1e-12,
        detail="limit of E*_SQ over the same in principal axes, against the memory gain, a Gaussian in R^3",
    )  # fmt: skip


@cache
def scaled_scalar_optimum() -> float:
    """K E*_SQ for K to infinity, two coordinates, from two sizes: its gap is of the order K^(-1/2)."""
    source = Diagonal([Gaussian(1, 4.0), Laplace(1, 0.5)])
    small, large = (K * optimal_scalar(source, K).distortion for K in (5_000, 20_000))
    return 2 * large - small


def scalar_limit_is_approached() -> Evidence:
    ratio = scaled_scalar_optimum() / limits.scalar_limit(Diagonal([Gaussian(1, 4.0), Laplace(1, 0.5)]), 1)
    return Evidence(
        "numerical", ratio, "~=", 1, tolerance=0.005,
        detail="E*_SQ over its limit, two coordinates, extrapolated from K = 5000 and 20000",
    )  # fmt: skip


def gap_at_one_bit_is_small() -> Evidence:
    # VQ cannot be below D(R), so SQ / VQ is at most SQ / D(R)
    ratio = optimal_scalar(Gaussian(8), 256).distortion / limits.gaussian_distortion_rate(np.eye(8), 8.0)
    high = math.prod(limits.gains(Gaussian(8)))
    return Evidence(
        "numerical",
        ratio,
        "<",
        high,
        detail="E*_SQ / D(8 bits) at d = 8, K = 256, against the gains at high rate",
    )


def best_density() -> Evidence:
    d = 8
    at_best = Fraction(5, 4) ** (d // 2 + 1)  # t^2 (1 - 2 s^2 / (d t^2))^(-d/2) at t^2 = 5/4 s^2

    def integral(t: Fraction) -> Fraction:
        return t * (1 - Fraction(2, d) / t) ** (-d // 2)

    least = min(integral(Fraction(k, 100)) for k in range(30, 300) if k != 125)
    return Evidence(
        "exact",
        least,
        ">",
        at_best,
        detail="the integral on a grid of variances against 5/4, d = 8, as fractions",
    )
