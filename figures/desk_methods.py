"""All methods at desk size on photographs of ImageNet, phase by phase: error and use against quality."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.pocket import KID_UNIT, PHASES, ceiling, legend, points, typical_interval
from figures.recipe import Recipe
from qtheory.claims._ranks import permutation_p_value, spearman
from qtheory.results import Table
from qtheory.results.comparison import FAMILIES, UNQUANTIZED

_TABLES = {3, 7}
_QUALITY = "kid_efflite0"
# what stands against quality, its axis and its unit
_ROWS = (("latent_nmse", "error: NMSE at the decoder", 1.0), ("perplexity", "perplexity (codewords)", 1.0))


def rows_of_methods(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of Tables 3 and 7, averages over seeds, the tokenizer alone first."""
    own = frame[[not _TABLES.isdisjoint(map(int, str(tables).split())) for tables in frame["tables"]]]
    return own.groupby(["phase", "method"], sort=False).mean(numeric_only=True).reset_index()


def correlation(frame: pd.DataFrame, name: str) -> str:
    """Return Spearman's correlation with quality over the methods of Table 3, in words."""
    own = frame[frame["method"].isin(FAMILIES)]
    if own[name].nunique() == 1:
        return "ρ undefined: equal for all methods"
    rho = spearman(own[name], own[_QUALITY])
    return f"ρ = {rho:.2f}, p = {float(permutation_p_value(own[name], own[_QUALITY])):.1g}, n = {len(own)}"


def _panel(axes: Axes, own: pd.DataFrame, alone: pd.DataFrame, name: str, unit: float) -> None:
    points(axes, own, name, unit)
    foot = ceiling(axes, alone) + 4
    if f"{name}_low" in own:
        typical_interval(axes, own, (name, unit), (_QUALITY, KID_UNIT), foot)
    text = correlation(own, name)
    axes.text(0.97, 0.02, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=6)


def draw(table: Table) -> Figure:
    """Draw small multiples: what predicts quality from row to row, phases from left to right."""
    means = rows_of_methods(table.frame)
    alone = means[means["method"] == UNQUANTIZED]
    figure = Figure(figsize=(6.6, 5.2))
    panels = figure.subplots(len(_ROWS), len(PHASES), sharey=True)
    for (name, label, unit), row in zip(_ROWS, panels, strict=True):
        for (phase, title), axes in zip(PHASES.items(), row, strict=True):
            _panel(axes, means[means["phase"] == phase], alone, name, unit)
            axes.set(xlabel=label, ylabel="KID-EffLite0 (×10⁻³)")
            axes.yaxis.label.set_visible(axes is row[0])
            if name == _ROWS[0][0]:
                axes.set_title(title)
    panels[0][0].set_ylim(bottom=0)
    legend(figure, means[means["method"] != UNQUANTIZED])
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    seeds, photographs = frame["seed"].nunique(), int(frame["photographs"].max())
    size = int(frame.loc[frame["method"] == "ema", "codebook_size"].iloc[0])
    return (
        "Tables 3 and 7 at desk size: the quantizers with their published heads, and references without, in "
        f"one frozen tokenizer at equal bits (two tokens a position, K = {size} each), then with an adapted "
        f"decoder, or trained jointly with encoder and decoder. A point is a method, {seeds} seed(s), on "
        f"{photographs} held-out photographs of ImageNet; lower is better. The grey cross is a typical 95 % "
        "interval over photographs, most of it common to all methods. The dashed line is the tokenizer as it "
        "was pretrained, without a quantizer. ρ is Spearman's correlation over the methods of Table 3 with "
        "its exact permutation p-value. KID-EffLite0 compares with no published FID. Made by "
        f"`{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="desk-methods",
    title="All methods at desk size: error, use of the codebook and quality",
    tables=("launch/desk",),
    draw=draw,
    caption=caption,
    section="comparison",
    claims=("spearman.paramount", "text.joint"),
    optional=True,
)
