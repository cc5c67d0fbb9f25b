"""Distortion against utilization and perplexity, with the bounds that hold from below."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.look import BLACK, BLUE, ORANGE, SKY
from figures.recipe import Recipe
from qtheory.results import Table

_KINDS = {
    "collapsed": ("k-means, a share of the codewords", BLUE, "o"),
    "matched": ("random Gaussian codewords", SKY, "D"),
    "interleaved": ("interleaved cells", ORANGE, "v"),
}


def _panel(axes: Axes, frame: pd.DataFrame, column: str, bound: str, *, title: str, label: str) -> None:
    size = float(frame["codebook_size"].iloc[0])
    share = frame[column] / (size if column == "perplexity" else 1)
    for kind, (text, colour, marker) in _KINDS.items():
        chosen = frame["kind"] == kind
        axes.plot(share[chosen], frame["distortion"][chosen], marker, ms=4, color=colour, label=text)
    order = np.argsort(share.to_numpy())
    axes.plot(
        share.to_numpy()[order], frame[bound].to_numpy()[order], color=BLACK, lw=0.8, label="Shannon's bound"
    )
    axes.set_xscale("log", base=2)
    axes.set(yscale="log", xlabel=label, ylabel="distortion E", title=title)


def draw(table: Table) -> Figure:
    """Draw one row a dimension: distortion against utilization, and against perplexity."""
    frame = table.frame
    dims = sorted(set(frame["dim"]))
    figure = Figure(figsize=(6.6, 2.6 * len(dims)))
    panels = figure.subplots(len(dims), 2, squeeze=False)
    for row, dim, letters in zip(panels, dims, ("ab", "cd"), strict=True):
        part = frame[frame["dim"] == dim]
        _panel(
            row[0], part, "utilization", "bound_utilization",
            title=f"{letters[0]}  Utilization, d = {dim}", label="utilization U",
        )  # fmt: skip
        _panel(
            row[1], part, "perplexity", "bound_perplexity",
            title=f"{letters[1]}  Perplexity, d = {dim}", label="perplexity / K",
        )  # fmt: skip
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    n, size = (int(frame[key].iloc[0]) for key in ("n", "codebook_size"))
    best = frame[(frame["kind"] == "collapsed") & (frame["parameter"] == 1)]
    ratios = best.groupby("dim")["perplexity"].mean() / size
    listing = ", ".join(f"{100 * ratio:.0f} % (d = {dim})" for dim, ratio in ratios.items())
    return (
        f"Codes with K = {size} codewords for N(0, I), one point a code and trial "
        f"({frame['trial'].nunique()} trials, {n} fresh vectors; standard errors are smaller than the "
        f"markers). Using few codewords has a price, the bound U^(-2/d); using all has no merit of its own: "
        f"interleaved cells use all of them evenly, at any distortion up to the variance. The best codebook "
        f"found has a perplexity of {listing} of K. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="utilization",
    title="Utilization bounds distortion from below, and only from below",
    tables=("utilization/paper",),
    draw=draw,
    caption=caption,
    claims=("theorem.utilization", "prop5", "theorem.perplexity", "prop1.a"),
)
