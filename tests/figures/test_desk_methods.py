"""All methods at desk size, phase by phase: from a made-up table that the launch's own code wrote."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from empirical.head import REFERENCES
from figures import desk_methods, recipe
from figures.look import LOOKS
from qtheory.results.comparison import FAMILIES
from tests.figures.launched import launched

PHASES = ("substitution", "adaptation", "joint")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return launched(tmp_path_factory.mktemp("launched"))


@pytest.fixture(scope="module")
def grid(table):
    return np.array(recipe.draw(desk_methods.RECIPE, [table]).axes).reshape(2, 3)


def _rows(table, phase):
    frame = table.frame[table.frame["phase"] == phase]
    return frame[[bool({"3", "7"} & set(str(tables).split())) for tables in frame["tables"]]]


@pytest.mark.parametrize(("row", "column"), [(0, "latent_nmse"), (1, "perplexity")])
def test_each_method_of_a_phase_is_one_point(grid, table, row, column):
    for axes, phase in zip(grid[row], PHASES, strict=True):
        markers = {look.marker for look in LOOKS.values()}
        points = [line for line in axes.lines if line.get_marker() in markers]
        drawn = sorted((float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in points)
        own = _rows(table, phase)
        assert len(own) == len(FAMILIES) + (len(REFERENCES) if phase == "substitution" else 0)
        np.testing.assert_allclose(drawn, sorted(zip(own[column], 1e3 * own["kid_efflite0"], strict=True)))


def test_the_dashed_line_is_the_tokenizer_alone(grid, table):
    (alone,) = table.frame.loc[table.frame["phase"] == "baseline", "kid_efflite0"]
    for axes in grid.flat:
        (line,) = (line for line in axes.lines if line.get_linestyle() == "--")
        np.testing.assert_allclose(line.get_ydata(), 1e3 * alone)


def test_correlations_are_over_the_methods_of_table_3(table):
    frame = _rows(table, "substitution")
    own = frame[frame["method"].isin(FAMILIES)]
    rho = spearmanr(own["latent_nmse"], own["kid_efflite0"]).statistic
    assert f"ρ = {rho:.2f}, p = " in desk_methods.correlation(frame, "latent_nmse")
    assert desk_methods.correlation(frame, "latent_nmse").endswith("n = 13")
    assert "equal for all methods" in desk_methods.correlation(frame, "utilization")
