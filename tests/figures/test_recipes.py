"""Figures show the tables, nothing else, and are the same bytes at each build."""

import json
import shutil

import numpy as np
import pytest

from figures import recipe, variance_scaling
from figures.__main__ import RECIPES, main
from qtheory.errors import SchemaError

recipe_draw = recipe.draw


def test_figure_2_shows_the_means_of_the_table_and_the_exact_line(variance_table):
    figure = recipe.draw(variance_scaling.RECIPE, [variance_table])
    left, _ = figure.axes
    frame = variance_table.frame
    exact, limit, measured = left.lines[0], left.lines[1], left.containers[0].lines[0]
    means = frame.groupby("variance").distortion.mean()
    np.testing.assert_array_equal(measured.get_xdata(), means.index)
    np.testing.assert_allclose(measured.get_ydata(), means, rtol=1e-12)
    top = frame[frame.variance == frame.variance.max()]
    np.testing.assert_allclose(exact.get_ydata()[-1], top.expected_distortion.iloc[0], rtol=1e-12)
    np.testing.assert_allclose(limit.get_ydata()[-1], top.shannon_lower_bound.iloc[0], rtol=1e-12)


def test_error_bars_are_t_intervals_of_the_trials(variance_table):
    from scipy import stats

    frame = variance_table.frame
    left, _ = recipe.draw(variance_scaling.RECIPE, [variance_table]).axes
    segments = left.containers[0].lines[2][0].get_segments()
    values = frame[frame.variance == frame.variance.max()].distortion
    expected = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    np.testing.assert_allclose(np.array(segments[-1])[:, 1], expected, rtol=1e-12)


@pytest.mark.parametrize("name", RECIPES)
def test_axes_carry_labels_and_the_caption_names_its_command(name, results):
    chosen = RECIPES[name]
    tables = [recipe.find_table(table, [results]) for table in chosen.tables]
    figure = recipe.draw(chosen, tables)
    scaled = [axes for axes in figure.axes if axes.axison]  # pictures have no axes to read
    assert scaled or figure.texts
    for axes in scaled:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
    assert "python -m" in chosen.caption(*tables)


@pytest.mark.parametrize("name", RECIPES)
def test_two_builds_give_the_same_bytes(name, results, tmp_path):
    first, second = (recipe.build(RECIPES[name], tmp_path / folder, [results]) for folder in "12")
    assert first == second
    assert (tmp_path / "1" / f"{name}.svg").read_bytes() == first
    for kind in ("svg", "pdf"):
        assert (tmp_path / "1" / f"{name}.{kind}").read_bytes() == (
            tmp_path / "2" / f"{name}.{kind}"
        ).read_bytes()


def test_a_figure_is_written_anew_where_its_drawing_changed(results, tmp_path):
    name = "variance-scaling"
    svg = recipe.build(RECIPES[name], tmp_path, [results])
    (tmp_path / f"{name}.svg").write_text("another drawing")
    (tmp_path / f"{name}.pdf").unlink()
    recipe.build(RECIPES[name], tmp_path, [results])
    assert (tmp_path / f"{name}.svg").read_bytes() == svg
    assert (tmp_path / f"{name}.pdf").exists()


def test_what_is_current_is_not_drawn_again(results, tmp_path, monkeypatch):
    chosen = RECIPES["variance-scaling"]
    svg = recipe.build(chosen, tmp_path, [results])
    drawn = []
    monkeypatch.setattr(recipe, "draw", lambda *given: drawn.append(given) or recipe_draw(*given))
    assert recipe.build(chosen, tmp_path, [results]) == svg
    assert drawn == []
    monkeypatch.setattr(recipe, "_code", lambda: "other code")
    assert recipe.build(chosen, tmp_path, [results]) == svg
    assert len(drawn) == 1


def test_a_table_of_ones_own_comes_before_the_stored_one(results, tmp_path):
    empty = tmp_path / "none"
    assert recipe.find_table("variance-scaling/paper", [empty, results]).path.is_relative_to(results)
    with pytest.raises(FileNotFoundError, match="make reproduce"):
        recipe.find_table("variance-scaling/paper", [empty])


def test_a_table_under_the_name_of_another_is_not_drawn(results, tmp_path):
    for folder, name in (("variance-scaling", "smoke"), ("utilization", "paper")):
        (tmp_path / folder).mkdir()
        for suffix in ("csv", "json"):
            source = results / "variance-scaling" / f"paper.{suffix}"
            (tmp_path / folder / f"{name}.{suffix}").write_bytes(source.read_bytes())
        with pytest.raises(SchemaError, match=f"must hold {folder}/{name}, .* says variance-scaling/paper"):
            recipe.find_table(f"{folder}/{name}", [tmp_path])


def test_tables_of_different_configurations_are_not_drawn_together(results, tmp_path):
    for study in {name.split("/")[0] for name in RECIPES["pocket-comparison"].tables}:
        shutil.copytree(results / study, tmp_path / study)
    path = tmp_path / "substitution" / "pocket-photographs.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "digest": "another", "seed": 1}))
    with pytest.raises(SchemaError, match=r"must be drawn from one run.*seed 0.*seed 1"):
        recipe.build(RECIPES["pocket-comparison"], tmp_path / "out", [tmp_path])


def test_an_edited_table_is_not_drawn(results, tmp_path):
    folder = tmp_path / "variance-scaling"
    folder.mkdir()
    for file in (results / "variance-scaling").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    path = folder / "paper.csv"
    path.write_text(path.read_text().replace("8", "9", 1))
    with pytest.raises(SchemaError, match="changed after it was written"):
        recipe.build(variance_scaling.RECIPE, tmp_path / "out", [tmp_path])


def test_an_unknown_figure_is_named_with_the_known_ones(capsys):
    assert main(["nothing"]) == 2
    printed = capsys.readouterr().err
    assert "NAME must be one of " in printed
    assert all(name in printed for name in RECIPES)


def test_the_list_names_each_figure_and_its_tables(capsys):
    assert main(["--list"]) == 0
    listing = capsys.readouterr().out
    for name, chosen in RECIPES.items():
        assert name in listing
        assert all(table in listing for table in chosen.tables)
