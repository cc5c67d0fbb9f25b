"""The order of the three optimal errors, and what it does not say."""

import math
from collections.abc import Iterator

import numpy as np

from qtheory.bounds import BOUNDS, diagonal_allocation
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.optimal import optimal_product, optimal_scalar, optimal_vector
from qtheory.results import stream
from qtheory.sources import FiniteSource

PARTITIONS = ((1, 2), (2, 1))


def sources(dim: int = 3, count: int = 15, atoms: int = 6) -> Iterator[FiniteSource]:
    """Yield finite sources with few atoms, some repeated, for which optima are exact.

    Parameters
    ----------
    dim : int
        Dimension of the atoms.
    count : int
        Number of sources.
    atoms : int
        Atoms of each.

    Yields
    ------
    FiniteSource
        Atoms on a grid of halves in [-3/2, 3/2]^dim with random probabilities; the same on every call.

    Examples
    --------
    >>> next(sources(dim=2, atoms=4)).atoms.shape
    (4, 2)
    """
    rng = stream(0, "ledger", "finite sources", f"d={dim}")
    for _ in range(count):
        yield FiniteSource(rng.integers(-3, 4, (atoms, dim)) / 2, rng.dirichlet(np.ones(atoms)))


def _vector_below_product() -> Evidence:
    slack = math.inf
    for source in sources():
        for K in (2, 3, 4):
            vector = optimal_vector(source, K).distortion
            slack = min(slack, *(optimal_product(source, p, K).distortion - vector for p in PARTITIONS))
    return Evidence("numerical", slack, ">=", -1e-12, detail="least E*_PQ - E*_VQ over 90 problems")


def _product_below_scalar() -> Evidence:
    slack = math.inf
    for source in sources():
        for K in (2, 3, 4):
            scalar = optimal_scalar(source, K).distortion
            slack = min(slack, *(scalar - optimal_product(source, p, K).distortion for p in PARTITIONS))
    return Evidence("numerical", slack, ">=", -1e-12, detail="least E*_SQ - E*_PQ over 90 problems")


def _strict_on_two_points() -> Evidence:
    pair = FiniteSource([[-1.0, -1.0], [1.0, 1.0]], [0.5, 0.5])
    gap = optimal_scalar(pair, 2).distortion - optimal_vector(pair, 2).distortion
    return Evidence(
        "numerical", gap, "==", 1, detail="E*_SQ - E*_VQ of two opposite corners of the square, K = 2"
    )


def _equal_on_the_cube() -> Evidence:
    corners = FiniteSource([[x, y] for x in (-1.0, 1.0) for y in (-1.0, 1.0)], [0.25] * 4)
    return Evidence(
        "numerical", optimal_scalar(corners, 4).distortion, "==", optimal_vector(corners, 4).distortion,
        detail="E*_SQ and E*_VQ of the corners of the square, K = 4",
    )  # fmt: skip


def _more_blocks_may_help() -> Evidence:
    # X = (0, Y, Y, 0), Y uniform on [-1, 1]: a block that holds Y c times has error c / (3 n^2)
    two_blocks = diagonal_allocation(16, (1, 1))[1]
    three_blocks = diagonal_allocation(16, (2,))[1]
    return Evidence(
        "exact", three_blocks, "<", two_blocks, detail="E*_PQ with blocks {1}{2,3}{4}, and {1,2}{3,4}; K = 16"
    )


def _constants() -> Evidence:
    problems = [(d, 2**d + extra) for d in (1, 2, 8, 32) for extra in (0, 1, 1000)]
    ratio = max(
        BOUNDS["prop2.upper.sharp"](d=d, K=K) / BOUNDS["prop2.lower.sharp"](d=d, K=K) for d, K in problems
    )
    return Evidence(
        "numerical", ratio, "~=", 5 * math.pi / 4, tolerance=1e-12,
        detail="largest ratio of the sharp bounds on sup E*_SQ and sup E*_VQ",
    )  # fmt: skip


def _uniform_law() -> Evidence:
    ratio = BOUNDS["prop2.lower.scalar"](d=16, K=2**80) / BOUNDS["prop2.lower.sharp"](d=16, K=2**80)
    return Evidence(
        "numerical", ratio, "~=", math.pi * math.e / 6, tolerance=1e-12,
        detail="E*_SQ of the uniform law over the sharp lower bound on sup E*_VQ: at most 1.533 dB",
    )  # fmt: skip


def _uniform_law_is_scalar_optimal() -> Evidence:
    from qtheory.sources import Uniform

    gap = max(
        abs(optimal_scalar(Uniform(d), n**d).distortion / BOUNDS["prop2.lower.scalar"](d=d, K=n**d) - 1)
        for d in (1, 2, 4)
        for n in (2, 3)
    )
    return Evidence("numerical", gap, "<", 1e-9, detail="relative gap of (d/3) K^(-2/d) and E*_SQ, K = n^d")


CLAIMS = (
    Claim(
        id="prop2.hierarchy",
        title="E*_VQ(P, K) <= E*_PQ(P, K, M) <= E*_SQ(P, K)",
        statement=(
            "Scalar quantization is a special case of product quantization, and that of vector quantization."
        ),
        source="Section 4.4, display before Proposition 2",
        verdict="holds",
        sharp=(
            "For one law, one K and any block partition, the order holds for optimal codebooks; it need "
            "not be strict. E*_PQ depends on the partition, not on M, and is monotone along nested "
            "partitions only. It says nothing about codebooks that an algorithm found, or about errors "
            "measured after different maps."
        ),
        proof=(
            "A product of scalar codebooks is a product of block codebooks, which is a codebook. Equality: "
            "the corners of the cube with K = 2^d have error 0 in all three. Not monotone in M: X = (0, Y, "
            "Y, 0), Y uniform on [-1, 1], K = 16 has error 1/24 with blocks {1, 2}, {3, 4}, and 1/384 with "
            "{1}, {2, 3}, {4}."
        ),
        checks=(
            Check("vector below product", _vector_below_product),
            Check("product below scalar", _product_below_scalar),
            Check("strict on two opposite corners", _strict_on_two_points),
            Check("equal on all corners", _equal_on_the_cube),
            Check("more blocks may have less error", _more_blocks_may_help),
        ),
        group="prop2",
    ),
    Claim(
        id="prop2.order",
        title="the worst cases of VQ, PQ and SQ agree up to constants",
        statement=(
            "For worst-case laws the three optimal errors agree up to universal factors; all are of order "
            "d / K^(2/d)."
        ),
        source="Section 4.4, after Proposition 2",
        verdict="holds",
        sharp=(
            "sup E*_SQ <= (5 pi / 4) sup E*_VQ for all d and K >= 2^d, where 5 pi / 4 = 3.93; the paper's "
            "constants would give 32. For fixed d and growing K the ratio tends to 1 / (12 G_d) <= pi e / "
            "6 = 1.42, the space-filling loss of 1.533 dB."
        ),
        proof="Divide the sharp bounds of prop2.upper and prop2.lower; for growing K use 4 d G_d and d/3.",
        checks=(
            Check("ratio of the sharp constants", _constants),
            Check("ratio for the uniform law", _uniform_law),
            Check("E*_SQ of the uniform law is (d/3) K^(-2/d) at K = n^d", _uniform_law_is_scalar_optimal),
        ),
        group="prop2",
    ),
)
