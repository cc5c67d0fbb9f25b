"""Finding 1: doubling the number of tokens and squaring the codebook."""

from fractions import Fraction
from itertools import product

from qtheory.claims import _formula_checks as formulas
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.information import elasticities, messages
from qtheory.limits import zador_constant
from qtheory.sources import Gaussian


def _identity() -> Evidence:
    pairs = product(range(1, 41), range(1, 41))
    broken = sum(messages(2 * tokens, size) != messages(tokens, size**2) for tokens, size in pairs)
    return Evidence(
        "exact", broken, "==", 0, detail="pairs T, K <= 40 with K^(2T) != (K^2)^T in integer arithmetic"
    )


def _tokens_matter_more_from_three_codewords() -> Evidence:
    tokens, size = elasticities(3)
    return Evidence("numerical", size, "<", tokens, detail="d ln Q_o / d ln K at K = 3, against 1 for T")


def _codewords_matter_more_at_two() -> Evidence:
    tokens, size = elasticities(2)
    return Evidence("numerical", size, ">", tokens, detail="d ln Q_o / d ln K at K = 2, against 1 for T")


def _scatter(points: list[int]) -> Fraction:
    """Sum of squared deviations from the mean."""
    return Fraction(sum(x * x for x in points)) - Fraction(sum(points) ** 2, len(points))


def _splitting_a_token_costs_error() -> Evidence:
    points = [0, 1, 2, 3]  # on an axis of the plane, equally likely; four codewords have no error
    split = min(_scatter(points[:cut]) + _scatter(points[cut:]) for cut in (1, 2, 3)) / 4
    return Evidence(
        "exact", split, ">", 0, detail="optimal error of two binary tokens; one token of 4 values has none"
    )


def _splitting_costs_at_high_rate() -> Evidence:
    whole, half = Gaussian(16), Gaussian(8)
    split = half.density_norm * zador_constant(8).lower
    return Evidence(
        "numerical", split / (whole.density_norm * zador_constant(16).upper), ">", Fraction(109, 100),
        detail="E*_PQ over E*_VQ at high rate, N(0, I_16) in halves, by the bracket of Zador's constants",
    )  # fmt: skip


CLAIMS = (
    Claim(
        id="finding1.identity",
        title="2T tokens of K values carry as many bits as T tokens of K^2 values",
        statement="Q_o = 2 T log2 K = T log2(K^2): doubling T is equivalent to squaring K in capacity.",
        source="Finding 1",
        verdict="holds",
        sharp="Q_o(2T, K) = Q_o(T, K^2); both count K^(2T) messages.",
        proof="K^(2T) = (K^2)^T. In the display the left side must read Q_o(2T, K), not Q_o.",
        checks=(
            Check("message counts agree", _identity),
            Check("they are the numbers of messages listed", formulas.messages_by_enumeration),
        ),
        group="finding1",
    ),
    Claim(
        id="finding1.influence",
        title="the token count influences Q_o more than the codebook size",
        statement="T has a stronger influence than K on the output information quantity.",
        source="Finding 1, last sentence",
        verdict="holds-amended",
        sharp=(
            "For relative changes: d ln Q_o / d ln T = 1 and d ln Q_o / d ln K = 1 / ln K, so T has the "
            "stronger influence if and only if K >= 3. Per bit spent, the two influences are the same."
        ),
        proof="Differentiate ln Q_o = ln T + ln ln K + const. 1 / ln K < 1 if and only if K > e.",
        checks=(
            Check("K = 3: tokens matter more", _tokens_matter_more_from_three_codewords),
            Check("K = 2: codewords matter more", _codewords_matter_more_at_two),
            Check("elasticities are derivatives", formulas.elasticities_are_derivatives),
        ),
        group="finding1",
    ),
    Claim(
        id="finding1.error",
        title="doubling T is equivalent to squaring K in performance",
        statement=(
            "The equivalence of capacity carries over to information loss: twice the tokens and the squared "
            "codebook perform nearly identically."
        ),
        source="Finding 1 (information loss), Section 5.2 and Table 6",
        verdict="refuted",
        sharp=(
            "Splitting one token of K^2 values into two of K values is a product code over the two halves: "
            "E*_VQ(P, K^2) <= E*_PQ(P, (K, K)), with strict inequality in general. Equal Q_o is not equal E."
        ),
        proof=(
            "A product of two codebooks of K words is a codebook of K^2 words, which gives the inequality. "
            "Strict: four equally likely points on an axis have error 0 with 4 codewords, and 1/4 with 2 "
            "codewords on that axis, which is all that a 2 x 2 product offers. For N(0, I_16) in halves "
            "the loss at high rate is the ratio of G_d ||f|| in dimensions 8 and 16: at least 9%, with the "
            "ball in dimension 8 and the lattice BW16 (theorem.zador), and 11% with E8 in place of the ball."
        ),
        checks=(
            Check("a split token has larger error", _splitting_a_token_costs_error),
            Check("Gaussian sources lose at least 9% at high rate", _splitting_costs_at_high_rate),
        ),
        group="finding1",
    ),
)
