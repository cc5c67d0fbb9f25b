"""Proposition 1 and Remark 1: conditional entropy as information loss."""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import numpy as np

from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._pieces import mean_squared_error, pieces
from qtheory.entropy import conditional_entropy, entropy, utilization
from qtheory.optimal import lloyd_max
from qtheory.results import stream
from qtheory.sources import Gaussian

EXAMPLE = (0.5, 0.25, 0.125, 0.125)
"""The law of the paper's example for part (b)."""


def _maps(size: int, cells: int) -> Iterator[np.ndarray]:
    """All maps of `size` values into `cells` cells."""
    return (np.array(codes) for codes in product(range(cells), repeat=size))


def _laws(count: int, atoms: int) -> Iterator[np.ndarray]:
    rng = stream(0, "ledger", "probability vectors", f"n={atoms}")
    return (rng.dirichlet(np.ones(atoms)) for _ in range(count))


def _no_minimum_on_fine_alphabets() -> Evidence:
    # H(X | f) >= log2 n - log2 K for n equal atoms: beyond every bound as the law loses its atoms
    least = min(conditional_entropy(np.full(2**16, 2.0**-16), np.arange(2**16) % K) for K in (1, 2, 4))
    return Evidence(
        "numerical", least, ">=", 14, detail="least H(X | f) over f with 1, 2, 4 equal cells of 65536 atoms"
    )


def _loss_is_entropy_less_perplexity() -> Evidence:
    gap = max(
        abs(conditional_entropy(pmf, codes) - entropy(pmf) + entropy(np.bincount(codes, weights=pmf)))
        for pmf in _laws(5, 5)
        for codes in _maps(5, 3)
    )
    return Evidence(
        "numerical",
        gap,
        "<=",
        1e-12,
        detail="largest |H(X | f) - H(X) + log2 PPL(f)| over all maps of 5 atoms to 3",
    )


def _uniform_cells_are_optimal() -> Evidence:
    # X uniform on [0, 1]: h(X | f) = sum p log2 p for cells of total length p, whatever their shape
    grid = [(p, q, 1 - p - q) for p in np.arange(0.05, 0.9, 0.05) for q in np.arange(0.05, 0.95 - p, 0.05)]
    slack = min(-entropy(np.array(masses)) + math.log2(3) for masses in grid)
    return Evidence(
        "numerical", slack, ">", 0, detail="least h(X | f) - (h(X) - log2 3) over unequal triples of cells"
    )


def _geometry_is_ignored() -> Evidence:
    quarters = [Fraction(k, 4) for k in range(5)]
    ratio = mean_squared_error(pieces(quarters, [0, 1, 0, 1])) / mean_squared_error(
        pieces(quarters, [0, 0, 1, 1])
    )
    return Evidence(
        "exact", ratio, "==", Fraction(13, 4),
        detail="error of interleaved over adjacent quarters of [0, 1]; both minimise the conditional entropy",
    )  # fmt: skip


def _interleaving_loses_everything() -> Evidence:
    n = 64
    edges = [Fraction(k, 2 * n) for k in range(2 * n + 1)]
    error = mean_squared_error(pieces(edges, [k % 2 for k in range(2 * n)]))
    return Evidence(
        "exact",
        error,
        ">",
        Fraction(999, 1000) / 12,
        detail="error of 2 cells of 64 slices each; variance is 1/12",
    )


def _best_error_wastes_perplexity() -> Evidence:
    levels = lloyd_max(Gaussian(1), 4).levels
    law = Gaussian(1).marginal(0)
    borders = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    bits = entropy(law.mass(borders[:-1], borders[1:]))
    return Evidence(
        "numerical", bits, "<", 2 - 0.08, detail="bits of the 4-level Lloyd-Max codes of N(0, 1), less than 2"
    )


def _minimisers_use_all_cells() -> Evidence:
    unused = 0
    for pmf in _laws(5, 5):
        losses = [(conditional_entropy(pmf, codes), codes) for codes in _maps(5, 3)]
        least = min(loss for loss, _ in losses)
        best = [codes for loss, codes in losses if loss <= least + 1e-12]
        unused += sum(utilization(np.bincount(codes, minlength=3)) < 1 for codes in best)
    return Evidence(
        "numerical", unused, "==", 0, detail="minimisers of H(X | f) that leave a cell empty, 5 atoms, K = 3"
    )


def _example_minimum() -> Evidence:
    least = min(conditional_entropy(EXAMPLE, codes) for codes in _maps(4, 2))
    return Evidence(
        "numerical", least, "==", Fraction(3, 4), detail="least H(X | f) over all maps of the example to 2"
    )


def _example_value() -> Evidence:
    value = conditional_entropy(EXAMPLE, [0, 0, 1, 1])
    expected = 0.75 * math.log2(3) - 0.25
    return Evidence("numerical", value, "~=", expected, tolerance=1e-12, detail="H(X | g) of the example")


def _example_is_worse() -> Evidence:
    value = conditional_entropy(EXAMPLE, [0, 0, 1, 1])
    return Evidence("numerical", value, ">", Fraction(3, 4), detail="H(X | g), against the minimum 3/4")


def _printed_form_reverses() -> Evidence:
    printed = 0.75 * math.log2(3) - 0.5
    return Evidence(
        "numerical", printed, "<", Fraction(3, 4), detail="the printed closed form, against the minimum 3/4"
    )


def _density_example() -> Evidence:
    loss = -entropy([0.25, 0.75])
    return Evidence(
        "numerical", loss, ">", -1, detail="h(X | g) and its minimum, X uniform on [0, 1], g = 1{x > 1/4}"
    )


def _randomised() -> Evidence:
    joint = np.outer(EXAMPLE, [0.25] * 4)
    information = entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint.ravel())
    return Evidence(
        "numerical", information, "~=", 0, tolerance=1e-12, detail="I(X; Z), Z uniform on 4 and independent"
    )


CLAIMS = (
    Claim(
        id="prop1.a",
        title="a minimiser of H(X | f(X)) uses every codeword",
        statement=(
            "Let X be non-atomic and f* minimise the conditional entropy H(X | f(X)) over maps into K "
            "values. Then f* has utilization 1."
        ),
        source="Proposition 1(a), Appendix A",
        verdict="refuted",
        sharp=(
            "With Shannon's entropy, H(X | f) is infinite for every f when X is non-atomic, so constants "
            "minimise it too. With differential entropy, h(X | f) = h(X) - log2 PPL(f(X)): the minimum is "
            "h(X) - log2 K, attained if and only if all codewords are equally likely. The 'information "
            "loss' is thus an affine function of the log-perplexity, blind to geometry and different from "
            "the squared error."
        ),
        proof=(
            "H(X) = infinity and H(X | f) >= H(X) - log2 K. The proof's strict inequality reads infinity < "
            "infinity.\n"
            "f(X) is a function of X, so I(X; f(X)) = H(f(X)), and h(X | f) = h(X) - I(X; f(X)). It is "
            "least for H(f(X)) = log2 K, and a non-atomic law has cells of every mass (Sierpinski). "
            "Splitting a cell of mass p into p_1 and p_2 gains p h_2(p_1 / p) > 0.\n"
            "Interleaved slices of [0, 1] have equal masses and an error as close to the variance as one "
            "likes; the best four-level quantizer of N(0, 1) has 1.911 < 2 bits. The two losses of the "
            "paper, Definition 4 and Section 4.2, have different minimisers."
        ),
        checks=(
            Check("H(X | f) grows without bound as atoms shrink", _no_minimum_on_fine_alphabets),
            Check("H(X | f) is H(X) less the log-perplexity", _loss_is_entropy_less_perplexity),
            Check("equal cells minimise h(X | f)", _uniform_cells_are_optimal),
            Check("minimisers differ in error by 13/4", _geometry_is_ignored),
            Check("minimisers may lose all of the variance", _interleaving_loses_everything),
            Check("the least error has less than full perplexity", _best_error_wastes_perplexity),
            Check("finite alphabets: all minimisers use all cells", _minimisers_use_all_cells),
        ),
        group="prop1",
    ),
    Claim(
        id="prop1.b",
        title="full utilization does not imply minimal H(X | f(X))",
        statement=(
            "Some g with utilization 1 does not minimise H(X | g(X)); for the example of Appendix A, "
            "H(X | g) = (3/4) log2 3 - 1/2 = 0.939 > 0.75."
        ),
        source="Proposition 1(b), Appendix A",
        verdict="holds-amended",
        sharp=(
            "H(X | g) = (3/4) log2 3 - 1/4 = 0.938722. The printed closed form is 0.688722 and would "
            "reverse the inequality. The example is atomic, outside Assumption 1; X uniform on [0, 1] and "
            "g = 1{x > 1/4} is inside."
        ),
        proof=(
            "(3/4)(log2 3 - 2/3) + 1/4 = (3/4) log2 3 - 1/4. The minimum 3/4 is by enumeration. For the "
            "density, h(X | g) = -h_2(1/4) = -0.811 > -1."
        ),
        checks=(
            Check("the minimum of the example is 3/4", _example_minimum),
            Check("its value is (3/4) log2 3 - 1/4", _example_value),
            Check("it exceeds the minimum", _example_is_worse),
            Check("the printed closed form does not", _printed_form_reverses),
            Check("an example with a density", _density_example),
        ),
        group="prop1",
    ),
    Claim(
        id="prop1.remark1",
        title="random codes reach full utilization without information",
        statement="With randomised maps, U = 1 is compatible with I(X; Z) close to 0.",
        source="Remark 1",
        verdict="holds",
        sharp="Z uniform and independent of X has U = 1, PPL = K and I(X; Z) = 0 exactly.",
        proof="Independence. The class is another one: I(X; Z) = H(Z) holds for deterministic maps only.",
        checks=(Check("an independent code carries nothing", _randomised),),
        group="prop1",
    ),
)
