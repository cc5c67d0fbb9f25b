"""What cells keep of the first held-out images, and the picture that is drawn of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as PilImage

from empirical import reconstructions
from empirical.__main__ import main
from empirical.launch import collect, walk
from empirical.pixels import to_uint8
from empirical.reconstructions import SHOWN, rows, write_picture
from empirical.runtime import Runtime
from empirical.setup import Setup, prepared
from empirical.streaming import to_float
from tests.empirical.launched import Here, chosen, launched

NAMES = [f"{number}.png" for number in range(SHOWN)]


def pixels(path):
    with PilImage.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The baseline and FSQ in all phases, where the command `table` looks for them."""
    folder = tmp_path_factory.mktemp("launched")
    out = str(folder / "results" / "launch" / "desk")
    launch = prepared(replace(launched(folder), name="desk", out=out, digests={}))
    cells = [cell for cell in chosen(tables=[3, 7]) if cell.trained or cell.phase == "baseline"]
    table = collect(launch, list(walk(launch, cells, Here())), "test")
    return launch, cells, table


def test_cells_keep_what_they_make_of_the_first_images_and_the_table_draws_it(finished, capsys):
    launch, cells, _ = finished
    out = Path(launch.out)
    inputs = Setup(launch, cells[0], Runtime())
    x = to_float(torch.stack([inputs.heldout[i] for i in range(SHOWN)]))
    tokenizer = inputs.tokenizer().eval()
    with torch.no_grad():
        x_hat = tokenizer.decode(tokenizer.encode(x)).clamp(-1, 1)
    baseline = launch.folder(cells[0])
    for images, folder in ((x, baseline / "originals"), (x_hat, baseline)):
        for name, expected in zip(NAMES, to_uint8(images), strict=True):
            assert np.array_equal(pixels(folder / name), expected)
    kept = {cell.name: pixels(launch.folder(cell) / "0.png") for cell in cells}
    assert len({one.tobytes() for one in kept.values()}) == len(cells) == 4
    assert main(["table", "--preset", "desk", "--out", str(out.parent.parent)]) == 0
    path = out / "desk-reconstructions.png"
    assert capsys.readouterr().out.splitlines()[-1] == str(path)
    drawn, side = pixels(path), 32
    # the first image of each phase, below its original
    original = pixels(baseline / "originals" / "0.png")
    corners = np.argwhere((drawn[: 1 - side, : 1 - side] == original[0, 0]).all(-1)).tolist()
    places = [(r, c) for r, c in corners if np.array_equal(drawn[r : r + side, c : c + side], original)]
    assert len({row for row, _ in places}) == 1
    assert len(places) == 3
    top = places[0][0]
    for cell in cells[1:]:
        column = places[["substitution", "adaptation", "joint"].index(cell.phase)][1]
        row = top + 2 * (side + 2)  # below the original and the tokenizer alone
        assert np.array_equal(drawn[row : row + side, column : column + side], kept[cell.name])
    row = top + side + 2
    assert (drawn[row : row + side, places[1][1] :] == 255).all()  # of which there is substitution alone


def test_rows_are_named_by_what_tells_them_apart(finished):
    launch, cells, table = finished
    out, frame = Path(launch.out), table.frame
    assert [row.label for row in rows(out, frame)] == ["original", "unquantized", "fsq 256x2"]
    assert list(rows(out, frame)[2].folders) == ["substitution", "adaptation", "joint"]
    folder = out / "substitution" / "fsq-1x1-256x2-as_run-0"
    folder.mkdir()
    (folder / "0.png").write_bytes((launch.folder(cells[0]) / "0.png").read_bytes())
    other = frame[frame["phase"] == "substitution"].assign(head="1x1", protocol="as_run")
    both = rows(out, pd.concat([frame, other]))
    assert [row.label for row in both][1:] == [
        "unquantized",
        "fsq 256x2, fair",
        "fsq 256x2, heads 1x1, as_run",
    ]


def test_nothing_is_drawn_where_no_cell_kept_pictures(finished, tmp_path):
    _, cells, table = finished
    assert len(table.frame) == len(cells)
    assert write_picture(tmp_path / "elsewhere", table.frame, tmp_path / "none.png") is None
    # nor where all failed
    assert write_picture(tmp_path / "elsewhere", pd.DataFrame(), tmp_path / "none.png") is None
    assert not (tmp_path / "none.png").exists()


def test_processes_other_than_the_first_write_nothing(launch):
    spec = chosen(tables=[3])[0]
    second = Setup(launch, spec, Runtime(rank=1, world=2))
    reconstructions.keep(second, second.tokenizer().eval(), None)
    assert not launch.folder(spec).exists()
