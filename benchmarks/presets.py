"""All studies at smoke and paper size, into an empty folder, against a minute and a quarter of an hour.

Each preset runs by a command of its own, whose start is part of the total, with a worker for each core where
studies take minutes; the seconds of a study are those that the command prints.
"""

import re
import subprocess
import sys
import tempfile
import time

from sims.assign import available_threads

LIMITS = {"smoke": 60.0, "paper": 900.0}
"""Seconds to hold on two cores."""
JOBS = {"smoke": 1, "paper": available_threads()}
STUDIES = "all"

_LINE = re.compile(r"^  ([a-z-]+): (\d+\.\d)$", re.MULTILINE)


def seconds_printed(output: str) -> dict[str, float]:
    r"""Return the seconds of each study from what ``python -m sims all`` prints.

    Examples
    --------
    >>> seconds_printed("utilization: 8 rows\nseconds, or so:\n  utilization: 1.5\n  all: 1.5\n")
    {'utilization': 1.5}
    """
    found = {name: float(number) for name, number in _LINE.findall(output)}
    found.pop("all", None)
    return found


def run() -> list[dict[str, str | float]]:
    """Return a row for each study and preset; one for all studies has the limit, and whether it is held."""
    rows: list[dict[str, str | float]] = []
    for preset, limit in LIMITS.items():
        with tempfile.TemporaryDirectory() as folder:
            options = ["--preset", preset, "--jobs", str(JOBS[preset]), "--out", folder]
            command = [sys.executable, "-m", "sims", STUDIES, *options]
            start = time.perf_counter()
            printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            total = time.perf_counter() - start
        each = seconds_printed(printed)
        shared = {"preset": preset, "jobs": JOBS[preset]}
        rows += [{**shared, "study": name, "seconds": taken} for name, taken in each.items()]
        limits = {"limit_seconds": limit, "within": total <= limit}
        rows.append({**shared, "study": "all", "seconds": total, **limits})
    return rows
