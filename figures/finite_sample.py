"""In-sample and held-out distortion against the size of the training sample."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.intervals import mean_and_halfwidth
from figures.look import BLACK, GREY, LOOKS
from figures.recipe import Recipe
from qtheory.results import Table

_METHODS = ("vq", "pq-2", "sq")
_INTERVAL = 1.96


def _errors(axes: Axes, frame: pd.DataFrame) -> None:
    """Draw both distortions of Gaussian vectors."""
    for method in _METHODS:
        part, look = frame[frame["method"] == method], LOOKS[method]
        for column, filled in (("distortion", True), ("in_sample_distortion", False)):
            grouped = part.groupby("points_per_codeword")[column].apply(mean_and_halfwidth)
            mean, half = (np.array([value[i] for value in grouped]) for i in (0, 1))
            axes.errorbar(
                grouped.index,
                mean,
                half,
                fmt=look.marker,
                ls="-" if filled else "--",
                lw=0.9,
                ms=4,
                color=look.colour,
                mfc=look.colour if filled else "white",
                label=f"{look.label}, {'held out' if filled else 'in sample'}",
            )
    bound = float(frame["shannon_lower_bound"].max())
    axes.axhline(bound, color=BLACK, lw=0.8, label="Shannon's bound (a)")
    axes.set(title="a  Gaussian")


def _latents(axes: Axes, frame: pd.DataFrame) -> None:
    """Draw errors on fitted vectors, on others of the same photographs, and on other photographs."""
    columns = ["in_sample_distortion", "same_photographs_distortion", "distortion", "standard_error"]
    for method in _METHODS:
        look = LOOKS[method]
        means = frame[frame["method"] == method].groupby("points_per_codeword")[columns].mean()
        points = means.index
        style: dict[str, Any] = {"marker": look.marker, "ms": 4, "lw": 0.9, "color": look.colour}
        axes.plot(points, means["in_sample_distortion"], ls="--", mfc="white", **style)
        same = means["same_photographs_distortion"]
        label = "fresh vectors of the fitted photographs (b)" if method == _METHODS[0] else None
        axes.plot(points, same, color=look.colour, lw=0.9, ls=":", marker="x", ms=4, label=label)
        half = _INTERVAL * means["standard_error"]
        axes.errorbar(points, means["distortion"], half, ls="-", **style)
    axes.set(title="b  Latents of photographs")


def _gaps(axes: Axes, frame: pd.DataFrame) -> None:
    """Draw the gap against training vectors a fitted value."""
    for method in _METHODS:
        columns = ["distortion", "in_sample_distortion", "fitted_values"]
        means = frame[frame["method"] == method].groupby("n_train")[columns].mean()
        gap = means["distortion"] / means["in_sample_distortion"] - 1
        look = LOOKS[method]
        axes.plot(means.index / means["fitted_values"], 100 * gap, look.marker, ms=4, color=look.colour)
    ends = np.array([0.5, 2e4])
    axes.plot(ends, 100 / ends, color=GREY, lw=0.8, ls="--", label="inverse proportion")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="vectors a fitted value",
        ylabel="held out above in sample (%)",
        title="c  The gap of (a)",
    )
    axes.set_ylim(0.01, 300)
    axes.legend(loc="upper right")


def draw(table: Table) -> Figure:
    """Draw distortions against points per codeword, and the gap against points per fitted value."""
    frame = table.frame
    gaussian, latents = (frame[frame["source"] == name] for name in ("gaussian", "latents"))
    figure = Figure(figsize=(6.6, 3.3))
    left, middle, right = figure.subplots(1, 3)
    _errors(left, gaussian)
    _latents(middle, latents)
    _gaps(right, gaussian)
    for axes in (left, middle):
        axes.set_xscale("log", base=2)
        axes.set(xlabel="vectors a VQ codeword", ylabel="distortion E")
    entries = [axes.get_legend_handles_labels() for axes in (left, middle)]
    handles, labels = ([*entries[0][i], *entries[1][i]] for i in (0, 1))
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    size, trials = int(frame["codebook_size"].iloc[0]), frame["trial"].nunique()
    n = frame.groupby("source")["n_measured"].max()
    return (
        f"(a) Distortion of quantizers with K = {size} codewords for N(0, I) in 4 dimensions on the vectors "
        f"they were fitted to, and on {n['gaussian']} others; means of {trials} trials with 95 % t "
        f"intervals. In sample, VQ goes below Shannon's bound, which no quantizer does on fresh vectors. (b) "
        f"The same for 4 latent channels of photographs: in sample (open), on other vectors of the same "
        f"photographs (crosses), and on {n['latents']} vectors of other photographs (filled; 95 % jackknife "
        f"intervals over these). (c) The gap of (a), one point a sample size, from the means. Made by "
        f"`{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="finite-sample",
    title="In-sample error against held-out error",
    tables=("finite-sample/paper",),
    draw=draw,
    caption=caption,
)
