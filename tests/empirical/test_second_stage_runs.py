"""Runs of adaptation and joint optimisation: their tables, interruptions, and what they start from."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from empirical import cell_run, journal
from empirical.__main__ import main
from empirical.cells import compared
from empirical.checkpoint import State, load
from empirical.comparison import compare
from empirical.head import REFERENCES, TRAINED
from empirical.launch_config import PHOTOGRAPHS
from empirical.phases import Adaptation, Joint, Substitution
from empirical.training import _Trainer
from qtheory.errors import DomainError, SchemaError
from tests.empirical.helpers import sized

MEASURED = {"latent_nmse", "quantizer_distortion", "utilization", "perplexity"}


@pytest.fixture
def arguments(tiny, monkeypatch):
    """The small comparison with two methods."""
    changed = sized(PHOTOGRAPHS["smoke"], second=3, methods=("ema", "fsq"))
    monkeypatch.setitem(PHOTOGRAPHS, "smoke", changed)
    # the references cost most of the time here
    monkeypatch.setattr("empirical.cells.compared", lambda *_: (("ema", "full"), ("fsq", "full")))
    return tiny


def run(phase, out, arguments, *, name="smoke", protocol="fair", **options):
    return compare(phase, name, protocol, out=out, jobs=1, **arguments, **options)


def contents(folder):
    tables = {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}
    beside = [path for kind in ("*.safetensors", "*.jsonl") for path in folder.rglob(kind)]
    return tables | {path.name: path.read_bytes() for path in beside}


@pytest.mark.parametrize("phase", [Adaptation, Joint])
def test_a_phase_that_has_nothing_to_start_from_leaves_nothing(tmp_path, arguments, phase):
    with pytest.raises(FileNotFoundError, match="this phase starts from trained transplants"):
        run(phase, tmp_path / "out", arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("phase", [Adaptation, Joint])
def test_an_interrupted_phase_resumes_to_the_same_bytes(tmp_path, arguments, monkeypatch, phase):
    monkeypatch.setattr(journal, "_EVERY", 1)
    run(Substitution, tmp_path, arguments)
    run(phase, tmp_path, arguments)
    straight = contents(tmp_path / phase.study)
    (tmp_path / phase.study).rename(tmp_path / "straight")
    step, calls = _Trainer.step, []

    def stopped(self, number, chosen):
        calls.append(number)
        if len(calls) == 6:  # in the second method's last step
            raise KeyboardInterrupt
        return step(self, number, chosen)

    monkeypatch.setattr(State.__init__, "__defaults__", (2,))
    monkeypatch.setattr(_Trainer, "step", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(phase, tmp_path, arguments)
    assert [path.name for path in (tmp_path / phase.study).rglob("*.state.safetensors")] == [
        "fsq-full-0.state.safetensors"
    ]
    run(phase, tmp_path, arguments)
    assert calls == [0, 1, 2, 0, 1, 2, 2]
    log = (tmp_path / phase.study / "smoke" / "fsq-full-0.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in log] == [1, 2, 3]
    assert contents(tmp_path / phase.study) == straight


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from empirical import cells
from empirical.checkpoint import State
from empirical.comparison import compare
from empirical.launch_config import PHOTOGRAPHS
from empirical.phases import Adaptation
from empirical.phases import Joint
from empirical.training import _Trainer

smoke = PHOTOGRAPHS["smoke"]
first, second = (replace(budget, steps=3) for budget in (smoke.first, smoke.second))
PHOTOGRAPHS["smoke"] = replace(smoke, methods=("ema", "fsq"), images=8, first=first, second=second)
cells.compared = lambda *_: (("ema", "full"), ("fsq", "full"))
State.__init__.__defaults__ = (2,)
step, calls = _Trainer.step, []

def killed(self, number, chosen):
    calls.append(number)
    if len(calls) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, number, chosen)

_Trainer.step = killed
phase = {"adaptation": Adaptation, "joint": Joint}[sys.argv[1]]
folder, data, tokenizer = map(Path, sys.argv[2:])
compare(phase, "smoke", "fair", out=folder, data=data, tokenizer=tokenizer, jobs=1)
"""


@pytest.mark.parametrize("phase", [Adaptation, Joint])
def test_a_process_that_was_killed_resumes_to_the_same_bytes(tmp_path, arguments, monkeypatch, phase):
    run(Substitution, tmp_path, arguments)
    run(phase, tmp_path, arguments)
    straight = contents(tmp_path / phase.study)
    (tmp_path / phase.study).rename(tmp_path / "straight")
    command = [sys.executable, "-c", KILLED, phase.study, str(tmp_path), *map(str, arguments.values())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    steps = []
    step = _Trainer.step
    monkeypatch.setattr(_Trainer, "step", lambda self, *args: steps.append(args[0]) or step(self, *args))
    run(phase, tmp_path, arguments)
    assert steps == [2]
    assert contents(tmp_path / phase.study) == straight


@pytest.mark.parametrize("phase", [Adaptation, Joint])
def test_the_control_trains_the_tokenizer_without_a_quantizer(tmp_path, tiny, monkeypatch, phase):
    monkeypatch.setattr("empirical.cells.compared", lambda *_: (("unquantized", "none"),))
    before = run(Substitution, tmp_path, tiny)[0].frame
    after = run(phase, tmp_path, tiny)[0].frame
    assert after["psnr"].iloc[0] != before["psnr"].iloc[0]
    # what is measured of quantizers stands in tables of quantizers only
    assert MEASURED.isdisjoint(after.columns)
    assert {"psnr", "ssim"} < set(after.columns)
    stored = tmp_path / phase.study / "smoke" / "unquantized-none-0.safetensors"
    assert all(key.startswith("tokenizer.") for key in load(stored)[0])


def test_the_later_phases_have_a_control_the_references_and_all_methods():
    for phase, references in ((Adaptation, REFERENCES), (Joint, ("kmeans", "lloyd_max"))):
        points = list(compared(PHOTOGRAPHS["pocket"], phase.study))
        bare = [(method, "none") for method in ("unquantized", *references)]
        assert points == [*bare, *((method, "full") for method in TRAINED)]
    assert PHOTOGRAPHS["pocket"].methods == TRAINED


def test_phases_share_their_columns_and_tell_what_changed(tmp_path, arguments):
    frames = {p: run(p, tmp_path, arguments)[0].frame for p in (Substitution, Adaptation, Joint)}
    first, adapted, moved = frames.values()
    assert set(first.columns) < set(adapted.columns) == set(moved.columns)
    assert set(adapted.columns) - set(first.columns) == {"start"}
    assert [set(frame["phase"]) for frame in frames.values()] == [{"substitution"}, {"adaptation"}, {"joint"}]
    assert set(adapted.columns) > MEASURED
    frozen = ["quantizer_distortion", "quantizer_nmse", "quantizer_nmse_low", "latent_variance", "perplexity"]
    assert adapted[frozen].equals(first[frozen])
    assert not adapted["psnr"].equals(first["psnr"])
    assert (moved["latent_variance"] != first["latent_variance"]).all()
    implied = moved["latent_distortion_per_dim"] / moved["latent_variance"]
    np.testing.assert_allclose(moved["latent_nmse"], implied, rtol=1e-12)


@pytest.mark.parametrize("phase", [Adaptation, Joint])
def test_a_missing_transplant_names_the_command_to_run_first(tmp_path, arguments, phase):
    with pytest.raises(FileNotFoundError, match=r"ema-full-0.*run `python -m empirical substitute --preset"):
        run(phase, tmp_path, arguments)
    run(Substitution, tmp_path, arguments)
    with pytest.raises(SchemaError, match=r"of another; run `python .* --seed 1 --out "):
        run(phase, tmp_path, arguments, seed=1)
    assert not (tmp_path / phase.study).exists()


def test_more_trials_than_transplants_name_the_command_that_makes_them(tmp_path, arguments):
    run(Substitution, tmp_path, arguments)
    with pytest.raises(FileNotFoundError, match=r"ema-full-1.*substitute --preset smoke .*--trials 2`"):
        run(Adaptation, tmp_path, arguments, trials=2)


def test_commands_print_their_phase_and_the_table_prints_all(tmp_path, arguments, capsys):
    where = ["--preset", "smoke", "--out", str(tmp_path)]
    given = [*where, *(f"--{key}={value}" for key, value in arguments.items()), "--jobs", "1"]
    assert main(["adapt", *given]) == 1
    assert "run `python -m empirical substitute" in capsys.readouterr().err
    for command in ("substitute", "adapt", "joint"):
        assert main([command, *given]) == 0
    capsys.readouterr()
    main(["table", *where])
    comparison = capsys.readouterr().out.split("\n\n")[0]
    lines = [line.split()[:3] for line in comparison.splitlines()[1:]]
    assert lines == [
        [method, "full", phase]
        for method in ("ema", "fsq")
        for phase in ("substitution", "adaptation", "joint")
    ]


def test_a_launch_on_the_photographs_runs_all_phases_and_prints_the_tables(
    tmp_path, arguments, monkeypatch, capsys
):
    monkeypatch.setitem(PHOTOGRAPHS, "pocket", PHOTOGRAPHS["smoke"])
    monkeypatch.setattr("empirical.comparison.available_threads", lambda: 1)
    given = ["launch", "--preset", "pocket", *(f"--{key}={value}" for key, value in arguments.items())]
    given += ["--out", str(tmp_path / "launched")]

    def states():
        assert main([*given, "--dry-run"]) == 0
        *lines, summary = capsys.readouterr().out.splitlines()
        assert summary.startswith(f"{len(lines)} cells, ")
        assert "(estimated: " in summary
        return {line.split()[0]: " ".join(line.split()[1:-2]) for line in lines}, summary

    planned, _ = states()
    assert set(planned.values()) == {"to do"}
    assert {name.split("/")[0] for name in planned} == {"substitution", "adaptation", "joint"}
    assert not (tmp_path / "launched").exists()
    assert main([*given]) == 0
    printed = capsys.readouterr().out
    assert "\nTable 7\n" in printed
    done, after = states()
    assert done == dict.fromkeys(planned, "done")
    assert f"{len(done)} cells, 0 to do: about 0.0 core-hours" in after
    stored = tmp_path / "launched" / "joint" / "pocket"
    (stored / "fsq-full-0.json").unlink()
    assert [name for name, state in states()[0].items() if state != "done"] == ["joint/fsq-full-fair-0"]
    assert main([*given, "--seed", "1", "--dry-run"]) == 0
    assert " done " not in capsys.readouterr().out
    assert main([*given]) == 0
    for phase in (Substitution, Adaptation, Joint):
        run(phase, tmp_path, arguments, name="pocket")
        assert contents(tmp_path / "launched" / phase.study) == contents(tmp_path / phase.study)
    capsys.readouterr()
    assert main([*given, "--methods", "fsq", "--tables", "3", "--dry-run"]) == 0
    chosen = [line.split()[0] for line in capsys.readouterr().out.splitlines()[:-1]]
    assert chosen == ["substitution/fsq-full-fair-0", "adaptation/fsq-full-fair-0"]
    assert main([*given, "--tables", "4"]) == 2
    assert "must be launched with table 3 or 7, got (4,)" in capsys.readouterr().err
    assert main([*given, "--device", "cpu", "--workers", "2"]) == 2
    assert "must be launched without --device, --workers" in capsys.readouterr().err


def test_a_table_of_fewer_methods_is_another_one_and_the_whole_one_comes_back(
    tmp_path, arguments, monkeypatch
):
    def tables(out):
        names = [f"smoke{name}.csv" for name in ("", "-photographs", "-pictures")]
        return [(out / "adaptation" / name).read_bytes() for name in names]

    for out, asked in ((tmp_path / "whole", (None,)), (tmp_path / "grown", (["fsq"], None))):
        for methods in asked:
            for phase in (Substitution, Adaptation):
                table, _ = run(phase, out, arguments, methods=methods)
                assert table.frame["method"].tolist() == (methods or ["ema", "fsq"])
    assert tables(tmp_path / "grown") == tables(tmp_path / "whole")
    monkeypatch.setattr(cell_run, "train_on", None)  # all is trained
    fewer, photographs = run(Adaptation, tmp_path / "whole", arguments, methods=["fsq"])
    assert set(fewer.frame["method"]) == set(photographs.frame["method"]) == {"fsq"}
    assert fewer.manifest["command"].endswith("--methods fsq")
    whole = tables(tmp_path / "grown")
    assert tables(tmp_path / "whole") != whole
    run(Adaptation, tmp_path / "whole", arguments)
    assert tables(tmp_path / "whole") == whole
    with pytest.raises(DomainError, match="methods must be"):
        run(Adaptation, tmp_path / "whole", arguments, methods=["vanilla"])


def test_as_run_has_half_the_batch_one_seed_and_the_best_epoch_on_photographs_too(tmp_path, arguments):
    first, _ = run(Substitution, tmp_path, arguments, protocol="as_run")
    found, photographs = run(Adaptation, tmp_path, arguments, protocol="as_run")
    assert set(first.frame["batch_size"]) == set(found.frame["batch_size"]) == {2}
    assert set(first.frame["epoch"]) == {"last"}
    for (_, row), method in zip(found.frame.iterrows(), ("ema", "fsq"), strict=True):
        lines = (tmp_path / f"adaptation/smoke-as_run/{method}-full-0.epochs.jsonl").read_text().splitlines()
        values = [json.loads(line)["kid_efflite0"] for line in lines]
        assert len(values) == 2
        best = int(np.argmin(values))
        assert row["epoch"] == f"{best + 1}, of 2 by kid_efflite0"
        assert row["kid_efflite0"] == values[best]
        own = photographs.frame[photographs.frame["method"] == method]
        assert np.average(own["psnr"], weights=own["crops"]) == pytest.approx(row["psnr"], rel=1e-6)


def test_a_method_with_a_budget_of_its_own_says_so_in_its_row(tmp_path, arguments, monkeypatch):
    monkeypatch.setattr("empirical.cells.compared", lambda *_: (("vanilla", "full"), ("fsq", "full")))
    run(Substitution, tmp_path, arguments, protocol="as_run")
    found, _ = run(Adaptation, tmp_path, arguments, protocol="as_run")
    # half of the others' batch, for twice the steps
    assert found.frame[["method", "steps", "batch_size"]].to_numpy().tolist() == [
        ["vanilla", 2 * 3, 1],
        ["fsq", 3, 2],
    ]
    log = (tmp_path / "adaptation/smoke-as_run/vanilla-full-0.epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in log] == [3, 6]
