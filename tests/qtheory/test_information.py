"""Definitions 1 to 3 and Table 2."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.errors import DomainError
from qtheory.information import (
    VAR_TOKEN_RATIO,
    compression_ratio,
    elasticities,
    input_bits,
    messages,
    output_bits,
    scheme,
)


def test_input_takes_32_bits_a_scalar():
    assert input_bits(16, 16, 32) == 16 * 16 * 32 * 32


def test_output_bits_of_a_power_of_two_are_exact():
    assert output_bits(256, 4096) == 3072.0
    assert output_bits(Fraction(680, 256), 2**13) == 680 * 13 / 256
    assert output_bits(3, 1) == 0.0


def test_output_bits_accept_codebooks_beyond_the_range_of_floats():
    assert output_bits(2, 3**2000) == pytest.approx(4000 * math.log2(3), rel=1e-15)


@given(st.integers(1, 300), st.integers(1, 10**6))
def test_doubling_tokens_equals_squaring_the_codebook(tokens, size):
    assert messages(2 * tokens, size) == messages(tokens, size**2)
    assert output_bits(2 * tokens, size) == pytest.approx(output_bits(tokens, size**2), rel=1e-14)


def test_the_var_ratio_is_680_over_256():
    assert Fraction(680, 256) == VAR_TOKEN_RATIO


@pytest.mark.parametrize(
    ("kind", "arguments", "size", "tokens", "bits"),
    [
        ("VQ", {"codebook_size": 4096}, 4096, 256, 256 * 12),
        ("PQ", {"blocks": 3, "block_size": 16}, 4096, 256, 256 * 3 * 4),
        ("SQ", {"block_size": 2}, 2**8, 256, 256 * 8),
        ("RQ", {"codebook_size": 4096, "residual_steps": 3}, 4096, 256 * 4, 256 * 4 * 12),
        ("VAR", {"codebook_size": 4096}, 4096, 680, 680 * 12),
    ],
)
def test_the_columns_of_table_2(kind, arguments, size, tokens, bits):
    column = scheme(kind, d=8, **arguments)
    assert column.codebook_size == size
    assert column.tokens(16, 16) == tokens
    assert column.output_bits(16, 16) == bits
    expected = input_bits(16, 16, 8) / bits
    assert compression_ratio(kind, d=8, **arguments) == pytest.approx(expected, rel=1e-15)


def test_one_codeword_compresses_without_limit():
    assert compression_ratio("VQ", d=4, codebook_size=1) == math.inf


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("VQ", {}, "codebook_size must be given for kind 'VQ'"),
        ("PQ", {"block_size": 4}, "blocks must be given"),
        ("SQ", {}, "block_size must be given"),
        ("RQ", {"codebook_size": 4}, "residual_steps must be given"),
        ("TCQ", {}, "kind must be one of"),
    ],
)
def test_missing_arguments_are_named(kind, arguments, message):
    with pytest.raises(DomainError, match=message):
        compression_ratio(kind, d=4, **arguments)


def test_no_tokens_are_refused():
    with pytest.raises(DomainError, match="tokens must be positive"):
        output_bits(0, 4)


def test_the_codebook_matters_more_only_at_two_codewords():
    stronger = {size: elasticities(size)[1] > elasticities(size)[0] for size in range(2, 10)}
    assert [size for size, codebook_matters_more in stronger.items() if codebook_matters_more] == [2]
