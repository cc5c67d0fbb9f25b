"""Proposition 2: the constants of hard laws between the bounds, as printed and sharp."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.look import BLACK, GREY, LOOKS
from figures.recipe import Recipe
from qtheory.results import Table

_FLOOR = 0.15  # laws far easier than the worst are no part of the question
_LAWS = {"uniform": "uniform", "saddle": "saddle point", "finite": "few atoms", "many-atoms": "many atoms"}
_MARKERS = {"saddle": "D", "finite": "x", "many-atoms": "+"}
_ATOMIC = ("finite", "many-atoms")


# points by which the names of lines that are close stand apart
_SHIFTS = {"prop2.lower.sharp": -4, "prop2.lower.paper": 3}


def _bound(axes: Axes, frame: pd.DataFrame, name: str, *, dashed: bool, named: bool) -> None:
    sizes = frame["codebook_size"].to_numpy(dtype=float)
    constant = float(np.median(frame[name] * sizes ** (2 / frame["dim"]) / frame["dim"]))
    axes.axhline(constant, color=GREY if dashed else BLACK, lw=0.8, ls="--" if dashed else "-")
    if named:
        axes.annotate(
            name,
            (1, constant),
            xycoords=("axes fraction", "data"),
            xytext=(3, _SHIFTS.get(name, 0)),
            textcoords="offset points",
            va="center",
            fontsize=6,
            color=BLACK,
        )


def _panel(axes: Axes, frame: pd.DataFrame, title: str, *, named: bool) -> None:
    for law, label in _LAWS.items():
        for method in ("sq", "vq", "kmeans-vq"):
            part = frame[(frame["law"] == law) & (frame["method"] == method)]
            part = part[part["constant"] >= _FLOOR]
            if part.empty:
                continue
            look = LOOKS[method]
            shown = part.groupby("codebook_size")["constant"].mean() if law not in _ATOMIC else None
            axes.plot(
                part["codebook_size"] if shown is None else shown.index,
                part["constant"] if shown is None else shown,
                marker=_MARKERS.get(law, look.marker),
                ls="" if law in _ATOMIC else look.line,
                lw=0.9,
                ms=4 if method == "sq" else 6.5,  # rings around what coincides with them
                color=look.colour,
                mfc=look.colour if law == "uniform" and method == "sq" else "none",
                label=f"{look.label}, {label}",
            )
    for name in ("prop2.lower.sharp", "prop2.upper.sharp"):
        _bound(axes, frame, name, dashed=False, named=named)
    for name in ("prop2.lower.paper", "prop2.upper.paper"):
        _bound(axes, frame, name, dashed=True, named=named)
    axes.set_xscale("log", base=2)
    axes.set(yscale="log", xlabel="codewords K", ylabel=r"$E\,K^{2/d}/d$", title=title)
    axes.set_ylim(_FLOOR, 14)


def draw(table: Table) -> Figure:
    """Draw the normalised distortion against K, one panel a dimension."""
    frame = table.frame
    dims = sorted(set(frame["dim"]))
    dims = dims[:3] + dims[3:][-1:]
    figure = Figure(figsize=(6.6, 5.4))
    panels = figure.subplots(2, 2)
    for axes, dim, letter in zip(panels.flat, dims, "abcd", strict=False):
        _panel(axes, frame[frame["dim"] == dim], f"{letter}  d = {dim}", named=letter in "bd")
    for axes in panels.flat[len(dims) :]:
        axes.remove()
    shown = [axes.get_legend_handles_labels() for axes in panels.flat[: len(dims)]]
    by_label = {
        label: handle for handles, labels in shown for handle, label in zip(handles, labels, strict=True)
    }
    figure.legend(by_label.values(), by_label.keys(), loc="outside lower center", ncols=3)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    n, train, points = (int(frame[key].iloc[0]) for key in ("n", "n_train", "points_per_codeword"))
    return (
        f"Distortion times K^(2/d) / d on the cube [-1, 1]^d, means of {frame['trial'].nunique()} trials on "
        f"{n} vectors: optimal levels of the uniform law, in one dimension optimal vectors too; levels "
        f"fitted to {train} vectors of the saddle-point law; k-means codebooks fitted to as many of either "
        f"law, or to {points} a codeword where that is more (no optima: where codewords are many, the "
        f"saddle-point law's atoms hold them and levels do better); "
        f"random atoms, one cross a trial: few with exact optima, and many with optimal levels and the best "
        f"of five k-means codebooks, without sampling error. Lines are constants for the worst law: solid "
        f"sharp, dashed as printed; values below {_FLOOR} are left out. The saddle-point law meets the "
        f"sharp upper constant 5/(2e) at d = 2, K = 5. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="worst-case-rates",
    title="Proposition 2: hard laws between the bounds",
    tables=("worst-case-rates/paper",),
    draw=draw,
    caption=caption,
    claims=("prop2.lower", "prop2.upper", "prop2.order"),
)
