"""Figure 5 with its closed forms, and what it lacks: all methods at one rate in one space."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.intervals import mean_and_halfwidth
from figures.look import BLACK, GREY, LOOKS
from figures.recipe import Recipe
from qtheory.results import Table

_PANELS = (
    ("a  VQ and PQ, matched random codebooks", ("matched-vq", "matched-pq")),
    ("b  FSQ, after its tanh", ("fsq-paper", "fsq-official")),
    ("c  LFQ, codewords ±1", ("lfq",)),
    ("d  BSQ, on the sphere", ("bsq",)),
)


def _means(frame: pd.DataFrame, by: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values of `by`, means over trials, and half-widths of their intervals."""
    grouped = frame.groupby(by, sort=True)["distortion"].apply(mean_and_halfwidth)
    mean, half = (np.array([value[i] for value in grouped]) for i in (0, 1))
    return grouped.index.to_numpy(), mean, half


def _against_variance(axes: Axes, frame: pd.DataFrame, methods: tuple[str, ...], title: str) -> None:
    for method in methods:
        part = frame[frame["method"] == method]
        look = LOOKS[method]
        exact = part.groupby("variance")["expected_distortion"].first()
        axes.plot(exact.index, exact, color=BLACK, lw=0.8, ls=look.line)
        x, mean, half = _means(part, "variance")
        size = int(part["codebook_size"].iloc[0])
        axes.errorbar(
            x,
            mean,
            half,
            fmt=look.marker,
            ms=4,
            color=look.colour,
            mfc=look.colour if look.filled else "white",
            label=f"{look.label}, K = {size}",
        )
    axes.set(xlabel="variance σ² per dimension", ylabel="distortion E", title=title)
    axes.set_ylim(0, 1.12 * float(frame[frame["method"].isin(methods)]["distortion"].max()))
    axes.legend(loc="best")


def _at_equal_rate(axes: Axes, part: pd.DataFrame, rate: int, mark: str) -> None:
    order = part.groupby("method")["distortion"].mean().sort_values(ascending=False).index
    for height, method in enumerate(order):
        rows = part[part["method"] == method]
        look = LOOKS[str(method)]
        mean, half = mean_and_halfwidth(rows["distortion"])
        axes.errorbar(
            mean,
            height,
            xerr=half,
            fmt=look.marker,
            ms=5,
            color=look.colour,
            mfc=look.colour if look.filled else "white",
        )
        exact = rows["expected_distortion"].iloc[0]
        if np.isfinite(exact):
            axes.plot([exact, exact], [height - 0.35, height + 0.35], color=BLACK, lw=0.9)
    limit = float(part["shannon_lower_bound"].min())
    axes.axvline(limit, color=GREY, lw=0.8, ls="--")
    axes.annotate(
        "Shannon bound",
        (limit, 0.99),
        xycoords=("data", "axes fraction"),
        xytext=(2, 0),
        textcoords="offset points",
        rotation=90,
        va="top",
        fontsize=6.5,
        color=GREY,
    )
    axes.set_yticks(range(len(order)), [LOOKS[str(method)].label for method in order])
    axes.set(
        xlabel="distortion E of z itself, σ² = 1",
        ylabel="method",
        title=f"{mark}  Equal rate, K ≤ {2**rate}",
    )


def draw(table: Table) -> Figure:
    """Draw panels (a) to (d) with closed forms, and one panel a rate for the comparison."""
    frame = table.frame
    figure = Figure(figsize=(6.6, 6.4))
    grid = figure.add_gridspec(2, 1, height_ratios=[2, 1.15])
    above, below = (figure.add_subfigure(grid[part]) for part in (0, 1))
    left, right = below.subplots(1, 2)
    published = frame[frame["panel"] == "figure-5"]
    for panel, (title, methods) in zip(above.subplots(2, 2).flat, _PANELS, strict=True):
        _against_variance(panel, published, methods, title)
    equal = frame[frame["panel"] == "equal-rate"]
    for panel, mark, rate in zip((left, right), "ef", sorted(set(equal["rate"])), strict=True):
        _at_equal_rate(panel, equal[equal["rate"] == rate], rate, mark)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    n, train = (int(frame[key].iloc[0]) for key in ("n", "n_train"))
    return (
        f"(a-d) The four panels of Figure 5 for N(0, σ²I) in 8 dimensions: {n} vectors a trial, the same "
        f"for all methods, means of {frame['trial'].nunique()} trials with 95 % t intervals; black lines "
        f"are closed forms. They mix codebook sizes, and (b) and (d) measure in spaces of their own, where "
        f"errors saturate. (e, f) All methods at one rate and in the source's space; FSQ, LFQ and BSQ keep "
        f"their cells and get the best decoder; ticks are exact values; k-means is fitted to {train} other "
        f"vectors. Left of the dashed line no quantizer exists. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="quantizer-variance",
    title="Figure 5 with closed forms, and the methods at equal rate",
    tables=("quantizer-variance/paper",),
    draw=draw,
    caption=caption,
    claims=(
        "condition2.figure5",
        "figure5.pq-linear",
        "figure5.fsq",
        "figure5.lfq",
        "figure5.bsq",
        "appendixK.near-optimal",
    ),
)
