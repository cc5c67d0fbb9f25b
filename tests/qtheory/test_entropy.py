"""Entropy, perplexity, utilization and conditional entropy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.entropy import conditional_entropy, entropy, perplexity, utilization
from qtheory.errors import DomainError, ShapeError
from tests.strategies import partitions, pmfs

PAPER = [1 / 2, 1 / 4, 1 / 8, 1 / 8]


@given(pmfs())
def test_entropy_lies_between_zero_and_the_log_of_the_support(pmf):
    assert 0 <= entropy(pmf) <= math.log2(np.count_nonzero(pmf)) + 1e-12


@given(st.integers(1, 64))
def test_uniform_codes_have_full_perplexity(size):
    assert perplexity(np.full(size, 1 / size)) == pytest.approx(size, rel=1e-12)


@given(st.data(), pmfs())
def test_conditional_entropy_obeys_the_chain_rule(data, pmf):
    codes = data.draw(partitions(len(pmf)))
    masses = np.bincount(codes, weights=pmf)
    assert conditional_entropy(pmf, codes) == pytest.approx(entropy(pmf) - entropy(masses), abs=1e-12)


@given(st.data(), pmfs())
def test_splitting_a_cell_never_raises_the_conditional_entropy(data, pmf):
    codes = data.draw(partitions(len(pmf)))
    finer = codes + (codes.max() + 1) * data.draw(partitions(len(pmf)))
    assert conditional_entropy(pmf, finer) <= conditional_entropy(pmf, codes) + 1e-12


def test_the_papers_discrete_example():
    assert entropy(PAPER) == 1.75
    assert conditional_entropy(PAPER, [1, 2, 2, 2]) == 0.75
    assert conditional_entropy(PAPER, [1, 1, 2, 2]) == pytest.approx(0.75 * math.log2(3) - 0.25, abs=1e-15)


def test_utilization_counts_cells_whatever_their_mass():
    assert utilization([1, 0, 10**9, 0]) == 0.5
    assert utilization([1e-300, 1.0]) == 1.0


@pytest.mark.parametrize("pmf", [[0.5, 0.4], [1.5, -0.5], [math.nan, 1.0]])
def test_what_is_no_pmf_is_refused(pmf):
    with pytest.raises(DomainError):
        entropy(pmf)


def test_utilization_of_nothing_is_refused():
    with pytest.raises(DomainError, match="positive entry"):
        utilization([0, 0])
    with pytest.raises(DomainError, match="non-negative"):
        utilization([2, -1])


def test_codes_must_match_the_pmf():
    with pytest.raises(ShapeError, match="one entry a value"):
        conditional_entropy([0.5, 0.5], [0])
    with pytest.raises(DomainError, match="integers"):
        conditional_entropy([0.5, 0.5], [0.0, 1.0])
