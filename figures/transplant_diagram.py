"""Figure 3: what each stage of the transplant trains, and what it leaves alone."""

from itertools import pairwise

import pandas as pd
from matplotlib.figure import Figure

from figures.diagram import FONT, SMALL, Canvas, count
from figures.look import BLACK, GREY, ON_COLOUR, PANEL, SKY, WHITE
from figures.recipe import Recipe
from qtheory.results import Table

# the order of the data; the native quantizer stands where the transplant will
_BEFORE = ("encoder", "quant_conv", "quantize", "post_quant_conv", "decoder")
_AFTER = ("encoder", "quant_conv", "head_in", "halves", "head_out", "post_quant_conv", "decoder")
_ROWS = (
    ("1  Pre-trained tokenizer", _BEFORE, ""),
    ("2  Substitution", _AFTER, "trained_substitution"),
    ("3  Adaptation, as run", _AFTER, "trained_adaptation"),
    ("    Adaptation, as printed", _AFTER, "trained_adaptation_paper"),
    ("    Joint optimisation", _AFTER, "trained_joint"),
)
_WIDTH, _GAP, _HEIGHT, _STEP, _LEFT = 0.58, 0.115, 0.36, 0.56, 1.62


def _row(canvas: Canvas, modules: pd.DataFrame, top: float, row: tuple[str, tuple[str, ...], str]) -> None:
    title, names, column = row
    canvas.text(0.05, top + _HEIGHT / 2, title, align="left", size=FONT - 0.3, weight="bold")
    pitch = _WIDTH + _GAP
    for name in names:
        place = _AFTER.index("halves" if name == "quantize" else name)
        x = _LEFT + place * pitch
        trained = bool(column) and bool(modules.loc[name, column])
        edge = BLACK if trained or not column else GREY
        canvas.box(x, top, _WIDTH, _HEIGHT, fill=SKY if trained else (PANEL if column else WHITE), edge=edge,
                   line="-" if trained or not column else "--", weight=1.1 if trained else 0.7)  # fmt: skip
        label = str(modules.loc[name, "label"]).replace("native ", "").replace("quantizers", "quantizer")
        ink = ON_COLOUR if trained else BLACK
        canvas.text(x + _WIDTH / 2, top + 0.24, label, size=SMALL, colour=ink)
        number = count(modules.loc[name, "parameters"])
        canvas.text(x + _WIDTH / 2, top + 0.1, number, size=SMALL - 0.5, colour=ink)
    for before, after in pairwise(names):
        places = [_AFTER.index("halves" if name == "quantize" else name) for name in (before, after)]
        start, end = _LEFT + places[0] * pitch + _WIDTH, _LEFT + places[1] * pitch
        canvas.arrow((start + 0.01, top + _HEIGHT / 2), (end - 0.01, top + _HEIGHT / 2))


def draw(table: Table) -> Figure:
    """Draw a row a stage, a box a module: filled where the stage trains it."""
    modules = table.frame.set_index("module")
    canvas = Canvas(6.6, _STEP * len(_ROWS) + 0.3)
    for place, row in enumerate(_ROWS):
        _row(canvas, modules, 0.36 + _STEP * (len(_ROWS) - 1 - place), row)
    for x, fill, line, words in ((_LEFT, SKY, "-", "trained"), (_LEFT + 1.1, PANEL, "--", "frozen")):
        canvas.box(x, 0.06, 0.22, 0.14, fill=fill, line=line, edge=BLACK if line == "-" else GREY)
        canvas.text(x + 0.28, 0.13, words, size=SMALL, align="left")
    return canvas.figure


def caption(table: Table) -> str:
    """Say what is seen and the command."""
    modules = table.frame.set_index("module")
    heads = int(modules.loc[["head_in", "head_out"], "parameters"].sum())
    words = modules.loc["halves", "parameters"]
    return (
        "The stages of VQ-Transplant, read off the recipes of the code; numbers are parameters at the sizes "
        f"of the paper. The heads hold {count(heads)} parameters, the two codebooks of 65536 words "
        f"{count(words)}. The published run also trained what lies between quantizer and decoder in the "
        f"adaptation stage, which equation (11) does not say. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="figure-3",
    title="Figure 3: what each stage trains",
    tables=("structure/modules",),
    draw=draw,
    caption=caption,
    section="paper",
    claims=("text.frozen-quantizer", "text.five-epochs", "text.joint"),
)
