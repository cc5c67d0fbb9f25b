"""Files of a launch that are damaged: what can be made again is, and what cannot is named with a remedy."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from empirical.__main__ import main
from empirical.launch import _batches, collect, walk
from empirical.launch_forecast import forecast
from empirical.locks import if_free
from empirical.outcomes import (
    failure,
    kept_beside,
    latents_cached,
    log,
    log_lock,
    set_aside,
    with_digests,
    with_tables,
)
from empirical.outcomes import finished as every_finished
from empirical.setup import Launch
from qtheory.errors import SchemaError
from qtheory.results import read_json, read_json_if_whole
from tests.empirical.helpers import interrupted
from tests.empirical.launched import Here, chosen

DAMAGED = {
    "empty": b"",
    "truncated": b'{"digest": "12',
    "a picture": b"\x89PNG\r\n\x1a\n\xff\xfe",
    "a list": b"[1]",
    "an empty object": b"{}",
}
MISSHAPEN = {
    "another kind": b'{"configuration": 3}',
    "without a count": b'{"configuration": {"tokenizer": "a"}}',
    "a word as count": b'{"configuration": {"chosen": "9"}}',
    "lists for words": b'{"configuration": {"chosen": 9, "tokenizer": ["a"]}}',
}
OTHERWISE = {
    "a number as launch": {"launch": 3},
    "a launch without digests": {"launch": {"a": 1}},
    "a number as digests": {"launch": {"digests": 3}},
    "a number as cell": {"cell": 3},
    "a number as tables": {"cell": {"tables": 3}},
    "words as tables": {"cell": {"tables": [3, "4"]}},
    "a list as digest": {"digest": [1]},
}


class AtOnce(Here):
    at_once = True


class Fails(Here):
    def run(self, tasks):
        yield from (3 for _ in tasks)


@pytest.fixture
def finished(launch):
    """A launch whose three cells are finished, and their rows."""
    return launch, rows(launch)


def rows(launch, executor=None):
    outcomes = list(walk(launch, chosen(), executor or Here()))
    return [outcome["row"] for _, outcome in outcomes], collect(launch, outcomes, "test").frame


def everywhere(launch, name, content):
    found = sorted(Path(launch.out).glob(f"*/{name}")) + sorted(Path(launch.out).glob(f"*/*/{name}"))
    assert found
    for path in found:
        path.write_bytes(content)
    return found


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize(
    ("name", "executor"),
    [("result.json", Here), ("cell.json", Here), ("latents.json", Here), ("latents.json", AtOnce)],
)
def test_a_launch_makes_damaged_files_again_and_ends_with_the_same_rows(
    finished, name, executor, content, capsys
):
    launch, before = finished
    paths = everywhere(launch, name, content)
    capsys.readouterr()
    again = executor()
    found = rows(launch, again)
    assert found[0] == before[0]
    assert found[1].equals(before[1])
    # only what is missing is run, and of that nothing is trained
    assert len(again.done) == (3 if name == "result.json" else 0)
    said = capsys.readouterr().err
    if content != b"{}" and name != "latents.json":  # which no finished cell needs
        for path in paths:
            assert said.count(f"{path} ") == 1
        assert "it counts as missing, and is written again where it is needed" in said


@pytest.mark.parametrize("files", [None, 3])
def test_a_cache_whose_manifest_is_damaged_is_not_computed_again(finished, files, monkeypatch):
    launch, before = finished
    [path] = Path(launch.out).glob("latents*/latents.json")
    stored = json.loads(path.read_text())
    path.write_bytes(b"\xff" if files is None else json.dumps(stored | {"files": files}).encode())
    for name in ("result.json", "weights.safetensors"):
        (launch.folder(chosen()[0]) / name).unlink()
    monkeypatch.setattr("empirical.latents._encoded", None)
    assert rows(launch)[0] == before[0]
    assert json.loads(path.read_text()) == stored


@pytest.mark.parametrize("content", [*DAMAGED.values(), *MISSHAPEN.values()], ids=[*DAMAGED, *MISSHAPEN])
def test_where_all_cells_run_at_once_a_damaged_manifest_of_latents_is_none(launch, content):
    launch = replace(launch, cached=True)
    cells = [cell for cell in chosen(methods=["fsq", "lfq"]) if cell.phase == "substitution"]
    path = Path(launch.out) / "latents-0" / "latents.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert not latents_cached(launch)
    assert [len(batch) for batch in _batches(launch, cells, AtOnce())] == [1, 1]


def test_a_dry_run_counts_what_is_damaged_as_missing(finished):
    launch, _ = finished
    assert forecast(launch, chosen(), "cpu").count(" done ") == 3
    everywhere(launch, "result.json", b"{")
    assert forecast(launch, chosen(), "cpu").count(" to do ") == 3
    # the digests of images and weights come from the first cell that has them
    (launch.folder(chosen()[0]) / "cell.json").write_bytes(b"")
    assert with_digests(launch, chosen()).digests == launch.digests


def test_a_damaged_reason_of_a_failure_is_passed_over(launch, monkeypatch):
    class Failing(Here):
        def run(self, tasks):
            for one in tasks:
                Path(one.log).write_text("its own words")
                Path(one.log).with_name("failure.json").write_bytes(b"{")
                yield 1

    [(_, outcome)] = walk(launch, chosen()[:1], Failing())
    assert outcome == "ended with status 1: its own words"


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_cell_is_not_measured_but_named(launch, content, capsys):
    path = launch.write(chosen()[0])
    path.write_bytes(content)
    assert main(["evaluate", "--cell", str(path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"python -m empirical: error: {path} ")
    assert said.endswith("; give its launch again, which writes it anew\n")


def test_a_cell_of_a_version_with_other_settings_is_named_as_such(launch):
    path = launch.write(chosen()[0])
    content = json.loads(path.read_text())
    content["cell"]["another"] = 1
    path.write_text(json.dumps(content))
    with pytest.raises(SchemaError, match=r"must hold a cell of this version, got TypeError\(.*'another'"):
        Launch.read(path)


def test_a_damaged_log_is_named_with_what_to_remove(finished, monkeypatch):
    launch, before = finished
    folder = launch.folder(chosen()[0])
    for name in ("result.json", "weights.safetensors"):
        (folder / name).unlink()
    (folder / "log.jsonl").write_bytes(b'{"step": 1\n{"step": 2}\n')
    [(_, outcome)] = walk(launch, chosen()[:1], Here())
    assert "log.jsonl must have JSON on each line" in outcome
    assert "or remove it with the *.safetensors beside it to have the cell trained again" in outcome
    (folder / "log.jsonl").unlink()
    assert rows(launch)[0] == before[0]


def test_json_is_read_where_it_is_whole_and_else_named_once(tmp_path, capsys):
    path = tmp_path / "demo.json"
    assert read_json_if_whole(path, remedy="none") == {}
    with pytest.raises(FileNotFoundError):
        read_json(path, remedy="none")
    path.write_bytes(b"[]")
    for _ in range(2):
        assert read_json_if_whole(path, remedy="make it again") == {}
    assert capsys.readouterr().err == f"{path} must hold a JSON object, got list; make it again\n"
    path.write_text('{"K": 2}')
    assert read_json_if_whole(path, remedy="none") == read_json(path, remedy="none") == {"K": 2}


@pytest.mark.parametrize("unfinished", [False, True])
def test_trainings_whose_files_say_nothing_any_more_are_set_aside_by_other_settings(launch, unfinished):
    """Weights, or the state of a training, say in their headers of which configuration they are."""
    [cell, *_], other = chosen(), replace(launch, bf16=True)
    if unfinished:
        with interrupted(before=3):
            list(walk(launch, [cell], Here()))
    else:
        list(walk(launch, [cell], Here()))
    folder = launch.folder(cell)
    [kept] = folder.glob("*.safetensors")
    before = kept.read_bytes()
    for path in folder.glob("*.json"):
        path.write_bytes(b"")
    set_aside(other, [cell])
    assert (kept_beside(folder, launch.digest(cell)) / kept.name).read_bytes() == before
    set_aside(launch, [cell])
    assert kept.read_bytes() == before
    [(_, outcome)] = walk(launch, [cell], Here())
    assert outcome["row"]["psnr"] > 0


def test_what_is_of_no_known_configuration_is_set_aside_too_unless_a_job_is_at_it(launch):
    cell = chosen()[0]
    path = launch.folder(cell) / "state.safetensors"
    for content in (b"damaged", b"damaged too"):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        with if_free(log_lock(log(launch, cell))):
            set_aside(launch, [cell])
            assert path.read_bytes() == content
        set_aside(launch, [cell])
        assert not path.parent.exists()
    aside = [path.parent.with_name(f"{path.parent.name}@unknown{copy}") for copy in ("", "-2")]
    assert [(one / path.name).read_bytes() for one in aside] == [b"damaged", b"damaged too"]


@pytest.mark.parametrize("content", OTHERWISE.values(), ids=OTHERWISE)
def test_json_of_another_shape_counts_as_missing(launch, content):
    cells = chosen()
    path = launch.write(cells[0])
    path.write_text(json.dumps({"digest": launch.digest(cells[0])} | content))
    with pytest.raises(SchemaError, match="; give its launch again, which writes it anew"):
        Launch.read(path)
    assert with_digests(replace(launch, digests={}), cells).digests == {}
    assert list(every_finished(launch)) == []
    (path.parent / "failure.json").write_text(json.dumps({"digest": launch.digest(cells[0])}))
    assert failure(launch, cells[0], 3) == "ended with status 3, without a word"
    assert with_tables(launch, cells[0]) == cells[0]
    [(_, outcome)] = walk(launch, cells[:1], Fails())
    assert outcome == "ended with status 3, without a word"
    assert Launch.read(path) == (launch, cells[0])
