"""Sweeps and the tables and manifests that they write: resumed, kept, never damaged."""

import json

import numpy as np
import pandas as pd
import pytest

from qtheory.errors import DomainError, SchemaError
from qtheory.results import Sweep, grid, provenance, read_table, run_sweep
from qtheory.results import _store as store_module
from qtheory.results import table as table_module
from qtheory.results.table import manifest_path


def sweep(**changes):
    options = {"study": "test", "version": 1, "seed": 3, "trials": 2, "points": grid(x=[1, 2, 3])}
    return Sweep(**{**options, **changes})


def draw(cell):
    return {"y": cell.parameters["x"] * cell.rng("noise").standard_normal()}


class Interrupting:
    """Runs `draw`, and stops as Ctrl-C would after `limit` cells."""

    def __init__(self, limit):
        self.limit = limit
        self.calls = 0

    def __call__(self, cell):
        if self.calls == self.limit:
            raise KeyboardInterrupt
        self.calls += 1
        return draw(cell)


def test_cells_that_agree_on_what_a_draw_depends_on_share_its_numbers():
    cells = sweep(points=grid(x=[1, 2], y=[5])).cells()
    assert cells[0].rng("noise", "y").random() == cells[2].rng("noise", "y").random()
    assert cells[0].rng("noise", "x").random() != cells[2].rng("noise", "x").random()
    assert cells[0].rng("noise", "y").random() != cells[1].rng("noise", "y").random(), (
        "trials are independent"
    )


def test_adding_points_leaves_the_numbers_of_the_others_unchanged(tmp_path):
    small = run_sweep(sweep(), draw, tmp_path / "small.csv").frame
    large = run_sweep(sweep(points=grid(x=[0, 1, 2, 3, 4])), draw, tmp_path / "large.csv").frame
    pd.testing.assert_frame_equal(small, large[large.x.between(1, 3)].reset_index(drop=True))


def test_a_table_edited_by_hand_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    run_sweep(sweep(), draw, path)
    path.write_text(path.read_text().replace("1", "7", 1))
    with pytest.raises(SchemaError, match=r"changed after it was written.*run the study again"):
        read_table(path)
    with pytest.raises(SchemaError, match="changed after it was written"):
        run_sweep(sweep(), draw, path)


def test_a_table_without_a_manifest_does_not_exist(tmp_path):
    path = tmp_path / "t.csv"
    run_sweep(sweep(), draw, path)
    manifest_path(path).unlink()
    with pytest.raises(SchemaError, match="no manifest"):
        read_table(path)


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 99}', '{"schema": 1}'])
def test_an_invalid_manifest_is_refused(tmp_path, content):
    path = tmp_path / "t.csv"
    run_sweep(sweep(), draw, path)
    manifest_path(path).write_text(content)
    for use in (read_table, lambda path: run_sweep(sweep(), draw, path)):
        with pytest.raises(SchemaError, match="delete it and run the study again"):
            use(path)
    manifest_path(path).unlink()
    run_sweep(sweep(), draw, path)


def test_an_interrupted_sweep_resumes_to_the_same_bytes_without_repeating_cells(tmp_path):
    straight, resumed = tmp_path / "straight.csv", tmp_path / "resumed.csv"
    run_sweep(sweep(), draw, straight)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(sweep(), Interrupting(4), resumed)
    assert not resumed.exists()
    run_sweep(sweep(), Interrupting(2), resumed)  # two of six cells were missing
    assert resumed.read_bytes() == straight.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "resumed.csv",
        "resumed.json",
        "straight.csv",
        "straight.json",
    ]


def test_a_finished_sweep_is_not_run_again(tmp_path):
    run_sweep(sweep(), draw, tmp_path / "t.csv")
    run_sweep(sweep(), Interrupting(0), tmp_path / "t.csv")


def test_the_order_in_which_cells_finish_does_not_matter(tmp_path):
    def backwards(function, cells):
        return [function(cell) for cell in reversed(cells)]

    run_sweep(sweep(), draw, tmp_path / "a.csv")
    run_sweep(sweep(), draw, tmp_path / "b.csv", mapper=backwards)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_failed_cell_is_recorded_and_the_others_are_kept(tmp_path):
    def failing(cell):
        if cell.parameters["x"] == 2:
            raise ValueError("no such thing")
        return draw(cell)

    table = run_sweep(sweep(), failing, tmp_path / "t.csv")
    assert list(table.frame.x) == [1, 1, 3, 3]
    assert [failure["error"] for failure in table.manifest["failures"]] == ["ValueError: no such thing"] * 2
    mended = run_sweep(sweep(), Interrupting(2), tmp_path / "t.csv")
    assert len(mended.frame) == 6
    assert mended.manifest["failures"] == []


def test_a_nan_is_a_failure_and_never_a_number_in_a_table(tmp_path):
    table = run_sweep(sweep(), lambda cell: {"y": float("nan")}, tmp_path / "t.csv")
    assert len(table.frame) == 0
    assert "y must be finite" in table.manifest["failures"][0]["error"]


def test_another_configuration_does_not_overwrite_a_finished_table(tmp_path):
    path = tmp_path / "t.csv"
    first = run_sweep(sweep(), draw, path)
    before = path.read_bytes()
    run_sweep(sweep(seed=4), draw, path)
    kept = tmp_path / f"t.{first.manifest['digest'][:8]}.csv"
    assert kept.read_bytes() == before
    read_table(kept)
    assert path.read_bytes() != before


def test_configurations_take_turns_at_one_path_and_no_finished_work_is_lost_or_repeated(tmp_path):
    path = tmp_path / "t.csv"
    first = {seed: run_sweep(sweep(seed=seed), draw, path).path.read_bytes() for seed in (3, 4, 5)}
    for seed in (3, 4, 5, 3, 5):
        table = run_sweep(sweep(seed=seed), Interrupting(0), path)
        assert path.read_bytes() == first[seed]
        assert table.manifest["seed"] == seed
    assert len(list(tmp_path.glob("t.*.csv"))) == 3


def test_a_finished_table_is_never_written_over_another_kept_one(tmp_path):
    path = tmp_path / "t.csv"
    digest = run_sweep(sweep(), draw, path).manifest["digest"]
    run_sweep(sweep(seed=4), draw, path)
    kept = tmp_path / f"t.{digest[:8]}.csv"
    kept.write_text("changed by hand")
    run_sweep(sweep(), draw, path)
    again = path.read_bytes()
    run_sweep(sweep(seed=4), draw, path)
    assert kept.read_text() == "changed by hand"
    assert (tmp_path / f"t.{digest[:8]}-2.csv").read_bytes() == again


@pytest.mark.parametrize("writes", range(4))
def test_an_interruption_while_one_table_takes_the_place_of_another_loses_neither(
    tmp_path, monkeypatch, writes
):
    """Two files are kept and two written: stop before each of these four writes."""
    path = tmp_path / "t.csv"
    first = run_sweep(sweep(), draw, path).path.read_bytes()
    write, calls = table_module.write_bytes_atomically, []

    def stopping(file, content):
        if file.suffix != ".json" or not file.parent.name.startswith("."):  # not a cell
            if len(calls) == writes:
                raise KeyboardInterrupt
            calls.append(file)
        write(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(table_module, "write_bytes_atomically", stopping)
        patch.setattr(store_module, "write_bytes_atomically", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_sweep(sweep(seed=4), draw, path)
    run_sweep(sweep(seed=4), Interrupting(0), path)
    run_sweep(sweep(), Interrupting(0), path)
    assert path.read_bytes() == first


def test_the_digest_depends_on_each_part_of_the_configuration():
    digests = {
        sweep().digest,
        sweep(version=2).digest,
        sweep(seed=4).digest,
        sweep(trials=3).digest,
        sweep(points=grid(x=[1, 2])).digest,
        sweep(fixed={"n": 1}).digest,
        sweep(study="other").digest,
    }
    assert len(digests) == 7


def test_a_sweep_without_points_or_trials_is_refused():
    with pytest.raises(DomainError, match="points"):
        sweep(points=())
    with pytest.raises(DomainError, match="trials"):
        sweep(trials=0)


def test_the_manifest_tells_configuration_and_provenance(tmp_path):
    run_sweep(sweep(), draw, tmp_path / "t.csv", command="python -m test")
    manifest = json.loads((tmp_path / "t.json").read_text())
    assert manifest["seed"] == 3
    assert manifest["command"] == "python -m test"
    assert manifest["configuration"]["points"] == [{"x": 1}, {"x": 2}, {"x": 3}]
    assert manifest["provenance"]["versions"]["numpy"] == np.__version__
    assert provenance()["cores"] >= 1


def test_a_damaged_cell_file_is_computed_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_sweep(sweep(), Interrupting(4), tmp_path / "t.csv")
    (store,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    for file, content in zip(sorted(store.iterdir()), (b"{", b"[]", b"\xff", b'{"cell": 1}'), strict=True):
        file.write_bytes(content)
    run_sweep(sweep(), draw, tmp_path / "t.csv")
    run_sweep(sweep(), draw, tmp_path / "u.csv")
    assert (tmp_path / "t.csv").read_bytes() == (tmp_path / "u.csv").read_bytes()


def test_a_sweep_that_failed_altogether_can_be_run_again(tmp_path):
    path = tmp_path / "t.csv"

    def failing(cell):
        raise ValueError("no such thing")

    assert len(run_sweep(sweep(), failing, path).manifest["failures"]) == 6
    run_sweep(sweep(seed=4), failing, path)
    assert len(run_sweep(sweep(), draw, path).frame) == 6
