"""Proposition 2, lower bound, at a fixed rate: the worst case in high dimension is the value of a game."""

import math
from fractions import Fraction
from functools import partial

import numpy as np

from qtheory.bounds import BOUNDS
from qtheory.claims import _edge_checks as edge
from qtheory.claims._certificate import ONE_BIT, ONE_BIT_SLOPE, certified_distortion
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._edge_profile import FEATURES, WORDS
from qtheory.limits import WorstCaseGame, worst_case_distortion, worst_case_game
from qtheory.optimal import optimal_vector
from qtheory.sources import FiniteSource

BELOW, ABOVE = Fraction(404, 100), Fraction(4055, 1000)
"""Bits a dimension between which the constant 1/4 stops to hold in high dimension."""


def _one_bit() -> Evidence:
    return Evidence(
        "certified", certified_distortion(ONE_BIT, ONE_BIT_SLOPE, Fraction(1)), ">=", Fraction(11549, 10**5),
        detail="E / d of the law of three atoms to the power d, s = 2.547, K = 2^d",
    )  # fmt: skip


def _bound_at_one_bit() -> Evidence:
    certified = certified_distortion(ONE_BIT, ONE_BIT_SLOPE, Fraction(1))
    ratio = BOUNDS["prop2.lower.game"](d=7, K=2**7) / 7 / float(certified)
    return Evidence(
        "numerical", ratio, "~=", 1, tolerance=1e-4, detail="bound at K = 2^d over that certificate"
    )


def _small_slopes() -> Evidence:
    gap = max(abs(worst_case_game(s).upper * math.exp(s) - 1) for s in (0.1, 0.3, 0.5))
    return Evidence(
        "numerical", gap, "<=", 1e-6, detail="relative gap of c(s) to exp(-s) at s = .1, .3 and .5"
    )


def _players_agree() -> Evidence:
    gap = max(_gap(worst_case_game(slope)) for slope in (0.3, 1.0, 2.547, 6.0))
    return Evidence(
        "numerical", gap, "<=", 2e-6, detail="what the words may lose over what the law may lose, less 1"
    )


def _gap(game: WorstCaseGame) -> float:
    """Relative gap of what the two strategies guarantee, evaluated anew on a grid of [-1, 1]."""
    points = np.linspace(-1, 1, 20_001)
    most, least = (
        mixed.pmf @ np.exp(-game.slope * (mixed.atoms - points) ** 2) for mixed in (game.law, game.words)
    )
    return float(most.max() / least.min() - 1)


def _law_is_the_worst_source() -> Evidence:
    gap = max(abs(_distortion_rate_defect(rate)) for rate in (0.5, 1.0))
    return Evidence(
        "numerical", gap, "<=", 2e-4,
        detail="nats between Blahut's algorithm for the game's law and the game, at .5 and 1 bit",
    )  # fmt: skip


def _distortion_rate_defect(rate: float) -> float:
    """``min over q of -E ln int q exp(-s (x - y)^2)`` by Blahut's algorithm, less ``-ln c(s)``."""
    game = worst_case_distortion(rate).game
    words = np.linspace(-1, 1, 201)
    payoff = np.exp(-game.slope * (game.law.atoms - words) ** 2)
    q = np.full(words.size, 1 / words.size)
    for _ in range(4000):
        q = q * ((game.law.pmf / (payoff @ q)) @ payoff)
    return float(game.law.pmf @ -np.log(payoff @ q)) + math.log(game.upper)


def _products_are_above() -> Evidence:
    law = worst_case_distortion(1.0).game.law
    square = FiniteSource(
        np.array([[a, b] for a in law.atoms[:, 0] for b in law.atoms[:, 0]]),
        np.outer(law.pmf, law.pmf).ravel(),
    )
    slack = min(
        optimal_vector(source, K).distortion / BOUNDS["prop2.lower.game"](d=source.dim, K=K) - 1
        for source, K in ((law, 2), (square, 3), (square, 4), (square, 5))
    )
    return Evidence(
        "numerical", slack, ">", 0, detail="least relative excess of E*_VQ of the law at d = 1 and 2"
    )


def _above_the_edge_bound() -> Evidence:
    ratio = min(
        BOUNDS["prop2.lower.game"](d=d, K=K) / BOUNDS["prop2.lower.edge"](d=d, K=K)
        for d, K in ((1, 2), (64, 2**64), (2, 8), (64, 2**96), (10, 4**10))
    )
    return Evidence("numerical", ratio, ">", 1, detail="least ratio to prop2.lower.edge, 1 to 2 bits")


def _features() -> Evidence:
    return Evidence(
        "certified", FEATURES.largest_share(), "<", 1,
        detail="largest share of four atoms in what half a line of Lebesgue measure lacks, t in [0, 14]",
    )  # fmt: skip


def _features_far() -> Evidence:
    return Evidence("certified", FEATURES.slack_beyond(), ">", 0, detail="least slack for t > 14")


def _holds_below() -> Evidence:
    return Evidence(
        "certified", FEATURES.constant_at(BELOW, Fraction(229, 10)), ">=", Fraction(1, 4),
        detail="K^(2/d) / d times the bound at K = 2^(4.04 d), x = 22.9",
    )  # fmt: skip


def _words() -> Evidence:
    return Evidence(
        "certified", WORDS.least_share(), ">", 1,
        detail="least share of the words' atoms in what half a line of Lebesgue measure lacks, t in [0, 6]",
    )  # fmt: skip


def _words_far() -> Evidence:
    return Evidence("certified", WORDS.surplus_beyond(), ">", 0, detail="least surplus for t > 6")


def _fails_above() -> Evidence:
    return Evidence(
        "certified", WORDS.nats_to_spare(ABOVE), ">", 0,
        detail="nats that a distortion of 4^-R / 4 leaves to spare at the worst s, R = 4.055 bits",
    )  # fmt: skip


CLAIMS = (
    Claim(
        id="prop2.lower.game",
        title="sup over P of E*_VQ >= d / 16 at K = 2^d",
        statement="For every d and K = 2^d, some law on [-1, 1]^d has an optimal error of at least d / 16.",
        source="Proposition 2, first inequality, at the least K that it allows",
        verdict="holds",
        sharp=(
            "Let c(s) be the value of the game on [-1, 1] in which one player picks the law of x, the other "
            "the law of y, and the first pays E exp(-s (x - y)^2); and D*(R) = max over s of (-ln c(s) - R "
            "ln 2) / s. For all d and K, sup over P of E*_VQ >= d D*(log2(K) / d), and at a fixed rate R, "
            "sup E*_VQ / d tends to D*(R) as d grows. 4^R D*(R) is 0.4620 at 1 bit, 0.3627, 0.3140, 0.2862 "
            "and 0.2690 at 1.5, 2, 2.5 and 3 bits, and tends to 2 / (pi e). At K = 2^d the supremum is at "
            "least 0.11549 d, in every dimension, where the paper has 0.0625 d. 4^R D*(R) falls below 1/4 "
            "between 4.04 and 4.055 bits: in every dimension 1/4 holds for 2^d <= K <= 2^(4.04 d), and for "
            "each R >= 4.055 it fails at K = 2^(R d) in all large dimensions."
        ),
        proof=(
            "Lower bound. Let P be the product of d copies of a law, and c the largest mean of exp(-s (x - "
            "y)^2) over y. By Jensen's inequality and a union bound, E min_k |X - e_k|^2 >= -(1/s) ln sum_k "
            "E exp(-s |X - e_k|^2) >= -(1/s) ln(K c^d); the best law has c = c(s). At K = 2^d take masses "
            ".34037, .31926, .34037 at -1, 0, 1 and s = 2.547. (For s <= 1/2, c(s) = exp(-s): the ends "
            "against the word 0.)\n"
            "D* is the largest distortion-rate function. At slope s, the least of I + s E over test "
            "channels for a law P is F_P(s) = min over q of -E ln int q(dy) exp(-s (x - y)^2), and D_P(R) = "
            "max over s of (F_P(s) - R ln 2) / s. The function is linear in P, convex in q and continuous, "
            "and laws on [-1, 1] form a compact set, so max over P and min over q may change places: max "
            "over P of F_P(s) = -ln c(s).\n"
            "Limit. Let x in [-1, 1]^d have coordinates distributed as P. A word with coordinates drawn "
            "from the best q for P is within d (D_P(R) + e) of x with probability at least 2^(-d (R - "
            "e')) for large d, e' > 0 (Cramer), and D_P(R) is continuous in P. So finitely many q suffice, "
            "and with 2^(d R) words of each, which costs no rate, the mean error at every x is at most d "
            "(D*(R) + 2 e).\n"
            "Crossing. In units of 1 / sqrt(s) = 1 / x, as in prop2.lower.practical, four atoms at each end "
            "give a law of features with a = 0.7662, so D* >= (ln(2 (x + a)) - ln(pi) / 2 - R ln 2) / x^2; "
            "and four others a law of words that every feature meets with mean at least sqrt(pi) / (2 (x + "
            "b)), b = 0.7724, for x >= 3.517, so D* is at most the largest such value with b. (For smaller "
            "x it is negative at these rates, for -ln c(s) grows with s.) From 4 bits on the best x lies "
            "inside, where x^2 times either value is x / (2 (x + a)) < 1/2, so that 4^R times it falls as R "
            "grows. The first is above 1/4 at 4.04 bits, the second below at 4.055. Up to 4 bits 1/4 holds "
            "by prop2.lower.practical."
        ),
        checks=(
            Check("three atoms give 0.11549 d at K = 2^d", _one_bit),
            Check("the bound at K = 2^d is that of the three atoms", _bound_at_one_bit),
            Check("1 to 2 bits: values as stated", edge.stated_values((1.0, 1.5, 2.0))),
            Check("2.5 and 3 bits: values as stated", edge.stated_values((2.5, 3.0))),
            Check("at small slopes two ends meet the word 0", _small_slopes),
            Check("law and words guarantee the same value", _players_agree),
            Check("the game's law has that distortion-rate function", _law_is_the_worst_source, slow=True),
            Check("products of the law are above the bound", _products_are_above, slow=True),
            Check("the bound is above that of the heavier faces", _above_the_edge_bound, slow=True),
            Check("features: the convolution stays below sqrt(pi)", _features),
            Check("features: and far from the end", _features_far),
            Check("at 4.04 bits the constant is 1/4 or more", _holds_below),
            Check("words: the convolution stays above sqrt(pi)", _words),
            Check("words: and far from the end", _words_far),
            Check("at 4.055 bits it is below 1/4", _fails_above),
            Check("what is to spare is the least over widths", partial(edge.nats_are_the_least, ABOVE)),
            Check("ends add less to features than to words", edge.features_weigh_less),
            Check(
                "at 3 bits the game is above the features", partial(edge.game_at_three_bits, FEATURES, ">=")
            ),
            Check("and below the words", partial(edge.game_at_three_bits, WORDS, "<=")),
        ),
        group="prop2",
    ),
)
