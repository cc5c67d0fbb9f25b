"""The arena's figure shows the means of its table, and its curves."""

import numpy as np
import pytest

from empirical.arena import study
from figures import arena, recipe


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return study.run("smoke", out=tmp_path_factory.mktemp("arena"), jobs=1)


def test_marks_are_the_means_of_the_table(tables):
    frame = tables[0].frame
    panels = recipe.draw(arena.RECIPE, tables).axes
    entries = arena._entries(frame)
    for axes, (_, part) in zip(panels, frame.groupby("source", sort=False), strict=False):
        shown = [bar.lines[0].get_xdata()[0] for bar in axes.containers]
        errors = part.groupby(["method", "maps"])["shannon_db"].mean()
        np.testing.assert_allclose(shown, [errors[entry] for entry in entries], rtol=1e-12)


def test_curves_are_those_of_the_second_table(tables):
    curves = tables[1].frame
    last = recipe.draw(arena.RECIPE, tables).axes[-1]
    drawn = {line.get_label(): line.get_ydata() for line in last.lines}
    chosen = (curves["source"] == "subspace") & (curves["method"] == "ema")
    np.testing.assert_array_equal(drawn["EMA VQ"], curves["nmse"][chosen])


def test_the_caption_names_its_command_and_two_drawings_are_the_same_bytes(tables):
    assert "python -m empirical arena --preset smoke" in arena.caption(*tables)
    one, two = (recipe.render(recipe.draw(arena.RECIPE, tables), "svg") for _ in range(2))
    assert one == two
