"""Distance from Shannon's bound against rate, for five sources, and what the distance is made of."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.look import BLACK, BLUE, GREY, LOOKS, ORANGE, VERMILION
from figures.recipe import Recipe
from qtheory.results import Table

_TITLES = {
    "gaussian": "a  Gaussian",
    "laplace": "b  Laplace",
    "uniform": "c  Uniform",
    "mixture": "d  Two clusters",
    "correlated": "e  Correlated Gaussian",
}
_ORDER = ("sq", "sq-pca", "pq-4", "opq-4", "pq-2", "rq", "vq", "ecsq", "ecsq-pca")
_PARTS = (
    ("longer_blocks", "blocks beyond 8", GREY),
    ("space_filling", "space filling, to 8", BLUE),
    ("shape", "shape", ORANGE),
    ("memory", "memory", VERMILION),
)


def _panel(axes: Axes, frame: pd.DataFrame, title: str) -> None:
    for method in _ORDER:
        part = frame[frame["method"] == method]
        look = LOOKS[method]
        gap = part.groupby("rate_per_dim")["gap_db"].mean()
        axes.plot(
            gap.index,
            gap,
            color=look.colour,
            marker=look.marker,
            ls=look.line,
            ms=3.5,
            lw=0.9,
            mfc=look.colour if look.filled else "white",
            label=look.label,
        )
    limit = float(frame.sort_values("bits")["zador_db"].to_numpy()[-1])
    axes.axhline(limit, color=BLACK, lw=0.8, label="VQ in 8 dimensions, high rate")
    axes.set(xlabel="rate (bits a dimension)", ylabel="dB above Shannon", title=title)
    axes.set_ylim(0, min(1.08 * float(frame["gap_db"].max()), 11))


def _gains(axes: Axes, frame: pd.DataFrame) -> None:
    names = list(_TITLES)
    bottom = [0.0] * len(names)
    first = frame.groupby("source").first()
    for key, label, colour in _PARTS:
        heights = first.loc[names, f"gain_{key}_db"].to_list()
        axes.bar(range(len(names)), heights, bottom=bottom, color=colour, width=0.65, label=label)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set_xticks(range(len(names)), ["Gauss", "Lapl.", "unif.", "clust.", "corr."])
    axes.set(xlabel="source", ylabel="SQ above Shannon (dB)", title="f  The gap at high rate")
    axes.legend(loc="upper left", fontsize=6)


def draw(table: Table) -> Figure:
    """Draw one panel a source, and the gains that separate SQ from Shannon at high rate."""
    frame = table.frame
    figure = Figure(figsize=(6.6, 5.0))
    panels = figure.subplots(2, 3)
    for axes, (name, title) in zip(panels.flat, _TITLES.items(), strict=False):
        _panel(axes, frame[frame["source"] == name], title)
    _gains(panels.flat[5], frame)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    n, train, longer = (int(frame[key].iloc[0]) for key in ("n", "n_train", "n_train_vq"))
    error = 4.343 * float((frame["standard_error"] / frame["distortion"]).max())
    return (
        f"(a-e) Held-out distortion above Shannon's bound (for correlated Gaussian vectors, the "
        f"distortion-rate function) in 8 dimensions; codebooks fitted to {train} vectors ({longer} for VQ), "
        f"measured on {n} others, means of {frame['trial'].nunique()} trials; one standard error is at most "
        f"{error:.2f} dB. "
        f"VQ ends where the sample no longer fills its codebook: its high-rate limit is the black line. "
        f"Entropy-coded SQ spends its rate as entropy. Principal axes are arbitrary for (a-c), where all "
        f"variances are equal. (f) What separates optimal SQ from Shannon's bound at high rate, exact. Made "
        f"by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="equal-rate",
    title="Every quantizer at equal rate, in dB from the best possible",
    tables=("equal-rate/paper",),
    draw=draw,
    caption=caption,
)
