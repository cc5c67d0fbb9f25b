"""What the pocket comparison answers, in sentences made of its stored tables."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from figures import pocket_classes, pocket_joint, pocket_ranks
from figures.pocket_words import IN, difference, interval
from qtheory.command import counted
from qtheory.errors import SchemaError
from qtheory.results import Table
from qtheory.results.comparison import averages

PHASES = ("substitution", "adaptation", "joint")
# variants of the fair protocol, what each changes, and the phases in which it does
SWITCHES = {
    "fair_images": "Where the first stage learns from images too, through the frozen decoder as published",
    "fair_decoder": "Where adaptation trains the decoder alone, and not the second head with it",
    "fair_light": "Where joint training weighs the terms of latents and quantizers an eighth",
}
_SWITCHED = {"fair_images": PHASES, "fair_decoder": ("adaptation",), "fair_light": ("joint",)}
_WEIGHED = (
    *("adaptation/pocket", "joint/pocket", "joint/pocket-fair_light"),
    *("correlations/pocket-fair_light", "contrasts/pocket-fair_light"),
)
_FAIR = tuple(f"{phase}/pocket" for phase in PHASES)
_VARIANTS = {name: tuple(f"{phase}/pocket-{name}" for phase in own) for name, own in _SWITCHED.items()}
# what is quoted that was computed from other tables, and from which
_DERIVED = {
    "correlations/pocket": _FAIR,
    "contrasts/pocket": _FAIR,
    **{f"switches/pocket-{name}": own for name, own in _VARIANTS.items()},
    "correlations/pocket-fair_images": _VARIANTS["fair_images"],
    "correlations/pocket-fair_light": _VARIANTS["fair_light"],
    "contrasts/pocket-fair_light": _VARIANTS["fair_light"],
}
TABLES = (*_FAIR, *_DERIVED, *(name for own in _VARIANTS.values() for name in own))


def _use(*tables: Table) -> str:
    """Say what utilization can tell before encoders move, where nothing collapses."""
    means = averages(pd.concat([table.frame for table in tables])).reset_index()
    used = means[means["head"] == "full"].groupby("method")["utilization"].min()
    return (
        "Before joint training no codebook collapses, with data for a start and one learning rate: "
        f"{int((used > 0.999).sum())} of {len(used)} methods use over 99.9 % of their codewords, the lowest "
        f"{100 * used.min():.1f} %. Utilization then ranks next to nothing; perplexity is quoted beside it."
    )


def _scales(contrasts: pd.DataFrame) -> str:
    """Compare whole maps, coded over scales, with single positions."""
    found = {
        phase: difference(contrasts, f"VAR's scales - k-means VQ, {phase}, no heads", "psnr", 2)
        for phase in PHASES[:2]
    }
    error = difference(contrasts, f"VAR's scales - k-means VQ, {PHASES[0]}, no heads", "latent_nmse", 3)
    quality = ", ".join(f"{text} dB {IN[phase]}" for phase, text in found.items())
    return (
        "Whole maps at the same bits, by VAR's residual quantizer over scales, less single positions by "
        f"k-means VQ, both fitted and without heads: {error} of NMSE; of PSNR {quality}."
    )


def _gains(contrasts: pd.DataFrame, phase: str, table: Table) -> str:
    """Say what a later phase gains, beside what the same training gains without a quantizer."""
    gained = {
        kind: difference(contrasts, f"{kind}: {phase} - substitution", "psnr", 2)
        for kind in ("VQ", "PQ", "SQ", "no quantizer")
    }
    listed = ", ".join(f"{text} dB for {kind}" for kind, text in gained.items())
    steps, batch = (int(table.frame[name].iloc[0]) for name in ("steps", "batch_size"))
    return (
        f"Gain of PSNR {IN[phase]}, {steps} steps of {batch} crops: {listed}, the control that sees the "
        "same images."
    )


def _switch(frame: pd.DataFrame, name: str) -> str:
    """Say what a switch of the fair protocol changes in quality, and in the order of methods."""
    parts = []
    for phase, rows in frame.groupby("phase", sort=False):
        psnr = rows[(rows["statistic"] == "difference") & (rows["column"] == "psnr")]
        moved = ", ".join(
            f"{interval(psnr[psnr['subject'] == kind].iloc[0], 'value', 2)} dB for {kind}"
            for kind in ("VQ", "PQ", "SQ")
        )
        agreed = rows[(rows["statistic"] == "spearman") & (rows["column"] == "kid_efflite0")].iloc[0]
        parts.append(f"{IN[str(phase)]} {moved}, and the methods' KID has ρ = {interval(agreed, 'value', 2)}")
    seeds = counted(int(frame["trials"].min()), "seed")
    return (
        f"{SWITCHES[name]} (`{name}`), PSNR changes, on the same photographs and {seeds}: {'; '.join(parts)} "
        "with theirs under `fair`."
    )


def _ranks_of_images(correlations: pd.DataFrame) -> str:
    """Say what ranks quality where the first stage learns from images."""
    found = pocket_ranks.ranks_by_phase(correlations)
    return (
        f"Under that loss Spearman's ρ with KID is, for the error E and for perplexity: {found}. NMSE "
        f"predicts KID, beside use of the codebook, {pocket_ranks.verdicts(correlations, 'kid_efflite0')}."
    )


def _photographs(table: Table) -> str:
    """Compare held-out errors with those in sample."""
    names = ("latent_distortion_per_dim", "latent_variance", "latent_nmse")
    columns = [*names, *(f"train_{name}" for name in names)]
    means = table.frame.groupby(["method", "head"])[columns].mean().dropna()
    error, variance, relative = (means[name] / means[f"train_{name}"] for name in names)
    return (
        f"Held out over in sample, after substitution (medians over the rows): E/d {error.median():.2f}, the "
        f"variance of the latents {variance.median():.2f}, so NMSE {relative.median():.2f}, which is lower "
        f"held out for {100 * (relative < 1).mean():.0f} % of the rows."
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
    """Raise unless what is quoted was computed from the tables beside it.

    A run of one's own may lack the variants: those stored with the code come from the fair tables stored
    there, and not from the run's.
    """
    for name, sources in _DERIVED.items():
        require_sources(tables[name], [tables[source] for source in sources])
    for name, phases in _SWITCHED.items():
        switch = tables[f"switches/pocket-{name}"]
        fair = [tables[f"{phase}/pocket"] for phase in phases]
        require_sources(switch, [own for own in fair if own.path.parents[1] == switch.path.parents[1]])


def answers(tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield the answers of the comparison: what ranks quality, which class errs least, levels, heads.

    Parameters
    ----------
    tables : mapping of str to Table
        The tables named in `TABLES`.

    Raises
    ------
    SchemaError
        If what is quoted was computed from other tables than those beside it.
    """
    _checked(tables)
    contrasts, correlations = tables["contrasts/pocket"].frame, tables["correlations/pocket"].frame
    yield pocket_ranks.ranks(correlations)
    yield pocket_ranks.advantages(correlations)
    yield pocket_classes.hierarchy(contrasts)
    yield pocket_classes.reservations()
    yield pocket_joint.weights(*(tables[name].frame for name in _WEIGHED))
    yield pocket_classes.levels(contrasts)
    yield pocket_classes.heads(contrasts)


def details(tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield what a reader of the comparison's numbers should know beside its answers.

    Parameters
    ----------
    tables : mapping of str to Table
        The tables named in `TABLES`.

    Raises
    ------
    SchemaError
        If what is quoted was computed from other tables than those beside it.
    """
    _checked(tables)
    first, contrasts = tables["substitution/pocket"], tables["contrasts/pocket"].frame
    yield _use(first, tables["adaptation/pocket"])
    yield pocket_ranks.chances(tables["correlations/pocket"].frame)
    yield pocket_classes.agreement(contrasts)
    yield _scales(contrasts)
    for phase in PHASES[1:]:
        yield _gains(contrasts, phase, tables[f"{phase}/pocket"])
    for name in SWITCHES:
        yield _switch(tables[f"switches/pocket-{name}"].frame, name)
        if name == "fair_images":
            yield _ranks_of_images(tables["correlations/pocket-fair_images"].frame)
    yield pocket_joint.moving_latents(first, tables["joint/pocket"])
    yield _photographs(first)
