"""A launched comparison in miniature: its walk, its failures, its processes."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from empirical.__main__ import main
from empirical.cell_run import CellRun
from empirical.cells import CellSpec
from empirical.checkpoint import load
from empirical.cost import cost
from empirical.counts import counts
from empirical.executors import LocalExecutor, Task, perform
from empirical.head import REFERENCES
from empirical.launch import collect, task, walk
from empirical.launch_table import render, side_by_side
from empirical.outcomes import failure, image_manifests
from empirical.tokenizers import Tokenizer
from qtheory.errors import DomainError
from qtheory.results import read_table
from tests.empirical.helpers import interrupted
from tests.empirical.launched import TINY, Here, chosen, launched


def assert_rows_of_all_phases(frame):
    assert frame["phase"].tolist() == [
        "baseline",
        *["substitution"] * (len(REFERENCES) + 1),
        "adaptation",
        "joint",
    ]
    assert frame["method"].tolist() == ["unquantized", *REFERENCES, "fsq", "fsq", "fsq"]
    assert (frame["processes"] == 1).all()
    quantized = frame[frame["method"] != "unquantized"]
    assert (quantized["utilization"] > 0).all()
    assert frame[["psnr", "psnr_luma", "ssim", "kid_efflite0"]].notna().all(axis=None)
    fsq = frame[frame["method"] == "fsq"].set_index("phase")
    # adaptation leaves encoder and quantizers as they are
    assert fsq.loc["adaptation", "quantizer_distortion"] == fsq.loc["substitution", "quantizer_distortion"]
    assert fsq.loc["adaptation", "psnr"] != fsq.loc["substitution", "psnr"]
    assert fsq.loc["joint", "latent_variance"] != fsq.loc["substitution", "latent_variance"]
    assert frame["image_bits"].tolist() == [0] + [2 * 16 * 8] * (len(REFERENCES) + 3)
    assert frame["image_tokens"].tolist() == [0] + [2 * 16] * (len(REFERENCES) + 3)


def assert_beside_the_printed_tables(frame):
    third = side_by_side(3, frame)
    assert third["method"].head(2).tolist() == ["unquantized", "vanilla"]
    own = third[third["origin"] == "measured, fair"]
    # FSQ beside its printed rows; references, which the paper has not, below those of their phase
    assert own["method"].tolist() == ["unquantized", "fsq", *REFERENCES, "fsq"]
    assert sorted(own["psnr"]) == sorted(frame["psnr_luma"][:-1])
    assert third["origin"].str.startswith("authors' logs").sum() == 20
    assert len(third) == 26 + 20 + len(own)
    assert render(7, frame).count("measured, fair") == 3
    # the substitutions, which the paper's table has not, before what was made of them
    assert side_by_side(7, frame)["phase"].drop_duplicates().tolist() == [
        "substitution",
        "adaptation",
        "joint",
    ]
    halves = (frame["psnr_luma_high"] - frame["psnr_luma_low"]) / 2
    for value, half in zip(frame["psnr_luma"], halves, strict=True):  # two standard errors over images
        assert f"{value:.2f} ±{half:.2f} " in render(3, frame) + render(7, frame)


def test_all_phases_run_and_the_table_holds_their_rows(launch):
    cells = chosen(tables=[3, 7])
    executor = Here()
    outcomes = list(walk(launch, cells, executor))
    table = collect(launch, outcomes, "test", image_manifests(launch))
    frame = read_table(table.path).frame
    assert table.manifest["failures"] == []
    images = {"images": 24, "skipped": {}, "digest": launch.digests["train"]}
    assert table.manifest["images"] == {"train": images}
    assert_rows_of_all_phases(frame)
    assert_beside_the_printed_tables(frame)
    assert list(walk(launch, cells, executor)) == outcomes
    assert len(executor.done) == len(cells)  # finished cells are skipped


def test_heads_can_be_smaller_or_left_out_in_table_3_alone(launch):
    cells = [c for c in chosen(tables=[3, 7], methods=["mmd"], heads=["full", "1x1", "none"]) if c.trained]
    assert [f"{cell.phase} {cell.head}" for cell in cells] == [
        *("substitution full", "substitution 1x1", "substitution none"),
        *("adaptation full", "joint full"),
    ]
    assert [cell.tables for cell in cells[:3]] == [(3, 7), (3,), (3,)]
    # cells that are there without the option stay as they are
    assert {cell for cell in chosen(tables=[3, 7], methods=["mmd"]) if cell.trained} < set(cells)
    outcomes = list(walk(launch, cells[:3], Here()))
    sizes = [
        sum(p.numel() for p in load(launch.folder(cell) / "weights.safetensors")[0].values())
        for cell in cells[:3]
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3
    frame = collect(launch, outcomes, "test").frame
    assert frame["head"].tolist() == ["full", "1x1", "none"]
    assert (frame["steps"] == TINY.first.steps).all()
    assert set(frame["loss"]) == {"1 latent + vq"}
    assert frame["psnr"].nunique() == 3
    own = side_by_side(3, frame)
    own = own[own["origin"].str.startswith("measured")]
    assert own["origin"].tolist() == [
        "measured, fair",
        "measured, fair, heads 1x1",
        "measured, fair, heads none",
    ]
    assert own["psnr"].tolist() == frame["psnr_luma"].tolist()
    with pytest.raises(DomainError, match="heads must include full, from which later phases start, got 1x1"):
        chosen(heads=["1x1"])


def test_fixed_rules_without_heads_are_measured_as_they_are(launch):
    """They have nothing to train, so that no step is done, nor counted."""
    cells = {c.head: c for c in chosen(tables=[3], heads=["full", "none"]) if c.phase == "substitution"}
    bare, full = cells["none"], cells["full"]
    assert (bare.method, bare.trained, full.trained) == ("fsq", False, True)
    outcomes = list(walk(launch, [bare, full], Here()))
    assert [(launch.folder(cell) / "log.jsonl").exists() for cell in (bare, full)] == [False, True]
    frame = collect(launch, outcomes, "test").frame
    assert frame["psnr"].notna().all()
    assert frame.set_index("head")["steps"].isna().to_dict() == {"full": False, "none": True}
    own = counts(TINY)
    assert [cost(cell, TINY, own).training > 0 for cell in (bare, full)] == [False, True]


def test_a_comparison_without_a_single_result_is_told_by_its_manifest(launch):
    table = collect(launch, [(cell, "failed") for cell in chosen()], "test")
    assert len(table.manifest["failures"]) == 3
    assert len(table.frame) == 0


def test_a_failed_cell_is_recorded_and_the_walk_goes_on(launch, monkeypatch):
    cells = chosen(methods=["fsq", "lfq"])
    original = CellRun.built

    def built(self):
        made = original(self)
        if self.cell.method == "lfq":
            torch.nn.init.constant_(made.head_out.branch[-1].bias, torch.nan)
        return made

    monkeypatch.setattr(CellRun, "built", built)
    outcomes = dict(walk(launch, cells, Here()))
    named = {cell.name: outcome for cell, outcome in outcomes.items()}
    assert named["substitution/lfq-full-256x2-fair-0"].startswith(
        "FloatingPointError: loss of step 1 of 4 is nan"
    )
    for phase in ("adaptation", "joint"):
        reason = named[f"{phase}/lfq-full-256x2-fair-0"]
        assert reason == "starts from substitution/lfq-full-256x2-fair-0, which failed"
        assert named[f"{phase}/fsq-full-256x2-fair-0"]["row"]["psnr"] > 0
    table = collect(launch, list(outcomes.items()), "test")
    assert [entry["cell"] for entry in table.manifest["failures"]] == [
        cell.name for cell, outcome in outcomes.items() if isinstance(outcome, str)
    ]
    monkeypatch.setattr(CellRun, "built", original)
    again = Here()
    assert not any(isinstance(outcome, str) for _, outcome in walk(launch, cells, again))
    assert len(again.done) == 3


@pytest.mark.parametrize("phase", ["substitution", "joint"])
def test_a_cell_killed_at_any_step_ends_with_the_same_weights_and_row(launch, phase):
    cells = [cell for cell in chosen() if cell.phase in ("substitution", phase)]
    straight = dict(walk(launch, cells, Here()))[cells[-1]]
    folder = launch.folder(cells[-1])
    weights = (folder / "weights.safetensors").read_bytes()
    for name in ("weights.safetensors", "result.json"):
        (folder / name).unlink()
    with interrupted(before=3):
        list(walk(launch, cells, Here()))
    assert load(folder / "state.safetensors")[1]["step"] == "3"
    resumed = dict(walk(launch, cells, Here()))[cells[-1]]
    assert resumed["row"] == straight["row"]
    assert (folder / "weights.safetensors").read_bytes() == weights
    state = folder / "state.safetensors"
    assert not state.exists()
    # killed between the weights and the end of the state: no training, and no state that stays
    (folder / "result.json").unlink()
    state.write_bytes(weights)
    assert dict(walk(launch, cells, Here()))[cells[-1]]["row"] == straight["row"]
    assert not state.exists()
    assert [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()] == [1]


def test_in_bfloat16_all_phases_end_near_those_in_float32(launch, tmp_path):
    cells = chosen(tables=[7])
    (tmp_path / "bf16").mkdir()
    coarse = replace(launched(tmp_path / "bf16"), bf16=True)
    rows = [dict(walk(one, cells, Here())) for one in (launch, coarse)]
    assert {cell.phase for cell in cells} == {"substitution", "adaptation", "joint"}
    for cell in cells:
        exact, near = (found[cell]["row"] for found in rows)
        assert near["psnr"] != exact["psnr"]
        assert near["psnr"] == pytest.approx(exact["psnr"], abs=0.2), cell.name


# the compiler looks at gradients of what it resumes with after a break
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_compiled_all_phases_end_where_they_do_without(launch, monkeypatch):
    """Traced by torch.compile, then run as it is: code for the machine would take minutes to make."""
    compiled, plain = [], Tokenizer.compile_networks

    def traced(self):
        compiled.append(self)
        plain(self, backend="eager")

    monkeypatch.setattr(Tokenizer, "compile_networks", traced)
    cells = chosen(tables=[7])
    exact = dict(walk(launch, cells, Here()))
    assert compiled == []
    found = dict(walk(replace(launch, compiled=True), cells, Here()))
    assert len(compiled) >= len(cells)
    for cell in cells:
        assert not isinstance(found[cell], str), found[cell]
        assert found[cell]["row"]["psnr"] == pytest.approx(exact[cell]["row"]["psnr"], abs=1e-3), cell.name


def test_the_published_run_is_the_best_of_its_epochs(launch):
    cells = [cell for cell in chosen("as_run") if cell.phase != "joint"]
    assert [cell.phase for cell in cells] == ["substitution", "adaptation"]
    launch = replace(launch, sizes=replace(TINY, second=replace(TINY.second, batch_size=4)))
    outcome = dict(walk(launch, cells, Here()))[cells[-1]]
    rows = [json.loads(line) for line in (launch.folder(cells[-1]) / "epochs.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    best = min(rows, key=lambda row: row["kid_efflite0"])
    assert outcome["row"]["kid_efflite0"] == best["kid_efflite0"]
    assert outcome["row"]["epoch"] == f"{best['epoch']}, of 2 by kid_efflite0"


def test_a_cell_runs_as_a_process_and_its_words_are_kept_where_it_dies(launch, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    spec = chosen()[0]
    [(_, outcome)] = walk(launch, [spec], LocalExecutor())
    assert outcome["row"]["psnr"] > 0, failure(launch, spec, 1)
    assert perform(Task(("sh", "-c", "echo killed by the system; exit 9"), task(launch, spec).log)) == 9
    assert failure(launch, spec, 9) == "ended with status 9: killed by the system"


LAUNCHER = """
import sys
from empirical.executors import Task, perform
perform(Task((sys.executable, "-c", sys.argv[1], sys.argv[2]), sys.argv[3]))
"""
LAUNCHED = """
import sys, time
from empirical.runtime import end_with_launcher
end_with_launcher()
with open(sys.argv[1], "w") as pipe:
    time.sleep(100)
    pipe.write("outlived its launcher")
"""


def test_a_cell_ends_with_the_command_that_was_killed(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    given = [LAUNCHED, str(pipe), str(tmp_path / "log")]
    started = subprocess.Popen([sys.executable, "-c", LAUNCHER, *given])
    with pipe.open() as read:  # once the cell has opened it
        started.kill()
        started.wait()
        assert read.read() == ""
    assert (tmp_path / "log").read_text() == ""


def test_a_trained_cell_is_measured_again_by_the_command(launch, capsys):
    spec = chosen()[0]
    [(_, outcome)] = walk(launch, [spec], Here())
    capsys.readouterr()
    assert main(["evaluate", "--cell", str(launch.folder(spec))]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["method"] == "fsq"
    assert row["psnr"] == pytest.approx(outcome["row"]["psnr"], rel=1e-6)
    assert row["epoch"] == "last"
    assert main(["evaluate", "--cell", str(launch.folder(spec).parent)]) == 1
    assert "give the folder of a cell" in capsys.readouterr().err
    other = CellSpec("adaptation", "fsq", "full", 256, 2, "fair", 0, (7,))
    assert main(["evaluate", "--cell", str(launch.write(other))]) == 1
    assert "launch it first" in capsys.readouterr().err
