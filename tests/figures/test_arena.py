"""The arena's figure shows the means of its table, and its curves."""

import numpy as np
import pytest
from scipy import stats

from empirical.arena import report, study
from figures import answers, arena, recipe
from figures.look import LOOKS
from figures.readme import ROOT, STORED


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return study.run("smoke", out=tmp_path_factory.mktemp("arena"), jobs=1)[:2]


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


def test_the_caption_says_why_fixed_codewords_without_maps_have_one_mark():
    stored = [recipe.find_table(name, STORED) for name in arena.RECIPE.tables]
    frame = stored[0].frame
    bare = frame[frame["method"].isin(report.FIXED) & (frame["maps"] == "none")]
    (size,) = bare["codebook_size"].unique()
    said = f"FSQ, LFQ and BSQ have two levels a coordinate: without maps they have K = 2^8 = {size} alone"
    assert said in arena.caption(*stored)


def test_the_answer_states_what_the_stored_table_holds():
    tables = {name: recipe.find_table(name, STORED) for name in answers.TABLES}
    frame = tables["arena/paper"].frame
    part = frame[(frame["source"] == "pocket") & (frame["codebook_size"] == frame["codebook_size"].max())]
    (said,) = [line for line in answers.answers(tables) if "no heads and" in line]
    errors = part.set_index(["method", "maps"])["kmeans_db"].sort_index()

    def text(entry):
        own = errors.loc[entry]
        low, high = stats.t.interval(0.95, len(own) - 1, own.mean(), stats.sem(own))
        return f"{own.mean():.2f} ± {(high - low) / 2:.2f}"

    assert f"n = {part['trial'].nunique()} trials" in said
    for names, maps in ((report.VECTOR, "none"), (report.PRODUCT, "none"), (report.FIXED, "affine")):
        order = sorted(names, key=lambda name: errors.loc[(name, maps)].mean())
        best, worst = (f"{text((name, maps))} ({LOOKS[name].label})" for name in (order[0], order[-1]))
        assert f" {best} to {worst}" in said
    assert f"k-means PQ {text(('pq', 'none'))}" in said
    assert f"optimal scalar levels on principal axes {text(('lloyd_max', 'principal'))}" in said


def test_the_order_of_the_trained_classes_is_as_the_documents_say():
    """Least error among trained methods of each class, means of the trials, for each source and K."""
    frame = recipe.find_table("arena/paper", STORED).frame
    kinds = {"VQ": report.VECTOR, "PQ": report.PRODUCT, "SQ": report.FIXED}
    least = {
        kind: frame[frame["method"].isin(names)]
        .groupby(["codebook_size", "source", "method", "maps"])["nmse"]
        .mean()
        .groupby(["codebook_size", "source"])
        .min()
        for kind, names in kinds.items()
    }
    assert (least["VQ"] < least["PQ"]).all()
    assert (least["VQ"] < least["SQ"]).all()
    before = (least["SQ"] < least["PQ"]).groupby("codebook_size").sum().to_dict()
    text = (ROOT / "docs" / "reproduction.md").read_text()
    assert f"first on all {frame['source'].nunique()} sources" in text
    assert f"before trained PQ on {before[256]} of them at K = 256, on {before[4096]} at K = 4096" in text
