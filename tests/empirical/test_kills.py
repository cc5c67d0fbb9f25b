"""kill -9 in the middle of a training: the same command goes on, and ends in the same bytes."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from empirical import latents
from empirical.cells import matrix
from empirical.checkpoint import load
from empirical.comparison import compare
from empirical.images import index_folder
from empirical.latents import cache_latents
from empirical.launch import walk
from empirical.launch_config import PHOTOGRAPHS
from empirical.phases import Substitution
from empirical.pretrain import PretrainConfig, pretrain
from empirical.streaming import Crops
from empirical.tokenizers import PocketTokenizer
from empirical.training import _Trainer
from tests.empirical.helpers import contents, sized
from tests.empirical.launched import Here, chosen
from tests.empirical.networked import TINY, networked, small_networks

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
from empirical import cells
from empirical.checkpoint import State
from empirical.comparison import compare
from empirical.launch_config import PHOTOGRAPHS
from empirical.phases import Substitution

smoke = PHOTOGRAPHS["smoke"]
PHOTOGRAPHS["smoke"] = replace(smoke, images=8, first=replace(smoke.first, steps=int(sys.argv[1])))
cells.compared = lambda *_: (("fsq", "full"),)
State.__init__.__defaults__ = (2,)
out, data, tokenizer = map(Path, sys.argv[2:])
compare(Substitution, "smoke", "fair", out=out, data=data, tokenizer=tokenizer, jobs=1)
"""
CELL = "from empirical.cell import main; main(sys.argv[1])"
ADVERSARIAL = """
import json, os, signal
from empirical import journal
from empirical.cell import main
sys.path.insert(0, sys.argv[2])
from networked import small_networks

append = journal._append

def cut(path, row):
    if path.name == "epochs.jsonl" and row["epoch"] == 2:
        with path.open("a") as file:
            file.write(json.dumps(row)[:40])
        os.kill(os.getpid(), signal.SIGKILL)
    append(path, row)

journal._append = cut
small_networks(setattr)
main(sys.argv[1])
"""
LATENTS = """
import os, signal
import torch
from empirical.images import index_folder
from empirical.latents import cache_latents
from empirical.streaming import Crops
from empirical.tokenizers import PocketTokenizer

fsync, calls = os.fsync, []

def cut(file):
    calls.append(file)
    if len(calls) == 2:
        os.ftruncate(file, os.fstat(file).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(file)

os.fsync = cut
crops = Crops(index_folder(Path(sys.argv[1]), 64), 64, seed=0)
tokenizer = PocketTokenizer.from_checkpoint(Path(sys.argv[2]))
cache_latents(tokenizer, crops, Path(sys.argv[3]), {}, shard=5)
"""
PRETRAINING = """
from empirical.pretrain import PretrainConfig, pretrain

names = ("steps", "batch_size", "crop", "width", "threads", "checkpoint_every")
sizes = dict(zip(names, map(int, sys.argv[1:])))
pretrain(PretrainConfig(**sizes, data=Path(sys.argv[-2]), out=Path(sys.argv[-1])))
"""


def killed(script, *arguments, until=lambda: False):
    """Run a script that ends by SIGKILL: its own, or one that it gets once something is there."""
    command = [sys.executable, "-c", START + script, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not until():
        time.sleep(0.002)
    process.kill()
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors


def killed_once_there(state, script, *arguments):
    """Run a script, kill it once its state is on disk, and return the steps of that state."""
    killed(script, *arguments, until=state.exists)
    return int(load(state)[1]["step"])


def test_substitution_resumes_to_the_same_bytes(tmp_path, tiny, monkeypatch):
    monkeypatch.setitem(PHOTOGRAPHS, "smoke", sized(PHOTOGRAPHS["smoke"], first=STEPS))
    monkeypatch.setattr("empirical.cells.compared", lambda *_: (("fsq", "full"),))
    compare(Substitution, "smoke", "fair", out=tmp_path / "straight", jobs=1, **tiny)
    out = tmp_path / "killed"
    state = out / "substitution" / "smoke" / "fsq-full-0.state.safetensors"
    assert 0 < killed_once_there(state, SUBSTITUTION, STEPS, out, *tiny.values()) < STEPS
    compare(Substitution, "smoke", "fair", out=out, jobs=1, **tiny)
    assert not state.exists()
    assert contents(out) == contents(tmp_path / "straight")
    assert "substitution/smoke/fsq-full-0.jsonl" in contents(out)


@pytest.fixture
def taken(monkeypatch):
    """Count the steps of trainings from when the list is cleared."""
    step, numbers = _Trainer.step, []
    monkeypatch.setattr(_Trainer, "step", lambda self, *given: numbers.append(given[0]) or step(self, *given))
    return numbers


@pytest.mark.parametrize("phase", ["substitution", "adaptation", "joint"])
def test_a_launched_cell_resumes_to_the_same_bytes(launch, phase, taken):
    budget = "first" if phase == "substitution" else "second"
    longer = replace(getattr(launch.sizes, budget), steps=STEPS)
    launch = replace(launch, sizes=replace(launch.sizes, **{budget: longer}))
    # the later phases start from what substitution trained
    cells = [cell for cell in chosen() if cell.phase in ("substitution", phase)]
    spec = cells[-1]
    straight = dict(walk(launch, cells, Here()))[spec]
    folder = launch.folder(spec)
    expected = contents(folder)
    shutil.rmtree(folder)
    kept = killed_once_there(folder / "state.safetensors", CELL, launch.write(spec))
    written = ("state.safetensors", "weights.safetensors", "weights-best.safetensors")
    for name in written:  # as a kill in the middle of a write leaves them
        tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    taken.clear()
    [(_, resumed)] = walk(launch, [spec], Here())
    assert list(folder.glob(".*.safetensors.*")) == []
    assert len(taken) == STEPS - kept < STEPS  # it goes on, where to begin again would end in these bytes too
    assert resumed["row"] == straight["row"]
    assert contents(folder) == expected
    assert {"weights.safetensors", "log.jsonl"} <= contents(folder).keys()


def test_a_discriminator_and_measured_epochs_resume_to_the_same_bytes(tmp_path, taken, monkeypatch):
    """Killed while the last epoch's line is written: a step of both networks is left, and its measurement."""
    small_networks(monkeypatch.setattr)
    launch = networked(tmp_path)
    first, _, spec = matrix(TINY, ["as_run"], [7], ["fsq"])
    straight = dict(walk(launch, [first, spec], Here()))[spec]
    folder = launch.folder(spec)
    expected = contents(folder)
    shutil.rmtree(folder)
    killed(ADVERSARIAL, launch.write(spec), Path(__file__).parent)
    stored, metadata = load(folder / "state.safetensors")
    assert metadata["step"] == "1"
    assert {"discriminator", "lecam", "discriminator_optimizer"} < {key.split(".")[0] for key in stored}
    first_epoch, cut = (folder / "epochs.jsonl").read_text().split("\n")
    assert first_epoch == expected["epochs.jsonl"].decode().split("\n")[0]
    assert len(cut) == 40
    taken.clear()
    [(_, resumed)] = walk(launch, [spec], Here())
    assert taken == [1]
    assert resumed["row"] == straight["row"]
    assert contents(folder) == expected


def test_a_cache_of_latents_goes_on_with_the_file_that_was_cut(tmp_path, tiny, monkeypatch):
    """Killed when half of the second of three files is on disk, under another name."""
    crops = Crops(index_folder(tiny["data"], 64), 64, seed=0)
    tokenizer = PocketTokenizer.from_checkpoint(tiny["tokenizer"])
    straight = cache_latents(tokenizer, crops, tmp_path / "straight", {}, shard=5).folder
    killed(LATENTS, *tiny.values(), tmp_path / "killed")
    [cut] = tmp_path.glob("killed-*/")
    assert contents(cut).keys() == {"latents-00000.safetensors"}
    assert len(list(cut.glob(".latents-00001.safetensors.*"))) == 1
    encoded, computed = latents._encoded, []
    monkeypatch.setattr(latents, "_encoded", lambda *given: computed.append(given[2]) or encoded(*given))
    assert cache_latents(tokenizer, crops, tmp_path / "killed", {}, shard=5).folder == cut
    assert computed == [range(5, 10), range(10, 12)]
    assert contents(cut) == contents(straight)
    assert list(cut.glob(".*")) == []
    manifests = [(folder / "latents.json").read_bytes() for folder in (cut, straight)]
    assert manifests[0] == manifests[1]


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
