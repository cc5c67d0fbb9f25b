"""The saddle point behind v_2 = 1 / (2 e), in computer algebra.

The law has mass (1 - tanh(1/2)) / 2 at -1 and at 1, and density k (1 + 4 k^2 x^2)^(-3/2) with
k = sqrt(e) / 2 on |x| <= a = (1 - 1/e) / 2. The random codebook is {-exp(-1/2 - t), exp(-1/2 + t)} with t
uniform on (-1/2, 1/2) half of the time, and t = -1/2 or 1/2 a quarter of the time each.
"""

from typing import Any

Expression = Any
"""A sympy expression; sympy has no type annotations."""


def _value(expression: Expression) -> float | int:
    """Return an expression that simplifies to a number; one that does not raises TypeError."""
    import sympy

    simple = sympy.simplify(sympy.factor(expression.rewrite(sympy.exp), deep=True))
    return int(simple) if simple.is_Integer else float(simple)


def mass_defect() -> float | int:
    """Total mass of the law, less 1; with s for sqrt(e), of which it is independent."""
    import sympy

    s, x = sympy.symbols("s x", positive=True)
    k, a, tanh_half = s / 2, (1 - s**-2) / 2, (s**2 - 1) / (s**2 + 1)
    primitive = k * x / sympy.sqrt(1 + 4 * k**2 * x**2)
    density = k * (1 + 4 * k**2 * x**2) ** sympy.Rational(-3, 2)
    wrong = primitive.diff(x) - density  # 0: the primitive is one
    return _value(2 * primitive.subs(x, a) - tanh_half) + _value(wrong)


def threshold_defect() -> float | int:
    """Between-cell variance of the law cut at theta, less 1/e; a number because theta drops out.

    The cell above theta has mass 1/2 - G and first moment N, so the between-cell variance is
    N^2 / (1/4 - G^2). It is the same for all theta in [-a, a]. Here s stands for sqrt(e).
    """
    import sympy

    s, theta = sympy.symbols("s theta", positive=True)
    k, a, tanh_half = s / 2, (1 - s**-2) / 2, (s**2 - 1) / (s**2 + 1)
    radical = sympy.sqrt(1 + 4 * k**2 * theta**2)
    moment, mass = 1 / (4 * k * radical), k * theta / radical
    wrong = moment.diff(theta) + theta * mass.diff(theta)  # 0: dN = -theta dG
    start = moment.subs(theta, a) - (1 - tanh_half) / 2  # 0: at theta = a, N is the mass of the atom at 1
    between = moment**2 / (sympy.Rational(1, 4) - mass**2)
    return _value(between - s**-2) + _value(wrong) + _value(start)


def variance_defect() -> float | int:
    """Variance of the law, less 3 / (2 e): with the between-cell variance 1/e this leaves 1 / (2 e)."""
    import sympy

    tau = sympy.symbols("tau", real=True)
    half = sympy.Rational(1, 2)
    # x = sinh(tau) / (2 k) turns x^2 times the density into tanh(tau)^2 / (8 k^2), and 8 k^2 = 2 e
    inside = sympy.integrate(sympy.tanh(tau) ** 2, (tau, -half, half)) / (2 * sympy.E)
    return _value(inside + 1 - sympy.tanh(half) - 3 / (2 * sympy.E))


def _codebook_error(x: Expression, boundary: Expression) -> Expression:
    """Mean squared error of the random codebook at x, when words with t > boundary round x downwards."""
    import sympy

    t = sympy.symbols("t", real=True)
    half = sympy.Rational(1, 2)
    up, down = (x - sympy.exp(t - half)) ** 2, (x + sympy.exp(-t - half)) ** 2
    inside = sympy.integrate(sympy.expand(up), (t, -half, boundary))
    inside += sympy.integrate(sympy.expand(down), (t, boundary, half))
    ends = up.subs(t, -half) + (down if boundary != half else up).subs(t, half)
    return inside / 2 + ends / 4


def centre_defect() -> float | int:
    """Error of the random codebook at x = exp(-1/2) sinh(tau), |tau| < 1/2, less 1 / (2 e).

    The midpoint of a codebook is exp(-1/2) sinh(t), so those with t > tau round x downwards. The result
    is a number because tau drops out.
    """
    import sympy

    tau = sympy.symbols("tau", real=True)
    x = sympy.exp(-sympy.Rational(1, 2)) * sympy.sinh(tau).rewrite(sympy.exp)
    return _value(sympy.expand(_codebook_error(x, tau)) - 1 / (2 * sympy.E))


def end_defect() -> float | int:
    """Error of the random codebook at x = 1, less 1 / (2 e).

    On [a, 1] all codebooks round upwards, so the error is convex there and at most its values at a and 1.
    """
    import sympy

    return _value(_codebook_error(sympy.Integer(1), sympy.Rational(1, 2)) - 1 / (2 * sympy.E))
