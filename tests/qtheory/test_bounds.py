"""Bounds: they hold, they are as sharp as they say, and they are silent outside their hypotheses."""

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory._bound import log_ball_volume, power, root
from qtheory._diagonal import diagonal_allocation
from qtheory.bounds import BOUNDS, minimax_scalar
from qtheory.errors import DomainError, ShapeError
from qtheory.optimal import optimal_distortion_1d, optimal_scalar, optimal_vector
from qtheory.sources import FiniteSource, Uniform
from tests.strategies import compositions, cube_laws, laws

D_AND_K = st.integers(1, 12).flatmap(lambda d: st.tuples(st.just(d), st.integers(2**d, 2 ** (2 * d + 3))))


@given(D_AND_K)
def test_bounds_on_the_worst_case_are_ordered(d_and_k):
    d, K = d_and_k
    names = ("lower.sharp", "lower.sphere", "lower.scalar")
    names += ("upper.levels", "upper.sharp", "upper.midpoint", "upper.paper")
    value = {f"prop2.{name}": BOUNDS[f"prop2.{name}"](d=d, K=K) for name in names}
    assert value["prop2.lower.sharp"] < value["prop2.lower.sphere"]
    assert value["prop2.lower.sphere"] <= value["prop2.lower.scalar"] * (1 + 1e-12)
    assert value["prop2.lower.scalar"] <= value["prop2.upper.levels"]
    assert value["prop2.upper.sharp"] < value["prop2.upper.midpoint"] < value["prop2.upper.paper"]
    assert value["prop2.lower.scalar"] <= value["prop2.upper.sharp"]


@settings(deadline=None)
@given(cube_laws(), st.integers(1, 40))
def test_upper_bounds_hold_for_every_law_on_the_cube(law, K):
    source = FiniteSource(*law)
    d = source.dim
    optimum = optimal_scalar(source, K).distortion
    assert optimum <= BOUNDS["prop2.upper.levels"](d=d, K=K) + 1e-12
    if 2**d <= K:
        assert optimum <= BOUNDS["prop2.upper.sharp"](d=d, K=K) + 1e-12


@settings(deadline=None)
@given(st.data(), st.integers(1, 3), st.integers(1, 12))
def test_upper_bound_on_subspaces_holds_for_every_law_on_them(data, support_dim, K):
    atoms, pmf = data.draw(laws(dim=support_dim, coordinates=st.integers(-8, 8).map(lambda k: k / 8)))
    d = data.draw(st.integers(support_dim, 6))
    basis = np.random.default_rng(data.draw(st.integers(0, 100))).standard_normal((support_dim, d))
    points = atoms @ basis
    points /= max(1.0, np.abs(points).max())
    optimum = optimal_vector(FiniteSource(points, pmf), K).distortion
    assert optimum <= BOUNDS["prop3.vq.upper.sharp"](d=d, K=K, support_dim=support_dim) + 1e-12


@pytest.mark.parametrize("K", [2, 3, 4, 5, 8, 13])
def test_lower_bounds_hold_for_the_uniform_law_on_the_interval(K):
    # n atoms of equal mass at midpoints: an exact optimum below that of the uniform law, by convexity
    n = 840
    atoms = -1 + (2 * np.arange(n) + 1) / n
    optimum = optimal_distortion_1d(atoms, np.full(n, 1 / n), K) + 1 / (3 * n**2)
    assert optimum == pytest.approx(1 / (3 * K**2), rel=2e-3)
    for name in ("sharp", "sphere", "paper", "scalar"):
        assert BOUNDS[f"prop2.lower.{name}"](d=1, K=K) <= optimum * (1 + 1e-3)


def test_the_sharp_upper_bound_is_attained_by_two_levels_at_five_codewords():
    assert BOUNDS["prop2.upper.sharp"](d=2, K=5) == pytest.approx(2 * minimax_scalar(2), rel=1e-15)
    assert BOUNDS["prop2.upper.levels"](d=2, K=5) == pytest.approx(1 / math.e, rel=1e-15)


def test_the_sharp_lower_constant_is_approached_in_high_dimension():
    ratio = [
        BOUNDS["prop2.limit.zador"](d=d) / BOUNDS["prop2.lower.sharp"](d=d, K=1) for d in (10, 10**4, 10**6)
    ]
    assert ratio[0] > ratio[1] > ratio[2] > 1
    assert ratio[2] < 1 + 1e-4


@cache
def brute(K, dims):
    if len(dims) == 1:
        return Fraction(dims[0], 3 * K * K)
    return min(Fraction(dims[0], 3 * n * n) + brute(K // n, dims[1:]) for n in range(1, K + 1))


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 10), st.integers(1, 300))
def test_exact_error_on_the_diagonal_agrees_with_enumeration(data, d, K):
    dims = data.draw(compositions(d))
    sizes, cost = diagonal_allocation(K, dims)
    assert cost == brute(K, dims)
    assert math.prod(sizes) <= K
    assert cost == sum(Fraction(dim, 3 * n * n) for dim, n in zip(dims, sizes, strict=True))
    assert BOUNDS["prop3.pq.exact"](K=K, block_dims=dims) == float(cost)
    assert BOUNDS["prop3.pq.lower.sharp"](K=K, block_dims=dims) <= float(cost) * (1 + 1e-12)


@pytest.mark.parametrize(("d", "K"), [(1, 7), (3, 30), (4, 100), (8, 4096)])
def test_scalar_error_on_the_diagonal_is_that_of_its_uniform_marginals(d, K):
    expected = optimal_scalar(Uniform(d), K).distortion
    assert BOUNDS["prop3.sq.exact"](d=d, K=K) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("K", "dims", "expected"),
    [
        (2**64, (1,) * 32, Fraction(32, 3 * 16)),
        (10**12, (4, 4), Fraction(8, 3 * 10**12)),
        (65536, (1,) * 32, Fraction(16, 3 * 4) + Fraction(16, 3)),
        (2**100, (1,) * 100, Fraction(100, 12)),
        (2, (1,) * 2000, Fraction(1999, 3) + Fraction(1, 12)),  # more blocks than Python has stack frames
        (3**2000, (1,) * 2000, Fraction(2000, 27)),
    ],
)
def test_exact_error_on_the_diagonal_for_large_codebooks(K, dims, expected):
    assert diagonal_allocation(K, dims)[1] == expected


def test_no_blocks_are_no_allocation():
    with pytest.raises(ShapeError, match="block_dims must not be empty"):
        diagonal_allocation(16, [])
    with pytest.raises(ShapeError, match="block_dims must not be empty"):
        BOUNDS["prop3.pq.exact"](K=16, block_dims=[])


def test_equal_blocks_on_the_diagonal_reach_the_sharp_bound_at_perfect_powers():
    assert BOUNDS["prop3.pq.exact"](K=4096, block_dims=(2, 2, 2, 2)) == pytest.approx(
        BOUNDS["prop3.pq.lower.sharp"](K=4096, block_dims=(2, 2, 2, 2)), rel=1e-15
    )
    # 4 d / (3 M) times the printed bound
    assert BOUNDS["prop3.pq.exact"](K=4096, block_dims=(2, 2, 2, 2)) == pytest.approx(
        4 * 8 / (3 * 4) * BOUNDS["prop3.pq.lower.paper"](K=4096, block_dims=(2, 2, 2, 2)), rel=1e-12
    )


def test_one_block_on_the_diagonal_is_vector_quantization():
    assert BOUNDS["prop3.pq.exact"](K=77, block_dims=(5,)) == pytest.approx(
        BOUNDS["prop3.vq.diagonal"](d=5, K=77)
    )
    assert BOUNDS["prop3.sq.exact"](d=5, K=77) == BOUNDS["prop3.pq.exact"](K=77, block_dims=(1,) * 5)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("prop2.upper.paper", {"d": 3, "K": 4},
         "K=4 is below 2^d=8 for d=3: prop2.upper.paper says nothing there"),
        ("prop2.lower.paper", {"d": 100, "K": 4}, "K=4 is below 2^d=2^100 for d=100: prop2.lower.paper says"),
        ("prop2.upper.sharp", {"d": 3}, "K must be given: prop2.upper.sharp is (5 / (2 e)) d K^(-2/d)"),
        ("prop2.lower.sharp", {}, "d, K must be given"),
        ("prop2.two_levels", {"d": 3, "K": 9}, "K=9 is not 2^d=8 for d=3"),
        ("prop3.vq.upper.paper", {"d": 3, "K": 8, "support_dim": 3}, "support_dim=3 is not below d=3"),
        ("prop3.vq.upper.paper", {"d": 8, "K": 3, "support_dim": 2},
         "K=3 is below 2^support_dim=4 for support_dim=2"),
        ("prop3.vq.upper.sharp", {"d": 3, "K": 8, "support_dim": 4}, "support_dim=4 is above d=3"),
        ("prop3.vq.lower.sharp", {"d": 3, "K": 8, "support_dim": 2}, "support_dim=2 does not divide d=3"),
        ("prop3.pq.lower.paper", {"K": 8, "block_dims": (2, 2)}, "K=8 is below 2^d=16 for d=4"),
        ("prop3.pq.exact", {"d": 4, "K": 8}, "block_dims must be given"),
        ("prop3.pq.exact", {"K": 2**960, "block_dims": (2, 2)}, "K must be below 2^960"),
        ("prop3.sq.exact", {"d": 1, "K": 2**480}, "K must be below 2^480"),
        ("prop3.sq.exact", {"d": 2, "K": 2**101}, "no allocation has less than"),
        ("prop2.lower.sharp", {"d": 0, "K": 8}, "d must be at least 1"),
        ("prop2.lower.sharp", {"d": 2, "K": 8.5}, "K must be an integer"),
    ],
)  # fmt: skip
def test_outside_its_hypotheses_a_bound_says_so(name, arguments, message):
    with pytest.raises(DomainError) as error:
        BOUNDS[name](**arguments)
    assert message in str(error.value)


def test_block_dimensions_must_sum_to_the_dimension():
    with pytest.raises(ShapeError, match="block_dims must sum to 8"):
        BOUNDS["prop3.pq.exact"](d=8, K=16, block_dims=(4, 3))


def test_empty_block_dimensions_are_refused():
    with pytest.raises(ShapeError, match="block_dims must not be empty"):
        BOUNDS["prop3.pq.exact"](K=16, block_dims=())


def test_keywords_that_a_bound_does_not_use_are_ignored():
    bound = BOUNDS["prop2.lower.sharp"]
    assert bound(d=8, K=16, support_dim=99, block_dims=(1,)) == bound(d=8, K=16)


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_scale_as_their_rate_says(name):
    bound = BOUNDS[name]
    arguments = {"d": 6, "K": 2**12, "support_dim": 3, "block_dims": (2, 2, 2)}
    if name == "prop2.two_levels":
        arguments["K"] = 2**6
    value = bound(**arguments)
    assert value > 0
    if "K" in bound.needs and name != "prop2.two_levels":
        assert bound(**{**arguments, "K": 2**18}) < value


@given(st.integers(1, 40), st.integers(0, 10**30))
def test_integer_roots_are_floors(d, K):
    K += 1
    n = root(K, d)
    assert n**d <= K < (n + 1) ** d


def test_powers_of_huge_codebooks_do_not_overflow():
    assert power(2**2000, 1000) == pytest.approx(2**-4)
    assert power(3, 1) == 1 / 9


def test_the_unit_ball():
    assert math.exp(log_ball_volume(1)) == pytest.approx(2)
    assert math.exp(log_ball_volume(3)) == pytest.approx(4 * math.pi / 3)


def test_integers_of_numpy_are_integers():
    for name in ("prop2.lower.paper", "prop2.upper.sharp"):
        assert BOUNDS[name](d=np.int64(8), K=np.int64(4096)) == BOUNDS[name](d=8, K=4096)


@pytest.mark.parametrize("name", [name for name, bound in BOUNDS.items() if "K" in bound.needs])
@pytest.mark.parametrize("bits", [900, 1100, 4000, 50000])
def test_a_value_that_float64_cannot_hold_is_an_error_and_never_rounded_to_zero(name, bits):
    """On a line the errors are of order K^-2: below the smallest float64 from 2^511 words on."""
    given = {"K": 2**bits, "support_dim": 1, "block_dims": (1,), "d": 1}
    if name in ("prop2.two_levels", "prop3.vq.upper.paper"):
        given |= {"d": 2, "block_dims": (1, 1)}
    if name == "prop2.two_levels":  # its value does not fall with K
        assert BOUNDS[name](d=bits, K=2**bits) == pytest.approx(bits / (2 * math.e))
    else:
        with pytest.raises(DomainError, match=r"range of float64.*logarithm|must be below 2\^|is above 8\^"):
            BOUNDS[name](**given)


def test_the_smallest_values_that_float64_holds_are_exact():
    assert BOUNDS["prop2.upper.paper"](d=1, K=2**500) == 8 * 2.0**-1000
    assert minimax_scalar(10**150) == pytest.approx(1e-300 / 3)
    with pytest.raises(DomainError, match="range of float64"):
        minimax_scalar(10**200)
