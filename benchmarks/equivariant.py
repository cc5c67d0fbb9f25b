"""Figure 2 in equivariant mode: one search a trial instead of eleven, against the direct mode."""

import tempfile
import time
from pathlib import Path

from sims.runner import run_study
from sims.variance_scaling import STUDY

ROUNDS = 3


def _seconds(preset: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run_study(STUDY, preset, seed=0, out=Path(folder), quiet=True)
        return time.perf_counter() - start


def run() -> list[dict[str, float | int]]:
    """Return one row a round: seconds of both modes, from the first draw to the written table."""
    rows: list[dict[str, float | int]] = []
    for number in range(ROUNDS):
        fast, direct = _seconds("equivariant"), _seconds("paper")
        rows.append(
            {"round": number, "equivariant_seconds": fast, "direct_seconds": direct, "speedup": direct / fast}
        )
    return rows
