"""Figure 2: distortion against variance, with the exact line."""

import numpy as np
from matplotlib.figure import Figure

from figures.intervals import mean_and_halfwidth
from figures.look import BLACK, BLUE, GREY
from figures.recipe import Recipe
from qtheory.results import Table
from qtheory.results.slope import slope_of_variance


def draw(table: Table) -> Figure:
    """Draw measured means with intervals on the exact line, and the relative deviation from it."""
    frame = table.frame
    figure = Figure(figsize=(6.6, 2.7))
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    exact = frame.groupby("variance")["expected_distortion"].first()
    slope = float((exact / exact.index).iloc[-1])
    limit = frame.groupby("variance")["shannon_lower_bound"].first()
    means = frame.groupby("variance")["distortion"].apply(mean_and_halfwidth)
    x = means.index.to_numpy()
    mean, half = (np.array([value[i] for value in means]) for i in (0, 1))
    left.plot([0, x[-1]], [0, slope * x[-1]], color=BLACK, lw=0.8, label=f"exact: {slope:.4f} σ²")
    left.plot(x, limit, color=GREY, lw=0.8, ls="--", label="Shannon lower bound, any quantizer")
    left.errorbar(x, mean, half, fmt="o", ms=4, color=BLUE, label="measured, 95 % interval")
    left.set(
        xlabel="variance σ² per dimension", ylabel="distortion E (sum over d)", title="a  The linear law"
    )
    left.legend(loc="upper left")
    ratios = frame["distortion"] / frame["expected_distortion"] - 1
    right.axhline(0, color=BLACK, lw=0.8)
    right.plot(frame["variance"], 100 * ratios, ".", color=BLUE, alpha=0.45, ms=4, label="one trial")
    right.errorbar(
        x,
        100 * (mean / exact.to_numpy() - 1),
        100 * half / exact.to_numpy(),
        fmt="o",
        ms=4,
        color=BLUE,
        label="mean",
    )
    right.set(
        xlabel="variance σ² per dimension",
        ylabel="deviation from exact (%)",
        title="b  What is left is sampling noise",
    )
    bound = 1.25 * float(np.abs(100 * ratios).max())
    right.set_ylim(-bound, 1.5 * bound)
    right.legend(loc="upper right", ncols=2)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    dim, codebook_size, n = (int(frame[key].iloc[0]) for key in ("dim", "codebook_size", "n"))
    trials = int(frame["trial"].nunique())
    slope = slope_of_variance(frame)
    return (
        f"Distortion of a random codebook drawn from the source, N(0, σ²I) in {dim} dimensions, "
        f"K = {codebook_size}; {n} fresh vectors a trial, {trials} independent trials a variance "
        f"(dots; means with 95 % t intervals). The line is no fit: it is the exact slope {slope.exact:.5f}, "
        f"a quadrature; the measured slope is {slope.value:.5f} ± {slope.error:.5f} (standard error). "
        f"Every class of codebooks closed under scaling, scalar ones included, obeys the law exactly. "
        f"Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="variance-scaling",
    title="Figure 2: distortion is exactly linear in the variance",
    tables=("variance-scaling/paper",),
    draw=draw,
    caption=caption,
    claims=("scaling.vq", "scaling.sq", "figure5.pq-linear"),
)
