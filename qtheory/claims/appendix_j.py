"""Appendix J: what the paper says of its quantities and Shannon's entropy."""

import math
from fractions import Fraction

import numpy as np

from qtheory import paper
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._printed import decimal, phase
from qtheory.entropy import entropy
from qtheory.results import stream
from qtheory.sources import Gaussian


def _decoded_entropy(codewords: list[float], pmf: list[float]) -> float:
    """Entropy of z_q when token k has probability pmf[k] and is decoded to codewords[k]."""
    values = sorted(set(codewords))
    return entropy(
        [math.fsum(p for c, p in zip(codewords, pmf, strict=True) if c == value) for value in values]
    )


def _distinct_codewords_keep_all() -> Evidence:
    pmf = [0.5, 0.25, 0.125, 0.125]
    return Evidence(
        "numerical",
        _decoded_entropy([3, 1, 4, 2], pmf),
        "==",
        entropy(pmf),
        detail="H(z_q) against H(r), distinct words",
    )


def _equal_codewords_lose() -> Evidence:
    pmf = [0.5, 0.25, 0.125, 0.125]
    return Evidence(
        "numerical",
        _decoded_entropy([3, 1, 1, 2], pmf),
        "<",
        entropy(pmf),
        detail="H(z_q) against H(r), two equal words",
    )


def _binned_uniform() -> Evidence:
    gaps = [abs(entropy([2.0**-bits] * 2**bits) - bits) for bits in range(13)]
    return Evidence(
        "numerical",
        max(gaps),
        "==",
        0,
        detail="U[0, 1] has h = 0; in bins of 2^-b, b <= 12, its entropy is b, not near 0",
    )


def _binned_gaussian(step: float) -> float:
    from scipy.special import ndtr

    edges = np.arange(-40, 40 + step, step)
    masses = np.diff(ndtr(-np.abs(edges))) * np.where(edges[1:] > 0, -1, 1)
    return entropy(masses / masses.sum())


def _halving_the_bins_adds_a_bit() -> Evidence:
    added = _binned_gaussian(1 / 64) - _binned_gaussian(1 / 32)
    return Evidence(
        "numerical",
        added,
        "~=",
        1,
        tolerance=1e-4,
        detail="entropy of N(0, 1) in bins of 1/64, minus that in bins of 1/32",
    )


def _renyi() -> Evidence:
    differential = math.log2(2 * math.pi * math.e) / 2
    return Evidence(
        "numerical",
        _binned_gaussian(1 / 64) - 6,
        "~=",
        differential,
        tolerance=1e-4,
        detail="H + log2 of the bin width against h of N(0, 1)",
    )


def _vanilla_has_less_than_half() -> Evidence:
    share = decimal(phase(3, "Substitution").loc["Vanilla VQ", "utilization"]) + Fraction(5, 10_000)
    return Evidence(
        "transcribed",
        share * 65536,
        "<",
        2**8,
        detail="most codewords that the printed U = 0.2% of Vanilla VQ allows: under 8 bits of nominal 16",
    )


def _entropies_differ_twofold() -> Evidence:
    logs = paper.authors_logs()
    logged = logs.loc[logs["tokens"] == 512, "perplexity"].dropna()
    bits = [math.log2(value) for value in logged]
    return Evidence(
        "transcribed",
        max(bits) / min(bits),
        ">",
        2,
        detail="largest over smallest entropy a token in the logs of Table 3",
    )


def _entropy_code_needs_less() -> Evidence:
    pmf = [0.9, 0.05, 0.05]
    return Evidence(
        "numerical",
        entropy(pmf),
        "<",
        1,
        detail="bits of a lossless entropy code; at fixed length even 1 bit loses something",
    )


def _gaussian_entropy_by_quadrature() -> Evidence:
    variance = 3.0
    x = np.linspace(-40, 40, 200001)
    density = np.exp(-(x**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    bits = -float(np.sum(density * np.log2(np.maximum(density, 1e-300)))) * (x[1] - x[0])
    return Evidence(
        "numerical", bits, "~=", Gaussian(1, variance).differential_entropy / math.log(2), tolerance=1e-10,
        detail="-int f log2 f of N(0, 3) by the trapezoid rule, against equation 14 at d = 1",
    )  # fmt: skip


def _gaussian_entropy_by_chain_rule() -> Evidence:
    # h(X, Y) = h(X) + h(Y | X), Y given X normal of variance S_22 - S_12^2 / S_11
    source = Gaussian(2, covariance=[[2.0, 0.9], [0.9, 1.0]])
    chain = Gaussian(1, 2.0).differential_entropy + Gaussian(1, 1.0 - 0.81 / 2).differential_entropy
    return Evidence(
        "numerical", source.differential_entropy, "~=", chain, tolerance=1e-12,
        detail="equation 14 of a correlated pair against the chain rule, nats",
    )  # fmt: skip


def _uniform_tokens_have_log_k() -> Evidence:
    gap = max(abs(entropy(np.full(K, 1 / K)) - math.log2(K)) for K in (1, 2, 3, 1000, 65536))
    return Evidence("numerical", gap, "<=", 1e-12, detail="entropy of K equal masses less log2 K")


def _other_tokens_have_less() -> Evidence:
    rng = stream(0, "ledger", "token laws")
    least = min(math.log2(K) - entropy(rng.dirichlet(np.ones(K))) for K in (2, 3, 8, 100) for _ in range(50))
    return Evidence("numerical", least, ">", 0, detail="least log2 K - H over 200 unequal laws")


CLAIMS = (
    Claim(
        id="appendixJ.eq14",
        title="the differential entropy of a Gaussian vector (equation 14)",
        statement="For X normal with covariance S, H(X) = (1/2) log2((2 pi e)^d det S).",
        source="Appendix J, Equation 14",
        verdict="holds",
        sharp="It needs det S > 0; a singular Gaussian has no density on R^d and entropy -infinity.",
        proof="-log2 f = (1/2) log2((2 pi)^d det S) + (log2 e / 2) x' S^-1 x, and E X' S^-1 X = d.",
        checks=(
            Check("one dimension, by quadrature", _gaussian_entropy_by_quadrature),
            Check("two dimensions, by the chain rule", _gaussian_entropy_by_chain_rule),
        ),
        group="appendixJ",
    ),
    Claim(
        id="appendixJ.eq16",
        title="the most entropy of a token is log2 K (equation 16)",
        statement="The maximum of H over K tokens is log2 K, for equal probabilities.",
        source="Appendix J, Equations 15 and 16",
        verdict="holds",
        sharp="log2 K - H(p) is the divergence of p from the uniform law, 0 for the uniform law only.",
        proof="sum p log2(K p) >= 0 by Jensen, with equality if and only if K p is constant.",
        checks=(
            Check("equal masses", _uniform_tokens_have_log_k),
            Check("all others have less", _other_tokens_have_less),
        ),
        group="appendixJ",
    ),
    Claim(
        id="appendixJ.tokens",
        title="tokens contain less information than z_q and map to it",
        statement="The tokens r contain less information than z_q and are mapped to z_q by the codebook.",
        source="Appendix J, definition of Q_o",
        verdict="refuted",
        sharp="H(z_q) <= H(r), with equality if and only if the codewords in use are distinct.",
        proof=(
            "z_q is a function of r, and a function of a variable has no more entropy than the variable. "
            "Distinct codewords make the function invertible; two equal ones in use merge two masses."
        ),
        checks=(
            Check("distinct codewords: the same entropy", _distinct_codewords_keep_all),
            Check("equal codewords: z_q has less", _equal_codewords_lose),
        ),
        group="appendixJ",
    ),
    Claim(
        id="appendixJ.differential-entropy",
        title="discrete entropy approximates differential entropy",
        statement=(
            "With numbers stored as floats, the discrete entropy is an approximation to the differential one."
        ),
        source="Appendix J, definition of Q_i",
        verdict="refuted",
        sharp=(
            "In bins of width w a coordinate, H = h - d log2 w + o(1) as w -> 0 (Renyi 1959): the discrete "
            "entropy diverges. For floats, the bin width depends on the value and log2 w becomes its mean."
        ),
        proof=(
            "A bin at x has mass about f(x) w^d, so H is about -int f log2 f - log2 w^d. For U[0, 1] and w = "
            "2^-b the entropy is exactly b, while h = 0."
        ),
        checks=(
            Check("uniform law: b bits in bins of 2^-b", _binned_uniform),
            Check("normal law: halving the bins adds a bit", _halving_the_bins_adds_a_bit),
            Check("normal law: entropy plus log2 of the width is h", _renyi),
        ),
        group="appendixJ",
    ),
    Claim(
        id="appendixJ.maximum",
        title="counting maximal bits does not affect the conclusions",
        statement=(
            "Using the maximum log2 K in place of the entropy does not significantly affect the insights or "
            "conclusions."
        ),
        source="Appendix J, last paragraph",
        verdict="refuted",
        sharp=(
            "Condition 2 holds among the rows of Table 3 only for the maximum. Counted by their entropy the "
            "tokens of Vanilla VQ have under 8 bits, by the logs 6.7, those of BSQ 15.9. And at equal "
            "entropy the comparison of quantizers itself changes: at high rate a scalar quantizer of a "
            "Gaussian is 4.35 dB above Shannon's bound at fixed length and 1.53 dB with an entropy code."
        ),
        proof=(
            "A variable with U K values has entropy at most log2(U K). In decibels, 10 log10 of sqrt(3) pi / "
            "2 (Panter-Dite) and of pi e / 6 (Gish-Pierce), both over the bound. On three letters of "
            "probability .9, .05, .05 an entropy code is lossless at 0.57 bits, while two codewords, 1 bit "
            "at fixed length, are not."
        ),
        checks=(
            Check("Vanilla VQ: less than half the nominal bits, as printed", _vanilla_has_less_than_half),
            Check("entropies a token differ more than twofold", _entropies_differ_twofold),
            Check("three letters in less than a bit", _entropy_code_needs_less),
        ),
        group="appendixJ",
    ),
)
