"""The figures of the equal-rate study show its table: distances, gains, and photographs without a limit."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from figures import equal_rate, gains, recipe
from figures.look import LOOKS
from figures.readme import STORED
from qtheory.results import read_table
from sims import _samples


@pytest.fixture(scope="module")
def table(results):
    return read_table(results / "equal-rate" / "paper.csv")


def drawn(axes, label):
    """The line of that label, of a plot or of error bars."""
    lines = [line for line in axes.lines if line.get_label() == label]
    return lines[0] if lines else next(c for c in axes.containers if c.get_label() == label).lines[0]


@pytest.mark.parametrize(
    ("place", "source", "column"), [(0, "gaussian", "gap_db"), (5, "latents", "above_gaussian_db")]
)
def test_each_panel_shows_the_distances_of_its_source(table, place, source, column):
    axes = recipe.draw(equal_rate.RECIPE, [table]).axes[place]
    for method in ("sq", "vq", "ecsq"):
        rows = table.frame[(table.frame.source == source) & (table.frame.method == method)]
        means = rows.groupby("bits")[["rate_per_dim", column]].mean()
        line = drawn(axes, LOOKS[method].label)
        np.testing.assert_allclose(line.get_xdata(orig=False), means.rate_per_dim, rtol=1e-12)
        np.testing.assert_allclose(line.get_ydata(orig=False), means[column], rtol=1e-12)


def test_every_distance_lies_within_its_panel(table):
    for axes in recipe.draw(equal_rate.RECIPE, [table]).axes:
        low, high = axes.get_ylim()
        for look in LOOKS.values():
            if look.label in axes.get_legend_handles_labels()[1]:
                heights = np.asarray(drawn(axes, look.label).get_ydata(orig=False))
                assert low < heights.min(), (axes.get_title(), look.label)
                assert heights.max() < high, (axes.get_title(), look.label)


def test_titles_end_before_the_margin_of_the_stored_figure():
    figure = recipe.draw(equal_rate.RECIPE, [recipe.find_table("equal-rate/paper", STORED)])
    with mpl.style.context(recipe.STYLE):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    for axes in figure.axes:
        title = next(text for text in axes.findobj(Text) if text.get_text() == axes.get_title(loc="left"))
        end = title.get_window_extent(canvas.get_renderer()).x1 / figure.bbox.width
        assert end < 0.99, title.get_text()


def test_the_caption_says_where_the_curves_of_entropy_codes_begin(table):
    patches = table.frame[table.frame.source == "patches"]
    text = equal_rate.caption(table)
    for method, words in (
        ("ecsq", "takes {:.2f} on those of the other photographs"),
        ("ecsq-pca", "axes at {:.2f}"),
    ):
        first = patches[(patches.method == method) & (patches.bits == patches.bits.min())].rate_per_dim.mean()
        assert words.format(first) in text
    assert f"A code of {patches.bits.min() / 8:g} bits a dimension" in text


def test_brightness_varies_more_in_the_photographs_that_patches_are_measured_on():
    sample = _samples.shipped("patches")
    assert sample.held_out.std() > 1.1 * sample.train.std()


def test_photographs_are_not_shown_against_shannon(table):
    labels = [axes.get_ylabel() for axes in recipe.draw(equal_rate.RECIPE, [table]).axes]
    assert labels == ["dB above Shannon"] * 5 + ["dB above Gaussian D(R)"] * 2


def test_gains_stack_up_to_the_ratio_of_scalar_quantization_to_shannon(table):
    left, right = recipe.draw(gains.RECIPE, [table]).axes
    first = table.frame.groupby("source").first()
    tops = np.array([[bar.get_y() + bar.get_height() for bar in part] for part in left.containers])
    for place, source in enumerate(equal_rate.LAWS):
        parts = [first.loc[source, f"gain_{key}_db"] for key in ("space_filling", "shape", "memory")]
        total = sum(parts) + first.loc[source, "gain_longer_blocks_db"]
        np.testing.assert_allclose(tops[:, place].max(), total, rtol=1e-12)
    bits = table.frame[table.frame.method == "vq"].bits.max()
    plain = table.frame[(table.frame.method == "sq") & (table.frame.bits == bits)].set_index("source")
    bars = right.containers[1]
    for bar, source in zip(bars, ("mixture", "correlated", "latents", "patches"), strict=True):
        np.testing.assert_allclose(bar.get_y() + bar.get_height(), plain.above_vq_db[source], rtol=1e-12)
