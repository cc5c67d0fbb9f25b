"""What Section 5.2 and Appendix H say of token count against codebook size, read against Tables 4 and 5."""

import math
from fractions import Fraction
from functools import partial
from itertools import pairwise

from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._printed import FROZEN, cell

_E = "distortion_per_dim"
# E is the quantizer's, the same in both phases; but the Substitution row at 32768 is of another one
_ADA = FROZEN[1]
_SIZES = tuple(2**bits for bits in range(10, 17))
_TOKENS = (256, 512, 1024, 2048)
_HALF_UNIT = Fraction(5, 10_000)
"""Rounding of a printed E."""


def _by_size(column: str, size: int) -> Fraction:
    return cell(4, _ADA, column, K=size)


def _by_tokens(column: str, tokens: int) -> Fraction:
    return cell(5, _ADA, column, tokens=tokens)


def _doubling(column: str) -> Evidence:
    tokens = max(_by_tokens(column, b) / _by_tokens(column, a) for a, b in pairwise(_TOKENS))
    sizes = min(_by_size(column, b) / _by_size(column, a) for a, b in pairwise(_SIZES))
    return Evidence(
        "transcribed", tokens, "<", sizes,
        detail=f"{column}: largest share that twice the tokens leave, least that twice the codewords leave",
    )  # fmt: skip


def _bits_added() -> Evidence:
    by_size = 512 * (16 - 10)
    return Evidence(
        "exact", by_size, "<", (512 - 256) * 14,
        detail="bits an image that K from 1024 to 65536 adds to 512 tokens, T from 256 to 512 at K = 2^14",
    )  # fmt: skip


def _fewer_bits_as_good() -> Evidence:
    return Evidence(
        "transcribed", _by_size(_E, 65536) / _by_size(_E, 1024), "<",
        _by_tokens(_E, 512) / _by_tokens(_E, 256),
        detail="share of E that these two steps leave",
    )  # fmt: skip


def _per_bit() -> Evidence:
    size = min(
        math.log((_by_size(_E, a) - _HALF_UNIT) / (_by_size(_E, b) + _HALF_UNIT)) / 512
        for a, b in pairwise(_SIZES)
    )
    tokens = max(
        math.log((_by_tokens(_E, a) + _HALF_UNIT) / (_by_tokens(_E, b) - _HALF_UNIT)) / (14 * a)
        for a, b in pairwise(_TOKENS)
    )
    return Evidence(
        "transcribed", size * 1000, ">", tokens * 1000,
        detail="fall of ln E a thousand bits: least over doublings of K, largest over doublings of T, "
        "rounding allowed for",
    )  # fmt: skip


def _rfid_per_bit(tokens: int, relation: str) -> Evidence:
    size = math.log(_by_size("rfid", 16384) / _by_size("rfid", 65536)) / (512 * 2)
    found = math.log(_by_tokens("rfid", tokens) / _by_tokens("rfid", 2 * tokens)) / (14 * tokens)
    return Evidence(
        "transcribed", found * 1000, relation, size * 1000,
        detail=f"fall of ln r-FID a thousand bits, Adaptation: {tokens} to {2 * tokens} tokens, and K from "
        "16384 to 65536",
    )  # fmt: skip


CLAIMS = (
    Claim(
        id="text.token-effect",
        title="the token count has a more pronounced effect than the codebook size",
        statement=(
            "The codebook size has a moderate, the token count a more pronounced, considerably more "
            "substantial effect on E and r-FID."
        ),
        source="Section 5.2 and Appendix H, Tables 4 and 5",
        verdict="holds-amended",
        sharp=(
            "It holds a doubling: twice the tokens leave at most 64% of E and 77.8% of the adapted r-FID, "
            "twice the codewords at least 92% and 78.5%. But twice the tokens are twice the bits, twice the "
            "codewords one bit a token. At like cost the effects are alike: K from 1024 to 65536 adds 3072 "
            "bits an image and takes 37% off E (0.318 to 0.201), T from 256 to 512 adds 3584 and takes 37% "
            "off (0.369 to 0.234). A bit spent on codewords lowers ln E by more, in every doubling of the "
            "two tables; in r-FID tokens gain more a bit from 256 to 512 only, and less from 512 on."
        ),
        proof=(
            "Ratios of printed cells, over bits of T log2 K. Where the bits are equal, in Table 6, the "
            "larger codebook has the lower E (text.equivalence), as it must (finding1.error)."
        ),
        checks=(
            Check("E: a doubling of T does more", partial(_doubling, _E)),
            Check("r-FID: a doubling of T does more", partial(_doubling, "rfid")),
            Check("64 times the codewords cost fewer bits than twice the tokens", _bits_added),
            Check("and leave no more of E", _fewer_bits_as_good),
            Check("E: a bit does more in K", _per_bit),
            Check("r-FID: a bit does more in T from 256 tokens", partial(_rfid_per_bit, 256, ">")),
            Check("r-FID: and less from 512", partial(_rfid_per_bit, 512, "<")),
        ),
        group="text",
    ),
)  # fmt: skip
