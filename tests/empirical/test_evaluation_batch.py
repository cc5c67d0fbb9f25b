"""How many images are encoded and measured at a time: a matter of memory alone, named where it helps."""

import json
import re
from dataclasses import replace

import pytest
import torch

from empirical import cell_run, streamed
from empirical.__main__ import main
from empirical.determinism import deterministic
from empirical.launch import task, walk
from empirical.outcomes import failure
from empirical.setup import prepared
from empirical.tokenizers import PocketTokenizer
from tests.empirical.launched import TINY, Here, chosen

WORDS = "encode and measure fewer than 32 images at a time (--evaluation-batch)"
OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory.")


@pytest.fixture
def encoded(monkeypatch):
    """Sizes of the batches that were encoded."""
    encode, sizes = PocketTokenizer.encode, []
    monkeypatch.setattr(PocketTokenizer, "encode", lambda self, x: sizes.append(len(x)) or encode(self, x))
    return sizes


def run_out(*_, **__):
    raise OUT_OF_MEMORY


def numbers(row):
    return {name: value for name, value in row.items() if not isinstance(value, str | tuple)}


def test_rows_depend_on_the_batch_of_evaluation_by_rounding_alone(launch, tmp_path, encoded, capsys):
    """Trained on latents that were cached so, and measured so: 36 latents, and 6 held-out images."""
    methods = ("unquantized", "kmeans", "fsq")
    cells = [cell for cell in chosen(tables=[3, 7]) if cell.method in methods]
    assert len({cell.phase for cell in cells}) == 4
    rows = []
    with deterministic(1):
        for batch in (32, 5):
            encoded.clear()
            given = {"sizes": replace(TINY, heldout=6), "out": str(tmp_path / str(batch)), "digests": {}}
            own = prepared(replace(launch, **given, evaluation_batch=batch, cached=True))
            rows.append([outcome["row"] for _, outcome in walk(own, cells, Here())])
            assert max(encoded) == batch
        for one, other in zip(*rows, strict=True):
            assert numbers(other) == pytest.approx(numbers(one), rel=1e-4)
        # of the same weights
        capsys.readouterr()
        encoded.clear()
        for given, most in (([], 5), (["--batch", "3"], 3)):
            assert main(["evaluate", "--cell", str(own.folder(cells[-1])), *given]) == 0
            found = json.loads(capsys.readouterr().out)
            assert numbers(found) == pytest.approx(numbers(cells[-1].row | rows[1][-1]), rel=1e-6)
            assert max(encoded) == most
            encoded.clear()


@pytest.mark.parametrize("name", ["cache_latents", "measure", "measure_latents"])
def test_memory_that_runs_out_where_images_are_encoded_or_measured_names_it(launch, monkeypatch, name):
    monkeypatch.setattr(streamed, name, run_out)
    spec = chosen()[0]
    [(_, outcome)] = walk(launch, [spec], Here())
    assert outcome == f"DomainError: memory of cpu ran out in {spec.name}: {WORDS} (CUDA out of memory.)"


def test_memory_that_runs_out_between_epochs_names_it_and_in_a_training_does_not(launch, monkeypatch):
    first, second, _ = chosen("as_run")
    launch = replace(launch, sizes=replace(TINY, second=replace(TINY.second, batch_size=4)))
    list(walk(launch, [first], Here()))
    for module, name, named in ((streamed, "measure", True), (cell_run, "train_on", False)):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, run_out)
            [(_, outcome)] = walk(launch, [second], Here())
        assert (WORDS in outcome, "--recompute" in outcome) == (named, not named)


def test_a_cell_that_the_system_kills_outside_its_training_names_it(launch):
    reference = next(cell for cell in chosen(tables=[3]) if cell.method == "kmeans")
    first, second, _ = chosen()

    def named(spec, *files):
        task(launch, spec)
        for file in files:
            (launch.folder(spec) / file).touch()
        words = failure(launch, spec, -9)
        assert (WORDS in words) != ("--recompute" in words)
        return WORDS in words

    assert named(reference)
    assert named(first)  # while latents are cached
    assert not named(first, "log.jsonl")
    assert named(first, "weights.safetensors")
    assert not named(second)
    assert not named(second, "log.jsonl")
    assert named(second, "weights.safetensors")


def test_the_command_that_measures_names_its_own_argument(launch, monkeypatch, capsys):
    spec = chosen()[0]
    list(walk(launch, [spec], Here()))
    monkeypatch.setattr(streamed, "measure", run_out)
    given = ["evaluate", "--cell", str(launch.folder(spec))]
    assert main([*given, "--batch", "7"]) == 2
    expected = "memory of cpu ran out: encode and measure fewer than 7 images at a time (--batch) (CUDA out"
    assert expected in capsys.readouterr().err
    assert main([*given, "--batch", "1"]) == 2
    assert "take a device with more memory: --batch is 1 already" in capsys.readouterr().err
    assert main([*given, "--batch", "0"]) == 2
    assert "--batch must be at least 1, got 0" in capsys.readouterr().err


def test_the_command_that_measures_says_what_helps_processes_that_decode(launch, monkeypatch, capsys):
    spec = chosen()[0]
    list(walk(launch, [spec], Here()))
    path, error = (
        replace(launch, workers=2).write(spec),
        "DataLoader worker (pid(s) 7, 8) exited unexpectedly",
    )

    def killed(*_, **__):
        raise RuntimeError(error)

    monkeypatch.setattr(streamed, "measure", killed)
    assert main(["evaluate", "--cell", str(path)]) == 2
    said = capsys.readouterr().err
    assert "a process that decodes images was killed, perhaps because memory ran out" in said
    assert "lower --batch, which was 32, or give the launch again with fewer --workers than its 2" in said
    assert f"({error})" in said


def test_the_memory_of_a_dry_run_follows_it(capsys):
    given = [
        "launch",
        "--preset",
        "paper",
        "--dry-run",
        "--tables",
        "3",
        "--methods",
        "mmd",
        "--device",
        "cpu",
    ]
    found = []
    for batch in (32, 8):
        assert main([*given, "--evaluation-batch", str(batch)]) == 0
        cells = [line for line in capsys.readouterr().out.splitlines() if line.endswith("GiB")]
        found.append({line.split()[0]: float(re.search(r"(\S+) GiB", line)[1]) for line in cells})
    gained = {name: round(value - found[1][name], 1) for name, value in found[0].items()}
    # 24 images of 5 x 40 MiB each, where measuring takes more than training
    assert gained["baseline/unquantized-none-fair-0"] == pytest.approx(24 * 200 / 1024, abs=0.11)
    assert gained["adaptation/mmd-full-65536x2-fair-0"] == 0
    assert main([*given, "--evaluation-batch", "0"]) == 2
    assert "--evaluation-batch must be at least 1, got 0" in capsys.readouterr().err
