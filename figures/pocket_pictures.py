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

_BANDS = 2
_FONT = 7.0  # points; names of methods and phases at print size
_SIDE, _GAP = 0.66, 0.02  # inches: a picture with the gap to the next
_LEFT, _TOP = 0.22, 0.34  # inches, for names of phases and of methods
_NAMES = {"substitution": "Stage I", "adaptation": "Stage II", "joint": "joint"}


def _picture(text: str) -> NDArray[np.float64]:
    """Return the pixels of a stored picture, in [0, 1]."""
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(text)), format="png")


def _columns(last: pd.DataFrame) -> list[str]:
    """Return the methods of the last phase, which the others have too."""
    return list(dict.fromkeys(last["method"]))


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
    # phases of a crop one below the other
    crops = list(dict.fromkeys(row[1] for row in rows))
    return sorted(rows, key=lambda row: crops.index(row[1]))


def _put(figure: Figure, text: str, left: float, top: float) -> None:
    """Put a stored picture at a place in inches."""
    width, height = figure.get_size_inches()
    drawn = _SIDE - _GAP
    axes = figure.add_axes((left / width, 1 - (top + drawn) / height, drawn / width, drawn / height))
    axes.set_axis_off()
    axes.imshow(_picture(text), interpolation="none")


def _name(figure: Figure, text: str, left: float, top: float, rotation: float = 0) -> None:
    """Write a name around a place in inches."""
    width, height = figure.get_size_inches()
    figure.text(
        left / width, 1 - top / height, text, fontsize=_FONT, rotation=rotation, ha="center", va="center"
    )


def draw(*tables: Table) -> Figure:
    """Draw a grid in two bands of methods: a row a crop and phase, a column a method after the original."""
    rows, methods = _rows(tables), _columns(tables[-1].frame)
    wide = -(-len(methods) // _BANDS)
    deep = _TOP + len(rows) * _SIDE
    figure = Figure(figsize=(_LEFT + (wide + 1) * _SIDE, _BANDS * deep))
    figure.set_layout_engine("none")  # pictures side by side, with room for the names
    lefts = [_LEFT + i * _SIDE for i in range(wide + 1)]
    for number in range(_BANDS):
        band = methods[number * wide : (number + 1) * wide]
        for left, name in zip(lefts, ["original", *map(_short, band)], strict=False):
            _name(figure, name, left + _SIDE / 2, number * deep + _TOP / 2)
        for i, (phase, _, original, pictures) in enumerate(rows):
            top = number * deep + _TOP + i * _SIDE
            _name(figure, _NAMES[phase], _LEFT / 2, top + _SIDE / 2, rotation=90)
            shown = [original, *(pictures.get(method, "") for method in band)]
            for left, picture in zip(lefts, shown, strict=False):
                if picture:
                    _put(figure, picture, left, top)
    return figure


def _short(method: str) -> str:
    """Return the name of a method, in lines of one word."""
    if method == UNQUANTIZED:
        return "no\nquantizer"
    return LOOKS[method].label.removesuffix(" (reference)").replace(" ", "\n")


def caption(*tables: Table) -> str:
    """Say what is seen and the command."""
    frame = tables[0].frame
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(frame["photograph"]))
    return (
        f"Crops of 64 × 64 pixels of held-out photographs ({names}), chosen by a rule that knows nothing of "
        "the methods, and what each method makes of them: after substitution (Stage I), and of the first "
        "crop also after adaptation (Stage II) and after joint optimisation. First seed, published heads "
        f"(references: no heads). Made by `{tables[0].manifest['command']}` and the commands of the later "
        "phases."
    )


RECIPE = Recipe(
    name="pocket-reconstructions",
    title="Reconstructions of held-out photographs",
    tables=tuple(f"{phase}/pocket-pictures" for phase in PHASES),
    draw=draw,
    caption=caption,
    section="comparison",
)
