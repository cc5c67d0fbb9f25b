import threading
import time

import numpy as np
import pytest

from sims._rows import for_parts, parts, row_sums


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


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 100_000, 1_000_000])
def test_work_meets_each_row_once_whatever_the_threads(n, threads):
    seen = np.zeros(n, int)

    def count(part):
        seen[part] += 1

    for_parts(count, n, 4, threads=threads)
    assert (seen == 1).all()


def test_threads_share_the_work_where_there_is_enough_of_it_in_the_context_of_the_caller():
    found = set()

    def note(part):
        found.add((threading.get_ident(), np.geterr()["over"]))
        time.sleep(0.001)

    with np.errstate(over="ignore"):
        for_parts(note, 1_000_000, 4, threads=2)
    assert len(found) == 2
    assert {over for _, over in found} == {"ignore"}
    found.clear()
    for_parts(note, 10_000, 4, threads=2)
    assert found == {(threading.get_ident(), np.geterr()["over"])}


def test_an_error_in_any_part_reaches_the_caller():
    def fail(part):
        if part.start == 65_536:
            raise ValueError("this part")

    for threads in (1, 2, 4):
        with pytest.raises(ValueError, match="this part"):
            for_parts(fail, 1_000_000, 1, threads=threads)
