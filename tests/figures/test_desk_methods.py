"""All methods at desk size, phase by phase: from a made-up table that the launch's own code wrote."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from empirical.head import REFERENCES
from figures import desk_methods, recipe
from figures.look import LOOKS
from qtheory.errors import SchemaError
from qtheory.results import read_table
from qtheory.results.comparison import FAMILIES
from tests.figures.launched import launched

PHASES = ("substitution", "adaptation", "joint")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    out = tmp_path_factory.mktemp("launched")
    return [launched(out), read_table(out / "correlations" / "desk.csv")]


@pytest.fixture(scope="module")
def table(tables):
    return tables[0]


@pytest.fixture(scope="module")
def grid(tables):
    return np.array(recipe.draw(desk_methods.RECIPE, tables).axes).reshape(2, 3)


def _rows(table, phase):
    frame = table.frame[table.frame["phase"] == phase]
    return frame[[bool({"3", "7"} & set(str(tables).split())) for tables in frame["tables"]]]


def test_other_heads_of_a_method_are_not_averaged_with_its_full_ones(table):
    frame = table.frame
    bare = frame[frame["phase"] == "substitution"].assign(head="none", latent_nmse=9.0)
    ablated = bare[bare["method"].isin(list(FAMILIES))]
    both = desk_methods.of_phases(pd.concat([frame, ablated], ignore_index=True))
    pd.testing.assert_frame_equal(both, desk_methods.of_phases(frame))


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


def test_correlations_are_over_the_methods_of_table_3(grid, tables):
    table, correlations = tables
    assert set(correlations.frame["n"]) == {13}
    for axes, phase in zip(grid[0], PHASES, strict=True):
        frame = _rows(table, phase)
        own = frame[frame["method"].isin(FAMILIES)]
        rho = spearmanr(own["latent_nmse"], own["kid_efflite0"]).statistic
        assert any(text.get_text().startswith(f"ρ = {rho:.2f} [") for text in axes.texts)


def test_correlations_of_another_table_are_refused(tables):
    table, correlations = tables
    sources = {"sources": {"launch/desk": "0"}}
    other = replace(correlations, manifest={**correlations.manifest, "configuration": sources})
    with pytest.raises(SchemaError, match="was computed from another launch/desk"):
        recipe.draw(desk_methods.RECIPE, [table, other])
