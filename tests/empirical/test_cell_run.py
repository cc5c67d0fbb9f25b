"""One code trains and measures the cells of every preset."""

import pytest

from empirical.cell import run as launched
from empirical.cell_run import CellRun
from empirical.comparison import compare
from empirical.phases import Substitution
from empirical.runtime import Runtime
from tests.empirical.launched import chosen
from tests.empirical.launched import launched as miniature


@pytest.fixture
def seen(monkeypatch):
    """What was asked of cells, in order."""
    calls = []
    for name in ("built", "train", "measured"):
        original = getattr(CellRun, name)

        def told(self, *args, original=original, name=name, **options):
            calls.append((self.cell.method, name))
            return original(self, *args, **options)

        monkeypatch.setattr(CellRun, name, told)
    return calls


def test_photographs_and_a_launch_run_the_same_cells(tiny, tmp_path, seen, monkeypatch):
    steps = [("fsq", "built"), ("fsq", "train"), ("fsq", "measured")]
    monkeypatch.setattr("empirical.cells.compared", lambda *_: (("fsq", "full"),))
    compare(Substitution, "smoke", "fair", out=tmp_path / "results", jobs=1, **tiny)
    # the last one is asked for its bits
    assert [call for call in seen if call != ("fsq", "built")] == steps[1:]
    seen.clear()
    (tmp_path / "own").mkdir()
    launch = miniature(tmp_path / "own")
    spec = next(cell for cell in chosen() if cell.phase == "substitution")
    launch.write(spec)
    launched(launch, spec, Runtime())
    assert seen == steps
