"""Random Gaussian codebooks of other spreads than the source's."""

import numpy as np
from matplotlib.figure import Figure

from figures.intervals import mean_and_halfwidth
from figures.look import BLACK, BLUE, GREEN, GREY, VERMILION
from figures.recipe import Recipe
from qtheory.results import Table

_COLOURS = (BLUE, GREEN, VERMILION)
_MARKERS = "os^"


def draw(table: Table) -> Figure:
    """Draw distortion over its minimum against the codebook's variance, one panel a dimension."""
    frame = table.frame
    dims = sorted(set(frame["dim"]))
    figure = Figure(figsize=(6.6, 2.6 * ((len(dims) + 1) // 2)))
    panels = np.ravel(figure.subplots((len(dims) + 1) // 2, 2))
    for axes, dim, letter in zip(panels, dims, "abcd", strict=False):
        part = frame[frame["dim"] == dim]
        sizes = sorted(set(part["codebook_size"]))
        for size, colour, marker in zip(sizes, _COLOURS, _MARKERS, strict=False):
            rows = part[part["codebook_size"] == size]
            best = rows.iloc[0]
            exact = rows.groupby("codebook_variance")["expected_distortion"].first() / best["best_distortion"]
            axes.plot(exact.index, exact, color=colour, lw=0.9)
            for variance, trials in rows.groupby("codebook_variance")["distortion"]:
                mean, half = mean_and_halfwidth(trials / best["best_distortion"])
                axes.errorbar([variance], [mean], [half], fmt=marker, ms=3, color=colour)
            axes.plot([], [], color=colour, marker=marker, ms=3, lw=0.9, label=f"K = {size}")
            axes.plot(best["best_variance"], 1, "*", color=colour, ms=8, mec=BLACK, mew=0.4)
        axes.axvline(1, color=BLACK, lw=0.8, ls="--", label="matched to the source")
        best_at_high_rate = float(part["high_rate_variance"].max())
        axes.axvline(best_at_high_rate, color=GREY, lw=0.8, ls=":", label="best at high rate, (d + 2) / d")
        axes.set_xscale("log", base=2)
        axes.set(
            xlabel="codewords' variance / source's",
            ylabel="E / least E",
            title=f"{letter}  d = {dim}",
        )
        axes.set_ylim(0.95, 1.6)
    panels[-1].plot([], [], "*", color=GREY, ms=8, mec=BLACK, mew=0.4, label="best spread")
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    return (
        f"Distortion of K random codewords from N(0, s²I) on N(0, I), over its least value. Lines are exact; "
        f"points are means of {frame['trial'].nunique()} trials of {int(frame['n'].iloc[0])} vectors with "
        f"95 % t intervals, cut at the frame. The spread that matches the source is the best one by "
        f"accident only. Made by "
        f"`{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="codebook-density",
    title="A codebook that matches the source is not the best one",
    tables=("codebook-density/paper",),
    draw=draw,
    caption=caption,
    claims=("appendixD.matched", "theorem.point-density"),
)
