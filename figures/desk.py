"""Tables 4 to 6 measured in a small tokenizer on ImageNet's photographs, beside what the paper prints."""

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.look import BLACK, BLUE, ORANGE
from figures.recipe import Recipe
from qtheory import paper
from qtheory.command import counted
from qtheory.results import Table
from qtheory.results.comparison import in_tables

_PHASES = {"substitution": (BLUE, "o"), "adaptation": (ORANGE, "s")}
_ORIGINS = {"measured": "-", "printed": "--"}
# quantity, its column in the launched table and in the paper's
_QUANTITIES = (
    ("error E/d at the decoder", "latent_distortion_per_dim", "distortion_per_dim"),
    ("PSNR of the luma (dB)", "psnr_luma", "psnr"),
    ("KID or r-FID / that of the first", "kid_efflite0", "rfid"),
)


def printed(number: int) -> pd.DataFrame:
    """Return a table of the paper with tokens and K as numbers and the names of columns here."""
    frame = paper.table(number)
    sizes = {name: frame[name].map(paper.printed_size) for name in ("tokens", "K")}
    return frame.assign(phase=frame["phase"].str.lower(), **sizes)


def measured(frame: pd.DataFrame, number: int) -> pd.DataFrame:
    """Return the rows of a table, averages over seeds, with the names of columns here."""
    own = in_tables(frame, number)
    own = own.assign(tokens=own["image_tokens"], K=own["codebook_size"])
    return own.groupby(["phase", "tokens", "K"]).mean(numeric_only=True).reset_index()


def _by_size(column: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a function that puts the column on the horizontal axis."""
    return lambda frame: frame.assign(place=frame[column].astype(float)).sort_values("place")


def _by_split(frame: pd.DataFrame) -> pd.DataFrame:
    """Put pairs of forms of equal bits beside each other: K^2 words, then K words for twice the tokens."""
    finer = frame["tokens"] > frame["tokens"].min()
    pairs = frame["K"].where(finer, frame["K"] ** 0.5).round().astype(int)
    order = {size: index for index, size in enumerate(sorted(set(pairs)))}
    return frame.assign(pair=pairs, place=pairs.map(order) * 2.0 + finer).sort_values("place")


_ROWS = (
    (4, "codewords K", _by_size("K")),
    (5, "tokens, the fewest = 1", _by_size("tokens")),
    (6, "form, pairs of equal bits", _by_split),
)


def _lines(frame: pd.DataFrame, number: int) -> list[pd.DataFrame]:
    """Return the parts that a line joins: a phase, and in Table 6 a pair of forms."""
    keys = ["phase", "pair"] if number == 6 else ["phase"]
    return [part for _, part in frame.groupby(keys) if str(part["phase"].iloc[0]) in _PHASES]


def _panel(axes: Axes, frames: dict[str, pd.DataFrame], number: int, quantity: int) -> None:
    """Draw one quantity of one table, measured and printed."""
    label, here, there = _QUANTITIES[quantity]
    for origin, frame in frames.items():
        for part in _lines(frame, number):
            colour, marker = _PHASES[str(part["phase"].iloc[0])]
            values = part[here] if origin == "measured" else part[there].astype(float)
            if there == "rfid":  # of different networks: only ratios compare
                values = values / values.iloc[0]
            places = part["place"] / (frame["place"].min() if number == 5 else 1)
            filled = colour if origin == "measured" else "white"
            axes.plot(places, values, _ORIGINS[origin], marker=marker, color=colour, mfc=filled, ms=4, lw=0.9)
            if origin == "measured" and there != "rfid":
                low, high = (part[f"{here}_{side}"] for side in ("low", "high"))
                axes.vlines(places, low, high, color=colour, lw=0.9)
    axes.set_ylabel(label)


def _axis(axes: Axes, frames: dict[str, pd.DataFrame], number: int, label: str) -> None:
    axes.set_xlabel(label)
    if number != 6:
        axes.set_xscale("log", base=2)
        return
    ticks = {
        float(row["place"]): "K²" if row["place"] % 2 == 0 else "K, 2×"
        for frame in frames.values()
        for _, row in frame.iterrows()
    }
    axes.set_xticks(list(ticks), list(ticks.values()))


def draw(table: Table) -> Figure:
    """Draw error and quality against codewords, tokens and splits."""
    figure = Figure(figsize=(6.6, 6.8))
    grid = figure.subplots(3, 3)
    for line, (number, label, placed) in zip(grid, _ROWS, strict=True):
        frames = {"measured": placed(measured(table.frame, number)), "printed": placed(printed(number))}
        for quantity, axes in enumerate(line):
            _panel(axes, frames, number, quantity)
            _axis(axes, frames, number, label)
        line[0].set_title(f"Table {number}")
    handles = [
        Line2D([], [], color=colour, marker=marker, ls="", label=phase)
        for phase, (colour, marker) in _PHASES.items()
    ]
    handles += [
        Line2D([], [], color=BLACK, ls=line, marker="o", mfc=fill, label=label)
        for line, fill, label in (("-", BLACK, "measured here"), ("--", "white", "as printed"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    seeds, photographs = counted(frame["seed"].nunique(), "seed"), int(frame["photographs"].max())
    return (
        f"MMD VQ in a small tokenizer on {photographs} held-out photographs of ImageNet, {seeds} "
        "(filled), beside Tables 4 to 6 of the paper (open): against codewords, against tokens, and as one "
        "token of K² words or two of K (pairs of equal bits, K ascending). Bars are 95 % intervals over "
        "photographs. E/d and PSNR are of other latents and images than the paper's, and KID is of another "
        "network than r-FID: slopes and orders compare, levels do not; KID and r-FID are drawn over the "
        f"first point of their line. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="desk",
    title="Codewords, tokens and splits in a small tokenizer, beside the paper",
    tables=("launch/desk",),
    draw=draw,
    caption=caption,
    section="comparison",
    claims=("text.token-count", "text.equivalence"),
    optional=True,
)
