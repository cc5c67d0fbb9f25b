"""Proposition 3: the gap between VQ and SQ on few dimensions is one of axes, unless the support is curved."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.look import BLACK, GREY, LOOKS
from figures.recipe import Recipe
from qtheory.results import Table

_PANELS = (
    ("diagonal", 1, "a  Diagonal of the cube: exact"),
    ("subspace", 2, "b  Box in a random plane"),
    ("sphere", 2, "c  Sphere"),
    ("swiss-roll", 2, "d  Swiss roll"),
)
_ORDER = ("sq", "pq-8", "pq-4", "pq-2", "opq-4", "vq", "sq-pca")


def _panel(axes: Axes, table: Table, shape: str, support_dim: int, title: str) -> None:
    frame = table.frame
    frame = frame[frame["dim"] == frame["dim"].min()]
    chosen = frame[(frame["shape"] == shape) & (frame["support_dim"] == support_dim)]
    for method in _ORDER:
        part = chosen[chosen["method"] == method].sort_values("nominal_size")
        if part.empty:
            continue
        look = LOOKS[method]
        means = part.groupby("nominal_size")["distortion"].mean()
        exact = part.groupby("nominal_size")["expected_distortion"].first()
        if exact.notna().all():
            axes.plot(exact.index, exact, color=BLACK, lw=0.7, ls=look.line)
        else:
            axes.plot(means.index, means, color=look.colour, lw=0.8, ls=look.line)
        axes.plot(
            part["nominal_size"],
            part["distortion"],
            look.marker,
            ms=4 if look.filled else 6,  # around those that it coincides with
            color=look.colour,
            mfc=look.colour if look.filled else "none",
            label=look.label,
        )
    _guide(axes, chosen["nominal_size"].to_numpy(), chosen["distortion"].to_numpy(), support_dim)
    axes.set_xscale("log", base=2)
    axes.set(yscale="log", xlabel="codewords K", ylabel="distortion E", title=title)


def _guide(axes: Axes, sizes: np.ndarray, distortions: np.ndarray, support_dim: int) -> None:
    """Draw the slope of the best rate below the points."""
    ends = np.array([sizes.min(), sizes.max()], dtype=float)
    level = 0.5 * distortions.min() * ends[1] ** (2 / support_dim)
    axes.plot(ends, level * ends ** (-2 / support_dim), color=GREY, lw=0.8, ls="--")
    axes.annotate(
        rf"$K^{{-{2 // support_dim}}}$",
        (ends[1], level * ends[1] ** (-2 / support_dim)),
        xytext=(-16, 1),
        textcoords="offset points",
        ha="right",
        va="center",
        color=GREY,
        fontsize=7,
    )


def draw(table: Table) -> Figure:
    """Draw distortion against K for four supports in the smallest space."""
    figure = Figure(figsize=(6.6, 5.2))
    panels = figure.subplots(2, 2)
    for axes, (shape, support_dim, title) in zip(panels.flat, _PANELS, strict=True):
        _panel(axes, table, shape, support_dim, title)
    handles, labels = panels[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    n, train, points = (int(frame[key].iloc[0]) for key in ("n", "n_train", "points_per_codeword"))
    worst = float((frame["standard_error"] / frame["distortion"]).max())
    return (
        f"Distortion against codebook size for sources of few dimensions in R^{frame['dim'].min()}. "
        f"(a) Optimal codebooks of Proposition 3's example, evaluated; black lines are exact values. There "
        f"scalar quantization after a rotation is vector quantization. (b-d) Codebooks fitted to {train} "
        f"vectors, VQ and rotated SQ to {points} a codeword if that is more. In a plane a rotation gives SQ "
        f"the rate of VQ; on curved surfaces no rotation does. Dashed: the rate -2 / support dimension. "
        f"Points are {frame['trial'].nunique()} trials of {n} fresh vectors; their standard errors, at most "
        f"{100 * worst:.1f} %, are smaller than the markers. "
        f"Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="low-dimensional-support",
    title="Proposition 3: a gap of axes, unless the support is curved",
    tables=("low-dimensional-support/paper",),
    draw=draw,
    caption=caption,
    claims=("prop3.vq.upper", "prop3.pq.lower", "prop3.sq.lower", "prop3.interpretation", "prop3.manifolds"),
)
