"""Section 2: token indices of product codes (equations 5 and 9), use of PQ's words, subcodebooks of FSQ."""

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import product
from math import prod

from qtheory import paper
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._printed import decimal, phase

_SIZES = ((2, 2), (4, 2, 3), (8, 5, 5, 5), (64, 64))


def _printed_index(codes: Sequence[int], sizes: Sequence[int]) -> int:
    """Equation 5 as printed: r_1 + sum over m >= 2 of (prod_{k<m} n_k) r_m, with r_m in {1, ..., n_m}."""
    return sum(prod(sizes[:m]) * code for m, code in enumerate(codes))


def _printed_range(sizes: Sequence[int]) -> tuple[int, int]:
    return _printed_index([1] * len(sizes), sizes), _printed_index(sizes, sizes)


def _smallest_of_two_by_two() -> Evidence:
    return Evidence(
        "exact", _printed_range((2, 2))[0], "==", 3, detail="smallest printed index for n = (2, 2)"
    )


def _largest_of_two_by_two() -> Evidence:
    return Evidence("exact", _printed_range((2, 2))[1], ">", 4, detail="largest printed index, against K = 4")


def _offset() -> Evidence:
    wrong = 0
    for sizes in _SIZES:
        shift = sum(prod(sizes[:m]) for m in range(1, len(sizes)))
        wrong += _printed_range(sizes) != (1 + shift, prod(sizes) + shift)
    return Evidence(
        "exact",
        wrong,
        "==",
        0,
        detail="block sizes whose indices do not run from 1 + s to K + s, s = n_1 + n_1 n_2 + ...",
    )


def _corrected_is_a_bijection() -> Evidence:
    from qtheory.codebooks import token_index

    wrong = 0
    for sizes in _SIZES:
        codes = list(product(*(range(size) for size in sizes)))
        wrong += sorted((1 + token_index(codes, sizes)).tolist()) != list(range(1, prod(sizes) + 1))
    return Evidence(
        "exact", wrong, "==", 0, detail="block sizes for which the corrected index misses {1, ..., K}"
    )


def _levels_of_fsq() -> Evidence:
    sizes = (8, 5, 5, 5)
    fits = sum(level ** len(sizes) == prod(sizes) for level in range(1, prod(sizes) + 1))
    return Evidence(
        "exact",
        fits,
        "==",
        0,
        detail="numbers of equal levels in 4 dimensions with the 1000 words of (8, 5, 5, 5)",
    )


_TRAINED = ("Vanilla", "EMA", "Online", "Wasserstein", "MMD")


def _product_uses_more() -> Evidence:
    use = phase(3, "Substitution")["utilization"]
    gains = [decimal(use[f"{name} VP2"]) - decimal(use[f"{name} VQ"]) for name in _TRAINED]
    return Evidence(
        "transcribed", min(gains), ">", 0,
        detail="least gain of U from VQ to PQ with the same algorithm, five algorithms of Table 3",
    )  # fmt: skip


def _unused_by_the_worst() -> Evidence:
    use = phase(3, "Substitution")["utilization"]
    left = 1 - min(decimal(use[f"{name} VP2"]) for name in _TRAINED)
    return Evidence(
        "transcribed", round(100 * left), "==", 41,
        detail="percent of the words that Vanilla VP2 leaves unused, the most of five, Table 3",
    )  # fmt: skip


def _logged_perplexity(name: str) -> Fraction:
    return decimal(paper.authors_logs().query("tokens == 512").set_index("approach")["perplexity"][name])


def _perplexity_doubles() -> Evidence:
    return Evidence(
        "transcribed", _logged_perplexity("EMA VP2") / _logged_perplexity("EMA VQ"), ">=", 2,
        detail="logged perplexity of EMA VP2 over that of EMA VQ",
    )  # fmt: skip


def _perplexity_falls(name: str) -> Evidence:
    return Evidence(
        "transcribed", _logged_perplexity(f"{name} VP2"), "<", _logged_perplexity(f"{name} VQ"),
        detail=f"logged perplexity of {name} VP2, and of {name} VQ",
    )  # fmt: skip


def _perplexity_is(name: str, value: int) -> Evidence:
    return Evidence(
        "transcribed", _logged_perplexity(name), "==", value, detail=f"logged perplexity of {name}"
    )


CLAIMS = (
    Claim(
        id="eq5.token-index",
        title="the token index of a product code (equations 5 and 9)",
        statement=(
            "r = r_1 + sum_{m>=2} (prod_{k<m} n_k) r_m with r_m in {1, ..., n_m} is a token in {1, ..., K}."
        ),
        source="Equations 4, 5, 8 and 9",
        verdict="refuted",
        sharp="r = 1 + sum_m (prod_{k<m} n_k) (r_m - 1), a bijection onto {1, ..., K}.",
        proof=(
            "As printed, r is the mixed radix number of the digits r_m - 1, plus 1 + s with s = n_1 + n_1 "
            "n_2 + ... + n_1 ... n_{M-1}: it runs through {1 + s, ..., K + s}, for n = (2, 2) through {3, 4, "
            "5, 6}. It still tells the codes apart. Equation 9 is equation 5 with M = d."
        ),
        checks=(
            Check("for two binary blocks the index starts at 3", _smallest_of_two_by_two),
            Check("and ends beyond K", _largest_of_two_by_two),
            Check("the printed index is too large by a constant", _offset),
            Check("the corrected index is a bijection", _corrected_is_a_bijection),
        ),
        group="tokens",
    ),
    Claim(
        id="sq.fsq-levels",
        title="FSQ shares identical subcodebooks across dimensions",
        statement="In FSQ, the subcodebooks of all dimensions are the same.",
        source="Section 2.4",
        verdict="refuted",
        sharp=(
            "FSQ has a number of levels of its own a dimension; the configuration its authors recommend near "
            "2^10 codewords is (8, 5, 5, 5). The paper's own configuration, 4 levels in 8 dimensions, is one "
            "with equal levels."
        ),
        proof=(
            "8 * 5 * 5 * 5 = 1000 is no fourth power, so that no equal number of levels gives this codebook."
        ),
        checks=(Check("1000 codewords in 4 dimensions need unequal levels", _levels_of_fsq),),
        group="tokens",
    ),
    Claim(
        id="pq.collapse",
        title="splitting a vector into blocks mitigates codebook collapse",
        statement="The subspace decomposition of PQ mitigates the collapse of codebooks.",
        source="Section 2.3, Table 3",
        verdict="holds-amended",
        sharp=(
            "With each of the five algorithms of Table 3, PQ uses more of the K words than VQ, though "
            "Vanilla VP2 still leaves 41% unused. Use is not even use: in the authors' logs perplexity "
            "doubles for EMA, whose VQ collapses, and falls for Wasserstein and MMD, whose VQ does not, to "
            "52038 and 55138 from 61012 and 59595."
        ),
        proof="Read off Table 3 and the authors' logs.",
        checks=(
            Check("five algorithms use more words as PQ", _product_uses_more),
            Check("Vanilla VP2 leaves 41% unused", _unused_by_the_worst),
            Check("perplexity doubles for EMA", _perplexity_doubles),
            Check("perplexity falls for Wasserstein", partial(_perplexity_falls, "Wasserstein")),
            Check("to 52038", partial(_perplexity_is, "Wasserstein VP2", 52038)),
            Check("from 61012", partial(_perplexity_is, "Wasserstein VQ", 61012)),
            Check("perplexity falls for MMD", partial(_perplexity_falls, "MMD")),
            Check("to 55138", partial(_perplexity_is, "MMD VP2", 55138)),
            Check("from 59595", partial(_perplexity_is, "MMD VQ", 59595)),
        ),
        group="tokens",
    ),
)
