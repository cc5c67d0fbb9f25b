"""Peak memory of each study at its paper size: one trial of each point, in a process of its own.

The peak is the kernel's ``VmHWM`` of that process, which counts nothing of the one that started it. Trials
do not add to each other.
"""

import subprocess
import sys
import time
from pathlib import Path

LIMIT_GIB = 4.0


def peak_gib() -> float:
    """Return the most memory that this process has held, in GiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def measure(name: str) -> None:
    """Run the first trial of all points of a study; print their number and the peak."""
    from sims.studies import STUDIES

    study = STUDIES[name]
    cells = [cell for cell in study.sweep("paper", seed=0).cells() if cell.trial == 0]
    for cell in cells:
        study.run(cell)
    print(len(cells), peak_gib())


def run() -> list[dict[str, str | float | int | bool]]:
    """Return one row a study: cells, seconds, peak memory, and whether it is under the limit."""
    from sims.studies import STUDIES

    rows: list[dict[str, str | float | int | bool]] = []
    for name in STUDIES:
        start = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.memory", name]
        cells, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        rows.append(
            {
                "study": name,
                "cells": int(cells),
                "seconds": time.perf_counter() - start,
                "peak_gib": float(peak),
                "limit_gib": LIMIT_GIB,
                "within": float(peak) < LIMIT_GIB,
            }
        )
    return rows


if __name__ == "__main__":
    measure(sys.argv[1])
