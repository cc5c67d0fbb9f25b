"""Propositions 1 to 5 and the linear law, on finite laws where optima are exact."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.bounds import BOUNDS
from qtheory.entropy import conditional_entropy, entropy, perplexity, utilization
from qtheory.optimal import optimal_product, optimal_scalar, optimal_vector
from qtheory.sources import FiniteSource
from tests.strategies import EIGHTHS, compositions, laws, partitions, pmfs

SIZES = st.integers(1, 8)
TOLERANCE = 1e-10
pytestmark = pytest.mark.filterwarnings("error")


def cell_error(source, codes):
    """Error of decoding each cell to its mean."""
    total = 0.0
    for code in np.unique(codes):
        inside = codes == code
        if source.pmf[inside].sum() > 0:
            mean = np.average(source.atoms[inside], axis=0, weights=source.pmf[inside])
            total += source.pmf[inside] @ ((source.atoms[inside] - mean) ** 2).sum(axis=1)
    return total


@given(st.data(), laws(), SIZES)
def test_vector_product_and_scalar_errors_are_ordered(data, law, K):
    source = FiniteSource(*law)
    dims = data.draw(compositions(source.dim))
    vector = optimal_vector(source, K).distortion
    blocks = optimal_product(source, dims, K).distortion
    scalar = optimal_scalar(source, K).distortion
    assert vector <= blocks + TOLERANCE
    assert blocks <= scalar + TOLERANCE


@given(laws(dim=3), SIZES)
def test_refining_a_partition_never_lowers_the_error(law, K):
    source = FiniteSource(*law)
    coarse = optimal_product(source, (3,), K).distortion
    for middle in ((1, 2), (2, 1)):
        finer = optimal_product(source, middle, K).distortion
        finest = optimal_product(source, (1, 1, 1), K).distortion
        assert coarse <= finer + TOLERANCE
        assert finer <= finest + TOLERANCE


@given(laws(dim=2), st.integers(1, 3))
def test_splitting_a_token_never_lowers_the_error(law, K):
    # two tokens of K values, one a coordinate, against one token of K^2 values
    source = FiniteSource(*law)
    split = sum(optimal_scalar(FiniteSource(source.atoms[:, [j]], source.pmf), K).distortion for j in (0, 1))
    assert optimal_vector(source, K**2).distortion <= split + TOLERANCE


@pytest.mark.parametrize(
    "optimum",
    [
        lambda source, K: optimal_vector(source, K).distortion,
        lambda source, K: optimal_product(source, (1, 2), K).distortion,
        lambda source, K: optimal_scalar(source, K).distortion,
    ],
    ids=["vector", "product", "scalar"],
)
@given(law=laws(dim=3), K=SIZES, factor=st.sampled_from([0.1, -1.0, 3.0]), shift=EIGHTHS)
def test_the_linear_law_is_exact(optimum, law, K, factor, shift):
    atoms, pmf = law
    moved = FiniteSource(factor * atoms + shift, pmf)
    assert optimum(moved, K) == pytest.approx(factor**2 * optimum(FiniteSource(atoms, pmf), K), abs=TOLERANCE)


@given(
    laws(dim=3), SIZES, st.permutations([0, 1, 2]), st.lists(st.sampled_from([-1, 1]), min_size=3, max_size=3)
)
def test_scalar_error_is_invariant_under_signed_permutations(law, K, order, signs):
    atoms, pmf = law
    turned = FiniteSource(np.array(signs) * atoms[:, order], pmf)
    expected = optimal_scalar(FiniteSource(atoms, pmf), K).distortion
    assert optimal_scalar(turned, K).distortion == pytest.approx(expected, abs=TOLERANCE)


@given(laws(dim=2), SIZES, st.floats(0, 6.28))
def test_vector_error_is_invariant_under_rotations(law, K, angle):
    atoms, pmf = law
    c, s = np.cos(angle), np.sin(angle)
    turned = FiniteSource(atoms @ np.array([[c, -s], [s, c]]), pmf)
    expected = optimal_vector(FiniteSource(atoms, pmf), K).distortion
    assert optimal_vector(turned, K).distortion == pytest.approx(expected, abs=TOLERANCE)


def test_scalar_error_is_not_invariant_under_rotations():
    diagonal = FiniteSource([[-1.0, -1.0], [1.0, 1.0]], [0.5, 0.5])
    axis = FiniteSource([[-np.sqrt(2), 0.0], [np.sqrt(2), 0.0]], [0.5, 0.5])
    assert optimal_scalar(diagonal, 2).distortion == 1
    assert optimal_scalar(axis, 2).distortion == 0


@settings(max_examples=30)
@given(pmfs(min_size=3, max_size=5, positive=True), st.integers(2, 3))
def test_minimisers_of_the_conditional_entropy_use_all_codes_of_a_finite_alphabet(pmf, K):
    maps = [np.array(codes) for codes in product(range(K), repeat=len(pmf))]
    losses = np.array([conditional_entropy(pmf, codes) for codes in maps])
    for codes, loss in zip(maps, losses, strict=True):
        if loss <= losses.min() + 1e-12:
            assert utilization(np.bincount(codes, minlength=K)) == 1


@given(st.data(), pmfs(min_size=2))
def test_information_loss_is_entropy_less_log_perplexity(data, pmf):
    codes = data.draw(partitions(len(pmf)))
    masses = np.bincount(codes, weights=pmf)
    assert conditional_entropy(pmf, codes) == pytest.approx(
        entropy(pmf) - np.log2(perplexity(masses)), abs=1e-12
    )


@given(laws(), SIZES)
def test_every_further_word_lowers_the_error_until_the_support_is_covered(law, K):
    source = FiniteSource(*law)
    support = len(np.unique(source.atoms[source.pmf > 0], axis=0))
    error, next_error = (optimal_vector(source, size).distortion for size in (K, K + 1))
    if support > K:
        assert next_error < error
    else:
        assert error == pytest.approx(0, abs=TOLERANCE)


@given(laws(), SIZES)
def test_an_optimal_codebook_uses_all_its_words_if_the_support_has_as_many_points(law, K):
    source = FiniteSource(*law)
    support = len(np.unique(source.atoms[source.pmf > 0], axis=0))
    codes = optimal_vector(source, K).codes[source.pmf > 0]
    assert len(np.unique(codes)) == min(K, support)


@given(st.data(), laws(max_points=6), st.integers(1, 4))
def test_no_partition_beats_the_optimum_and_nearest_neighbour_gains_bound_the_excess(data, law, K):
    source = FiniteSource(*law)
    codes = data.draw(partitions(len(source.pmf), K))
    error = cell_error(source, codes)
    optimum = optimal_vector(source, K).distortion
    assert optimum <= error + TOLERANCE
    heavy = [code for code in np.unique(codes) if source.pmf[codes == code].sum() > 0]
    words = np.array(
        [np.average(source.atoms[codes == c], axis=0, weights=source.pmf[codes == c]) for c in heavy]
    )
    nearest = source.pmf @ ((source.atoms[:, None] - words) ** 2).sum(axis=2).min(axis=1)
    assert error - nearest <= error - optimum + TOLERANCE


@given(st.data(), laws())
def test_splitting_a_cell_never_raises_the_squared_error(data, law):
    source = FiniteSource(*law)
    codes = data.draw(partitions(len(source.pmf)))
    finer = codes + (codes.max() + 1) * data.draw(partitions(len(source.pmf)))
    assert cell_error(source, finer) <= cell_error(source, codes) + TOLERANCE


@given(laws(dim=1), st.integers(1, 3), st.integers(1, 8))
def test_on_the_diagonal_vector_error_is_the_line_s_times_the_dimension(law, d, K):
    atoms, pmf = law
    on_diagonal = FiniteSource(atoms * np.ones(d), pmf)
    line = optimal_vector(FiniteSource(atoms, pmf), K).distortion
    assert optimal_vector(on_diagonal, K).distortion == pytest.approx(d * line, abs=TOLERANCE)


def test_product_error_on_the_diagonal_depends_on_the_partition_not_on_the_number_of_blocks():
    values = {BOUNDS["prop3.pq.exact"](K=16, block_dims=dims) for dims in ((1, 7), (4, 4), (2, 6), (3, 5))}
    assert len(values) > 1
