"""Which rows the table of a launch has: of this one, of those before it, and of one that was interrupted."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from empirical import launch as launch_module
from empirical.__main__ import main
from empirical.launch import collect, run, walk
from qtheory.results import read_table
from tests.empirical.launched import Here, chosen


def silent(*_):
    """Prints nothing."""


def names(frame):
    return [f"{row.phase}/{row.method} {row.codebook_size}" for row in frame.itertuples()]


def launch_of(launch, tables, executor=None):
    cells = chosen(tables=tables, methods=["mmd"])
    return run(launch, cells, executor or Here(), "test", silent), cells


def test_rows_of_an_earlier_launch_stay_in_the_table_in_the_order_of_the_whole_matrix(launch):
    small, whole = Here(), chosen(tables=[3, 4], methods=["mmd"])
    first, cells = launch_of(launch, [3])
    second, _ = launch_of(launch, [4], small)
    assert len(first.frame) == len(cells)
    assert names(second.frame) == names(collect(launch, list(walk(launch, whole, small)), "test").frame)
    assert second.manifest["configuration"]["cells"] == [cell.name for cell in whole]
    assert second.manifest["seconds"].keys() == {cell.name for cell in whole}
    assert second.frame["tables"].tolist() == [" ".join(map(str, cell.tables)) for cell in whole]
    assert small.done == ["mmd-full-16x2-fair-0"] * 2  # substitution and adaptation
    # what the second launch asked for is known to a third one that asks for something else
    third, _ = launch_of(launch, [7])
    shared = third.frame[(third.frame["phase"] == "substitution") & (third.frame["method"] == "mmd")]
    assert shared.set_index("codebook_size")["tables"].to_dict() == {256: "3 4 7", 16: "4"}
    assert read_table(third.path).frame["tables"].tolist() == third.frame["tables"].tolist()


def test_rows_of_other_settings_are_not_in_the_table(launch):
    launch_of(launch, [4])
    other, cells = launch_of(replace(launch, bf16=True), [7])
    assert names(other.frame) == [f"{cell.phase}/{cell.method} {cell.codebook_size}" for cell in cells]
    # cells of a version that had other settings are passed over
    path = launch.folder(cells[0]) / "cell.json"
    content = json.loads(path.read_text())
    del content["launch"]["sizes"]["views"]
    path.write_text(json.dumps(content))
    assert len(collect(replace(launch, bf16=True), [(cells[1], "failed")], "test").frame) == len(cells) - 1


def test_failures_are_those_of_this_launch(launch):
    cells = chosen()
    list(walk(launch, cells[:1], Here()))
    table = collect(launch, [(cells[1], "failed")], "test")
    assert names(table.frame) == ["substitution/fsq 256"]
    assert table.manifest["failures"] == [{"cell": cells[1].name, "error": "failed"}]
    assert table.manifest["configuration"]["cells"] == [cell.name for cell in cells[:2]]


def test_the_table_is_written_after_each_phase(launch, monkeypatch):
    written, original = [], collect
    monkeypatch.setattr(
        launch_module, "collect", lambda *given: written.append(len(given[1])) or original(*given)
    )
    _, cells = launch_of(launch, [7])
    assert [cell.phase for cell in cells] == ["substitution", "adaptation", "joint"]
    assert written == [1, 2, 3]


class Ended(Here):
    """Runs cells until their number is reached, and then gets what ends a launch."""

    def __init__(self, after, end):
        super().__init__()
        self.after, self.end = after, end

    def run(self, tasks):
        for number, status in enumerate(super().run(tasks), 1):
            if number == self.after:
                self.end()
            yield status


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("end", "error"),
    [(interrupt, KeyboardInterrupt), (lambda: os.kill(os.getpid(), signal.SIGTERM), SystemExit)],
)
def test_an_interrupted_launch_has_the_finished_cells_in_its_table(launch, end, error, capsys):
    """The second cell has ended when the walk does, so that it is there too."""
    handler = signal.getsignal(signal.SIGTERM)
    cells = [cell for cell in chosen(tables=[3]) if cell.phase == "substitution"][:3]
    with pytest.raises(error):
        run(launch, cells, Ended(2, end), "test", silent)
    table = read_table(f"{launch.out}/tiny.csv")
    assert table.frame["method"].tolist() == [cell.method for cell in cells[:2]]
    assert "tiny.csv has the cells that are finished" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_launch_that_ends_before_any_cell_writes_no_table(launch):
    class Never(Here):
        def run(self, tasks):
            raise KeyboardInterrupt
            yield

    with pytest.raises(KeyboardInterrupt):
        run(launch, chosen(), Never(), "test", silent)
    assert not Path(launch.out, "tiny.csv").exists()


def test_tables_without_a_cell_of_the_methods_are_named(capsys):
    given = ["launch", "--preset", "desk", "--tables", "4", "--methods", "ema", "--dry-run"]
    assert main(given) == 2
    assert "tables and methods must have cells in common, got (4,) and ('ema',)" in capsys.readouterr().err
