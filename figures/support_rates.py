"""Proposition 3 in numbers: the rates at which distortion falls, fitted, beside that of optimal VQ."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures.look import GREY, LOOKS, PANEL
from figures.pocket_answers import require_sources
from figures.recipe import Recipe
from qtheory.results import Table

_METHODS = ("vq", "sq-pca", "opq-4", "pq-2", "pq-4", "pq-8", "sq")
_SUPPORTS = {
    "diagonal": "diagonal",
    "subspace": "random subspace",
    "sphere": "sphere",
    "swiss-roll": "Swiss roll",
    "torus": "torus",
}
_NEAR = 0.05
_PLACES = (0.01, 0.22, 0.3)  # of support, space and limit
_FIRST, _STEP = 0.42, 0.09  # of the methods
_TOP, _LINES = 0.9, 18


def near_limit(row: pd.Series) -> bool:
    """Whether a slope lies within a twentieth of that of optimal VQ."""
    return bool(abs(row["slope"] / row["vq_limit"] - 1) < _NEAR)


def _line(figure: Figure, y: float, name: str, part: pd.DataFrame) -> None:
    """Write the slopes on one support in one space."""
    first = part.iloc[0]
    words = (f"{name}, {first['support_dim']}-dim.", f"$R^{{{first['dim']}}}$", f"−{-first['vq_limit']:g}")
    for x, word in zip(_PLACES, words, strict=True):
        figure.text(x, y, word, fontsize=7, va="center")
    for _, row in part[part["method"].isin(_METHODS)].iterrows():
        x = _FIRST + _STEP * _METHODS.index(row["method"])
        if near_limit(row):
            corner = (x - 0.45 * _STEP, y - 0.42 * _TOP / _LINES)
            figure.add_artist(
                Rectangle(corner, 0.9 * _STEP, 0.84 * _TOP / _LINES, facecolor=PANEL, edgecolor="none")
            )
        slope = f"{row['slope']:.3f}".replace("-", "−")
        figure.text(x, y, slope, fontsize=7, ha="center", va="bottom")
        figure.text(x, y, f"± {row['standard_error']:.3f}", fontsize=5.5, ha="center", va="top", color=GREY)


def draw(table: Table, rates: Table) -> Figure:
    """Write the table of slopes."""
    require_sources(rates, [table])
    frame = rates.frame
    figure = Figure(figsize=(6.6, 0.27 * _LINES / _TOP))
    for x, word in zip(_PLACES, ("support", "in", "−2 / dim."), strict=True):
        figure.text(x, 0.95, word, fontsize=7, va="center")
    for place, method in enumerate(_METHODS):
        label = LOOKS[method].label.replace(", ", ",\n").replace(" after ", " after\n")
        figure.text(_FIRST + _STEP * place, 0.95, label, fontsize=7, ha="center", va="center")
    groups = [
        (shape, part)
        for shape in _SUPPORTS
        for _, part in frame[frame["shape"] == shape].groupby(["support_dim", "dim"])
    ]
    for number, (shape, part) in enumerate(groups):
        _line(figure, _TOP * (1 - (number + 0.5) / _LINES), _SUPPORTS[shape], part)
    return figure


def caption(table: Table, rates: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = rates.frame
    vq = frame[frame["method"] == "vq"]
    off = float((vq["slope"] / vq["vq_limit"] - 1).abs().max())
    return (
        f"Slopes of ln E against ln K with their standard errors, by least squares over all codebook sizes "
        f"from {frame['smallest_size'].min()} codewords on, {table.frame['trial'].nunique()} trials of each; "
        f"the errors count the curvature of a curve as scatter. Optimal VQ has the slope "
        f"−2 / support dimension as K grows; slopes within {100 * _NEAR:.0f} % of it are shaded. VQ has "
        f"it to {100 * off:.1f} % on all supports, scalars after a rotation on flat ones only, OPQ on "
        f"some of these. "
        f"Made by `{rates.manifest['command']}`."
    )


RECIPE = Recipe(
    name="support-rates",
    title="Proposition 3: fitted rates on supports of few dimensions",
    tables=("low-dimensional-support/paper", "low-dimensional-support/paper-rates"),
    draw=draw,
    caption=caption,
    claims=("prop3.vq.upper", "prop3.pq.lower", "prop3.sq.lower", "prop3.interpretation", "prop3.manifolds"),
)
