"""Checks that the formulas of `limits`, `expected`, `information` and `entropy` are those of the claims."""

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from qtheory import information, limits
from qtheory.claims import _balls
from qtheory.claims._balls import Ball
from qtheory.claims._claim import Evidence
from qtheory.entropy import perplexity, utilization
from qtheory.expected import (
    best_codebook_variance,
    bsq_input_distortion,
    lfq_distortion,
    matched_codebook_distortion,
)
from qtheory.sources import Diagonal, Gaussian, Laplace, Uniform

_DIMS = (1, 4, 8, 16)


def _agreement(pairs: list[tuple[float, Ball]], detail: str) -> Evidence:
    """Largest relative gap of floats to balls."""
    gap = max(_balls.upper(abs(_balls.ball(value) / ball - 1)) for value, ball in pairs)
    return Evidence(
        "certified", gap, "<=", 1e-12, detail=f"largest relative gap of float64 to balls: {detail}"
    )


def bennett_of_gaussian_levels() -> Evidence:
    pairs = [
        (limits.bennett(Gaussian(1), Gaussian(1, float(t)), 10), _mismatch(1, t) / 1200) for t in (3, 5, 20)
    ]
    return _agreement(pairs, "2 pi t^2 (1 - 2 / t^2)^(-1/2) / (12 n^2), variances 3, 5 and 20, n = 10")


def _mismatch(d: int, t: int | Fraction) -> Ball:
    """Integral of f g^(-2/d) for N(0, I) and N(0, t I)."""
    return (
        2 * _balls.pi() * _balls.ball(t) * _balls.ball(1 - Fraction(2, d) / t) ** _balls.ball(Fraction(-d, 2))
    )


def _mismatch_by_quadrature(d: int, t: float) -> float:
    """The same over the norm of the vector, whose square is chi-square."""
    from scipy.integrate import quad

    constant = 2 ** (1 - d / 2) / math.gamma(d / 2) * 2 * math.pi * t
    value, _ = quad(
        lambda r: r ** (d - 1) * math.exp(r**2 * (1 / (d * t) - 0.5)), 0, np.inf, epsabs=0, epsrel=1e-12
    )
    return float(constant * value)


def mismatch_by_quadrature() -> Evidence:
    d, K, gap = 8, 4096, 0.0
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1)
    for t in (0.5, 1.0, 1.25, 2.0):
        integral = _mismatch_by_quadrature(d, t) * K ** (-2 / d)
        random = limits.random_codebook_limit(d, K, 1.0, t)
        best = limits.gaussian_point_density(d, K, 1.0, t)
        gap = max(
            gap,
            abs(random / (math.gamma(1 + 2 / d) * ball ** (-2 / d) * integral) - 1),
            abs(best / (d * limits.zador_constant(d).upper * integral) - 1),
        )
    return Evidence(
        "numerical", gap, "<=", 1e-9,
        detail="relative gap of random words, and of the best words of that density, to the integral over "
        "the norm, d = 8, K = 4096, variances .5, 1, 1.25 and 2",
    )  # fmt: skip


def perplexity_of_gaussians() -> Evidence:
    pairs = []
    for d in _DIMS:
        ratio = Fraction(d + 2, d)
        divergence = _balls.ball(Fraction(d, 2)) * (_balls.ball(1 / ratio - 1) + _balls.ball(ratio).log())
        pairs.append((limits.optimal_perplexity_ratio(Gaussian(d, 3.0)), (-divergence).exp()))
    return _agreement(pairs, "exp(-KL) of N(0, 3 I) from its optimal density, d = 1, 4, 8 and 16")


def point_density_of_gaussians() -> Evidence:
    covariance = np.array([[2.0, 0.8], [0.8, 1.0]])
    points = limits.optimal_point_density(Gaussian(2, covariance=covariance))
    # log f^(d/(d+2)) is -x' S^-1 x / 4 for d = 2, log f* is -x' T^-1 x / 2
    gap = float(np.abs(np.linalg.inv(covariance) / 2 - np.linalg.inv(points.covariance)).max())
    return Evidence(
        "numerical",
        gap,
        "<=",
        1e-12,
        detail="gap of the quadratic forms of f^(d/(d+2)) and of f*, a plane Gaussian",
    )


def panter_dite_constants() -> Evidence:
    root, n = _balls.ball(3).sqrt(), 7
    pairs = [
        (limits.panter_dite(Gaussian(1, 2.0), n), root * _balls.pi() / n**2),
        (limits.panter_dite(Laplace(1, 2.0), n), _balls.ball(Fraction(9, n**2))),
        (limits.panter_dite(Uniform(1), n), _balls.ball(Fraction(1, 3 * n**2))),
    ]
    return _agreement(pairs, "sqrt(3) pi / 2 and 9/2 of the variance, 1 / 3 on [-1, 1], each over n^2")


def scalar_limit_of_three_laws() -> Evidence:
    # d (prod_j c_j)^(1/d) K^(-2/d), with c_j of `panter_dite_constants`
    root, third = _balls.ball(3).sqrt(), _balls.ball(Fraction(1, 3))
    product = (root * _balls.pi() / 2 * 4) * _balls.ball(Fraction(9, 4)) * third
    mixed = Diagonal([Gaussian(1, 4.0), Laplace(1, 0.5), Uniform(1)])
    skew = Gaussian(2, covariance=np.array([[2.0, 1.2], [1.2, 1.0]]))
    pairs = [
        (limits.scalar_limit(mixed, 8), 3 * product**third / 4),
        (limits.scalar_limit(skew, 8), 2 * root * _balls.pi() / 2 * _balls.ball(2).sqrt() / 8),
    ]
    return _agreement(pairs, "Gaussian, Laplace and uniform coordinates, and a skew Gaussian in the plane")


def shannon_of_three_laws() -> Evidence:
    d, K = 8, 3**8
    constant = _balls.ball(Fraction(d, 9))  # d K^(-2/d)
    pairs = [
        (limits.shannon_lower_bound(Gaussian(d, 2.0), K), 2 * constant),
        (limits.shannon_lower_bound(Laplace(d, 2.0), K), 2 * constant * _balls.e() / _balls.pi()),
        (limits.shannon_lower_bound(Uniform(d), K), 2 * constant / (_balls.pi() * _balls.e())),
    ]
    return _agreement(pairs, "1, e / pi and 6 / (pi e) times d variance K^(-2/d), d = 8, K = 3^8")


def shannon_is_reached_by_gaussians() -> Evidence:
    gap = max(
        abs(
            limits.shannon_lower_bound(Gaussian(d), K)
            / limits.gaussian_distortion_rate(np.eye(d), math.log2(K))
            - 1
        )
        for d in _DIMS
        for K in (2, 256, 4096)
    )
    return Evidence(
        "numerical",
        gap,
        "<=",
        1e-12,
        detail="relative gap of the bound to the distortion-rate function, N(0, I)",
    )


def perplexity_bound_inverts_shannon() -> Evidence:
    gap = max(
        abs(limits.perplexity_lower_bound(source, limits.shannon_lower_bound(source, K)) / K - 1)
        for source in (Gaussian(8), Laplace(2, 3.0), Uniform(5))
        for K in (2, 4096)
    )
    return Evidence(
        "numerical", gap, "<=", 1e-11, detail="relative gap of the perplexity that E asks for to K"
    )


def perplexity_of_equal_masses() -> Evidence:
    gap = max(abs(perplexity([1 / n] * n + [0.0] * 5) / n - 1) for n in (1, 2, 3, 17, 1000))
    return Evidence(
        "numerical", gap, "<=", 1e-12, detail="relative gap of perplexity to n for n equal masses"
    )


def utilization_counts() -> Evidence:
    counts = [0, 3, 1, 0, 7, 0, 0, 2]
    return Evidence(
        "exact", Fraction(utilization(counts)), "==", Fraction(4, 8), detail=f"U of counts {counts}"
    )


def space_filling_constants() -> Evidence:
    third = _balls.ball(Fraction(1, 3))
    known = {
        1: _balls.ball(Fraction(1, 12)),
        2: 5 / (36 * _balls.ball(3).sqrt()),
        3: 19 / (192 * _balls.ball(2) ** third),
        4: 13 / (120 * _balls.ball(2).sqrt()),
        5: 2641 / (23040 * _balls.ball(2) ** _balls.ball(Fraction(3, 5))),
        6: _balls.ball(Fraction(12619, 204120)) * _balls.ball(3) ** _balls.ball(Fraction(1, 6)),
        7: _balls.ball(Fraction(21361, 322560)) * _balls.ball(2) ** _balls.ball(Fraction(1, 7)),
        8: _balls.ball(Fraction(929, 12960)),
    }
    pairs = [(limits.zador_constant(d).upper, ball) for d, ball in known.items()]
    pairs += [(limits.zador_constant(d).lower, _balls.sphere_constant(d) / 4) for d in (3, 8, 16, 100)]
    pairs += [(limits.zador_constant(d).upper, _balls.zador_constant(d) / 4) for d in (65, 100, 1000)]
    return _agreement(pairs, "the ball, the lattices in up to 8 dimensions, random words beyond 64")


def best_spread_of_a_small_codebook() -> Evidence:
    best = best_codebook_variance(8, 256)
    at_best = matched_codebook_distortion(8, 256, 1.0, best.codebook_variance)
    gap = max(abs(best.codebook_variance - 0.726) / 0.0005, abs(best.distortion / at_best - 1) / 1e-9)
    return Evidence(
        "numerical", gap, "<=", 1,
        detail="the variance against .726 in units of .0005, and its error in units of 10^-9, d = 8, K = 256",
    )  # fmt: skip


def bsq_words_are_scaled_lfq_words() -> Evidence:
    # |z - sign(z) / sqrt(d)|^2 = |sqrt(d) z - sign(z)|^2 / d
    gap = max(
        abs(bsq_input_distortion(d, v) - lfq_distortion(d, d * v) / d) / (1 + d * v)
        for d in (1, 8, 16)
        for v in (0.01, 0.6, 2.0)
    )
    return Evidence(
        "numerical", gap, "<=", 1e-12, detail="BSQ's words for z, against LFQ's for sqrt(d) z, over d"
    )


def messages_by_enumeration() -> Evidence:
    broken = sum(
        information.messages(tokens, size) != len(list(product(range(size), repeat=tokens)))
        for tokens in range(1, 6)
        for size in range(1, 6)
    )
    return Evidence(
        "exact", broken, "==", 0, detail="T, K <= 5 whose K^T is not the number of messages listed"
    )


def elasticities_are_derivatives() -> Evidence:
    import sympy

    tokens, size = sympy.symbols("T K", positive=True)
    bits = tokens * sympy.log(size, 2)
    by_tokens, by_size = (sympy.simplify(sympy.diff(bits, x) * x / bits) for x in (tokens, size))
    gap = max(
        max(
            abs(information.elasticities(K)[0] - float(by_tokens)),
            abs(information.elasticities(K)[1] - float(by_size.subs(size, K))),
        )
        for K in (2, 3, 4096)
    )
    return Evidence(
        "numerical",
        gap,
        "<=",
        1e-15,
        detail="gap to the logarithmic derivatives of T log2 K, K = 2, 3 and 4096",
    )


_COLUMNS: dict[str, tuple[dict[str, Any], dict[str, int | Fraction]]] = {
    "VQ": ({"codebook_size": 512}, {"K": 512}),
    "PQ": ({"blocks": 4, "block_size": 64}, {"M": 4, "K_1": 64}),
    "SQ": ({"block_size": 4}, {"K_2": 4}),
    "RQ": ({"codebook_size": 512, "residual_steps": 3}, {"K": 512, "alpha_1": 3}),
    "VAR": ({"codebook_size": 512}, {"K": 512, "alpha_2": Fraction(680, 256)}),
}
"""Arguments of `information.scheme` and the symbols of Table 2 that they stand for."""


def table2_is_computed(formulas: dict[str, dict[str, Any]]) -> Evidence:
    """Compare the package with the formulas of Table 2, by scheme and quantity."""
    import sympy

    h, w, d, gap = 3, 5, 16, 0.0
    for kind, (arguments, symbols) in _COLUMNS.items():
        values = {"h": h, "w": w, "d": d, **symbols}
        column = information.scheme(kind, d=d, **arguments)
        computed: dict[str, int | float | Fraction] = {
            "codebook_size": column.codebook_size,
            "tokens": column.tokens(h, w),
            "input_bits": information.input_bits(h, w, d),
            "output_bits": column.output_bits(h, w),
            "compression_ratio": information.compression_ratio(kind, d=d, **arguments),
        }
        for quantity, value in computed.items():
            printed = formulas[kind][quantity].subs(
                {sympy.Symbol(name, positive=True): sympy.Rational(x) for name, x in values.items()}
            )
            gap = max(gap, abs(float(value) / float(printed) - 1))
    return Evidence(
        "numerical",
        gap,
        "<=",
        1e-12,
        detail="relative gap of the package to the 25 printed formulas, h = 3, w = 5, d = 16",
    )
