"""Intervals of utilization and perplexity."""

import numpy as np
import pytest

from empirical.usage import jackknife, jackknife_interval, mean_perplexity, usage
from qtheory.errors import DomainError


def test_the_jackknife_of_a_mean_is_its_standard_error():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 50, size=(20, 2))
    low, high = jackknife_interval(*jackknife(lambda total: float(total[0] / 20), counts))
    # leaving one out and dividing by 20 moves the mean by x/20: the standard error of a sum of 20 / 20
    error = np.sqrt(19 / 20 * np.square(counts[:, 0] - counts[:, 0].mean()).sum()) / 20
    assert high - low == pytest.approx(2 * 1.959964 * error, rel=1e-6)
    assert (high + low) / 2 == pytest.approx(counts[:, 0].mean(), rel=1e-12)


def test_photographs_that_agree_leave_no_uncertainty():
    counts = np.broadcast_to(np.array([[3, 1, 4]]), (6, 1, 3))
    low, high = jackknife_interval(*jackknife(mean_perplexity, counts))
    assert low == pytest.approx(high, abs=1e-12)


def test_the_interval_covers_the_perplexity_of_the_population():
    """Coverage over 200 samples of 32 photographs; nominal 95 %, and fewer than 170 of 200 would have
    probability below 1e-9 at 95 % coverage (binomial)."""
    rng = np.random.default_rng(1)
    pmf = np.full(16, 1 / 16)
    hits = 0
    for _ in range(200):
        counts = rng.multinomial(2000, pmf, size=32)[:, None, :]
        low, high = jackknife_interval(*jackknife(mean_perplexity, counts))
        expected = 16 * (1 - 15 / (2 * 32 * 2000))  # the plug-in entropy lies (K - 1) / (2 n) nats low
        hits += low <= expected <= high
    assert hits >= 170


def test_use_is_counted_over_all_and_without_each_photograph():
    counts = np.random.default_rng(2).multinomial(20, np.full(8, 1 / 8), size=(3, 2))
    value, pseudo = usage(counts)["perplexity"]
    assert value == mean_perplexity(counts.sum(axis=0))
    left_out = mean_perplexity(counts[[0, 2]].sum(axis=0))
    assert pseudo[1] == pytest.approx(3 * value - 2 * left_out, rel=1e-12)


def test_bad_input_is_named():
    with pytest.raises(DomainError, match="number of photographs must be at least 2, got 1"):
        jackknife(mean_perplexity, np.ones((1, 1, 3), dtype=np.int64))
    with pytest.raises(DomainError, match="level"):
        jackknife_interval(1.0, np.ones(3), level=1.5)
