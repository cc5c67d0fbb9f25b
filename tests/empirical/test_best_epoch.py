"""Where a protocol keeps the best epoch: its weights are kept too, and measured again give its row."""

import json
from dataclasses import replace

import pytest
import torch

from empirical.__main__ import main
from empirical.checkpoint import load, save
from empirical.launch import walk
from tests.empirical.helpers import contents, interrupted
from tests.empirical.launched import TINY, Here, chosen


def adapted(launch, learning_rate):
    """Return the comparison and an adaptation as run, which chooses among two epochs."""
    second = replace(TINY.second, batch_size=4, learning_rate=learning_rate)
    first, spec, _ = chosen("as_run")
    assert spec.phase == "adaptation"
    return replace(launch, sizes=replace(TINY, second=second)), [first, spec]


def evaluated(folder, capsys):
    capsys.readouterr()
    assert main(["evaluate", "--cell", str(folder)]) == 0
    return json.loads(capsys.readouterr().out)


# a rate at which the second epoch ends worse than the first, and one at which it does not
@pytest.mark.parametrize(("learning_rate", "best"), [(1.0, 1), (1e-3, 2)])
def test_the_row_of_the_best_epoch_is_that_of_its_weights(launch, capsys, learning_rate, best):
    launch, cells = adapted(launch, learning_rate)
    row = dict(walk(launch, cells, Here()))[cells[-1]]["row"]
    folder = launch.folder(cells[-1])
    assert row["epoch"] == f"{best}, of 2 by kid_efflite0"
    kept, metadata = load(folder / "weights-best.safetensors")
    assert metadata == {"digest": launch.digest(cells[-1]), "epoch": str(best)}
    last, _ = load(folder / "weights.safetensors")
    assert kept.keys() == last.keys()
    assert all(torch.equal(kept[key], last[key]) for key in last) == (best == 2)
    assert evaluated(folder, capsys) == cells[-1].row | row
    # weights of an epoch that was not chosen in the end are not taken for those of the row
    save(folder / "weights-best.safetensors", kept, metadata | {"epoch": str(3 - best)})
    again = evaluated(folder, capsys)
    assert again["epoch"] == "last"
    assert (again["psnr"] == row["psnr"]) == (best == 2)


@pytest.mark.parametrize("step", [2, 3])
def test_an_interrupted_training_keeps_the_same_weights_of_its_best_epoch(launch, step):
    """Before the step that follows the first epoch, the best one, and in the middle of the second."""
    launch, cells = adapted(launch, 1.0)
    straight = dict(walk(launch, cells, Here()))[cells[-1]]["row"]
    folder = launch.folder(cells[-1])
    expected = contents(folder)
    for path in (*folder.glob("weights*"), folder / "result.json"):
        path.unlink()
    with interrupted(before=step):
        list(walk(launch, cells, Here()))
    assert (folder / "weights-best.safetensors").exists()
    assert not (folder / "weights.safetensors").exists()
    assert dict(walk(launch, cells, Here()))[cells[-1]]["row"] == straight
    assert contents(folder) == expected
    assert "weights-best.safetensors" in expected
