"""What separates scalar quantization from the best: space filling, shape and memory."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.equal_rate import LAWS
from figures.look import BLACK, BLUE, GREY, ORANGE, SKY, VERMILION
from figures.recipe import Recipe
from qtheory.results import Table

_PARTS = (
    ("longer_blocks", "blocks beyond 8: space filling", GREY),
    ("space_filling", "space filling, to 8", BLUE),
    ("shape", "shape", ORANGE),
    ("memory", "memory", VERMILION),
)
_SHORT = {
    "gaussian": "Gauss",
    "laplace": "Lapl.",
    "uniform": "unif.",
    "mixture": "clust.",
    "correlated": "corr.",
    "latents": "latents",
    "patches": "patches",
}
# where all variances are equal, principal axes are arbitrary and a rotation says nothing
_WITH_AXES = ("mixture", "correlated", "latents", "patches")
_INTERVAL = 1.96
_HATCH = "////"  # tells memory from the rest in grey, too


def _exact(axes: Axes, frame: pd.DataFrame) -> None:
    """Draw the gains of the laws at high rate, stacked upward from Shannon's bound."""
    first = frame.groupby("source").first().loc[list(LAWS)]
    bottom = np.zeros(len(first))
    for key, label, colour in _PARTS:
        heights = first[f"gain_{key}_db"].to_numpy()
        hatch = _HATCH if key == "memory" else None
        axes.bar(
            range(len(first)), heights, bottom=bottom, color=colour, width=0.65, label=label,
            hatch=hatch, edgecolor="white", lw=0,
        )  # fmt: skip
        bottom = bottom + heights
    axes.set_xticks(range(len(first)), [_SHORT[name] for name in first.index])
    axes.set(xlabel="source", ylabel="SQ above Shannon (dB)", title="a  At high rate, exact")
    axes.set_ylim(0, 1.45 * bottom.max())
    axes.legend(loc="upper left", fontsize=6.5)


def _highest(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at the highest rate that VQ has."""
    return frame[frame["bits"] == frame[frame["method"] == "vq"]["bits"].max()]


def _measured(axes: Axes, frame: pd.DataFrame) -> None:
    """Draw what a rotation and then joint codewords gain over SQ, stacked upward from VQ."""
    part = _highest(frame)
    names = list(_WITH_AXES)
    columns = ["above_vq_db", "above_vq_error_db"]
    means = part.groupby(["method", "source"])[columns].mean()
    turned, plain = (means.loc[method].loc[names] for method in ("sq-pca", "sq"))
    low, high = turned["above_vq_db"].to_numpy(), plain["above_vq_db"].to_numpy()
    places = np.arange(len(names))
    axes.bar(places, low, color=SKY, width=0.65, label="VQ over SQ after rotation")
    axes.bar(
        places, high - low, bottom=low, color=VERMILION, width=0.65, label="rotation: linear memory",
        hatch=_HATCH, edgecolor="white", lw=0,
    )  # fmt: skip
    for ends, errors in ((low, turned), (high, plain)):
        half = _INTERVAL * errors["above_vq_error_db"]
        axes.errorbar(places, ends, half, fmt="none", ecolor=BLACK, elinewidth=0.8, capsize=2)
    axes.set_xticks(places, [_SHORT[name] for name in names])
    rate = float(part[part["method"] == "vq"]["rate_per_dim"].max())
    axes.set(xlabel="source", ylabel="SQ above VQ (dB)", title=f"b  At {rate:g} bits a dimension, measured")
    axes.legend(loc="upper left", fontsize=6.5)


def draw(table: Table) -> Figure:
    """Draw exact gains of the laws, and measured ones of all sources."""
    figure = Figure(figsize=(6.6, 2.9))
    left, right = figure.subplots(1, 2, width_ratios=[6, 5])
    _exact(left, table.frame)
    _measured(right, table.frame)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    part = _highest(table.frame)
    n = part.groupby("source")["n_measured"].max()
    groups = int(part["groups"].max())
    return (
        f"(a) What separates optimal SQ from Shannon's bound at high rate in 8 dimensions: exact, except "
        f"that space filling is split at 8 by the best known lattice. (b) What only samples can tell, and "
        f"only of sources whose covariance has axes: held-out distortion of SQ above that of k-means VQ, "
        f"split at SQ along principal axes; n = {n['correlated']} vectors of each law, {n['latents']} "
        f"latents and {n['patches']} patches of {groups} photographs, means of {part['trial'].nunique()} "
        f"trials, 95 % jackknife intervals. The lower part holds space filling, shape, and the dependence "
        f"that a rotation leaves. Photographs have no density, so no exact gains. Made by "
        f"`{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="gains",
    title="What separates scalar quantization from the best",
    tables=("equal-rate/paper",),
    draw=draw,
    caption=caption,
)
