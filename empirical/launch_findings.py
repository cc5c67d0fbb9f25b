"""Whether error or use of the codebook predicts quality in a launched comparison, phase by phase.

Values of single images are not kept there, and r-FID is no mean of them: unlike on photographs, the
intervals are over methods and seeds.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empirical.findings import PHASES, PREDICTORS, correlations_with
from empirical.resampling import RESAMPLES, Floats, trial_weights
from qtheory.results import Table, configuration_digest, stream, write_table
from qtheory.results.comparison import FAMILIES, in_tables

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

VERSION = 2
_TABLES = (3, 7)  # those that hold all methods at one size
_FEWEST = 3
# those that were measured; r-FID and KID on the features of Inception come from presets with networks
_QUALITIES = ("r_fid", "kid_inception", "kid_efflite0", "psnr")


def correlations(frame: "pd.DataFrame", *, seed: int, resamples: int = RESAMPLES) -> "pd.DataFrame":
    """Return rank correlations of error and use of the codebook with quality, in each protocol and phase.

    Parameters
    ----------
    frame : pandas.DataFrame
        The launched rows. Those of Tables 3 and 7 count, with heads, averaged over seeds.
    seed : int
        Seed of the resamples.
    resamples : int, optional
        How many.

    Returns
    -------
    pandas.DataFrame
        ``rho`` of ``predictor`` with ``quality`` over ``n`` methods, its percentile interval over methods,
        each with its seeds (``low``, ``high``), the exact two-sided permutation ``p_value``, and for the
        error ``advantage_<rival>``, as `empirical.findings.correlations` has them, for r-FID, KID and PSNR
        as far as they were measured. A phase with fewer than three methods is left out.
    """
    import pandas as pd

    own = in_tables(frame, *_TABLES)
    own = own[own["method"].isin(FAMILIES) & (own["head"] == "full")]
    rows: list[Row] = []
    for protocol in own["protocol"].drop_duplicates():
        for phase in PHASES:
            part = own[(own["protocol"] == protocol) & (own["phase"] == phase)]
            if part["method"].nunique() >= _FEWEST:
                rng = stream(seed, "resampling", "launch", protocol, phase)
                picked = rng.integers(part["method"].nunique(), size=(resamples, part["method"].nunique()))
                rows += [
                    {"protocol": protocol, "phase": phase, **row} for row in _of_phase(part, picked, seed)
                ]
    return pd.DataFrame(rows)


def _of_phase(part: "pd.DataFrame", picked: NDArray[np.int64], seed: int) -> Iterator[Row]:
    """Yield the rows of one phase; all columns see the same draws of methods, (B, methods), and of seeds."""
    qualities = [name for name in _QUALITIES if name in part and part[name].notna().all()]
    columns = [*qualities, *PREDICTORS]
    ordered = [group.sort_values("seed") for _, group in part.groupby("method", sort=False)]
    groups = [group[columns] for group in ordered]
    weights = [trial_weights(seed, group["seed"], len(picked)).T for group in ordered]

    def both(column: str) -> tuple[Floats, Floats]:
        seeds = [group[column].to_numpy(np.float64) for group in groups]
        means = np.stack([w @ s for w, s in zip(weights, seeds, strict=True)], axis=1)
        return np.array([s.mean() for s in seeds]), np.take_along_axis(means, picked, axis=1)

    for name in qualities:
        yield from correlations_with(name, both)


def write_correlations(table: Table, path: Path) -> Table | None:
    """Compute the correlations of a launched table and write them, None where there are too few methods.

    The manifest names the table by its SHA-256.

    Parameters
    ----------
    table : Table
        As `empirical.launch.collect` writes it.
    path : pathlib.Path
        The file.
    """
    manifest = table.manifest
    rows = correlations(table.frame, seed=manifest["seed"])
    if rows.empty:
        return None
    configuration = {
        "version": VERSION,
        "resamples": RESAMPLES,
        "sources": {f"launch/{table.path.stem}": manifest["sha256"]},
    }
    return write_table(
        path,
        rows,
        study="correlations",
        seed=manifest["seed"],
        digest=configuration_digest(configuration),
        configuration=configuration,
        failures=[],
        preset=manifest["preset"],
        command=f"python -m empirical table --preset {manifest['preset']}",
    )
