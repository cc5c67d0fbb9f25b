"""Reconstructions of held-out photographs, method by method."""

import base64
import io

import matplotlib.image
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from figures.look import LOOKS
from figures.pocket import PHASES
from figures.recipe import Recipe
from qtheory.results import Table
from qtheory.results.comparison import UNQUANTIZED

_ROTATION = 55
_CROPS = 2


def _picture(text: str) -> NDArray[np.float64]:
    """Return the pixels of a stored picture, in [0, 1]."""
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(text)), format="png")


def _columns(later: pd.DataFrame) -> list[str]:
    """Return the methods of the later phases, which the first has too."""
    return list(dict.fromkeys(later["method"]))


def _rows(tables: tuple[Table, ...]) -> list[tuple[str, int, str, dict[str, str]]]:
    """Return the rows of the grid: label, crop, original, and a picture a method."""
    frames = [table.frame for table in tables]
    originals = frames[0][frames[0]["kind"] == "original"].set_index("crop_number")["png"]
    rows = []
    for phase, frame in zip(PHASES, frames, strict=True):
        own = frame[frame["kind"] == "reconstruction"]
        for crop in dict.fromkeys(own["crop_number"]):
            pictures = own[own["crop_number"] == crop].set_index("method")["png"].to_dict()
            rows.append((phase, int(crop), originals[crop], pictures))
    # phases of the first crop one below the other, then one more crop
    crops = list(dict.fromkeys(row[1] for row in rows))[:_CROPS]
    return sorted((row for row in rows if row[1] in crops), key=lambda row: crops.index(row[1]))


def draw(*tables: Table) -> Figure:
    """Draw a grid: a row a crop and phase, a column a method."""
    rows, methods = _rows(tables), _columns(tables[1].frame)
    height = 0.385 * len(rows) + 0.72
    figure = Figure(figsize=(6.6, height))
    figure.set_layout_engine("none")  # pictures side by side, with room for the names
    edges = {"left": 0.03, "right": 0.965, "bottom": 0.01, "top": 1 - 0.72 / height}
    panels = figure.subplots(
        len(rows), len(methods) + 1, squeeze=False, gridspec_kw={**edges, "wspace": 0.05, "hspace": 0.05}
    )
    names = ["original", *("no quantizer" if m == UNQUANTIZED else _short(m) for m in methods)]
    for (phase, _, original, pictures), line in zip(rows, panels, strict=True):
        for axes, png in zip(line, [original, *(pictures.get(m, "") for m in methods)], strict=True):
            axes.set(xticks=[], yticks=[], xlabel=" ", ylabel=" ")
            axes.grid(False)
            for spine in axes.spines.values():
                spine.set_visible(False)
            if png:
                axes.imshow(_picture(png), interpolation="none")
        line[0].set_ylabel(phase, fontsize=4.5, labelpad=1)
    for axes, name in zip(panels[0], names, strict=True):
        axes.set_title(name, fontsize=5.5, rotation=_ROTATION, ha="left", weight="normal", pad=2)
    return figure


def _short(method: str) -> str:
    return LOOKS[method].label.removesuffix(" (reference)")


def caption(*tables: Table) -> str:
    """Say what is seen and the command."""
    frame = tables[0].frame
    names = ", ".join(f"`{name}`" for name in list(dict.fromkeys(frame["photograph"]))[:_CROPS])
    return (
        f"Crops of 64 × 64 pixels of held-out photographs ({names}), chosen by their place in the list and "
        "not by their looks, and what each method makes of them after each phase: first seed, published "
        f"heads (references: no heads). Made by `{tables[0].manifest['command']}` and the commands of the "
        "later phases."
    )


RECIPE = Recipe(
    name="pocket-reconstructions",
    title="Reconstructions of held-out photographs",
    tables=tuple(f"{phase}/pocket-pictures" for phase in PHASES),
    draw=draw,
    caption=caption,
    section="comparison",
)
