"""All studies at smoke and paper size, into an empty folder, against a minute and a quarter of an hour.

Each preset runs in a process of its own, whose start is part of the total; the seconds of a study are those
that the command prints.
"""

import re
import subprocess
import sys
import tempfile
import time

LIMITS = {"smoke": 60.0, "paper": 900.0}
"""Seconds to hold on two cores."""
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


def run() -> list[dict[str, str | float | bool | None]]:
    """Return a row for each study and preset; one for all studies has the limit, and whether it is held."""
    rows: list[dict[str, str | float | bool | None]] = []
    for preset, limit in LIMITS.items():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "sims", STUDIES, "--preset", preset, "--out", folder]
            start = time.perf_counter()
            printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            total = time.perf_counter() - start
        each = seconds_printed(printed)
        rows += [
            {"preset": preset, "study": name, "seconds": taken, "limit_seconds": None, "within": None}
            for name, taken in each.items()
        ]
        rows.append(
            {
                "preset": preset,
                "study": "all",
                "seconds": total,
                "limit_seconds": limit,
                "within": total <= limit,
            }
        )
    return rows
