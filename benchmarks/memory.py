"""Peak memory of each study at its paper size: one trial of each point, in a process of its own.

The peak is the kernel's ``VmHWM`` of that process, which counts nothing of the one that started it. Trials
do not add to each other.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what measures a peak holds no more than it needs
    from qtheory.results import Cell
    from sims.study import Study

LIMIT_GIB = 4.0


def peak_gib() -> float:
    """Return the most memory that this process has held, in GiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def cells(study: "Study") -> list["Cell"]:
    """Return the first trial of all points of a study at its paper size."""
    return [cell for cell in study.sweep("paper", seed=0).cells() if cell.trial == 0]


def measure(name: str) -> None:
    """Run the first trial of all points of a study; print their number and the peak."""
    from sims.studies import STUDIES

    chosen = cells(STUDIES[name])
    for cell in chosen:
        STUDIES[name].run(cell)
    print(len(chosen), peak_gib())


def run() -> list[dict[str, str | float | int | bool]]:
    """Return one row a study: cells, seconds, peak memory, and whether it is under the limit."""
    from sims.studies import STUDIES

    rows: list[dict[str, str | float | int | bool]] = []
    for name in STUDIES:
        start = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.memory", name]
        count, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        rows.append(
            {
                "study": name,
                "cells": int(count),
                "seconds": time.perf_counter() - start,
                "peak_gib": float(peak),
                "limit_gib": LIMIT_GIB,
                "within": float(peak) < LIMIT_GIB,
            }
        )
    return rows


if __name__ == "__main__":
    measure(sys.argv[1])
