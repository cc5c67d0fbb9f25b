"""What one switch of the fair protocol changes: each method beside itself, on the same photographs."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.findings import PHASES, interval, require_alike, table_command
from empirical.resampling import Key, Resampling, Sample
from qtheory.claims._ranks import rank_correlations, spearman
from qtheory.errors import SchemaError
from qtheory.results import Table, configuration_digest, write_table
from qtheory.results.comparison import FAMILIES, main_head

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

VERSION = 2
_COLUMNS = ("latent_nmse", "psnr", "kid_efflite0")
_FEWEST = 3
_SIDES = _BASE, _OWN = "base", "variant"


def paired(base: "pd.DataFrame", own: "pd.DataFrame") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the rows of the methods, heads, phases and trials that two tables share."""
    keys = ["phase", "method", "head", "trial"]
    shared = base[keys].drop_duplicates().merge(own[keys].drop_duplicates())
    return base.merge(shared), own.merge(shared)


def both(
    base: "tuple[pd.DataFrame, pd.DataFrame]", own: "tuple[pd.DataFrame, pd.DataFrame]", *, seed: int
) -> Resampling:
    """Return one resampling of both sides, whose phases have the side's name before their own.

    A trial is drawn on both sides or on neither: its initial weights and batches are the same, and where the
    switch changes only a later phase so is the transplant.

    Parameters
    ----------
    base, own : tuple of two DataFrame
        Rows and photographs of the protocol and of its variant.
    seed : int
        Seed of the resamples.

    Raises
    ------
    SchemaError
        If they have no trial of a method in common.
    """
    import pandas as pd

    sides = [paired(*pair) for pair in zip(base, own, strict=True)]
    if sides[0][0].empty:
        raise SchemaError("variant and base must share trials of a method in a phase, got none; run both")

    def named(pair: "tuple[pd.DataFrame, pd.DataFrame]") -> "pd.DataFrame":
        parts = zip(_SIDES, pair, strict=True)
        return pd.concat([part.assign(phase=f"{side}/" + part["phase"]) for side, part in parts])

    rows, photographs = map(named, sides)
    return Resampling(rows, photographs, seed=seed)


def _mean(data: Resampling, side: str, phase: str, methods: Sequence[str], column: str) -> Sample:
    samples = [data.sample(_key(side, phase, method), column) for method in methods]
    resampled = np.mean([sample.resampled for sample in samples], axis=0)
    return Sample(float(np.mean([sample.value for sample in samples])), resampled)


def _key(side: str, phase: str, method: str) -> Key:
    return f"{side}/{phase}", method, main_head(method)


def _trials(data: Resampling, phase: str, methods: Sequence[str]) -> int:
    return min(len(data.rows[_key(_BASE, phase, method)]) for method in methods)


def _differences(data: Resampling, phase: str, methods: Sequence[str]) -> Iterator[Row]:
    families = {
        kind: [method for method in methods if FAMILIES[method] == kind] for kind in ("VQ", "PQ", "SQ")
    }
    subjects = {kind: own for kind, own in families.items() if own} | {name: [name] for name in methods}
    for subject, own in subjects.items():
        for column in _COLUMNS:
            before, after = (_mean(data, side, phase, own, column) for side in (_BASE, _OWN))
            row: Row = {"phase": phase, "statistic": "difference", "subject": subject, "column": column}
            row["trials"] = _trials(data, phase, own)
            row |= {"base": before.value, "variant": after.value, "value": after.value - before.value}
            yield row | interval(after.resampled - before.resampled)


def _agreements(data: Resampling, phase: str, methods: Sequence[str]) -> Iterator[Row]:
    """Yield Spearman's rho between the methods' values on both sides."""
    if len(methods) < _FEWEST:
        return
    for column in _COLUMNS:
        sides = [[data.sample(_key(side, phase, m), column) for m in methods] for side in (_BASE, _OWN)]
        values, resampled = (
            [np.array([sample.value for sample in side]) for side in sides],
            [np.stack([sample.resampled for sample in side], axis=1) for side in sides],
        )
        rho = rank_correlations(*resampled)
        row: Row = {"phase": phase, "statistic": "spearman", "subject": f"{len(methods)} methods"}
        row |= {"column": column, "trials": _trials(data, phase, methods), "value": spearman(*values)}
        yield row | interval(rho[np.isfinite(rho)])


def switched(data: Resampling) -> "pd.DataFrame":
    """Return what the switch changes, in each phase that both sides have.

    Parameters
    ----------
    data : Resampling
        As `both` makes it.

    Returns
    -------
    pandas.DataFrame
        Of each method and family with published heads the values ``base`` and ``variant``, and as
        ``value`` their difference, variant minus base, with its percentile interval over photographs and
        seeds, paired by photograph and over ``trials`` seeds that both sides have. Rows with ``spearman`` as
        ``statistic`` have the rank correlation between the trained methods' values on both sides.
    """
    import pandas as pd

    rows: list[Row] = []
    for phase in PHASES:
        methods = [name for name in FAMILIES if _key(_BASE, phase, name) in data]
        rows += [*_differences(data, phase, methods), *_agreements(data, phase, methods)]
    return pd.DataFrame(rows)


def write_switch(
    base: Sequence[tuple[Table, Table]], own: Sequence[tuple[Table, Table]], path: Path, protocol: str
) -> Table:
    """Compute what a variant changes and write it; the manifest names its sources by their SHA-256.

    Parameters
    ----------
    base, own : sequence of (Table, Table)
        Rows and photographs of each phase that the switch changes: of the protocol and the variant.
    path : pathlib.Path
        The file.
    protocol : str
        Name of the variant.

    Raises
    ------
    SchemaError
        If the two have another seed, other photographs or another tokenizer, or no trial of a method in
        common.
    """
    import pandas as pd

    tables = [*chain.from_iterable((*base, *own))]
    require_alike(tables)

    def sides(phases: Sequence[tuple[Table, Table]]) -> "tuple[pd.DataFrame, pd.DataFrame]":
        rows, photographs = (
            pd.concat([table.frame for table in some], ignore_index=True)
            for some in zip(*phases, strict=True)
        )
        return rows, photographs

    first = tables[-1].manifest
    data = both(sides(base), sides(own), seed=first["seed"])
    sources = {f"{table.manifest['study']}/{table.path.stem}": table.manifest["sha256"] for table in tables}
    configuration = {"version": VERSION, "seed": data.seed, "resamples": data.resamples, "sources": sources}
    return write_table(
        path,
        switched(data),
        study="switches",
        seed=data.seed,
        digest=configuration_digest(configuration),
        configuration=configuration,
        failures=[],
        preset=first["preset"],
        command=table_command(first["preset"], protocol),
    )
