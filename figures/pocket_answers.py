"""What the pocket comparison answers, in sentences made of its stored tables."""

from collections.abc import Hashable, Iterator, Mapping, Sequence

import pandas as pd

from figures.look import in_comparison
from qtheory.errors import SchemaError
from qtheory.results import Table
from qtheory.results.comparison import averages

PHASES = ("substitution", "adaptation", "joint")
# variants of the fair protocol, and what each changes
SWITCHES = {
    "fair_images": "Where the first stage learns from images too, through the frozen decoder as published",
    "fair_decoder": "Where adaptation trains the decoder alone, and not the second head with it",
}
TABLES = (
    *(f"{phase}/pocket" for phase in PHASES),
    "correlations/pocket",
    "contrasts/pocket",
    *(f"switches/pocket-{name}" for name in SWITCHES),
    "correlations/pocket-fair_images",
)

_IN = {"substitution": "after substitution", "adaptation": "after adaptation", "joint": "trained jointly"}


def _label(method: Hashable) -> str:
    return in_comparison(str(method)).label.removesuffix(" (reference)")


def _interval(row: pd.Series, value: str, digits: int, low: str = "low", high: str = "high") -> str:
    return f"{row[value]:.{digits}f} [{row[low]:.{digits}f}, {row[high]:.{digits}f}]"


def _difference(contrasts: pd.DataFrame, name: str, column: str, digits: int) -> str:
    chosen = contrasts[(contrasts["contrast"] == name) & (contrasts["column"] == column)]
    return _interval(chosen.iloc[0], "difference", digits)


def ranks_by_phase(correlations: pd.DataFrame) -> str:
    """Say what ρ error, and use of the codebook, have with KID in each phase."""
    parts = []
    chosen = correlations[correlations["quality"] == "kid_efflite0"].set_index(["phase", "predictor"])
    for phase in dict.fromkeys(correlations["phase"]):
        error, relative, use = (
            chosen.loc[(phase, name)] for name in ("latent_distortion_per_dim", "latent_nmse", "perplexity")
        )
        same = relative["rho"] == error["rho"]
        own = "" if same else f", where NMSE has {_interval(relative, 'rho', 2)}"
        parts.append(f"{_interval(error, 'rho', 2)} and {_interval(use, 'rho', 2)} {_IN[phase]}{own}")
    return "; ".join(parts)


def _ranks(correlations: pd.DataFrame) -> str:
    n, found = int(correlations["n"].max()), ranks_by_phase(correlations)
    return (
        f"On photographs, Spearman's ρ with KID over the {n} methods of Table 3 is, for the error E and for "
        f"perplexity: {found}. Brackets are 95 % intervals over photographs and seeds."
    )


def _advantages(correlations: pd.DataFrame) -> str:
    """Say whether error ranks quality better than perplexity does, and how probable each ρ is by chance."""
    parts = []
    chosen = correlations[correlations["quality"] == "kid_efflite0"].set_index(["phase", "predictor"])
    ends = ("advantage_perplexity_low", "advantage_perplexity_high")
    for phase in dict.fromkeys(correlations["phase"]):
        error, use = (chosen.loc[(phase, name)] for name in ("latent_distortion_per_dim", "perplexity"))
        gap = _interval(error, "advantage_perplexity", 2, *ends)
        parts.append(f"{_IN[phase]} {gap} (p = {error['p_value']:.1g} and {use['p_value']:.1g})")
    return (
        f"|ρ| of E with KID less that of perplexity: {'; '.join(parts)}. The p of each ρ is exact over "
        "permutations of methods."
    )


def _use(*tables: Table) -> str:
    """Say what utilization can tell before encoders move, where nothing collapses."""
    means = averages(pd.concat([table.frame for table in tables])).reset_index()
    used = means[means["head"] == "full"].groupby("method")["utilization"].min()
    return (
        "Before joint training no codebook collapses, with data for a start and one learning rate: "
        f"{int((used > 0.999).sum())} of {len(used)} methods use over 99.9 % of their codewords, the lowest "
        f"{100 * used.min():.1f} %. Utilization then ranks next to nothing, and perplexity stands in for it."
    )


def _hierarchy(contrasts: pd.DataFrame) -> str:
    """Say whether VQ beats PQ beats SQ."""
    bare, full = "substitution, heads none", "substitution, heads full"
    return (
        "Tuned alike and without heads, PQ has "
        f"{_difference(contrasts, f'PQ - VQ, {bare}', 'latent_nmse', 3)} more NMSE than VQ, and fixed-level "
        f"SQ {_difference(contrasts, f'SQ - PQ, {bare}', 'latent_nmse', 3)} more than PQ; between full heads "
        f"{_difference(contrasts, f'PQ - VQ, {full}', 'latent_nmse', 3)} and "
        f"{_difference(contrasts, f'SQ - PQ, {full}', 'latent_nmse', 3)}."
    )


def _agreement(contrasts: pd.DataFrame) -> str:
    """Say whether error and quality agree on the order of the classes."""
    chosen = contrasts[contrasts["question"] == "hierarchy"].pivot(
        index="contrast", columns="column", values="difference"
    )
    odd = chosen.index[chosen["latent_nmse"] * chosen["psnr"] > 0]
    listed = "; ".join(
        f"{name} {chosen.loc[name, 'latent_nmse']:+.3f} of NMSE and {chosen.loc[name, 'psnr']:+.2f} dB"
        for name in odd
    )
    return (
        f"Error does not rank image quality between classes: {listed}."
        if len(odd)
        else "Between classes, lower error goes with higher PSNR in each phase."
    )


def _levels(contrasts: pd.DataFrame) -> str:
    """Say how far optimal levels go."""
    return (
        "Optimal levels instead of fixed ones take "
        f"{_difference(contrasts, 'SQ - optimal SQ, no heads', 'latent_nmse', 3)} of NMSE off SQ without "
        "heads; from there "
        f"{_difference(contrasts, 'optimal SQ - k-means PQ, no heads', 'latent_nmse', 3)} are left to "
        "k-means PQ, and "
        f"{_difference(contrasts, 'optimal SQ - k-means VQ, no heads', 'latent_nmse', 3)} to k-means VQ."
    )


def _scales(contrasts: pd.DataFrame) -> str:
    """Compare whole maps, coded over scales, with single positions."""
    found = {
        phase: _difference(contrasts, f"VAR's scales - k-means VQ, {phase}, no heads", "psnr", 2)
        for phase in PHASES[:2]
    }
    error = _difference(contrasts, f"VAR's scales - k-means VQ, {PHASES[0]}, no heads", "latent_nmse", 3)
    quality = ", ".join(f"{text} dB {_IN[phase]}" for phase, text in found.items())
    return (
        "Whole maps at the same bits, by VAR's residual quantizer over scales, less single positions by "
        f"k-means VQ, both fitted and without heads: {error} of NMSE; of PSNR {quality}."
    )


def _heads(contrasts: pd.DataFrame) -> str:
    """Say what the heads hide."""
    name = "{}: no heads - full heads"
    vq, pq, sq = (_difference(contrasts, name.format(kind), "latent_nmse", 3) for kind in ("VQ", "PQ", "SQ"))
    return f"The published heads take {vq} of NMSE off VQ, {pq} off PQ and {sq} off SQ."


def _gains(contrasts: pd.DataFrame, phase: str, table: Table) -> str:
    """Say what a later phase gains, beside what the same training gains without a quantizer."""
    gained = {
        kind: _difference(contrasts, f"{kind}: {phase} - substitution", "psnr", 2)
        for kind in ("VQ", "PQ", "SQ", "no quantizer")
    }
    listed = ", ".join(f"{text} dB for {kind}" for kind, text in gained.items())
    steps, batch = (int(table.frame[name].iloc[0]) for name in ("steps", "batch_size"))
    return (
        f"Gain of PSNR {_IN[phase]}, {steps} steps of {batch} crops: {listed}, the control that sees the "
        "same images."
    )


def _moving_latents(first: Table, joint: Table) -> str:
    """Say what happens to latents and codewords where the encoder moves too, means of the trials."""
    before, after = (table.frame.set_index(["method", "head", "trial"]) for table in (first, joint))
    ratios = after["latent_variance"] / before["latent_variance"].reindex(after.index)
    grown = ratios.dropna().groupby(level=["head", "method"]).mean()
    heads, bare = (grown[head].sort_values() for head in ("full", "none"))
    fitted = " and ".join(f"{ratio:.1f} ({_label(name)})" for name, ratio in bare.items())
    used = after["utilization"].groupby(level="method").mean()
    return (
        f"Trained jointly (means of {after.index.unique('trial').size} trials), the variance of the latents "
        f"becomes {heads.iloc[0]:.2f} ({_label(heads.index[0])}) to {heads.iloc[-1]:.2f} "
        f"({_label(heads.index[-1])}) times what it was for the {len(heads)} methods, and times {fitted} for "
        "the references, which have no heads: so E/d no longer compares methods. Codewords fall out of use: "
        f"{_label(used.idxmin())} uses the fewest, {100 * used.min():.0f} %."
    )


def _switch(frame: pd.DataFrame, name: str) -> str:
    """Say what a switch of the fair protocol changes in quality, and in the order of methods."""
    parts = []
    for phase, rows in frame.groupby("phase", sort=False):
        psnr = rows[(rows["statistic"] == "difference") & (rows["column"] == "psnr")]
        moved = ", ".join(
            f"{_interval(psnr[psnr['subject'] == kind].iloc[0], 'value', 2)} dB for {kind}"
            for kind in ("VQ", "PQ", "SQ")
        )
        agreed = rows[(rows["statistic"] == "spearman") & (rows["column"] == "kid_efflite0")].iloc[0]
        parts.append(
            f"{_IN[str(phase)]} {moved}, and the methods' KID has ρ = {_interval(agreed, 'value', 2)}"
        )
    trials = int(frame["trials"].min())
    seeds = "1 seed" if trials == 1 else f"{trials} seeds"
    return (
        f"{SWITCHES[name]} (`{name}`), PSNR changes, on the same photographs and {seeds}: {'; '.join(parts)} "
        "with theirs under `fair`."
    )


def _ranks_of_images(correlations: pd.DataFrame) -> str:
    """Say what ranks quality where the first stage learns from images."""
    found = ranks_by_phase(correlations)
    return f"Under that loss Spearman's ρ with KID is, for the error E and for perplexity: {found}."


def _photographs(table: Table) -> str:
    """Compare held-out errors with those in sample."""
    means = averages(table.frame).dropna(subset=["latent_distortion_per_dim"])
    easier = (means["latent_distortion_per_dim"] < means["train_latent_distortion_per_dim"]).mean()
    ratio = float((means["latent_distortion_per_dim"] / means["train_latent_distortion_per_dim"]).median())
    return (
        f"The held-out photographs are {'easier' if ratio < 1 else 'harder'} than the training ones: their "
        f"E/d is {ratio:.2f} of that in sample (median), lower for {100 * easier:.0f} % of the rows. That "
        "tells the photographs apart and says nothing of over- or underfitting."
    )


def require_sources(found: Table, tables: Sequence[Table]) -> None:
    """Raise unless correlations or contrasts were computed from these very tables of the phases.

    Raises
    ------
    SchemaError
        If one of them was made anew since.
    """
    sources = found.manifest["configuration"]["sources"]
    for table in tables:
        name = f"{table.manifest['study']}/{table.path.stem}"
        if sources.get(name) != table.manifest["sha256"]:
            raise SchemaError(
                f"{found.path} must come from {table.path} as it is, and was computed from another {name}; "
                f"run `{found.manifest['command']}` again"
            )


def _checked(tables: Mapping[str, Table]) -> None:
    for name in ("correlations/pocket", "contrasts/pocket"):
        require_sources(tables[name], [tables[f"{phase}/pocket"] for phase in PHASES])


def answers(tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield the answers of the comparison: what ranks quality, which class errs least, levels, heads.

    Parameters
    ----------
    tables : mapping of str to Table
        The tables named in `TABLES`.

    Raises
    ------
    SchemaError
        If correlations or contrasts come from other tables than these.
    """
    _checked(tables)
    contrasts = tables["contrasts/pocket"].frame
    yield _ranks(tables["correlations/pocket"].frame)
    yield _hierarchy(contrasts)
    yield _levels(contrasts)
    yield _heads(contrasts)


def details(tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield what a reader of the comparison's numbers should know beside its answers.

    Parameters
    ----------
    tables : mapping of str to Table
        The tables named in `TABLES`.

    Raises
    ------
    SchemaError
        If correlations or contrasts come from other tables than these.
    """
    _checked(tables)
    first, contrasts = tables["substitution/pocket"], tables["contrasts/pocket"].frame
    yield _use(first, tables["adaptation/pocket"])
    yield _advantages(tables["correlations/pocket"].frame)
    yield _agreement(contrasts)
    yield _scales(contrasts)
    for phase in PHASES[1:]:
        yield _gains(contrasts, phase, tables[f"{phase}/pocket"])
    for name in SWITCHES:
        yield _switch(tables[f"switches/pocket-{name}"].frame, name)
        if name == "fair_images":
            yield _ranks_of_images(tables["correlations/pocket-fair_images"].frame)
    yield _moving_latents(first, tables["joint/pocket"])
    yield _photographs(first)
