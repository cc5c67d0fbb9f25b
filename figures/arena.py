"""The arena: distance of every quantizer from Shannon's limit and from k-means, and training curves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.intervals import mean_and_halfwidth
from figures.look import BLACK, LOOKS
from figures.recipe import Recipe
from qtheory.results import Table

_SOURCES = {
    "gaussian": "Gaussian",
    "correlated": "Correlated",
    "mixture": "Two clusters",
    "subspace": "3 of 8 dims",
    "pocket": "Photos",
}
_MAPS = {"none": "", "affine": ", affine maps", "principal": ", principal axes"}
_LABELS = {"rq": "RQ, 2 stages"}  # elsewhere its stages have 8 bits
_CURVES = ("vanilla", "ema", "online", "wasserstein", "mmd", "ema_vp2", "fsq", "lfq", "bsq")
_OF_MAPS = (
    " VAR's quantizer codes 2 x 2 neighbouring latents together, with the bits of four, so that it may lie "
    "below k-means of single ones."
)
# between the marks of two K in one row
_SHIFT = 0.18


def _entries(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Return methods and maps, references first, in the order in which quantizers are listed everywhere."""
    present = set(zip(frame["method"], frame["maps"], strict=True))
    order = sorted(LOOKS, key=lambda name: name not in ("kmeans", "opq", "pq", "rq", "var", "lloyd_max"))
    ranks = {name: i for i, name in enumerate(order)}
    return sorted(present, key=lambda entry: (ranks[entry[0]], list(_MAPS).index(entry[1])))


def _distances(axes: Axes, part: pd.DataFrame, entries: list[tuple[str, str]], column: str) -> None:
    """Mark the mean and 95 % t interval of each entry: the smaller K above and pale, the larger below."""
    sizes = sorted(part["codebook_size"].unique())
    for row, (method, maps) in enumerate(entries):
        for size in sizes:
            chosen = (part["method"] == method) & (part["maps"] == maps) & (part["codebook_size"] == size)
            if not chosen.any():
                continue
            largest = size == sizes[-1]
            look = LOOKS[method]
            centre, half = mean_and_halfwidth(part[column][chosen])
            axes.errorbar(
                centre,
                row + (_SHIFT if largest else -_SHIFT),
                xerr=half if np.isfinite(half) else None,
                color=look.colour,
                mfc=look.colour if largest else "white",
                marker=look.marker,
                ms=3.8,
                ls="",
                lw=0.8,
            )
    axes.set_ylim(len(entries) - 0.5, -0.5)
    axes.set_xscale("symlog", linthresh=1, linscale=0.7)
    axes.set_xlim(min(-0.2, float(part[column].min()) - 0.1), 1.25 * float(part[column].max()))
    axes.set_xticks([0, 1, 3, 10], ["0", "1", "3", "10"])
    axes.minorticks_off()


def _curve(axes: Axes, table: pd.DataFrame, curves: pd.DataFrame, source: str, size: int) -> None:
    part = curves[(curves["source"] == source) & (curves["codebook_size"] == size)]
    for method in _CURVES:
        maps = "affine" if method in ("fsq", "lfq", "bsq") else "none"
        chosen = part[(part["method"] == method) & (part["maps"] == maps)]
        look = LOOKS[method]
        if len(chosen):
            axes.plot(
                chosen["steps"], chosen["nmse"], color=look.colour, ls=look.line, marker=look.marker,
                ms=2.8, lw=0.9, label=look.label,
            )  # fmt: skip
    same = (table["source"] == source) & (table["codebook_size"] == size)
    for method, maps, style in (("kmeans", "none", "-"), ("lloyd_max", "principal", ":")):
        chosen = table[same & (table["method"] == method) & (table["maps"] == maps)]
        if len(chosen):
            label = "k-means" if method == "kmeans" else "optimal SQ, principal axes"
            axes.axhline(float(chosen["nmse"].mean()), color=BLACK, ls=style, lw=0.9, label=label)
    axes.set(xscale="log", xlabel="training step", ylabel="NMSE, held out")


def _fills(frame: pd.DataFrame) -> list[Line2D]:
    """Return what tells the two K apart above."""
    sizes = sorted(frame["codebook_size"].unique())
    return [
        Line2D([], [], color=BLACK, marker="o", ls="", mfc=BLACK if size == sizes[-1] else "white", ms=3.8,
               label=f"a-e: K = {size}")
        for size in sizes
    ]  # fmt: skip


def draw(table: Table, curves: Table) -> Figure:
    """Draw one panel a source with every entry, and training curves of two sources."""
    frame, trained = table.frame, curves.frame
    sources = [name for name in _SOURCES if name in set(frame["source"])]
    entries = _entries(frame)
    figure = Figure(figsize=(7.0, 7.4))
    grid = figure.add_gridspec(2, 1, height_ratios=(0.33 * len(entries), 3.2))
    above = grid[0].subgridspec(1, len(sources), wspace=0.02)
    panels = [figure.add_subplot(above[i]) for i in range(len(sources))]
    labels = [_LABELS.get(method, LOOKS[method].label).removesuffix(" (reference)") for method, _ in entries]
    labels = [label + _MAPS[maps] for label, (_, maps) in zip(labels, entries, strict=True)]
    for letter, axes, name in zip("abcde", panels, sources, strict=False):
        part = frame[frame["source"] == name]
        column = "kmeans_db" if part["shannon_db"].isna().all() else "shannon_db"
        _distances(axes, part, entries, column)
        reference = "k-means" if column == "kmeans_db" else "Shannon"
        axes.set_xlabel(f"dB above {reference}", fontsize=6.5)  # five stand side by side
        axes.set_title(f"{letter}  {_SOURCES[name]}", fontsize=7.5)
        axes.set_yticks(range(len(entries)), labels if axes is panels[0] else [""] * len(entries))
    panels[0].set_ylabel("quantizer")
    for axes in panels[1:]:
        axes.set_ylabel(" ", fontsize=1)
    below = grid[1].subgridspec(1, 2)
    largest = int(frame["codebook_size"].max())
    shown = (sources[0], sources[-1])
    for i, name in enumerate(shown):
        axes = figure.add_subplot(below[i])
        _curve(axes, frame, trained, name, largest)
        axes.set_title(f"{'fg'[i]}  {_SOURCES[name]}, K = {largest}")
    lines = axes.get_legend_handles_labels()[0]
    figure.legend(handles=[*lines, *_fills(frame)], loc="outside lower center", ncols=4)
    return figure


def caption(table: Table, curves: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    first = frame.iloc[0]
    sizes = " (open) and ".join(f"K = {size}" for size in sorted(frame["codebook_size"].unique()))
    of_maps = _OF_MAPS if "var" in set(frame["method"]) else ""
    error = 4.343 * float((frame["standard_error"] / frame["distortion"]).max())
    return (
        f"(a-e) Held-out distortion of quantizers of {first['dim']} numbers without heads, at {sizes} "
        f"(filled), in dB above Shannon's limit where the source has one, else above k-means; linear up to "
        f"1 dB, then logarithmic. Means and 95 % t intervals of {frame['trial'].nunique()} trials, each with "
        f"{first['n_train']} training vectors, {int(frame['steps'].max())} steps of {first['batch_size']} "
        f"where a method is trained, and {first['n_held_out']} other vectors; one standard error of a trial "
        f"is at most {error:.2f} dB. FSQ, LFQ and BSQ have two levels a coordinate: without maps they have "
        f"K = 2^{first['dim']} = {2 ** first['dim']} alone, so one mark; trained affine maps to log2 K "
        f"coordinates give them every K.{of_maps} (f, g) Held-out error during training, first trial. Made "
        f"by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="arena",
    title="All quantizers on the same vectors: distance from the limit",
    tables=("arena/paper", "arena/paper-curves"),
    draw=draw,
    caption=caption,
)
