"""Named streams, tables and atomic writes."""

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from qtheory.errors import DomainError
from qtheory.results import read_table, stream, write_table
from qtheory.results.table import remove_unfinished, write_bytes_atomically


def test_streams_with_equal_names_agree_and_with_different_names_differ():
    same = stream(1, "a", "b").standard_normal(8)
    np.testing.assert_array_equal(same, stream(1, "a", "b").standard_normal(8))
    for other in (stream(2, "a", "b"), stream(1, "ab"), stream(1, "a", "c"), stream(1, "b", "a")):
        assert not np.array_equal(same, other.standard_normal(8))


def test_a_negative_or_fractional_seed_is_refused():
    for seed in (-1, 0.5):
        with pytest.raises(DomainError, match="seed"):
            stream(seed, "a")


def test_a_table_reads_back_exactly(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.1 + 0.2, 1e-300], "c": ["x", "y,z"]})
    write_table(tmp_path / "t.csv", frame, study="test", failures=[])
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv").frame, frame)


def test_a_missing_table_names_itself(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        read_table(tmp_path / "none.csv")


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "f"
    write_bytes_atomically(path, b"old")

    def full_disk(handle):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_bytes_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["f"]


def test_what_a_killed_write_leaves_is_removed_and_nothing_else(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; "
        "from qtheory.results import write_bytes_atomically; "
        "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL); "
        "write_bytes_atomically(Path(sys.argv[1]), b'new')"
    )
    write_bytes_atomically(tmp_path / "f", b"old")
    for name in ("f", "f", "f.csv"):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / name)])
        assert done.returncode == -signal.SIGKILL
    (tmp_path / ".f.notes").touch()
    assert len(list(tmp_path.iterdir())) == 5
    remove_unfinished(tmp_path, "f")
    others = {path.name for path in tmp_path.iterdir()} - {"f", ".f.notes"}
    assert [name[:7] for name in others] == [".f.csv."]
    remove_unfinished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"f", ".f.notes"}
    assert (tmp_path / "f").read_bytes() == b"old"
    remove_unfinished(tmp_path / "none")
