"""Where Proposition 2's lower bound breaks: constants against the dimension."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.look import BLACK, BLUE, GREY, ORANGE, PANEL, VERMILION
from figures.recipe import Recipe
from qtheory.results import Table

_LAST_PROVED, _FIRST_REFUTED = 46, 65


def _curves(axes: Axes, table: Table) -> None:
    rows = table.frame
    axes.fill_between(rows["dim"], rows["sphere"], rows["random"], color=PANEL, lw=0)
    axes.plot(rows["dim"], rows["random"], color=BLUE, label="Zador's random codebooks: above the limit")
    best = rows[rows["dim"] <= 64]
    axes.plot(
        best["dim"],
        4 * best["zador_upper"],
        ls="",
        marker=".",
        ms=3,
        color=ORANGE,
        label="lattices and their products",
    )
    axes.plot(rows["dim"], rows["sphere"], color=BLACK, lw=1, label="sphere: below the limit")
    axes.axhline(0.25, color=VERMILION, lw=0.9, ls="--", label="1/4, as printed")
    axes.axhline(rows["sharp"].iloc[0], color=GREY, lw=0.9, ls=":", label="2/(πe), sharp for all d")


def draw(table: Table) -> Figure:
    """Draw the bracket of the limit against d with the printed and the sharp constant, and a close view."""
    figure = Figure(figsize=(6.6, 3.3))
    left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
    for axes in (left, right):
        _curves(axes, table)
        axes.set(xlabel="dimension d", ylabel=r"lim $E\,K^{2/d}/d$ on $[-1, 1]^d$")
    left.set(xscale="log", title="a  Constants against dimension")
    left.set_ylim(0.22, 0.45)
    left.set_xlim(1, 1024)
    right.set(title="b  Where 1/4 is true, open, false")
    right.set_xlim(38, 80)
    right.set_ylim(0.243, 0.2605)
    for edge in (_LAST_PROVED + 0.5, _FIRST_REFUTED - 0.5):
        right.axvline(edge, color=GREY, lw=0.6)
    for x, words in ((42.2, "true"), (55.5, "open"), (72.2, "false at\nlarge K")):
        right.text(x, 0.2592, words, ha="center", va="top", fontsize=7)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def caption(table: Table) -> str:
    """Say what is seen and the command."""
    named = table.frame.dropna(subset="refuted_from_bits").set_index("dim")["refuted_from_bits"]
    listing = ", ".join(f"{bits:.1f} (d = {dim})" for dim, bits in named.items())
    return (
        "Proposition 2 claims E ≥ d / (4 K^(2/d)) for the worst law on the cube. As K grows, K^(2/d) / d "
        "times the optimal error tends to a constant in the shaded bracket, and is never below it. (a) The "
        "bracket falls through 1/4. (b) Up to d = 46 its lower end proves the printed bound, from d = 65 on "
        "its upper end refutes it, in between nobody knows. It fails from these bits a dimension on, at the "
        f"latest: {listing}. Closed forms, no sampling. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="bounds-by-dimension",
    title="Proposition 2: its lower bound breaks between 46 and 65 dimensions",
    tables=("theory/dimensions",),
    draw=draw,
    caption=caption,
    section="theory",
    claims=("prop2.lower", "prop2.lower.47-64", "prop2.lower.finite"),
)
