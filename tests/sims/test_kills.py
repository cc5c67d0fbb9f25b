"""kill -9 in the middle of a study: the same command goes on, and ends in the same bytes."""

import os
import signal
import subprocess
import sys
import time

from sims import finite_sample
from sims.__main__ import main
from sims.runner import run_study

STUDY = finite_sample.STUDY
CELLS = len(STUDY.sweep("smoke", seed=0).cells())


def kept(out):
    return len(list(out.glob(f"{STUDY.name}/.smoke.*.cells/*.json")))


def test_a_killed_study_goes_on_and_ends_in_the_bytes_of_one_that_was_not(tmp_path, capsys):
    straight = run_study(STUDY, "smoke", seed=0, out=tmp_path / "straight", quiet=True)
    out = tmp_path / "killed"
    command = [STUDY.name, "--preset", "smoke", "--out", str(out)]
    running = subprocess.Popen(
        [sys.executable, "-m", "sims", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    while running.poll() is None and not kept(out):
        time.sleep(0.002)
    running.kill()
    _, errors = running.communicate()
    assert running.returncode == -signal.SIGKILL, errors
    finished = kept(out)
    assert 0 < finished < CELLS
    table = out / STUDY.name / "smoke.csv"
    assert not table.exists()
    capsys.readouterr()
    assert main(command) == 0
    # only what is missing is counted
    assert f" 0/{CELLS - finished} [" in capsys.readouterr().err
    assert table.read_bytes() == straight.path.read_bytes()
    assert kept(out) == 0
