"""More tokens or more codewords at equal bits, against the correlation within the map."""

from matplotlib.figure import Figure

from figures.look import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE
from figures.recipe import Recipe
from qtheory.results import Table

_WAYS = {
    "vq": ("one token, K² codewords", BLUE, "o", "-"),
    "split": ("two tokens, halves of the vector", GREEN, "s", "--"),
    "rq": ("two tokens, residual", PURPLE, "h", "-."),
    "multiscale": ("as many tokens, growing resolution", ORANGE, "v", ":"),
}


def draw(table: Table) -> Figure:
    """Draw distortion against correlation, one panel a number of bits."""
    frame = table.frame
    sizes = sorted(set(frame["size"]))
    figure = Figure(figsize=(6.6, 3.1))
    panels = figure.subplots(1, len(sizes), squeeze=False)[0]
    for axes, size, letter in zip(panels, sizes, "ab", strict=False):
        part = frame[frame["size"] == size]
        for way, (label, colour, marker, line) in _WAYS.items():
            rows = part[part["method"] == way]
            means = rows.groupby("correlation")["distortion"].mean()
            axes.plot(means.index, means, color=colour, ls=line, lw=0.9)
            axes.plot([], [], color=colour, ls=line, lw=0.9, marker=marker, ms=4, label=label)
            axes.errorbar(
                rows["correlation"],
                rows["distortion"],
                1.96 * rows["standard_error"],
                fmt=marker,
                ms=4,
                color=colour,
            )
        limit = part.groupby("correlation")["map_distortion_rate"].first()
        axes.plot(limit.index, limit, color=BLACK, lw=0.8, label="limit for codes of whole maps")
        alone = float(part["vector_distortion_rate"].max())
        axes.axhline(alone, color=GREY, lw=0.8, ls="--", label="limit for codes of single vectors")
        axes.set(
            xlabel="correlation of neighbours in the map",
            ylabel="distortion E a vector",
            title=f"{letter}  {int(part['bits'].iloc[0])} bits a map, K = {size}",
        )
        axes.set_ylim(bottom=0)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    n, train = (int(frame[key].iloc[0]) for key in ("n_maps", "n_train_maps"))
    return (
        f"Maps of 8 x 8 Gaussian vectors in 8 dimensions, four ways to spend the same bits. Fitted to "
        f"{train} maps, measured on {n} others, {frame['trial'].nunique()} trials; bars are 95 % intervals "
        f"over maps. Doubling the tokens and squaring the codebook have the same information quantity and "
        f"not the same error: which is better depends on what the tokens describe. Coarse tokens pay where "
        f"neighbours agree, and only there. Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="token-codebook",
    title="Finding 1: equal bits, unequal error",
    tables=("token-codebook/paper",),
    draw=draw,
    caption=caption,
    claims=("finding1.identity", "finding1.error", "text.equivalence"),
)
