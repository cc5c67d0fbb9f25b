"""Definitions 1 to 4 and Table 2: what the four quantities are, and the two meanings of information loss."""

import math
from fractions import Fraction
from itertools import product
from typing import Any

from qtheory import paper
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._formula_checks import table2_is_computed
from qtheory.claims._printed import phase
from qtheory.entropy import conditional_entropy
from qtheory.information import FLOAT_BITS, VAR_SCALES, messages, scheme


def _finite_floats(exponent_bits: int, fraction_bits: int) -> int:
    """Number of different finite values of an IEEE format; its two zeros are one value."""
    return 2 * (2**exponent_bits - 1) * 2**fraction_bits - 1


def _float32_values() -> Evidence:
    return Evidence(
        "exact", _finite_floats(8, 23), "==", 4_278_190_079, detail="different finite float32 numbers"
    )


def _half_precision_by_enumeration() -> Evidence:
    import numpy as np

    values = np.arange(2**16, dtype=np.uint16).view(np.float16)
    count = np.unique(values[np.isfinite(values)]).size
    return Evidence(
        "exact", _finite_floats(5, 10), "==", count, detail="the same formula, counted for 16-bit floats"
    )


def _float32_entropy_is_below_32() -> Evidence:
    return Evidence(
        "exact", _finite_floats(8, 23), "<", 2**FLOAT_BITS, detail="so the largest entropy is 31.9944 bits"
    )


def _separate_ternary_tokens_need_more() -> Evidence:
    bits = Fraction((messages(5, 3) - 1).bit_length(), 5)
    return Evidence(
        "exact", bits, "<", 2, detail="bits a ternary token, five coded jointly against each alone"
    )


def _joint_codes_approach_the_definition() -> Evidence:
    tokens = 1000
    bits = (messages(tokens, 3) - 1).bit_length()
    return Evidence(
        "numerical",
        bits,
        "~=",
        tokens * math.log2(3),
        tolerance=1,
        detail="bits of 1000 ternary tokens coded jointly",
    )


def _table2_formulas() -> dict[str, dict[str, Any]]:
    """Table 2 as sympy expressions of positive symbols: scheme -> quantity -> expression."""
    import sympy

    names = ("K", "K_1", "K_2", "M", "d", "h", "w", "alpha_1", "alpha_2")
    known: dict[str, Any] = {name: sympy.Symbol(name, positive=True) for name in names}
    known["log2"] = lambda x: sympy.log(x, 2)
    rows = paper.table(2).set_index("quantity")
    return {
        kind: {str(quantity): sympy.sympify(cell, locals=known) for quantity, cell in rows[kind].items()}
        for kind in rows.columns
    }


def _broken(left: str, right: Any) -> int:
    """Number of columns of Table 2 in which an entry differs from an expression of the others."""
    import sympy

    columns = _table2_formulas().values()
    return sum(
        sympy.simplify(sympy.expand_log(column[left] - right(column, sympy))) != 0 for column in columns
    )


def _ratio_row() -> Evidence:
    broken = _broken("compression_ratio", lambda c, _: c["input_bits"] / c["output_bits"])
    return Evidence(
        "symbolic", broken, "==", 0, detail="columns of Table 2 with Q_r different from Q_i / Q_o"
    )


def _output_row() -> Evidence:
    broken = _broken("output_bits", lambda c, s: c["tokens"] * s.log(c["codebook_size"], 2))
    return Evidence(
        "symbolic",
        broken,
        "==",
        0,
        detail="columns with Q_o different from tokens times log2 of the codebook",
    )


def _alpha2() -> Evidence:
    tokens = sum(side**2 for side in VAR_SCALES)
    return Evidence(
        "exact",
        Fraction(tokens, 16 * 16),
        "==",
        Fraction(680, 256),
        detail="VAR's ten token maps over 16 x 16",
    )


def _experiment_ratio() -> Evidence:
    ratio = scheme("VQ", d=16, codebook_size=65536).compression_ratio
    return Evidence("numerical", ratio, "==", 32, detail="Q_r of Section 5: 16 channels a token, K = 65536")


def _logs_print_a_mean() -> Evidence:
    logs = paper.authors_logs().query("tokens == 512 and not variant.str.startswith('without')")
    logged, printed = (
        rows["distortion_per_dim"] for rows in (logs.set_index("approach"), phase(3, "Substitution"))
    )
    return Evidence(
        "transcribed",
        (logged - printed).abs().max(),
        "<",
        0.001,
        detail="largest gap between the logged mean over elements and column E of Table 3",
    )


# four equally likely points on a line, two cells: entropy wants 2 + 2, squared error wants 3 + 1
_POINTS = (0, 1, 2, 10)
_MAPS = tuple(product((0, 1), repeat=len(_POINTS)))


def _squared_error(codes: tuple[int, ...]) -> Fraction:
    """Mean squared error of a map, each cell decoded to its mean."""
    total = Fraction(0)
    for code in set(codes):
        cell = [x for x, label in zip(_POINTS, codes, strict=True) if label == code]
        total += sum(x * x for x in cell) - Fraction(sum(cell) ** 2, len(cell))
    return total / len(_POINTS)


def _lost_bits(codes: tuple[int, ...]) -> float:
    """H(X | f(X))."""
    return conditional_entropy([1 / len(_POINTS)] * len(_POINTS), codes)


def _entropy_minimisers_are_not_optimal() -> Evidence:
    least = min(_lost_bits(codes) for codes in _MAPS)
    error = min(_squared_error(codes) for codes in _MAPS if _lost_bits(codes) == least)
    return Evidence(
        "exact",
        error,
        ">",
        min(_squared_error(codes) for codes in _MAPS),
        detail="least squared error among the maps of least H(X | Z), against the least of all maps",
    )


def _error_minimiser_loses_more_bits() -> Evidence:
    return Evidence(
        "numerical",
        _lost_bits(min(_MAPS, key=_squared_error)),
        ">",
        min(_lost_bits(codes) for codes in _MAPS),
        detail="H(X | Z) in bits of the map of least squared error, against the least",
    )


CLAIMS = (
    Claim(
        id="def1.input-bits",
        title="Q_i is 32 bits a scalar",
        statement=(
            "Representing z_e takes h w d 32 bits, which Appendix J calls the maximal Shannon entropy under "
            "the 32-bit format."
        ),
        source="Definition 1, Appendix J",
        verdict="holds-amended",
        sharp=(
            "It is the size of the container. The finite float32 numbers are 2 * 255 * 2^23 - 1 = "
            "4278190079, so that no law on them has more than 31.9944 bits a scalar. Q_i does not depend on "
            "the data."
        ),
        proof=(
            "Sign, 255 exponents that are not reserved, 2^23 fractions; +0 and -0 are one number. A variable "
            "with N values has entropy at most log2 N."
        ),
        checks=(
            Check("float32 numbers counted", _float32_values),
            Check("the count agrees with enumeration in 16 bits", _half_precision_by_enumeration),
            Check("fewer than 2^32", _float32_entropy_is_below_32),
        ),
        group="definitions",
    ),
    Claim(
        id="def2.output-bits",
        title="Q_o is log2 K bits a token",
        statement="The tokens take h w log2 K bits, the maximum information a token being log2 K.",
        source="Definition 2",
        verdict="holds-amended",
        sharp=(
            "T tokens coded jointly at fixed length need the integer ceil(T log2 K); coded one by one, T "
            "ceil(log2 K). Coded by their law they need their entropy, at most T log2 K, with equality only "
            "for independent uniform tokens."
        ),
        proof=(
            "There are K^T messages, and N messages need ceil(log2 N) bits at fixed length. The rest is H <= "
            "log2 of the number of values, and Shannon's source coding theorem."
        ),
        checks=(
            Check("five ternary tokens fit 8 bits, not 10", _separate_ternary_tokens_need_more),
            Check("joint coding is within one bit of T log2 K", _joint_codes_approach_the_definition),
        ),
        group="definitions",
    ),
    Claim(
        id="table2.entries",
        title="Table 2: the quantities of VQ, PQ, SQ, RQ and VAR",
        statement="Codebook size, tokens, Q_i, Q_o and Q_r of the five schemes, with alpha_2 = 680/256.",
        source="Definition 3, Table 2, Section 4.1",
        verdict="holds",
        checks=(
            Check("Q_r = Q_i / Q_o in all five columns", _ratio_row),
            Check("Q_o = tokens times log2 of the codebook size", _output_row),
            Check("alpha_2", _alpha2),
            Check("the experiments compress 32 to 1", _experiment_ratio),
            Check("the package computes all 25 entries", lambda: table2_is_computed(_table2_formulas())),
        ),
        group="definitions",
    ),
    Claim(
        id="def4.unit",
        title="E is the squared Euclidean distance",
        statement="The information loss is E = ||z_e - z_q||^2, and the tables report it.",
        source="Definition 4, Section 5.1, Tables 3 to 7",
        verdict="holds-amended",
        sharp=(
            "The tables print the mean over all elements of the squared difference between z_e and the "
            "output of the network behind the quantizer. The error of the quantizer itself, which Section "
            "4.4 is about, is not reported."
        ),
        proof=(
            "The authors' logs give the mean over elements; rounded, it is the printed column (Vanilla VQ is "
            "cut off instead). Appendices D and K quantize the samples themselves, without networks."
        ),
        checks=(Check("column E is the logged mean over elements", _logs_print_a_mean),),
        group="definitions",
    ),
    Claim(
        id="def4.two-losses",
        title="the two information losses are one",
        statement=(
            "Information loss is ||z_e - z_q||^2 in Definition 4 and H(X | Z) in Section 4.2, under one "
            "name, and what is proved of one is said of the other."
        ),
        source="Definition 4 and Section 4.2",
        verdict="refuted",
        sharp=(
            "For deterministic f, H(X | f(X)) = H(X) - H(f(X)): it sees the masses of the cells and nothing "
            "of where they lie. Its minimisers and those of the squared error differ in general."
        ),
        proof=(
            "f(X) is a function of X, so that H(X, f(X)) = H(X). Four equally likely points 0, 1, 2, 10 and "
            "K = 2: least H(X | Z) needs two cells of two points, with squared error at least 65/8; cells "
            "{0, 1, 2} and {10} have 1/2."
        ),
        checks=(
            Check("least H(X | Z) is not least squared error", _entropy_minimisers_are_not_optimal),
            Check("least squared error is not least H(X | Z)", _error_minimiser_loses_more_bits),
        ),
        group="definitions",
    ),
)
