"""What ranks quality, error or use of the codebook, in sentences made of stored correlations."""

from collections.abc import Iterator

import pandas as pd

from figures.pocket_words import IN, UNDEFINED, interval, listed, sign

_ERROR, _RELATIVE = "latent_distortion_per_dim", "latent_nmse"
_RIVALS = ("perplexity", "utilization")
_VERDICTS = {1: "better than", -1: "worse than", 0: "undecided against"}


def _phases(correlations: pd.DataFrame, quality: str) -> Iterator[tuple[str, dict[str, pd.Series]]]:
    """Yield the rows of each phase, by predictor."""
    chosen = correlations[correlations["quality"] == quality]
    for phase, rows in chosen.groupby("phase", sort=False):
        yield str(phase), {str(row["predictor"]): row for _, row in rows.iterrows()}


def ranks_by_phase(correlations: pd.DataFrame) -> str:
    """Say what ρ error, and use of the codebook, have with KID in each phase."""
    parts = []
    for phase, rows in _phases(correlations, "kid_efflite0"):
        error, relative, use = (rows[name] for name in (_ERROR, _RELATIVE, "perplexity"))
        same = relative["rho"] == error["rho"]
        own = "" if same else f", where NMSE has {interval(relative, 'rho', 2)}"
        parts.append(f"{interval(error, 'rho', 2)} and {interval(use, 'rho', 2)} {IN[phase]}{own}")
    return "; ".join(parts)


def ranks(correlations: pd.DataFrame) -> str:
    """Say what ρ all methods have on photographs, and over what the intervals are."""
    n, found = int(correlations["n"].max()), ranks_by_phase(correlations)
    return (
        f"On photographs, Spearman's ρ with KID over the {n} methods of Table 3 is, for the error E and for "
        f"perplexity: {found}. Brackets are 95 % intervals over photographs and seeds."
    )


def _compared(row: pd.Series) -> list[str]:
    """Return the rivals over which the table has an advantage of an error."""
    return [name for name in _RIVALS if pd.notna(row.get(f"advantage_{name}"))]


def _ends(rival: str) -> tuple[str, str]:
    return f"advantage_{rival}_low", f"advantage_{rival}_high"


def _gaps(row: pd.Series) -> str:
    found = [interval(row, f"advantage_{name}", 2, _ends(name)) for name in _compared(row)]
    return listed(found) if found else UNDEFINED


def verdict(row: pd.Series) -> str:
    """Say whether an error predicts quality better than its rivals do, as far as their intervals tell."""
    found = {name: sign(row, _ends(name)) for name in _compared(row)}
    if not found:  # all methods have the same error, or use their codebooks alike
        return UNDEFINED
    if len(found) > 1 and len(set(found.values())) == 1:
        return {1: "better than both", -1: "worse than both", 0: "undecided"}[found[_RIVALS[0]]]
    return listed([f"{_VERDICTS[side]} {name}" for name, side in found.items()])


def verdicts(correlations: pd.DataFrame, quality: str) -> str:
    """Say of each phase whether NMSE predicts quality better than use of the codebook does."""
    return "; ".join(
        f"{IN[phase]} {verdict(rows[_RELATIVE])}" for phase, rows in _phases(correlations, quality)
    )


def advantages(correlations: pd.DataFrame) -> str:
    """Say by how much error predicts quality better than perplexity and utilization, in each phase."""
    parts = []
    for phase, rows in _phases(correlations, "kid_efflite0"):
        error, relative = rows[_ERROR], rows[_RELATIVE]
        text = f"{IN[phase]} {_gaps(relative)}"
        if _compared(relative):
            text += f": {verdict(relative)}"
        if relative["rho"] != error["rho"]:
            text += f" (by E, in which the variance of the latents counts too, {_gaps(error)})"
        parts.append(text)
    return (
        "Does error predict quality better than use of the codebook? |ρ| of NMSE with KID less that of "
        f"perplexity and that of utilization is {'; '.join(parts)}. With PSNR in place of KID: "
        f"{verdicts(correlations, 'psnr')}."
    )


def chances(correlations: pd.DataFrame) -> str:
    """Say how probable each ρ is by chance."""
    names = {_ERROR: "E", _RELATIVE: "NMSE", **{name: name for name in _RIVALS}}
    parts = []
    for phase, rows in _phases(correlations, "kid_efflite0"):
        values = [float(rows[name]["p_value"]) for name in names]
        found = [f"{value:.1g}" if value == value else UNDEFINED for value in values]
        parts.append(f"{', '.join(found)} {IN[phase]}")
    return (
        f"The p of ρ with KID, exact over permutations of methods, for {listed(list(names.values()))}: "
        f"{'; '.join(parts)}."
    )
