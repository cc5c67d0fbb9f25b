"""kill -9 in the middle of a training: the same command goes on, and ends in the same bytes."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from empirical.checkpoint import load
from empirical.comparison import compare
from empirical.config import PRESETS
from empirical.launch import walk
from empirical.pretrain import PretrainConfig, pretrain
from empirical.substitute import Substitution
from empirical.training import _Trainer
from tests.empirical.launched import Here, chosen

STEPS = 24
START = """
import sys, time
from dataclasses import replace
from pathlib import Path
from empirical import checkpoint
write = checkpoint.write_bytes_atomically

def slow(path, content):
    write(path, content)
    time.sleep(0.02)  # or the last step could come before the kill

checkpoint.write_bytes_atomically = slow
"""
SUBSTITUTION = """
from empirical.checkpoint import State
from empirical.comparison import compare
from empirical.config import PRESETS
from empirical.substitute import Substitution

PRESETS["smoke"] = replace(PRESETS["smoke"], train_crops=8, steps=int(sys.argv[1]))
Substitution.points = lambda preset: ({"method": "fsq", "head": "full"},)
State.__init__.__defaults__ = (2,)
out, data, tokenizer = map(Path, sys.argv[2:])
compare(Substitution, "smoke", "fair", out=out, data=data, tokenizer=tokenizer, jobs=1)
"""
CELL = "from empirical.cell import main; main(sys.argv[1])"
PRETRAINING = """
from empirical.pretrain import PretrainConfig, pretrain

names = ("steps", "batch_size", "crop", "width", "threads", "checkpoint_every")
sizes = dict(zip(names, map(int, sys.argv[1:])))
pretrain(PretrainConfig(**sizes, data=Path(sys.argv[-2]), out=Path(sys.argv[-1])))
"""


def killed_once_there(state, script, *arguments):
    """Run a script, kill it once its state is on disk, and return the steps of that state."""
    command = [sys.executable, "-c", START + script, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not state.exists():
        time.sleep(0.002)
    process.kill()
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    return int(load(state)[1]["step"])


def contents(folder):
    kinds = (".csv", ".safetensors", ".jsonl")
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.suffix in kinds}


def test_substitution_resumes_to_the_same_bytes(tmp_path, tiny, monkeypatch):
    monkeypatch.setitem(PRESETS, "smoke", replace(PRESETS["smoke"], steps=STEPS))
    monkeypatch.setattr(Substitution, "points", lambda preset: ({"method": "fsq", "head": "full"},))
    compare(Substitution, "smoke", "fair", out=tmp_path / "straight", jobs=1, **tiny)
    out = tmp_path / "killed"
    state = out / "substitution" / "smoke" / "fsq-full-0.state.safetensors"
    assert 0 < killed_once_there(state, SUBSTITUTION, STEPS, out, *tiny.values()) < STEPS
    compare(Substitution, "smoke", "fair", out=out, jobs=1, **tiny)
    assert not state.exists()
    assert contents(out) == contents(tmp_path / "straight")
    assert "substitution/smoke/fsq-full-0.jsonl" in contents(out)


@pytest.mark.parametrize(("phase", "budget"), [("substitution", "first"), ("adaptation", "second")])
def test_a_launched_cell_resumes_to_the_same_bytes(launch, phase, budget, monkeypatch):
    longer = replace(getattr(launch.sizes, budget), steps=STEPS)
    launch = replace(launch, sizes=replace(launch.sizes, **{budget: longer}))
    cells = chosen()
    [spec] = [cell for cell in cells if cell.phase == phase]
    cells = cells[: cells.index(spec) + 1]  # adaptation starts from what substitution trained
    straight = dict(walk(launch, cells, Here()))[spec]
    folder = launch.folder(spec)
    expected = contents(folder)
    shutil.rmtree(folder)
    kept = killed_once_there(folder / "state.safetensors", CELL, launch.write(spec))
    step, taken = _Trainer.step, []
    monkeypatch.setattr(_Trainer, "step", lambda self, *given: taken.append(0) or step(self, *given))
    [(_, resumed)] = walk(launch, [spec], Here())
    assert len(taken) == STEPS - kept < STEPS  # it goes on, where to begin again would end in these bytes too
    assert resumed["row"] == straight["row"]
    assert contents(folder) == expected
    assert {"weights.safetensors", "log.jsonl"} < contents(folder).keys()


def test_pretraining_resumes_to_the_same_bytes(tmp_path, tiny):
    sizes = {"steps": STEPS, "batch_size": 3, "crop": 16, "width": 8, "threads": 1, "checkpoint_every": 2}
    for name in ("straight", "killed"):
        out = tmp_path / name
        if name == "killed":
            state = out / "state.safetensors"
            assert 0 < killed_once_there(state, PRETRAINING, *sizes.values(), tiny["data"], out) < STEPS
            assert not (out / "tokenizer.safetensors").exists()
        pretrain(PretrainConfig(**sizes, data=tiny["data"], out=out))
    assert contents(tmp_path / "killed") == contents(tmp_path / "straight")
    assert {"tokenizer.safetensors", "log.jsonl"} < contents(tmp_path / "killed").keys()
