"""Figure 1: the discrete visual tokenizer, with the sizes that its code has."""

import pandas as pd
from matplotlib.figure import Figure

from figures.diagram import SMALL, Canvas, count
from figures.look import BLUE, GREEN, GREY, ON_COLOUR, ORANGE, SKY, VERMILION, WHITE
from figures.recipe import Recipe
from qtheory.results import Table

_TOKENS = (BLUE, SKY, GREEN, ORANGE, VERMILION)


def _grid(canvas: Canvas, x: float, y: float, side: float) -> None:
    """Draw a few of the tokens, a colour a codeword."""
    cells = 6
    for row in range(cells):
        for column in range(cells):
            colour = _TOKENS[(3 * row + 2 * column + row * column) % len(_TOKENS)]
            canvas.cell(
                x + column * side / cells,
                y + row * side / cells,
                side / cells,
                side / cells,
                fill=colour,
                edge=WHITE,
            )


def draw(table: Table) -> Figure:
    """Draw image, encoder, quantizer, tokens, decoder, reconstruction, from left to right."""
    modules = table.frame.set_index("module")
    canvas = Canvas(6.6, 2.1)
    middle, height = 1.25, 0.78
    _image(canvas, 0.05, middle, "image x", str(modules.loc["encoder", "input"]))
    _module(canvas, 1.05, middle, height, "encoder", modules, ("encoder", "quant_conv"))
    _latent(canvas, 2.34, middle, r"latents $z_e$", str(modules.loc["quant_conv", "output"]))
    canvas.box(2.88, middle - height / 2, 0.85, height, fill=SKY)
    canvas.text(3.305, middle + 0.1, "quantizer", colour=ON_COLOUR)
    canvas.text(3.305, middle - 0.14, "nearest word", size=SMALL, colour=ON_COLOUR)
    _latent(canvas, 4.07, middle, r"$z_q$", "")
    _module(canvas, 4.61, middle, height, "decoder", modules, ("post_quant_conv", "decoder"))
    _image(canvas, 5.84, middle, r"reconstruction $\hat{x}$", str(modules.loc["decoder", "output"]))
    for start, end in ((0.79, 1.03), (2.02, 2.22), (2.66, 2.86), (3.75, 3.95), (4.39, 4.59), (5.58, 5.82)):
        canvas.arrow((start, middle), (end, middle))
    side = 0.42
    _grid(canvas, 3.305 - side / 2, 0.1, side)
    canvas.arrow((3.305, middle - height / 2 - 0.02), (3.305, 0.1 + side + 0.02))
    _, *sides = str(modules.loc["quant_conv", "output"]).split(" × ")
    canvas.text(3.63, 0.31, f"tokens r at {' × '.join(sides)} positions", size=SMALL, align="left")
    return canvas.figure


def _image(canvas: Canvas, x: float, middle: float, words: str, shape: str) -> None:
    canvas.box(x, middle - 0.36, 0.72, 0.72, fill=WHITE, edge=GREY)
    canvas.text(x + 0.36, middle + 0.5, words, size=SMALL + 0.4)
    canvas.text(x + 0.36, middle, shape, size=SMALL)


def _latent(canvas: Canvas, x: float, middle: float, words: str, shape: str) -> None:
    canvas.box(x - 0.1, middle - 0.3, 0.4, 0.6, fill=WHITE, edge=GREY)
    canvas.text(x + 0.1, middle, words.split()[-1], size=SMALL + 1)
    if shape:
        canvas.text(x + 0.1, middle + 0.42, shape, size=SMALL)


def _module(
    canvas: Canvas,
    x: float,
    middle: float,
    height: float,
    words: str,
    modules: pd.DataFrame,
    parts: tuple[str, ...],
) -> None:
    canvas.box(x, middle - height / 2, 0.95, height)
    canvas.text(x + 0.475, middle + 0.1, words)
    canvas.text(x + 0.475, middle - 0.14, count(modules.loc[list(parts), "parameters"].sum()), size=SMALL)


def caption(table: Table) -> str:
    """Say what is seen and the command."""
    return (
        "The discrete visual tokenizer of Section 2.1, with shapes and numbers of parameters of VAR's, read "
        f"off the code: channels × height × width. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="figure-1",
    title="Figure 1: the discrete visual tokenizer",
    tables=("structure/modules",),
    draw=draw,
    caption=caption,
    section="paper",
    claims=("table1.var", "def1.input-bits", "def2.output-bits"),
)
