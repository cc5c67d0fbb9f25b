"""Benchmarks of the studies run, at sizes whose timings mean nothing, and say what they are held to."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import equivariant, kmeans, presets, quantizer_variance, variance_scaling
from sims import __main__ as sims_command
from sims.studies import STUDIES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("module", "limit", "value", "bound"),
    [
        (variance_scaling, "limit", "ratio", 1.5),
        (quantizer_variance, "limit", "ratio", 2.0),
        (equivariant, "limit_seconds", "equivariant_seconds", 1.0),
    ],
)
def test_a_round_is_timed_against_the_limit(module, limit, value, bound, monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 1)
    monkeypatch.setattr(module, "PRESET", "smoke")
    (row,) = module.run()
    assert row[limit] == bound
    assert row["within"] == (row[value] <= bound)
    assert row[value] > 0


def test_k_means_is_timed_against_both_peers(monkeypatch):
    monkeypatch.setattr(kmeans, "CODEWORDS", 32)
    monkeypatch.setattr(kmeans, "SIZES", ((2_000, 2), (4_000, 2)))
    small, large = kmeans.run()
    assert small["iterations"] == large["iterations"] == 5
    assert small["within"] == (small["sklearn_over_ours"] >= 5)
    assert large["within"] == (large["sklearn_over_ours"] >= 5 and large["ratio_to_faiss"] <= 1.1)


def test_presets_are_timed_against_a_minute_and_a_quarter_of_an_hour(monkeypatch):
    assert presets.LIMITS == {"smoke": 60, "paper": 900}
    monkeypatch.setattr(presets, "LIMITS", {"smoke": 60.0})
    monkeypatch.setattr(presets, "STUDIES", "finite-sample")
    (row,) = presets.run()  # one study alone prints no times
    assert (row["study"], row["preset"], row["limit_seconds"]) == ("all", "smoke", 60)
    assert row["within"] == (row["seconds"] <= 60)
    assert row["seconds"] > 0


def test_seconds_of_each_study_are_read_as_the_command_prints_them(monkeypatch, capsys):
    monkeypatch.setattr(sims_command, "_run", lambda study, options: 0)
    assert sims_command.main(["all", "--preset", "smoke"]) == 0
    found = presets.seconds_printed(capsys.readouterr().out)
    assert list(found) == list(STUDIES)
    assert all(taken == 0.0 for taken in found.values())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_peak_is_the_most_that_was_held_and_not_what_is_left():
    code = "from benchmarks.memory import peak_gib; held = b'x' * 2**29; del held; print(peak_gib())"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 0.5 < float(found.stdout) < 0.9
