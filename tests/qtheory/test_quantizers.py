"""Nearest-neighbour, product and fixed scalar quantizers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from qtheory.codebooks import Codebook, product
from qtheory.errors import DomainError, ShapeError
from qtheory.expected import bsq_distortion, fsq_distortion
from qtheory.quantizers import BSQ, FSQ, LFQ, NearestNeighbor, Product, distortion, quantize
from tests.strategies import codebooks, point_sets

RULES = [
    NearestNeighbor(Codebook([[0.0, 0.0], [1.0, 0.5], [-1.0, 2.0]])),
    Product((NearestNeighbor(Codebook([[0.0], [1.0]])), FSQ([5]))),
    FSQ([3, 5]),
    FSQ([4, 8]),
    FSQ([4, 5], form="paper"),
    LFQ(2),
    LFQ(2, scale=0.7),
    BSQ(2),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_codewords_are_fixed_points_and_codes_fill_the_range(rule):
    codes = np.arange(rule.codebook_size)
    words = rule.decode(codes)
    assert words.shape == (rule.codebook_size, rule.dim)
    assert len(np.unique(words, axis=0)) == rule.codebook_size
    rng = np.random.default_rng(1)
    used = rule.encode(4 * rng.standard_normal((20000, 2)) * rng.uniform(0, 1, (20000, 1)))
    assert set(used) == set(codes)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_no_codeword_is_nearer_in_the_projected_space(rule):
    x = np.random.default_rng(2).standard_normal((500, 2))
    words = rule.decode(np.arange(rule.codebook_size))
    gaps = ((rule.project(x)[:, None] - words) ** 2).sum(axis=2)
    assert gaps.min(axis=1) == pytest.approx(((rule.project(x) - quantize(rule, x)) ** 2).sum(axis=1))


@pytest.mark.parametrize("rule", [rule for rule in RULES if hasattr(rule, "round")], ids=repr)
def test_rounding_gives_the_codewords_that_encoding_and_decoding_give(rule):
    x = 3 * np.random.default_rng(3).standard_normal((500, rule.dim))
    x[0, 0] = 0.0
    np.testing.assert_array_equal(rule.round(rule.project(x)), quantize(rule, x))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_wrong_number_of_columns_is_refused(rule):
    with pytest.raises(ShapeError, match="x must have 2 columns"):
        rule.encode(np.zeros((4, 3)))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_unknown_codes_are_refused(rule):
    with pytest.raises(DomainError, match="tokens"):
        rule.decode([rule.codebook_size])


@given(st.data())
def test_nearest_neighbours_by_enumeration(data):
    words = data.draw(codebooks(dim=2))
    points = data.draw(point_sets(dim=2))
    gaps = [[sum((a - b) ** 2) for b in words] for a in points]
    expected = [row.index(min(row)) for row in gaps]
    assert NearestNeighbor(Codebook(words)).encode(points).tolist() == expected


@given(st.data())
def test_a_product_quantizer_is_the_nearest_neighbour_in_the_product_codebook(data):
    books = [Codebook(data.draw(codebooks(dim=d, max_size=3))) for d in (1, 2)]
    points = data.draw(point_sets(dim=3))
    blockwise = Product(tuple(NearestNeighbor(book) for book in books))
    whole = NearestNeighbor(product(*books))
    assert distortion(blockwise, points) == pytest.approx(distortion(whole, points), abs=1e-12)
    assert blockwise.codebook_size == whole.codebook_size


def test_many_points_are_encoded_in_chunks_with_the_same_result():
    rng = np.random.default_rng(3)
    rule = NearestNeighbor(Codebook(rng.standard_normal((3000, 3))))
    x = rng.standard_normal((1500, 3))
    assert np.array_equal(rule.encode(x), np.concatenate([rule.encode(row[None]) for row in x]))


@given(point_sets(dim=2), st.floats(0.1, 10))
def test_distortion_scales_with_the_square_when_codebook_and_points_scale(points, factor):
    words = np.array([[0.0, 1.0], [1.0, 0.0]])
    plain = distortion(NearestNeighbor(Codebook(words)), points)
    scaled = distortion(NearestNeighbor(Codebook(factor * words)), factor * points)
    assert scaled == pytest.approx(factor**2 * plain, rel=1e-12, abs=1e-12)


def test_distortion_weighs_rows_by_their_probability():
    rule = NearestNeighbor(Codebook([[0.0]]))
    assert distortion(rule, [[1.0], [2.0]], pmf=[0.75, 0.25]) == 1.75
    with pytest.raises(ShapeError, match="one entry a row"):
        distortion(rule, [[1.0], [2.0]], pmf=[1.0])


@pytest.mark.parametrize("levels", range(3, 12))
def test_official_fsq_has_as_many_levels_as_it_names(levels):
    reached = np.unique(quantize(FSQ([levels]), np.linspace(-20, 20, 4001)[:, None]))
    assert len(reached) == levels == FSQ([levels]).codebook_size


@pytest.mark.parametrize("levels", range(2, 12))
def test_the_papers_fsq_formula_has_one_level_more_when_even(levels):
    rule = FSQ([levels], form="paper")
    reached = np.unique(quantize(rule, np.linspace(-20, 20, 4001)[:, None]))
    assert len(reached) == levels + (levels % 2 == 0) == rule.codebook_size


def test_the_papers_fsq_at_four_levels_uses_the_outer_two_often():
    # P(|2 tanh z| > 1.5) for a standard Gaussian, by the exact tail
    assert 2 * ndtr(-math.atanh(0.75)) == pytest.approx(0.331, abs=5e-4)
    assert FSQ([4] * 8, form="paper").codebook_size == 5**8


@pytest.mark.parametrize("levels", range(3, 12))
def test_official_fsq_maps_zero_to_zero(levels):
    rule = FSQ([levels])
    assert rule.project(np.zeros((1, 1)))[0, 0] == pytest.approx(0, abs=1e-15)
    # the shift of the authors' implementation, tan in place of atanh, misses it for even L
    half, offset = (levels - 1) * 0.999 / 2, 0.5 * (levels % 2 == 0)
    assert (abs(half * math.tanh(math.tan(offset / half)) - offset) > 1e-7) == (levels % 2 == 0)


def test_official_fsq_with_two_levels_is_refused():
    with pytest.raises(DomainError, match="at least 3"):
        FSQ([2])


def test_malformed_rules_are_refused():
    with pytest.raises(ShapeError, match="levels must not be empty"):
        FSQ([])
    with pytest.raises(DomainError, match="form must be one of"):
        FSQ([4], form="fast")
    with pytest.raises(DomainError, match="scale"):
        LFQ(3, scale=0.0)


def test_lfq_error_on_points_of_its_codebook_is_zero_and_doubles_as_expected():
    assert distortion(LFQ(2), [[1.0, -1.0]]) == 0
    assert distortion(LFQ(2), [[3.0, -1.0]]) == 4


@given(st.floats(1e-3, 1e3))
def test_bsq_ignores_the_length_of_its_input(factor):
    x = np.random.default_rng(4).standard_normal((50, 8))
    assert distortion(BSQ(8), factor * x) == pytest.approx(distortion(BSQ(8), x), rel=1e-12)


def test_bsq_refuses_the_zero_vector():
    with pytest.raises(DomainError, match="zero row"):
        distortion(BSQ(2), np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("rule", "largest", "expected", "wrong"),
    [
        (FSQ([4] * 8), 2, fsq_distortion(8, 4, 1.0), fsq_distortion(8, 4, 1.0, form="paper")),
        (FSQ([4] * 8, "paper"), 2, fsq_distortion(8, 4, 1.0, form="paper"), fsq_distortion(8, 4, 1.0)),
        (BSQ(8), 2, bsq_distortion(8), 2 - 2 * math.sqrt(2 / math.pi)),
    ],
    ids=["FSQ official", "FSQ paper", "BSQ"],
)
def test_errors_of_gaussian_samples_agree_with_the_closed_forms(rule, largest, expected, wrong):
    # Hoeffding on errors in [0, largest]: a false alarm has probability 1e-9. The control is the value of
    # the other form, or the limit of many dimensions; at two tolerances it is missed as rarely.
    n = 400_000
    measured = distortion(rule, np.random.default_rng(5).standard_normal((n, 8)))
    tolerance = largest * math.sqrt(math.log(2e9) / (2 * n))
    assert abs(measured - expected) <= tolerance
    assert abs(expected - wrong) > 2 * tolerance
    assert abs(measured - wrong) > tolerance
