"""Distance from the best possible against rate: for five laws, and for latents and patches of photographs."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.look import BLACK, GREY, LOOKS
from figures.recipe import Recipe
from qtheory.results import Table

LAWS = {
    "gaussian": "a  Gaussian",
    "laplace": "b  Laplace",
    "uniform": "c  Uniform",
    "mixture": "d  Two clusters",
    "correlated": "e  Correlated Gaussian",
}
PHOTOGRAPHS = {"latents": "f  Latents of photos", "patches": "g  Patches of photos"}
_ORDER = ("sq", "sq-pca", "pq-8", "opq-8", "pq-4", "opq-4", "pq-2", "rq", "vq", "ecsq", "ecsq-pca")
_ROUNDING = 1 / 12  # mean squared error of rounding to integers, which 8-bit levels are
_INTERVAL = 1.96


def _curve(axes: Axes, frame: pd.DataFrame, method: str, gap: str) -> None:
    """Draw one method: means of the trials; for photographs, with the interval over them."""
    look = LOOKS[method]
    part = frame[frame["method"] == method]
    means = part.groupby("bits")[["rate_per_dim", gap, "above_gaussian_error_db"]].mean()
    style: dict[str, Any] = {
        "color": look.colour,
        "marker": look.marker,
        "ls": look.line,
        "ms": 3.5,
        "lw": 0.9,
        "mfc": look.colour if look.filled else "white",
        "label": look.label,
    }
    if gap == "gap_db":
        axes.plot(means["rate_per_dim"], means[gap], **style)
    else:
        half = _INTERVAL * means["above_gaussian_error_db"]
        axes.errorbar(means["rate_per_dim"], means[gap], half, elinewidth=0.6, capsize=1.5, **style)


def _law(axes: Axes, frame: pd.DataFrame, title: str) -> None:
    for method in _ORDER:
        _curve(axes, frame, method, "gap_db")
    limit = float(frame.sort_values("bits")["zador_db"].dropna().to_numpy()[-1])
    axes.axhline(limit, color=BLACK, lw=0.8, label="VQ in 8 dimensions, high rate")
    axes.set(xlabel="rate (bits a dimension)", ylabel="dB above Shannon", title=title)
    axes.set_ylim(0, 1.08 * float(frame["gap_db"].max()))


def _rounding(axes: Axes, frame: pd.DataFrame) -> None:
    """Draw where an error is that of rounding to the 8-bit levels of the photographs."""
    rows = frame[frame["method"] == "sq"]
    curve = rows.groupby("rate_per_dim")["gaussian_distortion_rate"].mean()
    dim = float((rows["bits"] / rows["rate_per_dim"]).iloc[0])
    gap = 10 * np.log10(dim * _ROUNDING / curve)
    axes.plot(gap.index, gap, color=BLACK, lw=0.8, ls=(0, (1, 1)), label="rounding to 8-bit levels")


def _photographs(axes: Axes, frame: pd.DataFrame, title: str) -> None:
    for method in _ORDER:
        _curve(axes, frame, method, "above_gaussian_db")
    axes.axhline(0, color=GREY, lw=0.8, ls="--", label="Gaussian of the same covariance")
    if title == PHOTOGRAPHS["patches"]:
        _rounding(axes, frame)
    axes.set(xlabel="rate (bits a dimension)", ylabel="dB above Gaussian D(R)", title=title)
    half = _INTERVAL * frame["above_gaussian_error_db"]
    low = float((frame["above_gaussian_db"] - half).min())
    high = float((frame["above_gaussian_db"] + half).max())
    axes.set_ylim(1.1 * min(low, -0.25), 1.05 * high)


def draw(table: Table) -> Figure:
    """Draw one panel a source, and the key where two panels would be."""
    frame = table.frame
    figure = Figure(figsize=(6.6, 7.0))
    grid = figure.add_gridspec(3, 3)
    for place, (name, title) in enumerate({**LAWS, **PHOTOGRAPHS}.items()):
        panel = _law if name in LAWS else _photographs
        panel(figure.add_subplot(grid[divmod(place, 3)]), frame[frame["source"] == name], title)
    first, last = figure.axes[0], figure.axes[-1]
    entries = dict(zip(*reversed(first.get_legend_handles_labels()), strict=True))
    handles, labels = last.get_legend_handles_labels()
    entries.update(
        {label: handle for handle, label in zip(handles, labels, strict=True) if label not in entries}
    )
    key = figure.add_subfigure(grid[2, 1:])
    key.legend(list(entries.values()), list(entries), loc="center", ncols=2, fontsize=7)
    return figure


def _first_rates(patches: pd.DataFrame, method: str) -> tuple[float, float]:
    """Return the least rate that the code was fitted for, and what it takes on other photographs."""
    least = patches[patches["bits"] == patches["bits"].min()]
    rates = least.groupby("method")["rate_per_dim"].mean()  # scalar quantizers spend what they are given
    return float(rates["sq"]), float(rates[method])


def _above_in_sample(frame: pd.DataFrame, method: str) -> pd.Series:
    """Return how far a method's held-out error lies above that in sample at its highest rate, in dB."""
    rows = frame[frame["method"] == method]
    rows = rows[rows["bits"] == rows["bits"].max()]
    return (rows["above_gaussian_db"] - rows["in_sample_above_gaussian_db"]).groupby(rows["source"]).mean()


def caption(table: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    frame = table.frame
    train, longer = (int(frame[key].iloc[0]) for key in ("n_train", "n_train_vq"))
    laws = frame[frame["source"].isin(list(LAWS))]
    real = frame[frame["source"].isin(list(PHOTOGRAPHS))]
    error = 4.343 * float((laws["standard_error"] / laws["distortion"]).max())
    most = real.groupby("source")[["n_measured", "n_fitted"]].max()
    groups = int(real["groups"].max())
    apart, pairs = _above_in_sample(real, "vq"), _above_in_sample(laws, "pq-4")
    n = int(laws["n_measured"].max())
    given, taken = _first_rates(real[real["source"] == "patches"], "ecsq")
    turned = _first_rates(real[real["source"] == "patches"], "ecsq-pca")[1]
    return (
        f"(a-e) Held-out distortion above Shannon's bound (for correlated Gaussian vectors, the "
        f"distortion-rate function) in 8 dimensions; codebooks fitted to {train} vectors ({longer} for VQ, "
        f"SQ and blocks of more than 256 codewords), measured on {n} others, means of "
        f"{frame['trial'].nunique()} trials; one standard error is at most {error:.2f} dB. VQ ends where the "
        f"sample no longer fills its codebook, 2^(8 R) codewords at R bits a dimension: its high-rate limit "
        f"is the black line. So do blocks of four dimensions; those of two, of up to 4096 codewords, and of "
        f"one reach 6 bits. At their highest rate the errors of four blocks lie {pairs.min():.1f} to "
        f"{pairs.max():.1f} dB above those in sample. Entropy-coded SQ stands at the length of its codes on "
        f"the held-out vectors, its "
        f"cells do not end. Principal axes are arbitrary for (a-c), where all variances are "
        f"equal. (f, g) The same quantizers on eight latent channels of the pocket tokenizer and on patches "
        f"of 2 x 4 pixels (8-bit luma): fitted to {train} vectors of the training photographs "
        f"({most['n_fitted']['latents']} and {most['n_fitted']['patches']} for {longer}), measured on "
        f"{most['n_measured']['latents']} and {most['n_measured']['patches']} of {groups} others; bars are "
        f"95 % jackknife intervals over these. Photographs have no density, so no Shannon bound: the "
        f"reference is the distortion-rate function of Gaussian vectors of the held-out covariance, which a "
        f"quantizer can go below, and in (g) does. A code of {given:g} bits a dimension on patches it was "
        f"fitted to takes {taken:.2f} on those of the other photographs, whose brightness varies more: "
        f"there the curve of entropy-coded SQ begins in (g), along principal axes at {turned:.2f}. Below the "
        f"dotted line errors are finer than the rounding "
        f"of the photographs themselves. In sample, VQ at its highest rate would seem {apart['latents']:.1f} "
        f"dB better in (f) and {apart['patches']:.1f} dB in (g). Made by `{table.manifest['command']}`."
    )


RECIPE = Recipe(
    name="equal-rate",
    title="Every quantizer at equal rate, in dB from the best possible",
    tables=("equal-rate/paper",),
    draw=draw,
    caption=caption,
)
