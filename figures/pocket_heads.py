"""How much the heads hide: every method of the comparison without heads, with 1x1 and with full ones."""

from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.look import BLACK, GREY, LOOKS
from figures.recipe import Recipe
from qtheory.results import Table
from qtheory.results.comparison import FAMILIES, averages

Fill = Literal["none", "left", "full"]

_HEADS = {"none": "no heads", "1x1": "1×1 convolutions", "full": "3×3 convolutions, as published"}
_FILLS: dict[str, Fill] = {"none": "none", "1x1": "left", "full": "full"}
_PANELS = (
    ("latent_nmse", "NMSE at the decoder", "a  Error"),
    ("psnr", "PSNR (dB, RGB)", "b  Quality"),
)
_REFERENCES = {"kmeans": "k-means", "lloyd_max": "optimal SQ"}


def _rows(axes: Axes, means: pd.DataFrame, name: str) -> None:
    """Draw a line a method, with a marker a head and its interval."""
    for height, method in enumerate(reversed(FAMILIES)):
        own, look = means[means["method"] == method], LOOKS[method]
        axes.plot(own[name], [height] * len(own), color=look.colour, lw=0.7)
        for _, row in own.iterrows():
            axes.plot(
                row[name],
                height,
                ls="",
                marker=look.marker,
                fillstyle=_FILLS[row["head"]],
                color=look.colour,
                markerfacecoloralt="white",
                ms=5,
            )
    half = float((means[f"{name}_high"] - means[f"{name}_low"]).median()) / 2
    axes.errorbar(
        float(means[name].median()), -1, xerr=half, fmt="none", ecolor=GREY, elinewidth=0.8, capsize=2
    )


def draw(table: Table) -> Figure:
    """Draw error and quality of every method, one line each."""
    means = averages(table.frame).reset_index()
    figure = Figure(figsize=(6.6, 3.6))
    panels = figure.subplots(1, 2, sharey=True)
    for (name, label, title), axes in zip(_PANELS, panels, strict=True):
        _rows(axes, means, name)
        for method, text in _REFERENCES.items():
            value = float(means.loc[means["method"] == method, name].iloc[0])
            axes.axvline(value, color=GREY, lw=0.8, ls="--")
            axes.text(value, len(FAMILIES) - 0.3, text, fontsize=6, ha="center", va="bottom", color=BLACK)
        axes.set(xlabel=label, ylabel="method", ylim=(-1.7, len(FAMILIES) - 0.4))
        axes.set_title(title, pad=14)
    panels[0].set_yticks(range(len(FAMILIES)), [LOOKS[method].label for method in reversed(FAMILIES)])
    panels[1].yaxis.label.set_visible(False)
    handles = [
        Line2D([], [], ls="", marker="o", color=BLACK, fillstyle=fill, markerfacecoloralt="white", label=text)
        for fill, text in zip(_FILLS.values(), _HEADS.values(), strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    trials = table.frame.groupby("method")["trial"].nunique()
    several = [name for name in FAMILIES if trials.get(name, 0) > 1]
    seeds = f"{int(trials.max())} seeds"
    if len(several) < len(FAMILIES):
        seeds += f" for {', '.join(LOOKS[name].label for name in several)}, one for the others"
    return (
        "The same quantizers without heads, with heads of 1×1 convolutions and with the published heads of "
        f"three 3×3 convolutions (32 channels wide here), after substitution; {seeds}. Dashed: k-means and "
        "the optimal scalar quantizer, both without heads. The grey bar is a typical 95 % interval "
        "over held-out photographs (bootstrap); most of it is common to all methods, which see the same "
        f"photographs. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="pocket-heads",
    title="How much the heads hide",
    tables=("substitution/pocket",),
    draw=draw,
    caption=caption,
    section="comparison",
)
