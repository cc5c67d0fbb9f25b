"""Figure 4: how each family of quantizers cuts up the channels of a position."""

from collections.abc import Hashable, Mapping
from typing import Any

from matplotlib.figure import Figure

from figures.diagram import SMALL, Canvas, count
from figures.look import BLACK, GREY, LOOKS, PANEL, WHITE
from figures.recipe import Recipe
from qtheory.results import Table

# a representative of each family; the others of its name differ in training only
_SHOWN = (("ema", "VQ"), ("ema_vp2", "VP2"), ("fsq", "FSQ"), ("lfq", "LFQ, BSQ"))
_STEP, _BAR, _LEFT, _CHANNEL = 0.62, 0.26, 2.2, 0.088


def _words(row: Mapping[Hashable, Any]) -> str:
    if row["factors"] == 1:
        return f"{row['factor_size']} words in {row['half_dim']} dimensions"
    unit = "words" if row["factor_dim"] > 1 else "levels"
    return f"{row['factors']} × {row['factor_size']} {unit}"


def _row(canvas: Canvas, row: Mapping[Hashable, Any], y: float, label: str) -> None:
    look = LOOKS[str(row["method"])]
    middle = y + _BAR / 2
    canvas.text(0.05, middle, label, align="left", weight="bold")
    canvas.box(0.85, y, 0.95, _BAR)
    canvas.text(1.325, middle, f"3 conv., 32 → {row['channels_at_quantizers']}", size=SMALL - 0.6)
    canvas.arrow((1.82, middle), (_LEFT - 0.03, middle))
    x = _LEFT
    for half in range(row["halves"]):
        start = x
        for _ in range(row["factors"]):
            width = _CHANNEL * row["factor_dim"]
            canvas.cell(
                x,
                y,
                width,
                _BAR,
                fill=look.colour if half == 0 else PANEL,
                edge=WHITE if half == 0 else BLACK,
            )
            x += width
        canvas.text(
            (start + x) / 2, y - 0.1, _words(row) if half == 0 else "the same", size=SMALL - 0.4, colour=GREY
        )
        x += 0.06
    end = _LEFT + 2 * 16 * _CHANNEL + 0.12
    canvas.arrow((x, middle), (end + 0.16, middle))
    canvas.box(end + 0.18, y, 0.95, _BAR)
    canvas.text(end + 0.655, middle, f"3 conv., {row['channels_at_quantizers']} → 32", size=SMALL - 0.6)


def _rows(table: Table) -> dict[str, Mapping[Hashable, Any]]:
    return {row["method"]: row for row in table.frame.to_dict("records")}


def draw(table: Table) -> Figure:
    """Draw a row a family: first convolutions, channels by half and factor, last convolutions."""
    rows = _rows(table)
    canvas = Canvas(6.6, _STEP * len(_SHOWN) + 0.32)
    top = 0.22 + _STEP * len(_SHOWN)
    canvas.text(1.325, top, "first head", size=SMALL)
    canvas.text(_LEFT + 16 * _CHANNEL, top, "channels at the quantizers of the two halves", size=SMALL)
    canvas.text(_LEFT + 32 * _CHANNEL + 0.775, top, "second head", size=SMALL)
    for place, (method, label) in enumerate(_SHOWN):
        _row(canvas, rows[method], 0.2 + _STEP * (len(_SHOWN) - 1 - place), label)
    return canvas.figure


def caption(table: Table) -> str:
    """Say what is seen and the command."""
    rows = _rows(table)
    heads = {method: count(rows[method]["head_parameters"]) for method in ("ema", "fsq")}
    return (
        "The parallel quantizers of Appendix G for the channels of one position: two halves of "
        f"{rows['ema']['codebook_size']} codewords each, cut into factors. With a codebook a half, "
        "'VQ' is itself a product of two. The heads around the quantizers hold "
        f"{heads['ema']} parameters, {heads['fsq']} for FSQ, whose first head halves the channels. BSQ "
        f"normalises its half first. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="figure-4",
    title="Figure 4: how the quantizers cut up the channels",
    tables=("structure/methods",),
    draw=draw,
    caption=caption,
    section="paper",
    claims=("condition2.rate", "text.theory-validated"),
)
