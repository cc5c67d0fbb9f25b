"""What a user can get wrong is said once, in one line, before anything is trained."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import empirical
from empirical import comparison
from empirical.__main__ import main
from empirical.phases import Substitution
from empirical.printed import MEASURES
from empirical.table import USE_OF_CODEWORDS


@pytest.fixture
def given(tiny):
    return {**tiny, "preset": "smoke", "out": tiny["data"].parent / "results"}


def substitute(given):
    return main(["substitute", *(f"--{key}={value}" for key, value in given.items())])


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    def trained(*args, **options):
        raise AssertionError("a cell was run")

    monkeypatch.setattr(comparison, "run_sweep", trained)


def tokenizers(folder):
    """Files that hold no tokenizer, and what is wrong with each."""
    (folder / "text").write_text("no tensors")
    save_file({"a": torch.zeros(2)}, folder / "words", metadata={"qtheory": "no JSON"})
    save_file({"a": torch.zeros(2)}, folder / "list", metadata={"qtheory": "[1]"})
    save_file({"a": torch.zeros(2)}, folder / "bare")
    save_file(
        {"a": torch.zeros(2)}, folder / "other", metadata={"qtheory": '{"kind": "pocket", "width": "8"}'}
    )
    return {
        "missing": "missing does not exist",
        ".": "is a folder, no file",
        "text": "must be a safetensors file",
        "words": "must have JSON in its header",
        "list": "must have names and texts in its header, got [1]",
        "bare": "must hold a pocket tokenizer",
        "other": "62 are missing, unexpected or of another shape, such as a;",
    }


def test_a_tokenizer_that_cannot_be_used_is_one_line(given, tmp_path, capsys):
    for name, words in tokenizers(tmp_path).items():
        assert substitute({**given, "tokenizer": tmp_path / name}) == 1
        printed = capsys.readouterr().err
        assert words in printed
        assert "Traceback" not in printed


def test_photographs_that_cannot_be_used_are_one_line(given, tmp_path, capsys):
    from PIL import Image

    few = tmp_path / "few"
    few.mkdir()
    for name in ("0.png", "1.png", "2.png"):
        shutil.copy(given["data"] / name, few / name)
    assert substitute({**given, "data": few}) == 2
    assert "photographs enough to hold 3 out, got 1" in capsys.readouterr().err
    Image.new("RGB", (200, 40)).save(given["data"] / "flat.png")
    assert substitute(given) == 1
    words = "damaged or below 64 pixels, it has 1 of 13: flat.png: 200 x 40 pixels; restore or remove them"
    assert words in capsys.readouterr().err
    assert substitute({**given, "data": tmp_path / "tokenizer.safetensors"}) == 1
    assert "which is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"threads": 10**20}, "threads must be at most 1024, got 100000000000000000000"),
        ({"jobs": -1}, "jobs must be at least 1, got -1"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"out": "/no/such/folder"}, "--out must lie in a folder that exists, got /no/such/folder"),
    ],
)
def test_an_argument_that_cannot_be_is_one_line(given, changed, words, capsys):
    assert substitute({**given, **changed}) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("protocol", "first"), [("fair", "fair"), ("fair_decoder", "fair")])
def test_a_table_that_is_missing_names_its_command(protocol, first, tmp_path, capsys):
    folder = tmp_path / "two words"  # a shell takes the command as it is printed
    folder.mkdir()
    assert main(["table", "--preset", "smoke", "--protocol", protocol, "--out", str(folder)]) == 1
    command = f"python -m empirical substitute --preset smoke --protocol {first} --out '{folder}'"
    assert f"smoke.csv does not exist; run `{command}`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("preset", "options"), [("pocket", []), ("pocket", ["--protocol", "fair_decoder"]), ("desk", [])]
)
def test_a_stored_table_is_shown_where_there_is_no_own_and_nothing_is_written(
    preset, options, tmp_path, monkeypatch, capsys
):
    stored = Path(empirical.__file__).with_name("results")
    before = {path: path.read_bytes() for path in stored.rglob("*") if path.is_file()}
    monkeypatch.chdir(tmp_path)
    assert main(["table", "--preset", preset, *options]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"stored with the code: {stored}\n")
    assert "MMD VQ" in said or "mmd" in said
    assert said.count(MEASURES) == 1
    assert said.index(MEASURES) < said.index("\nTable ")
    assert ("fair_decoder - fair" in said) == bool(options)
    assert (USE_OF_CODEWORDS in said) == (preset == "pocket")  # of a launch utilization has no interval
    assert list(tmp_path.iterdir()) == []
    assert {path: path.read_bytes() for path in stored.rglob("*") if path.is_file()} == before


def test_an_interrupted_training_says_what_is_kept(given, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Substitution, "require_inputs", interrupted)
    assert substitute(given) == 130
    assert "interrupted: finished cells, and of a training" in capsys.readouterr().err


def test_an_option_that_a_command_lacks_is_answered_with_whole_commands(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as ended:
        main(["joint", "--trial", "3"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    for name in ("joint", "adapt", "substitute"):
        assert f"in python -m empirical {name} --help" in said
    assert "in python joint" not in said
    assert len({len(line) for line in said.splitlines()}) == 1  # the box around it stays whole
