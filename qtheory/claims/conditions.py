"""Conditions 1 and 2 for a fair comparison, and what Section 5 and Appendix K make of them."""

from fractions import Fraction

from qtheory import paper
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._printed import decimal, phase
from qtheory.information import output_bits
from qtheory.optimal import optimal_distortion_1d

_HALVES = [0.5, 0.5]
_QUARTERS = [0.25] * 4
_POSITIONS = 256
"""Positions of the 16 x 16 latent of Section 5."""


def _equal_variance_other_error() -> Evidence:
    # variance 5 each: two points at distance 2 sqrt(5), four points at -3, -1, 1, 3
    two = optimal_distortion_1d([-(5**0.5), 5**0.5], _HALVES, 2)
    four = optimal_distortion_1d([-3, -1, 1, 3], _QUARTERS, 2)
    return Evidence("numerical", four, ">", two, detail="optimal errors for K = 2 of two laws of variance 5")


def _scaled_law_same_normalised_error() -> Evidence:
    atoms = [-8.0, 1.0, 3.0, 4.0]
    once = optimal_distortion_1d(atoms, _QUARTERS, 2)
    thrice = optimal_distortion_1d([3 * x for x in atoms], _QUARTERS, 2)
    return Evidence(
        "numerical", thrice / 9, "~=", once, tolerance=1e-12, detail="optimal error of 3X over 9, K = 2"
    )


def _same_outputs_two_names() -> Evidence:
    return Evidence(
        "numerical",
        output_bits(512, 65536),
        "==",
        output_bits(512 * 2, 256),
        detail="bits of 512 tokens of 65536 values, and of 512 x 2 tokens of 256",
    )


def _same_system_booked_twice() -> Evidence:
    rows = paper.table(6)
    other = rows[(rows["tokens"] == "512×2") & (rows["K"] == "256") & (rows["phase"] == "Substitution")]
    return Evidence(
        "transcribed",
        decimal(other["distortion_per_dim"].iloc[0]),
        "==",
        decimal(phase(3, "Substitution").loc["MMD VP2", "distortion_per_dim"]),
        detail="E of '512x2, 256' in Table 6 against MMD VP2, booked as '512, 65536', in Table 3",
    )


def _vq_rows_are_products() -> Evidence:
    return Evidence(
        "numerical",
        output_bits(_POSITIONS, 65536**2),
        "==",
        output_bits(512, 65536),
        detail="bits of 256 positions with a product of two codebooks each, and of 512 tokens",
    )


def _sizes_of_figure5() -> dict[str, int]:
    """Codebook sizes of Figure 5 as Appendix K gives them."""
    return {"VQ": 4096, "PQ": 64**2, "FSQ": 4**8, "LFQ": 2**8, "BSQ": 2**8}


def _figure5_has_three_rates() -> Evidence:
    sizes = set(_sizes_of_figure5().values())
    return Evidence(
        "exact", len(sizes), ">", 1, detail="different codebook sizes among the five quantizers of Figure 5"
    )


def _figure5_is_fair_to_vq_and_pq() -> Evidence:
    sizes = _sizes_of_figure5()
    return Evidence("exact", sizes["PQ"], "==", sizes["VQ"], detail="codewords of PQ and VQ in Figure 5(a)")


def _figure5_spread() -> Evidence:
    sizes = _sizes_of_figure5().values()
    return Evidence(
        "exact",
        Fraction(max(sizes), min(sizes)),
        "==",
        256,
        detail="largest over smallest codebook: 16 bits against 8",
    )


CLAIMS = (
    Claim(
        id="condition1.distribution",
        title="Condition 1: latent distributions must be the same",
        statement="Only with the same latent distribution can quantization errors be compared.",
        source="Condition 1, Section 4.3; Remark in Appendix G",
        verdict="holds-amended",
        sharp=(
            "Equal distributions at the input of the quantizer suffice. Scale and position need not agree: E "
            "/ Var is free of them. Equal variances do not suffice. Section 5 meets the condition for z_e, "
            "but each method learns its own network before the quantizer, so that it is not met where E "
            "arises."
        ),
        proof=(
            "E*(sX + c, K) = s^2 E*(X, K), by scaling and shifting codebooks. A law on two points and a law "
            "on four can have one variance; two codewords leave the first no error and the second some. The "
            "Remark itself makes no guarantee for the distribution of quantization inputs."
        ),
        checks=(
            Check("equal variance, different optimal error", _equal_variance_other_error),
            Check("a scaled law has the same normalised error", _scaled_law_same_normalised_error),
        ),
        group="conditions",
    ),
    Claim(
        id="condition2.rate",
        title="Condition 2: identical token counts and codebook sizes",
        statement=(
            "Compression ratios are held constant by identical token counts and codebook sizes; all methods "
            "of Section 5 satisfy this."
        ),
        source="Condition 2, Sections 4.3 and 5.1",
        verdict="holds-amended",
        sharp=(
            "Token count and codebook size depend on what is called a token; the rate T log2 K, or T sum_m "
            "log2 n_m, does not. Hold the rate constant. The rows of Table 3 have one rate, 8192 bits an "
            "image, at fixed length."
        ),
        proof=(
            "A token made of M codes of n values can be booked as one token of n^M values or as M of n. The "
            "paper does both: '512, 65536' for MMD VP2 in Table 3, '512x2, 256' for the same structure in "
            "Table 6, which as worded are not comparable with each other. Its VQ rows are products of two "
            "codebooks over 32 channels."
        ),
        checks=(
            Check("both bookings have the same bits", _same_outputs_two_names),
            Check("both tables print the same error", _same_system_booked_twice),
            Check("a VQ row is itself a product code", _vq_rows_are_products),
        ),
        group="conditions",
    ),
    Claim(
        id="condition2.figure5",
        title="Figure 5 compares the five quantizers under Condition 2",
        statement="Appendix K studies VQ, PQ, FSQ, LFQ and BSQ side by side on the same samples.",
        source="Condition 2 and Appendix K, Figure 5",
        verdict="refuted",
        sharp=(
            "It compares at three rates: VQ and PQ have 12 bits a vector, FSQ 16 as stated, LFQ and BSQ 8. "
            "Figure 2 has 13."
        ),
        proof="Read off Appendix K: K = 4096, 64^2, 4^8, 2^8, 2^8, and K = 8192 in Appendix D.",
        checks=(
            Check("more than one codebook size", _figure5_has_three_rates),
            Check("VQ and PQ agree", _figure5_is_fair_to_vq_and_pq),
            Check("they differ by a factor of 256", _figure5_spread),
        ),
        group="conditions",
    ),
)
