"""The pocket comparison, phase by phase: error, perplexity and utilization against quality."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.look import BLACK, GREY, in_comparison
from figures.pocket_answers import require_sources
from figures.recipe import Recipe
from qtheory.results import Table
from qtheory.results.comparison import FAMILIES, UNQUANTIZED, averages, main_head

Row = tuple[str, str, float]
PHASES = {
    "substitution": "Stage I: substitution",
    "adaptation": "Stage II: adaptation",
    "joint": "Joint optimisation",
}
# what stands against quality, its axis and its unit
_ROWS = (
    ("latent_nmse", "error: NMSE at the decoder", 1.0),
    ("perplexity", "perplexity (codewords)", 1.0),
    ("utilization", "utilization U (%)", 100.0),
)
_KID = 1e3


def of_phases(tables: tuple[Table, ...]) -> pd.DataFrame:
    """Return the averages of all phases, each method with the head that stands for it."""
    means = averages(pd.concat([table.frame for table in tables], ignore_index=True)).reset_index()
    return means[means["head"] == means["method"].map(main_head)]


def _points(axes: Axes, frame: pd.DataFrame, name: str, unit: float) -> None:
    """Draw one point a method against quality; references open."""
    for _, row in frame.iterrows():
        look = in_comparison(row["method"])
        axes.plot(
            unit * row[name],
            _KID * row["kid_efflite0"],
            ls="",
            marker=look.marker,
            color=look.colour,
            mfc=look.colour if look.filled else "none",
            mew=0.8,
            ms=4.2,
            alpha=0.85,
        )


def _typical_interval(
    axes: Axes, frame: pd.DataFrame, x: tuple[str, float], y: tuple[str, float], foot: float
) -> None:
    """Draw the median half-widths of the intervals as one cross on `foot`; widen x where it needs that.

    Photographs, which make most of an interval, are the same for all methods: a bar at every point
    would hide the points and say the same each time.
    """
    half_x, half_y = (
        unit * float((frame[f"{name}_high"] - frame[f"{name}_low"]).median()) / 2 for name, unit in (x, y)
    )
    low, high = axes.get_xlim()
    wide = max(high - low, 2.6 * half_x)
    low = (low + high - wide) / 2
    axes.set_xlim(low, low + wide)
    axes.errorbar(
        low + max(0.12 * wide, 1.15 * half_x), foot + half_y, half_y, half_x,
        fmt="none", ecolor=GREY, elinewidth=0.8, capsize=2,
    )  # fmt: skip


def _correlation(axes: Axes, correlations: pd.DataFrame, phase: str, name: str) -> None:
    """Write Spearman's correlation of the methods of Table 3 into a panel."""
    wanted = {"phase": phase, "quality": "kid_efflite0", "predictor": name}
    found = correlations[(correlations[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    if len(found) and pd.notna(found["rho"].iloc[0]):
        row = found.iloc[0]
        text = f"ρ = {row['rho']:.2f} [{row['low']:.2f}, {row['high']:.2f}], p = {row['p_value']:.1g}"
    else:
        text = "ρ undefined: equal for all methods"
    axes.text(0.97, 0.02, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=6)


def _ceiling(axes: Axes, frame: pd.DataFrame) -> float:
    """Draw and return the kernel distance of the tokenizer alone."""
    height = _KID * float(frame.loc[frame["method"] == UNQUANTIZED, "kid_efflite0"].iloc[0])
    axes.axhline(height, color=GREY, lw=0.8, ls="--")
    axes.annotate(
        "no quantizer",
        (0.97, height),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="right",
        fontsize=6,
        color=BLACK,
    )
    return height


def _legend(figure: Figure, frame: pd.DataFrame) -> None:
    """Put the methods of a table below the panels."""
    handles = []
    for method in frame["method"].drop_duplicates():
        look = in_comparison(method)
        fill = look.colour if look.filled else "white"
        handles.append(
            Line2D([], [], ls="", marker=look.marker, color=look.colour, mfc=fill, label=look.label)
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def draw_phases(
    means: pd.DataFrame, correlations: pd.DataFrame, rows: Sequence[Row], height: float
) -> Figure:
    """Draw small multiples: what predicts quality from row to row, phases from left to right.

    Parameters
    ----------
    means : pandas.DataFrame
        One row a phase and method, the tokenizer without a quantizer among them in each phase.
    correlations : pandas.DataFrame
        As ``python -m empirical table`` stores them.
    rows : sequence
        What stands against quality, its axis and its unit.
    height : float
        Of the figure, in inches.
    """
    figure = Figure(figsize=(6.6, height))
    panels = figure.subplots(len(rows), len(PHASES), sharey=True)
    for (name, label, unit), row in zip(rows, panels, strict=True):
        for (phase, title), axes in zip(PHASES.items(), row, strict=True):
            own = means[means["phase"] == phase]
            quantized = own[own["method"] != UNQUANTIZED]
            _points(axes, quantized, name, unit)
            foot = _ceiling(axes, own) + 4
            if f"{name}_low" in own:
                _typical_interval(axes, quantized, (name, unit), ("kid_efflite0", _KID), foot)
            _correlation(axes, correlations, phase, name)
            axes.set(xlabel=label, ylabel="KID-EffLite0 (×10⁻³)")
            axes.yaxis.label.set_visible(axes is row[0])
            if name == rows[0][0]:
                axes.set_title(title)
    panels[0][0].set_ylim(bottom=0)
    _legend(figure, means[means["method"] != UNQUANTIZED])
    return figure


def draw(*tables: Table) -> Figure:
    """Draw the phases on photographs."""
    *phases, _, correlations = tables
    require_sources(correlations, phases)
    return draw_phases(of_phases(tuple(phases)), correlations.frame, _ROWS, height=7.0)


def caption(*tables: Table) -> str:
    """Say what is seen, n, the intervals and the command."""
    *phases, photographs, _ = tables
    trials = {
        phase.manifest["study"]: int(phase.frame[phase.frame["method"].isin(FAMILIES)]["trial"].max()) + 1
        for phase in phases
    }
    size = int(phases[0].frame["codebook_size"].iloc[0])
    shown = photographs.frame.drop_duplicates("photograph")
    seeds = ", ".join(f"up to {count} in {phase}" for phase, count in trials.items())
    return (
        "The quantizers of Table 3 and references on the shipped photographs, each in the place of none in "
        f"one frozen tokenizer at equal bits (two tokens a position, K = {size} each, or as many on the "
        "grids of VAR's scales), then with an adapted decoder, or trained jointly with encoder and decoder. "
        "A point is a method with its "
        f"published heads (references: no heads), averaged over seeds ({seeds}), on "
        f"{len(shown)} held-out photographs ({int(shown['crops'].sum())} crops); lower is better. The grey "
        "cross is a typical 95 % interval over photographs (bootstrap for the error, jackknife for the "
        "others); most of it is common to all methods, which see the same photographs. Utilization of VAR's "
        "quantizer is a mean over scales, of which the coarsest has one token a crop. ρ is "
        "Spearman's correlation over the methods of Table 3 with its bootstrap interval over photographs "
        "and seeds, and the exact permutation p-value. KID-EffLite0 compares with no published FID. Made by "
        f"`{phases[0].manifest['command']}` and the commands of the later phases."
    )


RECIPE = Recipe(
    name="pocket-comparison",
    title="The comparison on photographs: error, use of the codebook and quality",
    tables=(
        *(f"{phase}/pocket" for phase in PHASES),
        "substitution/pocket-photographs",
        "correlations/pocket",
    ),
    draw=draw,
    caption=caption,
    section="comparison",
    claims=("spearman.paramount", "text.theory-validated"),
)
