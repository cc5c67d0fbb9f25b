"""What the comparison answers: rank correlations with quality, and contrasts between groups of cells."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.resampling import Floats, Key, Resampling, Sample
from empirical.variants import PHASES
from qtheory.claims._ranks import permutation_p_value, rank_correlations, spearman
from qtheory.errors import SchemaError
from qtheory.results import Table, configuration_digest, write_table
from qtheory.results.comparison import FAMILIES, UNQUANTIZED

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

VERSION = 3
QUALITIES = ("kid_efflite0", "psnr")
PREDICTORS = ("latent_distortion_per_dim", "latent_nmse", "perplexity", "utilization")
ERRORS, RIVALS = PREDICTORS[:2], PREDICTORS[2:]
# without heads LFQ is FSQ with two levels a coordinate, to the last digit: counted once
_BARE_SQ = ("fsq", "bsq")
_TAIL = 0.025
_ALIKE = ("images", "tokenizer", "threads")


def interval(values: Floats) -> Row:
    """Return the bounds ``low`` and ``high`` of the percentile interval of resampled values."""
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    return {"low": float(low), "high": float(high)}


def correlations(data: Resampling, methods: Sequence[str] = tuple(FAMILIES)) -> "pd.DataFrame":
    """Return rank correlations of error and use of the codebook with quality, in each phase.

    Parameters
    ----------
    data : Resampling
        The comparison.
    methods : sequence of str
        With their published heads, those that the comparison has; a phase with fewer than three is
        left out.

    Returns
    -------
    pandas.DataFrame
        ``rho`` of ``predictor`` with ``quality`` over ``n`` methods, its percentile interval over
        photographs and seeds (``low``, ``high``), and the exact two-sided permutation ``p_value``,
        which treats methods as exchangeable and so is about methods, not about photographs. For both
        measures of the error also ``advantage_<rival>``, the difference ``|rho| - |rho of the rival|``
        with its interval; where latents shrink or grow, NMSE alone compares methods. Where a predictor
        is the same for all methods there is no correlation, and the cells are missing.
    """
    import pandas as pd

    rows = []
    for phase in PHASES:
        keys: list[Key] = [key for method in methods if (key := (phase, method, "full")) in data]
        if len(keys) < 3:
            continue
        for quality in QUALITIES:
            rows += list(_of_phase(data, keys, quality))
    return pd.DataFrame(rows)


def _of_phase(data: Resampling, keys: Sequence[Key], quality: str) -> Iterator[Row]:
    def both(column: str) -> tuple[Floats, Floats]:
        samples = [data.sample(key, column) for key in keys]
        return np.array([s.value for s in samples]), np.stack([s.resampled for s in samples], axis=1)

    for row in correlations_with(quality, both):
        yield {"phase": keys[0][0], **row}


def correlations_with(quality: str, both: Callable[[str], tuple[Floats, Floats]]) -> Iterator[Row]:
    """Yield the rows of `correlations` for one quality.

    Parameters
    ----------
    quality : str
        What is to be predicted.
    both : callable
        Maps the name of a column to its values (n,) and to what they are on B resamples, (B, n).
    """
    target, targets = both(quality)
    resampled = {name: rank_correlations(both(name)[1], targets) for name in PREDICTORS}
    for name in PREDICTORS:
        values, _ = both(name)
        row: Row = {"quality": quality, "predictor": name, "n": len(values)}
        row["different"] = len(set(values))
        if row["different"] > 1:
            row["rho"] = spearman(values, target)
            row |= interval(resampled[name][np.isfinite(resampled[name])])
            row["p_value"] = float(permutation_p_value(values, target))
        for rival in RIVALS if name in ERRORS and "rho" in row else ():
            theirs, _ = both(rival)
            if len(set(theirs)) > 1:
                gap = np.abs(resampled[name]) - np.abs(resampled[rival])
                found = interval(gap[np.isfinite(gap)])
                row[f"advantage_{rival}"] = abs(row["rho"]) - abs(spearman(theirs, target))
                row |= {f"advantage_{rival}_{side}": value for side, value in found.items()}
        yield row


@dataclass(frozen=True)
class Contrast:
    """A difference of averages over cells.

    Attributes
    ----------
    question : str
        What it answers.
    name : str
        The two sides, in words.
    plus, minus : tuple of Key
        Cells averaged on either side.
    columns : tuple of str
        What is compared.
    """

    question: str
    name: str
    plus: tuple[Key, ...]
    minus: tuple[Key, ...]
    columns: tuple[str, ...] = field(default=("latent_nmse", "psnr", "kid_efflite0"))


def _cells(phase: str, head: str, methods: Iterable[str]) -> tuple[Key, ...]:
    return tuple((phase, method, head) for method in methods)


def contrasts() -> Iterator[Contrast]:
    """Yield the questions of the comparison as contrasts."""
    family = {kind: [name for name, own in FAMILIES.items() if own == kind] for kind in ("VQ", "PQ", "SQ")}
    for phase in PHASES:
        for head in ("none", "full") if phase == PHASES[0] else ("full",):
            kinds = {**family, "SQ": list(_BARE_SQ)} if head == "none" else family
            for better, worse in (("VQ", "PQ"), ("PQ", "SQ")):
                plus, minus = (_cells(phase, head, kinds[kind]) for kind in (worse, better))
                yield Contrast("hierarchy", f"{worse} - {better}, {phase}, heads {head}", plus, minus)
    first = PHASES[0]
    levels = _cells(first, "none", ["lloyd_max"])
    yield Contrast("optimal SQ", "SQ - optimal SQ, no heads", _cells(first, "none", _BARE_SQ), levels)
    for name, text in (("pq", "k-means PQ"), ("kmeans", "k-means VQ")):
        yield Contrast("optimal SQ", f"optimal SQ - {text}, no heads", levels, _cells(first, "none", [name]))
    for phase in PHASES[:2]:
        scales = _cells(phase, "none", ["var"])
        for name, text in (("kmeans", "k-means VQ"), ("rq", "RQ")):
            yield Contrast(
                "scales", f"VAR's scales - {text}, {phase}, no heads", scales, _cells(phase, "none", [name])
            )
    for kind, own in family.items():
        bare, full = (_cells(first, head, own) for head in ("none", "full"))
        yield Contrast("heads", f"{kind}: no heads - full heads", bare, full)
    for method in ("ema", "ema_vp2", "fsq"):
        small, full = (_cells(first, head, [method]) for head in ("1x1", "full"))
        yield Contrast("heads", f"{method}: 1x1 heads - full heads", small, full)
    yield from _later_phases(family)


def _later_phases(family: dict[str, list[str]]) -> Iterator[Contrast]:
    """Yield what adaptation and joint optimisation gain, beside the gain without a quantizer."""
    for phase in PHASES[1:]:
        images = ("psnr", "kid_efflite0")
        after, before = (_cells(at, "none", [UNQUANTIZED]) for at in (phase, PHASES[0]))
        yield Contrast("gain", f"no quantizer: {phase} - substitution", after, before, images)
        for kind, own in family.items():
            after, before = (_cells(at, "full", own) for at in (phase, PHASES[0]))
            yield Contrast("gain", f"{kind}: {phase} - substitution", after, before, images)


def evaluated(data: Resampling) -> "pd.DataFrame":
    """Return the contrasts whose cells are there.

    Parameters
    ----------
    data : Resampling
        The comparison.

    Returns
    -------
    pandas.DataFrame
        ``difference`` of the averages over both sides' cells, with its percentile interval over
        photographs and seeds, paired by photograph. Lower is better for NMSE and KID.
    """
    import pandas as pd

    def side(keys: Sequence[Key], column: str) -> Sample:
        samples = [data.sample(key, column) for key in keys]
        mean = np.mean([sample.resampled for sample in samples], axis=0)
        return Sample(float(np.mean([sample.value for sample in samples])), mean)

    rows = []
    for contrast in contrasts():
        if not all(key in data for key in (*contrast.plus, *contrast.minus)):
            continue
        for column in contrast.columns:
            plus, minus = side(contrast.plus, column), side(contrast.minus, column)
            row: Row = {"question": contrast.question, "contrast": contrast.name, "column": column}
            row["difference"] = plus.value - minus.value
            rows.append(row | interval(plus.resampled - minus.resampled))
    return pd.DataFrame(rows)


def unlike(table: Table, other: Table) -> list[str]:
    """Return in what tables differ of seed, photographs, tokenizer and threads, as ``seed 0 and 1``."""
    one, two = (
        {"seed": side.manifest["seed"]}
        | {name: side.manifest["configuration"]["fixed"][name] for name in _ALIKE}
        for side in (table, other)
    )
    return [f"{name} {one[name]} and {two[name]}" for name in one if one[name] != two[name]]


def require_alike(tables: Sequence[Table]) -> None:
    """Raise `SchemaError` unless tables are of the same seed, photographs, tokenizer and threads."""
    for table in tables:
        if odd := unlike(tables[0], table):
            listed = ", ".join(odd)
            raise SchemaError(
                f"{tables[0].path} and {table.path} must be of the same, got {listed}; run one of them "
                f"again: `{table.manifest['command']}` made the other"
            )


def table_command(preset: str, protocol: str) -> str:
    """Return the command that prints a comparison and writes what it answers.

    Examples
    --------
    >>> table_command("pocket", "fair_decoder")
    'python -m empirical table --preset pocket --protocol fair_decoder'
    """
    named = "" if protocol == "fair" else f" --protocol {protocol}"
    return f"python -m empirical table --preset {preset}{named}"


def write_findings(
    tables: Sequence[Table], beside: Sequence[Table], paths: Mapping[str, Path], protocol: str
) -> list[Table]:
    """Compute correlations and contrasts of the finished phases, and write their tables.

    Parameters
    ----------
    tables, beside : sequence of Table
        Comparison and photographs of each finished phase.
    paths : mapping of str to pathlib.Path
        Files for ``correlations`` and ``contrasts``; other names are refused.
    protocol : str
        Protocol of the tables, which the command in the manifest names.

    Returns
    -------
    list of Table
        In the order of `paths`; what has no rows, for too few methods, is not written. Each manifest
        names the tables it was computed from by their SHA-256.

    Raises
    ------
    SchemaError
        If the tables are of different seeds, photographs, tokenizers or numbers of threads.
    """
    import pandas as pd

    require_alike(tables)
    frame, photographs = (
        pd.concat([table.frame for table in some], ignore_index=True) for some in (tables, beside)
    )
    first = tables[0].manifest
    data = Resampling(frame, photographs, seed=first["seed"])
    sources = {
        f"{table.manifest['study']}/{table.path.stem}": table.manifest["sha256"]
        for table in (*tables, *beside)
    }
    configuration = {"version": VERSION, "seed": data.seed, "resamples": data.resamples, "sources": sources}
    digest = configuration_digest(configuration)
    found = {"correlations": correlations, "contrasts": evaluated}
    return [
        write_table(
            path,
            rows,
            study=name,
            seed=data.seed,
            digest=digest,
            configuration=configuration,
            failures=[],
            preset=first["preset"],
            command=table_command(first["preset"], protocol),
        )
        for name, path in paths.items()
        if len(rows := found[name](data))
    ]
