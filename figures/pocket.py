"""The pocket comparison: error against utilization and against quality, one point a method and seed."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.look import BLACK, GREY, LOOKS
from figures.recipe import Recipe
from qtheory.results import Table


def quantized(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of quantizers, without that of the tokenizer alone."""
    return frame[frame["method"] != "unquantized"]


def _bar(row: pd.Series, name: str) -> list[list[float]] | None:
    """Return the lengths of an error bar, None where the column has no interval."""
    if f"{name}_low" not in row.index:
        return None
    return [[row[name] - row[f"{name}_low"]], [row[f"{name}_high"] - row[name]]]


def _points(axes: Axes, frame: pd.DataFrame, x: str, y: str) -> None:
    """Draw one point a row with its intervals; filled with heads, open without."""
    for (method, head), part in frame.groupby(["method", "head"], sort=False):
        look = LOOKS[str(method)]
        for _, row in part.iterrows():
            axes.errorbar(
                row[x],
                row[y],
                xerr=_bar(row, x),
                yerr=_bar(row, y),
                fmt=look.marker,
                color=look.colour,
                mfc=look.colour if head == "full" else "white",
                elinewidth=0.5,
                capsize=0,
                ms=5,
            )


def _legend(figure: Figure, frame: pd.DataFrame) -> None:
    handles = []
    for method, head in frame[["method", "head"]].drop_duplicates().itertuples(index=False):
        look = LOOKS[method]
        suffix = "" if "reference" in look.label else (", heads" if head == "full" else ", no heads")
        fill = look.colour if head == "full" else "white"
        handles.append(
            Line2D([], [], ls="", marker=look.marker, color=look.colour, mfc=fill, label=look.label + suffix)
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def draw(table: Table, photographs: Table) -> Figure:
    """Draw NMSE against utilization, and the kernel distance against NMSE."""
    frame = quantized(table.frame)
    ceiling = table.frame[table.frame["method"] == "unquantized"]["kid_efflite0"]
    figure = Figure(figsize=(6.6, 3.3))
    left, right = figure.subplots(1, 2)
    shown = frame.assign(
        **{f"percent{end}": 100 * frame[f"utilization{end}"] for end in ("", "_low", "_high")}
    )
    _points(left, shown, "percent", "latent_nmse")
    left.set(
        xlabel="utilization U (% of codewords)",
        ylabel="NMSE of the decoder's input",
        title="a  All methods use their codewords",
    )
    # a jackknife interval may pass what utilization can reach; the axis does not
    lowest = float(shown["percent_low"].min())
    left.set_xlim(lowest - 0.05 * (100 - lowest), 100 + 0.05 * (100 - lowest))
    scaled = frame.assign(**{f"kid{end}": 1e3 * frame[f"kid_efflite0{end}"] for end in ("", "_low", "_high")})
    _points(right, scaled, "latent_nmse", "kid")
    right.axhline(1e3 * ceiling.mean(), color=GREY, lw=0.8, ls="--")
    right.annotate(
        "tokenizer without a quantizer",
        (0.98, 1e3 * ceiling.mean()),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=6.5,
        color=BLACK,
    )
    right.set(
        xlabel="NMSE of the decoder's input", ylabel="KID-EffLite0 (×10⁻³)", title="b  Error against quality"
    )
    _legend(figure, frame)
    return figure


def caption(table: Table, photographs: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = quantized(table.frame)
    shown = photographs.frame.drop_duplicates("photograph")
    return (
        f"Stage I substitution on the shipped photographs: every method replaces the quantizer of one "
        f"frozen tokenizer at equal bits (two tokens a position, K = {int(frame['codebook_size'].iloc[0])} "
        f"each), {frame['trial'].nunique()} seeds, one point a method and seed, measured on {len(shown)} "
        f"held-out photographs ({int(shown['crops'].sum())} crops). Bars are 95 % intervals: bootstrap over "
        f"photographs for NMSE, jackknife over them for utilization and KID. Filled: trained heads around "
        f"the quantizer, as in the paper; open: without. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="pocket-comparison",
    title="The comparison on photographs: error, utilization and quality",
    tables=("substitution/pocket", "substitution/pocket-photographs"),
    draw=draw,
    caption=caption,
    section="comparison",
    claims=("spearman.paramount", "text.theory-validated"),
)
