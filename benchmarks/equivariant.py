"""Figure 2 in equivariant mode: one search a trial instead of eleven, against the direct mode."""

import tempfile
import time
from pathlib import Path

from sims.runner import run_study
from sims.variance_scaling import STUDY

ROUNDS = 3
PRESET = "paper"
LIMIT = 1.0
"""Seconds to hold."""


def _seconds(preset: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run_study(STUDY, preset, seed=0, out=Path(folder), quiet=True)
        return time.perf_counter() - start


def run() -> list[dict[str, float | int]]:
    """Return one row a round: seconds of both modes, from first draw to written table, and the limit."""
    rows: list[dict[str, float | int]] = []
    for number in range(ROUNDS):
        fast, direct = _seconds("equivariant"), _seconds(PRESET)
        row: dict[str, float | int] = {"round": number, "equivariant_seconds": fast, "direct_seconds": direct}
        rows.append(row | {"speedup": direct / fast, "limit_seconds": LIMIT, "within": fast < LIMIT})
    return rows
