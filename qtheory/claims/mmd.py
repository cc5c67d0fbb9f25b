"""Appendix F: what a vanishing maximum mean discrepancy says, and what it does not."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from qtheory.claims import _balls
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.expected import lfq_distortion
from qtheory.results import stream

_WIDTHS = (0.5, 1.0, 2.0)


def _kernel(x: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Sum of Gaussian kernels of widths `_WIDTHS` on the line."""
    gap = np.subtract.outer(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    return np.asarray(sum(np.exp(-(gap**2) / (2 * width**2)) for width in _WIDTHS))


def discrepancy(x: ArrayLike, p: ArrayLike, y: ArrayLike, q: ArrayLike) -> float:
    """Return the squared discrepancy of two finite laws on the line: equation 12 with weights.

    Parameters
    ----------
    x, y : (n,) and (m,) array
        Atoms on the line.
    p, q : (n,) and (m,) array
        Their probabilities.

    Returns
    -------
    float
        Squared discrepancy for the sum of Gaussian kernels of widths 1/2, 1 and 2.

    Examples
    --------
    >>> discrepancy([0.0, 1.0], [0.5, 0.5], [1.0, 0.0], [0.5, 0.5])
    0.0
    """
    p, q = np.asarray(p), np.asarray(q)
    return float(p @ _kernel(x, x) @ p + q @ _kernel(y, y) @ q - 2 * p @ _kernel(x, y) @ q)


def _fourier_form() -> Evidence:
    rng = stream(0, "ledger", "characteristic functions")
    x, y, p, q = rng.normal(size=4), rng.normal(size=3), rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(3))
    w = np.linspace(-30, 30, 60001)
    gap = np.exp(1j * np.outer(w, x)) @ p - np.exp(1j * np.outer(w, y)) @ q
    spectrum = sum(s / math.sqrt(2 * math.pi) * np.exp(-((s * w) ** 2) / 2) for s in _WIDTHS)
    value = float(np.sum(np.abs(gap) ** 2 * spectrum) * (w[1] - w[0]))  # the trapezoid rule: ends vanish
    return Evidence(
        "numerical", value, "~=", discrepancy(x, p, y, q), tolerance=1e-10,
        detail="int |phi_X - phi_Y|^2 times the positive spectrum of the kernel, against equation 12",
    )  # fmt: skip


def _distinct_points_are_told_apart() -> Evidence:
    from flint import arb_mat

    points = [Fraction(k, 3) for k in (-5, -2, -1, 0, 2, 6)]
    matrix = arb_mat([[(-_balls.ball((x - y) ** 2) / 2).exp() for y in points] for x in points])
    return Evidence(
        "certified", _balls.lower(matrix.det()), ">", 0, detail="determinant of the kernel on six points"
    )


def _moments_do_not_hide() -> Evidence:
    # equal mean and variance, different third moment: no distance for Gaussian fits
    value = discrepancy([-2.0, 1.0], [1 / 3, 2 / 3], [-1.0, 2.0], [2 / 3, 1 / 3])
    return Evidence(
        "numerical", value, ">", 0.01, detail="two laws with mean 0 and variance 2, skewed both ways"
    )


def _fewer_words_never_match() -> Evidence:
    z = np.array([-1.3, -0.4, 0.1, 0.9, 2.0])
    words = np.linspace(-2, 2, 41)
    least = min(discrepancy(z, np.full(5, 0.2), [a, b], [0.5, 0.5]) for a in words for b in words)
    return Evidence(
        "numerical",
        least,
        ">",
        0.01,
        detail="least discrepancy of two words on a grid to five different vectors",
    )


def _minimiser_of_two_words() -> Evidence:
    # words -t, t, kernel of width 1, N(0, 1): (1 + exp(-2 t^2)) / 2 - sqrt(2) exp(-t^2 / 4) + const
    import sympy

    t = sympy.symbols("t", positive=True)
    loss = (1 + sympy.exp(-2 * t**2)) / 2 - sympy.sqrt(2) * sympy.exp(-(t**2) / 4)
    best = sympy.sqrt(sympy.log(2 * sympy.sqrt(2)) * 4 / 7)
    value = sympy.simplify(loss.diff(t).subs(t, best))
    return Evidence(
        "symbolic", int(value), "==", 0, detail="slope of the discrepancy at t^2 = (4/7) ln(2^1.5)"
    )


def _matched_words_have_more_error() -> Evidence:
    t = math.sqrt(4 / 7 * math.log(2 * math.sqrt(2)))
    error = 1 - 2 * t * math.sqrt(2 / math.pi) + t**2
    least = lfq_distortion(1, math.pi / 2) / (math.pi / 2)  # 1 - 2 / pi
    return Evidence(
        "numerical",
        error,
        ">",
        least,
        detail="error of the words of least discrepancy, and least error, K = 2",
    )


CLAIMS = (
    Claim(
        id="appendixF.mmd",
        title="the discrepancy vanishes if and only if the laws are equal",
        statement="With a characteristic kernel, such as a sum of Gaussians, D^2(X, Y) = 0 iff P_X = P_Y.",
        source="Appendix F, after Equation 12",
        verdict="holds-amended",
        sharp=(
            "True of the laws. Equation 12, on N vectors and K words, is the discrepancy of their empirical "
            "laws: for N different vectors and K < N words it never vanishes. And equal laws are not the "
            "aim: the words of least discrepancy are not those of least error (see appendixD.matched)."
        ),
        proof=(
            "By Bochner's theorem D^2 = int |phi_X - phi_Y|^2 k^ with the transform k^ of the kernel. That "
            "of a Gaussian is positive everywhere, so D = 0 makes the continuous characteristic functions "
            "equal. Empirical laws with N and with fewer atoms differ. For N(0, 1), words -t, t and width 1, "
            "D^2 is (1 + exp(-2 t^2)) / 2 - sqrt(2) exp(-t^2 / 4) plus a constant, least at t^2 = (4/7) "
            "ln(2 sqrt 2) = 0.594; the error is least at t^2 = 2 / pi = 0.637."
        ),
        checks=(
            Check("equation 12 in Fourier space", _fourier_form),
            Check("the kernel is strictly positive definite on six points", _distinct_points_are_told_apart),
            Check("laws with equal mean and variance are told apart", _moments_do_not_hide),
            Check("two words never match five vectors", _fewer_words_never_match),
            Check("the two words of least discrepancy", _minimiser_of_two_words),
            Check("they do not have the least error", _matched_words_have_more_error),
        ),
        group="text",
    ),
)
