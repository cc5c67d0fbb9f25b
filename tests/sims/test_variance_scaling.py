"""Figure 2: the measured line is the exact line."""

import math

import numpy as np
import pytest
from scipy import stats

from qtheory.errors import DomainError
from qtheory.results import read_table
from qtheory.results.slope import independent, slope_of_variance
from qtheory.sources import Gaussian
from sims import assign
from sims.__main__ import main
from sims.executors import Processes
from sims.runner import run_study
from sims.variance_scaling import STUDY, VARIANCES, _drawn_and_searched

FALSE_ALARM = 1e-9


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    return run_study(STUDY, "paper", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True)


def rejects(frame, slope):
    """A t test of the slope; it rejects a true one with probability `FALSE_ALARM` at most.

    The 55 ratios are independent averages over 100,000 vectors, normal for all purposes.
    """
    found = slope_of_variance(frame)
    return abs(found.value - slope) > found.error * stats.t.ppf(1 - FALSE_ALARM / 2, found.measurements - 1)


@pytest.mark.slow
def test_the_paper_preset_is_appendix_d(paper):
    frame = paper.frame
    assert (frame[["dim", "codebook_size", "n"]].drop_duplicates().values == [[8, 8192, 100_000]]).all()
    assert sorted(frame.variance.unique()) == list(VARIANCES)
    assert (frame.groupby("variance").trial.nunique() == 5).all()


@pytest.mark.slow
def test_the_measured_slope_is_the_exact_slope(paper):
    exact = (paper.frame.expected_distortion / paper.frame.variance).to_numpy()
    np.testing.assert_allclose(exact, exact[0], rtol=1e-12)
    assert abs(exact[0] - 1.2467) < 5e-5
    assert not rejects(paper.frame, exact[0])


@pytest.mark.slow
def test_a_slope_one_percent_off_would_be_rejected(paper):
    exact = (paper.frame.expected_distortion / paper.frame.variance).iloc[0]
    assert rejects(paper.frame, 1.01 * exact)
    assert rejects(paper.frame, 0.99 * exact)
    error = slope_of_variance(paper.frame).error
    assert 0.01 * exact > 2 * error * stats.t.ppf(1 - FALSE_ALARM / 2, 54), "power: twice the critical value"


@pytest.mark.slow
def test_every_distortion_lies_above_the_shannon_bound(paper):
    assert (paper.frame.distortion > paper.frame.shannon_lower_bound).all()


@pytest.mark.slow
def test_trials_are_independent_draws_at_every_variance(paper):
    ratios = paper.frame.distortion / paper.frame.variance
    assert ratios.nunique() == len(ratios), "a shared draw would repeat a ratio exactly"


def test_the_equivariant_mode_says_so_and_counts_one_measurement_a_trial(tmp_path):
    table = run_study(STUDY, "equivariant", seed=0, out=tmp_path, quiet=True).frame
    assert set(table["mode"]) == {"equivariant"}
    assert sorted(table.variance.unique()) == list(VARIANCES)
    assert len(independent(table)) == table.trial.nunique() == 5
    ratios = (table.distortion / table.variance).groupby(table.trial)
    np.testing.assert_allclose(ratios.max(), ratios.min(), rtol=1e-12)
    assert not rejects(table, (table.expected_distortion / table.variance).iloc[0])


def test_scaling_is_what_a_search_at_the_other_variance_finds():
    from sims import assign

    rng = np.random.default_rng(0)
    x, words = rng.standard_normal((3000, 8)), rng.standard_normal((200, 8))
    base = assign.distortion(x, words, assign.nearest(x, words)).mean()
    for variance in VARIANCES:
        scaled = (variance**0.5 * x, variance**0.5 * words)
        found = assign.distortion(*scaled, assign.nearest(*scaled)).mean()
        np.testing.assert_allclose(found, variance * base, rtol=1e-6)


def test_one_process_and_two_give_the_same_bytes(tmp_path):
    for jobs in (1, 2):
        run_study(STUDY, "smoke", seed=1, out=tmp_path / str(jobs), executor=Processes(jobs), quiet=True)
    one, two = (read_table(tmp_path / str(jobs) / "variance-scaling" / "smoke.csv") for jobs in (1, 2))
    assert one.path.read_bytes() == two.path.read_bytes()
    assert (one.manifest["executor"], two.manifest["executor"]) == ("this process", "2 processes")


def test_another_seed_gives_other_numbers(tmp_path):
    first, second = (
        run_study(STUDY, "smoke", seed=seed, out=tmp_path / str(seed), quiet=True).frame for seed in (0, 1)
    )
    assert not set(first.distortion) & set(second.distortion)
    assert math.isclose(slope_of_variance(first).value, slope_of_variance(second).value, rel_tol=0.1)


def test_the_command_writes_a_table_and_keeps_it(tmp_path, capsys):
    arguments = ["variance-scaling", "--preset", "smoke", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert "exact" in capsys.readouterr().out
    path = tmp_path / "variance-scaling" / "smoke.csv"
    written = path.stat().st_mtime_ns
    assert main(arguments) == 0
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "STUDY must be one of variance-scaling"),
        (["variance-scaling", "--preset", "huge"], "--preset must be one of smoke, paper"),
        (
            ["all", "--preset", "equivariant"],
            "for all; got 'equivariant'; studies with it: variance-scaling",
        ),
        (["variance-scaling", "--seed", "-1"], "seed must be at least 0, got -1"),
        (["variance-scaling", "--jobs", "0"], "jobs must be at least 1, got 0"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_table_edited_by_hand_stops_the_command_and_survives_it(tmp_path, capsys):
    arguments = ["variance-scaling", "--preset", "smoke", "--out", str(tmp_path)]
    main(arguments)
    path = tmp_path / "variance-scaling" / "smoke.csv"
    path.write_text(path.read_text() + "\n")
    edited = path.read_bytes()
    assert main(arguments) == 1
    assert "was changed after it was written" in capsys.readouterr().err
    assert path.read_bytes() == edited


def test_a_negative_variance_is_refused():
    from qtheory.sources import Gaussian

    with pytest.raises(DomainError, match="variance"):
        Gaussian(8, -1.0)


@pytest.mark.parametrize("n", [1, 2, 7, 20_000])
def test_vectors_drawn_while_others_are_searched_for_are_those_drawn_at_once(n):
    source = Gaussian(4, 2.0)
    codebook = source.sample(64, rng=np.random.default_rng(1))
    errors, codes = _drawn_and_searched(source, n, codebook, rng=np.random.default_rng(0))
    x = source.sample(n, rng=np.random.default_rng(0))
    expected = assign.nearest(x, codebook)
    np.testing.assert_array_equal(codes, expected)
    assert errors.tobytes() == assign.distortion(x, codebook, expected).tobytes()
