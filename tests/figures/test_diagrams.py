"""Diagrams and figures of theory show what their tables say."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from figures import bounds_by_dimension, implementation_diagram, ledger_glance, look, tokenizer_diagram
from figures import transplant_diagram as transplant
from figures.diagram import count
from figures.recipe import draw, find_table
from qtheory.claims import LEDGER
from qtheory.results import Table


@pytest.fixture(scope="module")
def modules():
    return find_table("structure/modules")


def filled(figure, kind, colour):
    """Artists of a kind in a colour."""
    others = [artist for artist in figure.get_children() if artist is not figure.patch]
    patches = [artist for artist in others if isinstance(artist, kind)]
    return [patch for patch in patches if to_hex(patch.get_facecolor()) == colour.lower()]


def words(figure):
    return [text.get_text() for text in figure.texts]


def test_figure_1_has_shapes_and_parameters_of_the_table(modules):
    frame = modules.frame.set_index("module")
    shown = words(draw(tokenizer_diagram.RECIPE, [modules]))
    assert frame.loc["encoder", "input"] in shown
    assert frame.loc["quant_conv", "output"] in shown
    assert count(int(frame.loc[["encoder", "quant_conv"], "parameters"].sum())) in shown


def _inside(box, point):
    """Whether a point in inches is strictly within a box."""
    left, below = box.get_x(), box.get_y()
    return left < point[0] < left + box.get_width() and below < point[1] < below + box.get_height()


def test_arrows_of_figure_1_end_outside_the_boxes_and_are_long_enough_to_be_seen(modules):
    figure = draw(tokenizer_diagram.RECIPE, [modules])
    boxes = [artist for artist in figure.get_children() if isinstance(artist, FancyBboxPatch)]
    arrows = [artist for artist in figure.get_children() if isinstance(artist, FancyArrowPatch)]
    assert (len(boxes), len(arrows)) == (7, 7)
    for arrow in arrows:
        start, end = arrow._posA_posB  # inches; no public accessor
        assert np.hypot(*np.subtract(end, start)) > 0.15
        assert not any(_inside(box, point) for box in boxes for point in (start, end))


def test_figure_3_fills_what_a_stage_trains(modules):
    columns = [column for _, _, column in transplant._ROWS if column]
    trained = int(modules.frame[columns].to_numpy().sum())
    figure = draw(transplant.RECIPE, [modules])
    assert len(filled(figure, FancyBboxPatch, look.SKY)) == trained + 1  # and the legend
    nothing = modules.frame.assign(**dict.fromkeys(columns, False))
    untrained = draw(transplant.RECIPE, [Table(nothing, modules.manifest, modules.path)])
    assert len(filled(untrained, FancyBboxPatch, look.SKY)) == 1


def test_figure_4_cuts_each_half_into_the_factors_of_the_table():
    table = find_table("structure/methods")
    factors = table.frame.set_index("method")["factors"]
    figure = draw(implementation_diagram.RECIPE, [table])
    for method, _ in implementation_diagram._SHOWN:
        cells = filled(figure, Rectangle, look.LOOKS[method].colour)
        assert len(cells) == factors[method]


def test_the_ledger_has_a_tile_for_each_claim():
    figure = draw(ledger_glance.RECIPE, [])
    for verdict, colour in ledger_glance._COLOURS.items():
        claims = [claim for claim in LEDGER if claim.verdict == verdict]
        assert len(filled(figure, Rectangle, colour)) == len(claims) + 1  # and the legend
        assert f"{len(claims)} {verdict}" in words(figure)


def test_the_bracket_of_the_limit_crosses_a_quarter_where_the_figure_says():
    table = find_table("theory/dimensions")
    frame = table.frame
    left, _ = draw(bounds_by_dimension.RECIPE, [table]).axes
    random, best, sphere = left.lines[:3]
    np.testing.assert_array_equal(random.get_ydata(), frame["random"])
    np.testing.assert_array_equal(sphere.get_ydata(), frame["sphere"])
    np.testing.assert_array_equal(best.get_ydata(), 4 * frame[frame["dim"] <= 64]["zador_upper"])
    assert frame[frame["sphere"] >= 0.25]["dim"].max() == bounds_by_dimension._LAST_PROVED
    assert frame[frame["random"] < 0.25]["dim"].min() == bounds_by_dimension._FIRST_REFUTED
