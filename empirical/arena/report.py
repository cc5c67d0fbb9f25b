"""What an arena says, computed from its table: a summary to read, and its answers in sentences."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

VECTOR = ("vanilla", "ema", "online", "wasserstein", "mmd")
PRODUCT = tuple(f"{name}_vp2" for name in VECTOR)
FIXED = ("fsq", "lfq", "bsq")
# names and maps of what is fitted once
_VQ, _PQ, _OPQ, _SQ = ("kmeans", "none"), ("pq", "none"), ("opq", "none"), ("lloyd_max", "principal")
FULL, FAR = 0.99, 0.5  # utilization called full; dB above k-means called far


def summary(frame: "pd.DataFrame") -> str:
    """Return dB above k-means, a row a method and maps, a column a K and source: means of the trials."""
    means = frame.pivot_table(
        index=["method", "maps"], columns=["codebook_size", "source"], values="kmeans_db", sort=False
    )
    text: str = means.to_string(float_format=lambda value: f"{value:.2f}", na_rep="")
    return text


def seconds(frame: "pd.DataFrame") -> str:
    """Return the mean seconds of fit or training and measurement, a row a method and maps, a column a K."""
    means = frame.pivot_table(index=["method", "maps"], columns="codebook_size", values="seconds", sort=False)
    text: str = means.to_string(float_format=lambda value: f"{value:.2f}", na_rep="")
    return text


def _best(errors: "pd.Series", names: tuple[str, ...]) -> tuple[str, float] | None:
    """Return the method with the least error of some, and its error."""
    among = errors[errors.index.get_level_values("method").isin(names)]
    if among.empty:
        return None
    least = int(among.to_numpy().argmin())
    return _named(among.index[least]), float(among.iloc[least])


def _named(entry: tuple[str, str]) -> str:
    method, maps = entry
    return method if maps == "none" else f"{method} ({maps} maps)"


def _hierarchy(errors: "pd.Series") -> str:
    """Say which of the trained classes comes first, and where the references stand."""
    best = {kind: _best(errors, names) for kind, names in (("VQ", VECTOR), ("PQ", PRODUCT), ("SQ", FIXED))}
    trained = {kind: found for kind, found in best.items() if found}
    order = sorted(trained, key=lambda kind: trained[kind][1])
    told = [f"{kind} {trained[kind][1]:.3f} ({trained[kind][0]})" for kind in order]
    known = {"k-means": _VQ, "PQ": _PQ, "OPQ": _OPQ, "optimal SQ on principal axes": _SQ}
    fitted = [f"{label} {errors[key]:.3f}" for label, key in known.items() if key in errors.index]
    return f"best trained, NMSE: {' < '.join(told)}; fitted: {', '.join(fitted)}"


def _gap(errors: "pd.Series") -> str | None:
    """Say how much of the distance from fixed codewords to k-means optimal levels close."""
    import numpy as np

    fixed = _best(errors, FIXED)
    if fixed is None or _SQ not in errors.index or fixed[1] <= errors[_VQ]:
        return None
    whole, closed = (10 * np.log10(fixed[1] / errors[key]) for key in (_VQ, _SQ))
    return (
        f"optimal SQ closes {closed:.2f} of the {whole:.2f} dB between the best of FSQ, LFQ, BSQ and k-means"
    )


def _far(part: "pd.DataFrame") -> str:
    """Name the trained methods that use all codewords and yet stay far from k-means."""
    means = part[part["method"].isin(VECTOR + PRODUCT + FIXED)].groupby(["method", "maps"], sort=False)
    table = means[["kmeans_db", "utilization"]].mean()
    named = table[(table["kmeans_db"] > FAR) & (table["utilization"] > FULL)]["kmeans_db"]
    listed = [f"{_named(entry)} {named[entry]:.2f}" for entry in named.index]
    return f"more than {FAR} dB above k-means with over {FULL:.0%} of the codewords in use: " + (
        ", ".join(listed) or "none"
    )


def findings(frame: "pd.DataFrame") -> list[str]:
    """Return the answers of an arena, for each source and K.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table of `empirical.arena.run`.

    Returns
    -------
    list of str
        Whether VQ comes before PQ before SQ when all are tuned alike; whether optimal scalar levels close
        the gap; which trained methods stay far from k-means though they use all codewords. Means of trials.
    """
    lines = []
    for (source, size), part in frame.groupby(["source", "codebook_size"], sort=False):
        errors = part.groupby(["method", "maps"], sort=False)["nmse"].mean()
        said = [_hierarchy(errors), _gap(errors), _far(part)]
        lines += [f"{source}, K = {size}: {sentence}" for sentence in said if sentence]
    return lines
