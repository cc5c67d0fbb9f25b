"""Checks of Proposition 3: laws on subspaces and on the diagonal of the cube."""

import math
from fractions import Fraction

import numpy as np

from qtheory.bounds import BOUNDS, diagonal_allocation
from qtheory.claims import _minimax
from qtheory.claims._claim import Evidence
from qtheory.codebooks import endpoint_grid
from qtheory.optimal import lloyd_max, optimal_distortion_1d, optimal_scalar, optimal_vector
from qtheory.quantizers import NearestNeighbor, Product, distortion
from qtheory.results import stream
from qtheory.sources import FiniteSource, Uniform

PARTITIONS = ((8,), (4, 4), (1, 7), (2, 2, 2, 2), (1, 2, 5), (1,) * 8)


def vector_upper_on_finite_laws() -> Evidence:
    rng = stream(0, "ledger", "laws on subspaces")
    slack = []
    for support_dim, d in ((1, 2), (1, 5), (2, 3), (2, 6)) * 5:
        points = rng.uniform(-1, 1, (7, support_dim)) @ rng.standard_normal((support_dim, d))
        source = FiniteSource(points / np.abs(points).max(), rng.dirichlet(np.ones(7)))
        for K in (1, 2, 3, 4, 6):
            bound = BOUNDS["prop3.vq.upper.sharp"](d=d, K=K, support_dim=support_dim)
            slack.append(bound - optimal_vector(source, K).distortion)
    return Evidence(
        "numerical", min(slack), ">=", 0, detail="least slack of the sharp bound over 100 problems"
    )


def vector_upper_exceeds_one_word() -> Evidence:
    ratio = min(
        BOUNDS["prop3.vq.upper.sharp"](d=16, K=K, support_dim=k) / 16
        for k in range(1, 13)
        for K in range(1, 2**k)
    )
    return Evidence(
        "numerical", ratio, ">=", 1, detail="least ratio of the bound to d for K < 2^support_dim <= 2^12"
    )


def vector_upper_on_the_worst_law() -> Evidence:
    law = _minimax.worst_law(400)
    errors = [8 * optimal_distortion_1d(law.atoms[:, 0], law.pmf, K) for K in range(2, 9)]
    ratio = max(
        error / BOUNDS["prop3.vq.upper.sharp"](d=8, K=K, support_dim=1)
        for K, error in enumerate(errors, start=2)
    )
    return Evidence(
        "numerical",
        ratio,
        "<=",
        1,
        detail="largest error over sharp bound, worst two-level law along the diagonal, d = 8",
    )


def vector_sharp_below_printed() -> Evidence:
    ratio = max(
        BOUNDS["prop3.vq.upper.sharp"](d=32, K=K, support_dim=k)
        / BOUNDS["prop3.vq.upper.paper"](d=32, K=K, support_dim=k)
        for k in range(1, 32)
        for K in (2**k, 2**k + 1, 8**k)
    )
    return Evidence(
        "numerical",
        ratio,
        "~=",
        Fraction(9, 32),
        tolerance=1e-12,
        detail="largest ratio of sharp to printed bound, d = 32",
    )


def order_needs_no_factor() -> Evidence:
    lower = BOUNDS["prop3.vq.lower.sharp"](d=32, K=2**64, support_dim=16)
    upper = BOUNDS["prop3.vq.upper.sharp"](d=32, K=2**64, support_dim=16)
    return Evidence(
        "numerical", upper / lower, "~=", 9 * math.pi * math.e / 2, tolerance=1e-9,
        detail="ratio of the sharp bounds, free of d, K and support_dim from support_dim = 4 on",
    )  # fmt: skip


def replicated_coordinates() -> Evidence:
    gap = max(
        abs(
            BOUNDS["prop3.vq.lower.sharp"](d=12, K=K, support_dim=k)
            - 12 / k * BOUNDS["prop2.lower.sharp"](d=k, K=K)
        )
        for k in (1, 2, 3, 4, 6, 12)
        for K in (1, 7, 4096)
    )
    return Evidence(
        "numerical",
        gap,
        "<=",
        1e-12,
        detail="gap to d/k times the cube's bound: k values, each d/k times, d = 12",
    )


def vector_lower_on_the_diagonal() -> Evidence:
    ratio = BOUNDS["prop3.vq.lower.sharp"](d=8, K=64, support_dim=1) / BOUNDS["prop3.vq.diagonal"](d=8, K=64)
    return Evidence(
        "numerical", ratio, "~=", 6 / (math.pi * math.e), tolerance=1e-12,
        detail="lower bound over the error of the uniform law on the diagonal; below 1",
    )  # fmt: skip


def vector_on_the_diagonal() -> Evidence:
    gap = max(
        abs(8 * lloyd_max(Uniform(1), K).distortion / BOUNDS["prop3.vq.diagonal"](d=8, K=K) - 1)
        for K in range(1, 17)
    )
    return Evidence(
        "numerical", gap, "<", 1e-9, detail="relative gap of d / (3 K^2) and d times Lloyd-Max, K <= 16"
    )


def endpoint_grid_misses() -> Evidence:
    d, k, K = 8, 3, 26
    rule = NearestNeighbor(endpoint_grid(2))
    # the grid of [-sqrt d, sqrt d]^k at 0: d times the error of integers, which floats hold
    worst = d * Fraction(distortion(Product((rule,) * k), np.zeros((1, k))))
    return Evidence(
        "exact", worst**k * K**2, ">", (8 * d * k) ** k,
        detail="error 24 of the printed grid at 0, and the target, to the power k, times K^2; d = 8, "
        "support_dim = k = 3, K = 26",
    )  # fmt: skip


def _product_slack(smaller: str, larger: str) -> float:
    return max(
        BOUNDS[smaller](K=K, block_dims=dims) / BOUNDS[larger](K=K, block_dims=dims) - 1
        for dims in PARTITIONS
        for K in (256, 300, 1000, 4096, 65536)
    )


def printed_below_exact() -> Evidence:
    excess = _product_slack("prop3.pq.lower.paper", "prop3.pq.exact")
    return Evidence(
        "numerical",
        excess,
        "<=",
        0,
        detail="largest relative excess of the printed bound over the exact error",
    )


def sharp_below_exact() -> Evidence:
    excess = _product_slack("prop3.pq.lower.sharp", "prop3.pq.exact")
    return Evidence(
        "numerical",
        excess,
        "<=",
        1e-12,
        detail="largest relative excess of the sharp bound over the exact error",
    )


def printed_loses() -> Evidence:
    ratio = BOUNDS["prop3.pq.exact"](K=4096, block_dims=(2,) * 4) / BOUNDS["prop3.pq.lower.paper"](
        K=4096, block_dims=(2,) * 4
    )
    return Evidence(
        "numerical",
        ratio,
        "~=",
        Fraction(8, 3),
        tolerance=1e-12,
        detail="exact error over printed bound, 4 blocks of 2: 4 d / (3 M)",
    )


def equal_blocks_attain() -> Evidence:
    ratio = BOUNDS["prop3.pq.exact"](K=4096, block_dims=(2,) * 4) / BOUNDS["prop3.pq.lower.sharp"](
        K=4096, block_dims=(2,) * 4
    )
    return Evidence(
        "numerical",
        ratio,
        "~=",
        1,
        tolerance=1e-12,
        detail="exact error over sharp bound, 4 blocks of 2, K = 8^4",
    )


def allocation_by_enumeration() -> Evidence:
    worst = max(
        abs(diagonal_allocation(K, (1, 2, 5))[1] - _enumerate(K, (1, 2, 5))) for K in (1, 2, 7, 30, 64, 100)
    )
    return Evidence(
        "exact", worst, "==", 0, detail="gap to trying all block sizes, blocks (1, 2, 5), K <= 100"
    )


def _enumerate(K: int, dims: tuple[int, ...]) -> Fraction:
    if len(dims) == 1:
        return Fraction(dims[0], 3 * K * K)
    return min(Fraction(dims[0], 3 * n * n) + _enumerate(K // n, dims[1:]) for n in range(1, K + 1))


def scalar_against_lloyd_max() -> Evidence:
    gap = max(
        abs(optimal_scalar(Uniform(d), K).distortion / BOUNDS["prop3.sq.exact"](d=d, K=K) - 1)
        for d, K in ((2, 10), (3, 30), (8, 256), (8, 4096))
    )
    return Evidence("numerical", gap, "<", 1e-9, detail="relative gap to Lloyd-Max on the uniform marginals")


def scalar_bounds() -> Evidence:
    excess = max(
        BOUNDS[name](d=d, K=K) / BOUNDS["prop3.sq.exact"](d=d, K=K) - 1
        for name in ("prop3.sq.lower.paper", "prop3.sq.lower.sharp")
        for d in (1, 2, 5, 8)
        for K in (2**d, 2**d + 1, 3**d)
    )
    return Evidence(
        "numerical", excess, "<=", 1e-12, detail="largest relative excess of printed and sharp bound, SQ"
    )


def scalar_sharp_attained() -> Evidence:
    ratio = BOUNDS["prop3.sq.exact"](d=8, K=3**8) / BOUNDS["prop3.sq.lower.sharp"](d=8, K=3**8)
    return Evidence(
        "numerical", ratio, "~=", 1, tolerance=1e-12, detail="exact error over sharp bound, d = 8, K = 3^8"
    )


def scalar_printed_loses() -> Evidence:
    ratio = BOUNDS["prop3.sq.exact"](d=8, K=3**8) / BOUNDS["prop3.sq.lower.paper"](d=8, K=3**8)
    return Evidence(
        "numerical", ratio, "~=", Fraction(4, 3), tolerance=1e-12, detail="exact error over printed bound, SQ"
    )


def one_dimensional_step() -> Evidence:
    n = 5
    radius = Fraction(1, 2 * n)
    return Evidence(
        "exact",
        radius**2 / 2,
        "<",
        Fraction(1, 4 * n * n),
        detail="what the invoked argument gives, and what is printed, n = 5",
    )


def same_number_of_blocks() -> Evidence:
    return Evidence(
        "exact", diagonal_allocation(16, (1, 7))[1], "<", diagonal_allocation(16, (4, 4))[1],
        detail="exact errors of two partitions into M = 2 blocks, d = 8, K = 16",
    )  # fmt: skip


def rotated_scalar() -> Evidence:
    d, K = 4, 3
    line = np.array([-1.0, -0.8, -0.1, 0.2, 0.5, 1.0])
    pmf = [0.1, 0.2, 0.2, 0.1, 0.25, 0.15]
    diagonal = FiniteSource(line[:, None] * np.ones(d), pmf)
    rotated = FiniteSource(
        line[:, None] * (np.sqrt(d) * np.eye(d)[0]), pmf
    )  # the diagonal, turned onto an axis
    gap = optimal_scalar(rotated, K).distortion - optimal_vector(diagonal, K).distortion
    return Evidence(
        "numerical",
        gap,
        "~=",
        0,
        tolerance=1e-12,
        detail="E*_SQ after a rotation less E*_VQ before it, d = 4, K = 3",
    )


def unrotated_scalar() -> Evidence:
    return Evidence(
        "numerical", BOUNDS["prop3.sq.exact"](d=4, K=16), ">", BOUNDS["prop3.vq.diagonal"](d=4, K=16),
        detail="E*_SQ and E*_VQ on the diagonal without a rotation, d = 4, K = 16",
    )  # fmt: skip
