"""Appendix K.2: the fixed codebooks of FSQ, LFQ and BSQ."""

from qtheory.claims import _scalar_checks as on
from qtheory.claims._claim import Check, Claim
from qtheory.claims._formula_checks import bsq_words_are_scaled_lfq_words

CLAIMS = (
    Claim(
        id="appendixK.fixed-suboptimal",
        title="FSQ, LFQ and BSQ are inherently suboptimal because their codebooks are fixed",
        statement="Scalar quantizers with fixed codebooks are inherently suboptimal.",
        source="Appendix K.2",
        verdict="holds-amended",
        sharp=(
            "Where a law has one optimal codebook, as log-concave ones on the line have, a fixed codebook of "
            "two words or more is optimal at one scale at most. LFQ's is optimal among all scalar codebooks "
            "of 2^d words for N(0, (pi/2) I); where its error is least, at variance 2/pi, the optimum is "
            "smaller by the factor 2/pi. A learned map in front of the quantizer can find the scale. Laws "
            "with several optima may share one between two scales."
        ),
        proof=(
            "Scaling a law scales its optimal codebooks (scaling.vq), and c times a codebook is that "
            "codebook for c = 1 only. With masses 7, 7 and 2 sixteenths at 1, 2 and 7/2, both {3/2, 7/2} "
            "and {1, 7/3} are optimal, so the first is optimal for the law and for 3/2 times it.\n"
            "The optimal two levels of N(0, s^2) are +-s sqrt(2/pi), which are +-1 for s^2 = pi/2 only. "
            "One bit a coordinate is the optimal allocation at K = 2^d, since e_n / s^2 + ln(n) / 2 is "
            "least at n = 2. The error of LFQ is d (s^2 - 2 s sqrt(2/pi) + 1), the optimum d s^2 (1 - "
            "2/pi)."
        ),
        checks=(
            Check("LFQ is optimal at variance pi/2", on.signs_are_optimal),
            Check("one bit a coordinate is the best allocation for every d", on.two_levels_are_cheapest),
            Check("it is not at variance 2/pi", on.signs_are_not_optimal_elsewhere),
            Check("a law with two optima shares one with its copy", on.two_scales_share_an_optimum),
        ),
        group="scalar",
    ),
    Claim(
        id="appendixK.fsq-levels",
        title="FSQ with K_2 = 4 has 4^8 = 65536 codewords",
        statement=(
            "Rescaling z to floor(K_2 / 2) tanh(z) and rounding with K_2 = 4 in 8 dimensions gives a "
            "codebook of 4^8 = 65536 words."
        ),
        source="Appendix K.2",
        verdict="refuted",
        sharp=(
            "For even K_2 the printed rule has K_2 + 1 values: {-2, ..., 2} for K_2 = 4, that is 5^8 = "
            "390625 words, and a third of the coordinates of N(0, 1) takes one of the two outer ones. It "
            "has K_2 values for odd K_2. The authors of FSQ shift and offset even numbers of levels."
        ),
        proof=(
            "2 tanh(z) runs through (-2, 2), whose roundings are -2, ..., 2; |2 tanh z| > 3/2 for |z| > "
            "ln(7) / 2 = 0.973, which has probability 0.331."
        ),
        checks=(
            Check("2 tanh(z) rounds to five integers", on.five_values),
            Check("the printed rule has 5^8 words", on.printed_form_has_more_words),
            Check("the outer values are common", on.outer_values_occur),
            Check("the rule of FSQ's authors has 4^8 words", on.reference_has_four),
        ),
        group="scalar",
    ),
    Claim(
        id="figure5.fsq",
        title="the error of FSQ is pronouncedly non-linear in the variance",
        statement="The error of FSQ depends on the variance in a pronouncedly non-linear way.",
        source="Appendix K.2, Figure 5(b)",
        verdict="holds-amended",
        sharp=(
            "It is measured after the tanh. There it rises like 4 d s^2 from 0, has its maximum 0.699 (d = "
            "8) near s^2 = 0.5 and falls to 0, since the tanh saturates while the error against z itself "
            "diverges. It does not compare with errors of quantizers that reconstruct z."
        ),
        proof=(
            "For small s no coordinate leaves the cell of 0 and the error is E (2 tanh z)^2. For large s "
            "nearly all bounded values are near -2 or 2, which are codewords. Between, by quadrature."
        ),
        checks=(
            Check("it rises and falls", on.fsq_rises_and_falls),
            Check("it is 0.699 at most, near 0.5", on.fsq_has_its_largest_error),
            Check("it vanishes at large variance", on.fsq_vanishes),
            Check("it starts like 4 d s^2", on.fsq_starts_like_4_d_variance),
        ),
        group="scalar",
    ),
    Claim(
        id="figure5.lfq",
        title="LFQ has its lowest error at a moderate variance such as 0.6",
        statement=(
            "The error of LFQ grows when the variance is very small or very large; a moderate variance, "
            "such as 0.6, gives a lower one."
        ),
        source="Appendix K.2, Figure 5(c)",
        verdict="holds-amended",
        sharp=(
            "E = d (s^2 - 2 s sqrt(2/pi) + 1): d at s = 0, least at s^2 = 2/pi = 0.637 with E = d (1 - "
            "2/pi) = 2.907 for d = 8. Relative to the variance it is least at s^2 = pi/2."
        ),
        proof=(
            "E (z - sign z)^2 = s^2 - 2 E|z| + 1 and E|z| = s sqrt(2/pi). The quadratic in s is least at s "
            "= sqrt(2/pi); E / s^2 is a quadratic in 1/s, least at 1/s = sqrt(2/pi)."
        ),
        checks=(
            Check("minimum and minimiser", on.lfq_minimum_is_symbolic),
            Check("0.6 is within 0.2 % of the minimum", on.lfq_at_six_tenths),
            Check("both ends of the figure cost more than twice as much", on.lfq_ends),
        ),
        group="scalar",
    ),
    Claim(
        id="figure5.bsq",
        title="the error of BSQ is nearly constant in the variance",
        statement="After normalisation all variances give one law, so the error of BSQ is nearly constant.",
        source="Appendix K.2, Figure 5(d)",
        verdict="holds-amended",
        sharp=(
            "It is exactly constant, E = 2 - 2 sqrt(d) Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2)) = 0.353707 "
            "for d = 8, because it is measured on the unit sphere. Against z itself the same words have "
            "error d s^2 - 2 s sqrt(2 d / pi) + 1."
        ),
        proof=(
            "z / |z| does not change when z is scaled, so neither does the error of one draw. It is |u|^2 "
            "- 2 |u|_1 / sqrt(d) + 1 with u uniform on the sphere, and E|u_1| = Gamma(d/2) / (sqrt(pi) "
            "Gamma((d+1)/2)). Variation in the figure is Monte Carlo noise."
        ),
        checks=(
            Check("a sample and its double have one error", on.bsq_is_constant),
            Check("its value for d = 8", on.bsq_value),
            Check("against the features it is not constant", on.bsq_against_its_input),
            Check("its words are scaled words of LFQ", bsq_words_are_scaled_lfq_words),
        ),
        group="scalar",
    ),
)
