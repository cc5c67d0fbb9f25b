"""What photographs keep of trainings: the best epoch, other configurations, and one command at a time."""

import json
import shutil
import threading
from dataclasses import replace

import pytest

from empirical import comparison, comparison_command
from empirical.comparison import compare
from empirical.launch_config import PHOTOGRAPHS
from empirical.locks import _taken, alone, held
from empirical.outcomes import kept_beside
from empirical.phases import Adaptation, Substitution
from empirical.photographs import Photographs
from qtheory.errors import SchemaError
from tests.empirical.helpers import contents, interrupted, sized

STEPS = 8


@pytest.fixture
def arguments(tiny, monkeypatch):
    """One method, and two epochs of four steps in the later phases."""
    changed = sized(PHOTOGRAPHS["smoke"], first=2, second=STEPS, heldout=3)
    monkeypatch.setitem(PHOTOGRAPHS, "smoke", changed)
    monkeypatch.setattr("empirical.cells.compared", lambda *_: (("fsq", "full"),))
    return {"jobs": 1, **tiny}


def run(phase, out, arguments, protocol="as_run", seed=0):
    return compare(phase, "smoke", protocol, out=out, seed=seed, **arguments)[0].frame.iloc[0]


def drop(out, *names):
    """Remove the tables of an adaptation, and of its cell what ends with these names."""
    folder = out / "adaptation" / "smoke-as_run"
    for path in [*folder.parent.glob("*.json"), *(folder / f"fsq-full-0{name}" for name in names)]:
        path.unlink()


@pytest.mark.parametrize("step", [3, 4, 5])
def test_an_interruption_around_an_epoch_ends_in_the_same_bytes(tmp_path, arguments, monkeypatch, step):
    monkeypatch.setattr("empirical.phase._STATES", 3)  # after steps 2, 4 and 6
    run(Substitution, tmp_path, arguments)
    straight = run(Adaptation, tmp_path, arguments)
    expected = contents(tmp_path / "adaptation")
    assert straight["epoch"].endswith("of 2 by kid_efflite0")
    (tmp_path / "adaptation").rename(tmp_path / "straight")
    with interrupted(before=step):
        run(Adaptation, tmp_path, arguments)
    assert run(Adaptation, tmp_path, arguments).equals(straight)
    assert contents(tmp_path / "adaptation") == expected


def test_a_new_version_of_the_measurement_measures_the_best_epoch_anew(tmp_path, arguments, monkeypatch):
    run(Substitution, tmp_path, arguments)
    before = run(Adaptation, tmp_path, arguments)
    measured = Photographs.measured

    def other(self, *args):
        found = measured(self, *args)
        found.row["psnr"] += 100
        return found

    monkeypatch.setattr(Photographs, "measured", other)
    monkeypatch.setattr(Adaptation, "version", Adaptation.version + 1)
    after = run(Adaptation, tmp_path, arguments)
    assert (after["psnr"], after["epoch"]) == (before["psnr"] + 100, before["epoch"])


def test_epochs_that_are_lost_are_said_and_without_its_weights_the_best_one_stands_as_chosen(
    tmp_path, arguments
):
    run(Substitution, tmp_path, arguments)
    row = run(Adaptation, tmp_path, arguments)
    drop(tmp_path, ".json", ".best.safetensors")
    assert run(Adaptation, tmp_path, arguments).equals(row)
    drop(tmp_path, ".json", ".epochs.jsonl")
    _, manifest = compare(Adaptation, "smoke", "as_run", out=tmp_path, **arguments)
    (failure,) = manifest.manifest["failures"]
    assert "must hold the measurements of 2 epochs, got none; remove " in failure["error"]


def test_how_often_it_measures_is_part_of_what_a_row_depends_on(tmp_path, arguments, monkeypatch):
    run(Substitution, tmp_path, arguments)
    assert run(Adaptation, tmp_path, arguments)["epoch"].endswith("of 2 by kid_efflite0")
    monkeypatch.setitem(PHOTOGRAPHS, "smoke", replace(PHOTOGRAPHS["smoke"], epochs=4))
    assert run(Adaptation, tmp_path, arguments)["epoch"].endswith("of 4 by kid_efflite0")


def aside_of(folder):
    """Return where the trainings of a folder go when others take it."""
    said = json.loads((folder / "smoke" / "configuration.json").read_text())
    return kept_beside(folder / "smoke", said["training"])


def test_another_seed_keeps_what_is_there_and_the_first_one_comes_back(tmp_path, arguments):
    rows = {seed: run(Substitution, tmp_path, arguments, "fair", seed) for seed in (0, 1)}
    assert rows[0]["psnr"] != rows[1]["psnr"]
    folder = tmp_path / "substitution"
    (aside,) = [path for path in folder.iterdir() if path.name.startswith("smoke@") and path.is_dir()]
    weights = (aside / "fsq-full-0.safetensors").read_bytes()
    # of a run of that seed that ended before its first state there is nothing but a log
    for path in (folder / "smoke").iterdir():
        if path.suffix == ".safetensors":
            path.unlink()
    assert run(Substitution, tmp_path, arguments, "fair", 0)["psnr"] == rows[0]["psnr"]
    assert (folder / "smoke" / "fsq-full-0.safetensors").read_bytes() == weights
    for seed in (1, 0):  # what is set aside now has a place already
        shutil.copytree(folder / "smoke", aside_of(folder), dirs_exist_ok=True)
        run(Substitution, tmp_path, arguments, "fair", seed)
    assert (folder / "smoke" / "fsq-full-0.safetensors").read_bytes() == weights


def test_damaged_notes_of_a_training_are_made_anew_and_leave_it_where_it_is(tmp_path, arguments, capsys):
    before = run(Substitution, tmp_path, arguments, "fair")
    folder = tmp_path / "substitution" / "smoke"
    weights = (folder / "fsq-full-0.safetensors").read_bytes()
    for path in (folder / "configuration.json", folder / "fsq-full-0.json"):
        path.write_text('{"dig')
    for path in folder.parent.glob("smoke*.json"):  # the tables, which would else be taken for done
        path.unlink()
    assert run(Substitution, tmp_path, arguments, "fair").equals(before)
    assert "is not valid JSON" in capsys.readouterr().err
    assert (folder / "fsq-full-0.safetensors").read_bytes() == weights
    (folder / "configuration.json").write_text("[]")
    run(Substitution, tmp_path, arguments, "fair", 1)
    (aside,) = [path for path in folder.parent.iterdir() if path.name.startswith("smoke@") and path.is_dir()]
    assert (aside / "fsq-full-0.safetensors").read_bytes() == weights


def test_after_another_seed_the_later_phases_find_their_transplants_again(tmp_path, arguments):
    for seed in (0, 1, 0):
        run(Substitution, tmp_path, arguments, "fair", seed)
    run(Adaptation, tmp_path, arguments, "fair", 0)
    with pytest.raises(SchemaError, match=r"--seed 1 .* first$"):
        run(Adaptation, tmp_path, arguments, "fair", 1)


def test_a_second_command_waits_for_the_first(tmp_path, arguments, monkeypatch):
    started, rows = threading.Event(), []
    monkeypatch.setattr("empirical.locks.POLL", 0.05)
    tables = comparison._tables

    def told(*args):
        started.set()
        return tables(*args)

    monkeypatch.setattr(comparison, "_tables", told)
    second = threading.Thread(target=lambda: rows.append(run(Substitution, tmp_path, arguments)))
    with alone(tmp_path / "substitution" / "smoke-as_run.lock"):
        second.start()
        assert not started.wait(1.0)
    second.join()
    assert started.is_set()
    stored = json.loads((tmp_path / "substitution" / "smoke-as_run" / "fsq-full-0.json").read_text())
    assert rows[0]["psnr"] == pytest.approx(stored["row"]["psnr"])


def test_a_later_phase_finds_what_the_command_that_it_waits_for_leaves(tmp_path, arguments, monkeypatch):
    """Before, the folder holds transplants of another seed, or none."""
    for seed in (1, 0):
        run(Substitution, tmp_path, arguments, "fair", seed)
    folder, looked, later = tmp_path / "substitution", threading.Event(), []
    (wanted,) = (path for path in folder.glob("smoke@*") if path.is_dir())
    monkeypatch.setattr("empirical.locks.POLL", 0.05)
    monkeypatch.setattr(comparison, "alone", lambda *given, **named: looked.set() or alone(*given, **named))
    second = threading.Thread(target=lambda: later.append(run(Adaptation, tmp_path, arguments, "fair", 1)))
    with alone(folder / "smoke.lock"):
        second.start()
        assert looked.wait(60)
        (folder / "smoke").rename(aside_of(folder))
        wanted.rename(folder / "smoke")
    second.join()
    assert len(later) == 1


def test_what_a_later_phase_starts_from_stays_while_it_runs(tmp_path, arguments, monkeypatch):
    run(Substitution, tmp_path, arguments, "fair")
    lock, seen, tables = tmp_path / "substitution" / "smoke.lock", [], comparison._tables

    def told(*args):
        # another later phase may start from it too
        with alone(lock, shared=True):
            seen.append(_taken(lock) is None)
        return tables(*args)

    monkeypatch.setattr(comparison, "_tables", told)
    run(Adaptation, tmp_path, arguments, "fair")
    assert seen == [True]
    assert not held(lock)


def test_phases_of_different_seeds_are_neither_compared_nor_printed(tmp_path, arguments, capsys):
    run(Substitution, tmp_path, arguments, "fair", 0)
    run(Adaptation, tmp_path, arguments, "fair", 0)
    run(Substitution, tmp_path, arguments, "fair", 1)
    with pytest.raises(SchemaError, match=r"must be of the same, got seed 1 and 0; run one of them again"):
        comparison_command.table("smoke", "fair", tmp_path)
    assert capsys.readouterr().out == ""
