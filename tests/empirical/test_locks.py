"""Locks between jobs: one is inside, a killed one leaves none behind, and a folder that moved is no lock."""

import os
import subprocess
import sys

import pytest

from empirical import locks
from empirical.locks import alone, held

HOLDS = """
import sys, time
from pathlib import Path
from empirical.locks import alone
with alone(Path(sys.argv[1])):
    print("inside", flush=True)
    time.sleep(100)
"""


def test_a_job_that_is_killed_leaves_no_lock_behind(tmp_path):
    path = tmp_path / "there" / "lock"
    assert not held(path)
    assert not path.parent.exists()
    other = subprocess.Popen([sys.executable, "-c", HOLDS, path], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "inside\n"
    assert held(path)
    other.kill()
    other.communicate()
    assert path.exists()
    assert not held(path)
    with alone(path):
        assert held(path)
    assert not held(path)


def test_the_lock_is_that_of_the_file_which_is_there_now(tmp_path, monkeypatch):
    """A folder that is renamed before its lock is taken: that lock would keep nobody out of the new one."""
    path, flock = tmp_path / "one" / "lock", locks.fcntl.flock

    def renamed(*given):
        monkeypatch.setattr(locks.fcntl, "flock", flock)
        path.parent.rename(tmp_path / "other")
        flock(*given)

    monkeypatch.setattr(locks, "POLL", 0.01)
    monkeypatch.setattr(locks.fcntl, "flock", renamed)
    with alone(path):
        assert held(path)
        assert not held(tmp_path / "other" / "lock")


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(locks.fcntl, "flock", refused)
    with (
        pytest.raises(OSError, match=r"must be on a file system that locks files.*take another --out"),
        alone(tmp_path / "lock"),
    ):
        pass
