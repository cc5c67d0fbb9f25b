"""Proposition 2, lower bound, at up to four bits a dimension: true in every dimension."""

from fractions import Fraction
from functools import partial

from qtheory.bounds import BOUNDS, minimax_scalar
from qtheory.claims import _edge_checks
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._edge_profile import EDGE


def _profile() -> Evidence:
    return Evidence(
        "certified", EDGE.largest_share(), "<", 1,
        detail="largest share of the atoms in what half a line of Lebesgue measure lacks, t in [0, 6]",
    )  # fmt: skip


def _profile_far() -> Evidence:
    return Evidence("certified", EDGE.slack_beyond(), ">", 0, detail="least slack of the estimate for t > 6")


def _four_bits() -> Evidence:
    constant = EDGE.constant_at(Fraction(4), Fraction(89, 4))
    return Evidence(
        "certified",
        constant,
        ">=",
        Fraction(1, 4),
        detail="K^(2/d) / d times the bound at K = 16^d, x = 89/4",
    )


def _edge_above_printed() -> Evidence:
    slack = min(
        BOUNDS["prop2.lower.edge"](d=d, K=K) / BOUNDS["prop2.lower.paper"](d=d, K=K) - 1
        for d in (1, 2, 47, 100, 1000)
        for K in (2**d, 3**d, 10**d, 16**d)
    )
    return Evidence(
        "numerical", slack, ">=", 0, detail="least relative excess over the printed bound, K to 16^d"
    )


def _edge_below_two_levels() -> Evidence:
    ratio = BOUNDS["prop2.lower.edge"](d=1, K=2) / minimax_scalar(2)
    return Evidence("numerical", ratio, "<", 1, detail="bound over the worst error 1 / (2 e), d = 1, K = 2")


def _edge_tends_to_sharp() -> Evidence:
    ratio = BOUNDS["prop2.lower.edge"](d=1, K=10**9) / BOUNDS["prop2.lower.sharp"](d=1, K=10**9)
    return Evidence(
        "numerical", ratio, "~=", 1, tolerance=1e-6, detail="ratio to the sharp bound, d = 1, K = 10^9"
    )


CLAIMS = (
    Claim(
        id="prop2.lower.practical",
        title="the lower bound with 1/4 for K up to 16^d",
        statement="For every d and 2^d <= K <= 16^d, sup over P of E*_VQ >= d / (4 K^(2/d)).",
        source="Proposition 2, first inequality, at up to 4 bits a dimension",
        verdict="holds",
        sharp=(
            "For all d, K and x >= 16/9, sup over P of E*_VQ >= d (ln(2 (x + a)) - ln(pi)/2 - ln(K)/d) / "
            "x^2 with a = 0.7462. The best x makes K^(2/d) / d times this 0.447 at K = 2^d, 0.2500 at K = "
            "16^d and 2 / (pi e) in the limit. The best constant at each rate is in prop2.lower.game."
        ),
        proof=(
            "As for the sharp bound of prop2.lower, E min_k |X - e_k|^2 >= -(1/s) ln(K c^d) for a product "
            "of d copies of a law on [-1, 1] whose convolution with exp(-s t^2) is at most c. Scale by x = "
            "sqrt(s) and take Lebesgue measure from distance 16/9 of both ends on, with atoms 191/125 at "
            "the ends and 249/250 at distance 4/3 of them: at one end, the convolution stays below "
            "sqrt(pi), hence also with both, and the mass is 2 (x + a). So c = sqrt(pi) / (2 (x + a)).\n"
            "K^(2/d) times the bound decreases in K while x^2 times the bound is below d/2, which the best "
            "x ensures from K = 2^d on: so K = 16^d, where it is above 1/4, is enough."
        ),
        checks=(
            Check("the law's convolution stays below sqrt(pi)", _profile),
            Check("and far from the end", _profile_far),
            Check("at K = 16^d the constant is 1/4 or more", _four_bits),
            Check("certificate and bound agree", _edge_checks.constant_is_the_bound),
            Check("0.447 at K = 2^d", partial(_edge_checks.constant_at_bits, 1, 0.447, 5e-4)),
            Check("0.2500 at K = 16^d", partial(_edge_checks.constant_at_bits, 4, 0.25, 5e-5)),
            Check("the bound is above the printed one up to K = 16^d", _edge_above_printed),
            Check("the bound is below the exact worst case at d = 1, K = 2", _edge_below_two_levels),
            Check("it tends to the sharp bound", _edge_tends_to_sharp),
        ),
        group="prop2",
    ),
)
