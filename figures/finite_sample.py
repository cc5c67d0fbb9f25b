"""In-sample and held-out distortion against the size of the training sample."""

import numpy as np
from matplotlib.figure import Figure

from figures.intervals import mean_and_halfwidth
from figures.look import BLACK, GREY, LOOKS
from figures.recipe import Recipe
from qtheory.results import Table

_METHODS = ("vq", "pq-2", "sq")


def draw(table: Table) -> Figure:
    """Draw both distortions against points per codeword, and their gap against points per fitted value."""
    frame = table.frame
    figure = Figure(figsize=(6.6, 3.4))
    left, right = figure.subplots(1, 2)
    for method in _METHODS:
        part = frame[frame["method"] == method]
        look = LOOKS[method]
        for column, filled in (("distortion", True), ("in_sample_distortion", False)):
            grouped = part.groupby("points_per_codeword")[column].apply(mean_and_halfwidth)
            mean, half = (np.array([value[i] for value in grouped]) for i in (0, 1))
            left.errorbar(
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
        means = part.groupby("n_train")[["distortion", "in_sample_distortion", "fitted_values"]].mean()
        gap = means["distortion"] / means["in_sample_distortion"] - 1
        right.plot(means.index / means["fitted_values"], 100 * gap, look.marker, ms=4, color=look.colour)
    left.axhline(float(frame["shannon_lower_bound"].max()), color=BLACK, lw=0.8, label="Shannon's bound")
    ends = np.array([0.5, 2e4])
    right.plot(ends, 100 / ends, color=GREY, lw=0.8, ls="--", label="inverse proportion")
    left.set_xscale("log", base=2)
    left.set(xlabel="training vectors a VQ codeword", ylabel="distortion E", title="a  Two errors")
    right.set(
        xscale="log",
        yscale="log",
        xlabel="training vectors a fitted value",
        ylabel="held out above in sample (%)",
        title="b  The gap follows what is fitted",
    )
    right.set_ylim(0.01, 300)
    right.legend(loc="upper right")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    n, size = (int(frame[key].iloc[0]) for key in ("n", "codebook_size"))
    return (
        f"(a) Distortion of quantizers with K = {size} codewords for N(0, I) in 4 dimensions on the vectors "
        f"they were fitted to, and on {n} others; means of {frame['trial'].nunique()} trials with 95 % t "
        f"intervals. In sample, VQ goes below Shannon's bound, which no quantizer does on fresh vectors. "
        f"(b) The gap, one point a sample size, from the means. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="finite-sample",
    title="In-sample error against held-out error",
    tables=("finite-sample/paper",),
    draw=draw,
    caption=caption,
)
