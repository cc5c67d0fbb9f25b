import numpy as np
import pytest

from sims._rows import column_extremes, parts, row_sums


@pytest.mark.parametrize("d", [*range(1, 42), 127, 128, 129, 300])
def test_sums_of_rows_are_those_of_numpy_to_the_bit(d):
    x = np.random.default_rng(d).standard_normal((500, d)) * 10.0 ** np.arange(d).clip(max=9)
    assert row_sums(x).tobytes() == x.sum(axis=1).tobytes()


def test_the_order_of_a_sum_is_seen_in_its_bits():
    """Negative control: from left to right, most sums of eight numbers end otherwise."""
    x = np.random.default_rng(0).standard_normal((500, 8))
    assert np.mean(np.add.accumulate(x, axis=1)[:, -1] == row_sums(x)) < 0.7


@pytest.mark.parametrize(("n", "dim"), [(1, 1), (32_768, 1), (32_769, 1), (10, 70_000), (30_000, 8)])
def test_parts_cover_all_rows_once(n, dim):
    assert [i for part in parts(n, dim) for i in range(n)[part]] == list(range(n))


@pytest.mark.parametrize(("n", "d"), [(1, 1), (3, 300), (31, 8), (32, 8), (1000, 7)])
def test_extremes_of_columns_are_those_of_numpy(n, d):
    x = np.random.default_rng(n).standard_normal((n, d))
    least, largest = column_extremes(x)
    assert np.array_equal(least, x.min(axis=0))
    assert np.array_equal(largest, x.max(axis=0))
