"""Checks of Appendix K.2."""

import math
from fractions import Fraction

import numpy as np

from qtheory.claims import _balls
from qtheory.claims._claim import Evidence
from qtheory.expected import bsq_distortion, bsq_input_distortion, fsq_distortion, lfq_distortion
from qtheory.optimal import lloyd_max, optimal_scalar
from qtheory.quantizers import BSQ, FSQ, distortion
from qtheory.sources import Gaussian


def signs_are_optimal() -> Evidence:
    variance = math.pi / 2
    return Evidence(
        "numerical",
        lfq_distortion(8, variance),
        "~=",
        optimal_scalar(Gaussian(8, variance), 256).distortion,
        tolerance=1e-12,
        detail="LFQ and the optimal scalar quantizer of N(0, (pi/2) I), d = 8, K = 256",
    )


def two_levels_are_cheapest() -> Evidence:
    # from 5 levels on the price of the rate alone, ln(5) / 2, exceeds the cost of two levels
    others = [lloyd_max(Gaussian(1), n).distortion + math.log(n) / 2 for n in (1, 3, 4)]
    return Evidence(
        "numerical", min(*others, math.log(5) / 2), ">",
        lloyd_max(Gaussian(1), 2).distortion + math.log(2) / 2,
        detail="least e_n + ln(n) / 2 over n other than 2, N(0, 1), against n = 2",
    )  # fmt: skip


def signs_are_not_optimal_elsewhere() -> Evidence:
    variance = 2 / math.pi
    return Evidence(
        "numerical",
        lfq_distortion(8, variance),
        ">",
        1.5 * optimal_scalar(Gaussian(8, variance), 256).distortion,
        detail="LFQ at its least error against the optimum there, N(0, (2/pi) I), d = 8, K = 256",
    )


def two_scales_share_an_optimum() -> Evidence:
    words = (Fraction(3, 2), Fraction(7, 2))
    excess = Fraction(0)
    for scale in (Fraction(1), Fraction(3, 2)):
        law = [(scale * x, Fraction(mass, 16)) for x, mass in ((1, 7), (2, 7), (Fraction(7, 2), 2))]
        error = sum(mass * min((x - word) ** 2 for word in words) for x, mass in law)
        excess += error - min(_scatter(law[:cut]) + _scatter(law[cut:]) for cut in range(4))
    return Evidence(
        "exact",
        excess,
        "==",
        0,
        detail="error of {3/2, 7/2} less the least of two words, at scales 1 and 3/2",
    )


def _scatter(cell: list[tuple[Fraction, Fraction]]) -> Fraction:
    """Mass of a cell times its variance."""
    mass = sum((m for _, m in cell), Fraction(0))
    mean = sum((x * m for x, m in cell), Fraction(0)) / mass if cell else Fraction(0)
    return sum((m * (x - mean) ** 2 for x, m in cell), Fraction(0))


def five_values() -> Evidence:
    z = np.linspace(-4, 4, 8001)
    return Evidence(
        "numerical",
        len(np.unique(np.round(2 * np.tanh(z)))),
        "==",
        5,
        detail="distinct roundings of 2 tanh(z)",
    )


def printed_form_has_more_words() -> Evidence:
    size = FSQ([4] * 8, form="paper").codebook_size
    return Evidence("exact", size, "==", 5**8, detail="codewords of floor(4/2) tanh(z) rounded, d = 8")


def outer_values_occur() -> Evidence:
    # P(|2 tanh z| > 3/2) = P(|z| > atanh(3/4)), atanh(3/4) = ln(7) / 2
    threshold = (_balls.ball(7)).log() / 2
    probability = (threshold / _balls.ball(2).sqrt()).erfc()
    return Evidence(
        "certified", _balls.lower(probability), ">", Fraction(33, 100),
        detail="probability that a coordinate of N(0, 1) takes one of the values -2 and 2",
    )  # fmt: skip


def reference_has_four() -> Evidence:
    return Evidence(
        "exact", FSQ([4] * 8).codebook_size, "==", 65536, detail="codewords of the authors' FSQ, d = 8"
    )


def fsq_rises_and_falls() -> Evidence:
    middle = fsq_distortion(8, 4, 0.5, form="paper")
    ends = max(fsq_distortion(8, 4, v, form="paper") for v in (0.01, 2.0))
    return Evidence(
        "numerical",
        middle,
        ">",
        ends,
        detail="error of FSQ at variance .5 and the larger of .01, 2, quadrature",
    )


def fsq_has_its_largest_error() -> Evidence:
    errors = [fsq_distortion(8, 4, 0.46 + 0.02 * k, form="paper") for k in range(5)]
    largest = max(errors) if errors[0] < max(errors) > errors[-1] else 0.0
    return Evidence(
        "numerical", largest, "~=", 0.699, tolerance=5e-4,
        detail="largest error of FSQ at variances .46 to .54, inside them, quadrature",
    )  # fmt: skip


def fsq_vanishes() -> Evidence:
    return Evidence(
        "numerical",
        fsq_distortion(8, 4, 1e6, form="paper"),
        "<",
        0.01,
        detail="error of FSQ at variance 10^6, quadrature",
    )


def fsq_starts_like_4_d_variance() -> Evidence:
    return Evidence(
        "numerical", fsq_distortion(8, 4, 1e-6, form="paper") / 1e-6, "~=", 32, tolerance=0.01,
        detail="error of FSQ over the variance at 10^-6, against 4 d",
    )  # fmt: skip


def lfq_minimum_is_symbolic() -> Evidence:
    import sympy

    s = sympy.symbols("s", positive=True)
    error = s**2 - 2 * s * sympy.sqrt(2 / sympy.pi) + 1
    (root,) = sympy.solve(sympy.diff(error, s), s)
    gap = (
        sympy.simplify(root**2 - 2 / sympy.pi) ** 2
        + sympy.simplify(error.subs(s, root) - 1 + 2 / sympy.pi) ** 2
    )
    return Evidence(
        "symbolic",
        int(sympy.simplify(gap)),
        "==",
        0,
        detail="sum of squared gaps of minimiser and minimum, a coordinate",
    )


def lfq_at_six_tenths() -> Evidence:
    excess = lfq_distortion(8, 0.6) / lfq_distortion(8, 2 / math.pi) - 1
    return Evidence(
        "numerical", excess, "<", 0.002, detail="relative excess of LFQ at variance .6 over its minimum"
    )


def lfq_ends() -> Evidence:
    least = min(lfq_distortion(8, v) for v in (0.01, 2.0))
    return Evidence(
        "numerical",
        least,
        ">",
        2 * lfq_distortion(8, 2 / math.pi),
        detail="LFQ at .01 and 2, twice its minimum",
    )


def bsq_is_constant() -> Evidence:
    x = np.random.Generator(np.random.PCG64(0)).standard_normal((256, 8))
    return Evidence(
        "numerical",
        distortion(BSQ(8), 2 * x),
        "==",
        distortion(BSQ(8), x),
        detail="BSQ of one sample and of its double",
    )


def bsq_value() -> Evidence:
    # for d = 8: 2 - 2 sqrt(8) Gamma(4) / (sqrt(pi) Gamma(9/2)) = 2 - 2 sqrt(8) 6 * 16 / (105 pi)
    value = 2 - _balls.ball(2) * _balls.ball(8).sqrt() * _balls.ball(Fraction(96, 105)) / _balls.pi()
    gap = max(abs(end - Fraction(bsq_distortion(8))) for end in (_balls.lower(value), _balls.upper(value)))
    return Evidence("certified", gap, "<=", 1e-14, detail="gap of bsq_distortion(8) to its ball, .353707")


def bsq_against_its_input() -> Evidence:
    return Evidence(
        "numerical", bsq_input_distortion(8, 2.0), ">", 16 * bsq_input_distortion(8, 0.01),
        detail="error of BSQ's words against z itself, variances 2 and .01",
    )  # fmt: skip
