"""Tables 4 to 6 beside the paper's: from a made-up table that the launch's own code wrote."""

import json

import numpy as np
import pytest

from figures import desk, recipe
from figures.__main__ import RECIPES, main
from qtheory import paper
from tests.figures.launched import launched


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return launched(tmp_path_factory.mktemp("launched"))


@pytest.fixture(scope="module")
def grid(table):
    return np.array(recipe.draw(desk.RECIPE, [table]).axes).reshape(3, 3)


def _values(axes, *, filled):
    """Values of all lines of one origin; printed points are open."""
    lines = [line for line in axes.lines if (line.get_markerfacecolor() != "white") == filled]
    return sorted(value for line in lines for value in line.get_ydata())


@pytest.mark.parametrize(("row", "number"), [(0, 4), (1, 5), (2, 6)])
def test_each_table_has_its_measured_and_its_printed_numbers(grid, table, row, number):
    own = table.frame[[str(number) in str(tables).split() for tables in table.frame["tables"]]]
    for axes, here, there in zip(
        grid[row], ("latent_distortion_per_dim", "psnr_luma"), ("distortion_per_dim", "psnr"), strict=False
    ):
        np.testing.assert_allclose(_values(axes, filled=True), sorted(own[here]))
        np.testing.assert_allclose(
            _values(axes, filled=False), sorted(paper.table(number)[there].astype(float))
        )


def test_kid_and_fid_are_of_different_networks_and_drawn_as_ratios(grid):
    for axes in grid[:, 2]:
        assert all(line.get_ydata()[0] == 1 for line in axes.lines)


def test_forms_of_equal_bits_stand_side_by_side(grid):
    labels = [text.get_text() for text in grid[2, 0].get_xticklabels()]
    assert set(labels) == {"K²", "K, 2×"}
    for line in grid[2, 0].lines:
        assert np.diff(line.get_xdata()).tolist() == [1]


def test_while_there_is_no_table_the_figure_is_left_out_and_the_list_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(recipe, "TABLE_FOLDERS", (tmp_path,))
    assert main(["--list"]) == 0
    assert "left out while there is no table launch/desk" in capsys.readouterr().out
    assert main(["desk", "--out", str(tmp_path)]) == 2
    assert "desk is left out while there is no table launch/desk" in capsys.readouterr().err
    assert not RECIPES["gains"].absent([tmp_path]), "only an optional figure may be missing"
    launched(tmp_path)
    assert not desk.RECIPE.absent([tmp_path])


def test_a_table_that_lacks_failed_cells_is_refused(tmp_path):
    launched(tmp_path)
    path = tmp_path / "launch" / "desk.json"
    failures = [{"cell": "substitution/mmd", "error": "no memory"}]
    path.write_text(json.dumps({**json.loads(path.read_text()), "failures": failures}))
    with pytest.raises(recipe.SchemaError, match="lacks cells that failed"):
        recipe.build(desk.RECIPE, tmp_path / "out", [tmp_path])
