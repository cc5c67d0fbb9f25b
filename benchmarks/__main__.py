"""``python -m benchmarks [NAME ...]``: run benchmarks, store and print their tables."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from qtheory import _check, command
from qtheory.errors import DomainError
from qtheory.results import write_table

NAMES = (
    "variance_scaling",
    "equivariant",
    "quantizer_variance",
    "kmeans",
    "memory",
    "presets",
    "lloyd_max",
    "quantizers",
    "nearest_gpu",
)
RESULTS = Path(__file__).with_name("results")


def _run(names: Sequence[str], out: Path) -> int:
    for name in names:
        _check.one_of("NAME", name, NAMES)
    command.output_folder("--out", out)
    for name in names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        lacks = module.missing() if hasattr(module, "missing") else None
        if lacks and names:
            raise DomainError(lacks)
        if lacks:
            print(f"{name}: left out: {lacks}", flush=True)
            continue
        frame = pd.DataFrame(module.run())
        made_by = f"python -m benchmarks {name}"
        write_table(out / f"{name}.csv", frame, study=f"benchmark {name}", command=made_by, failures=[])
        print(f"{name}: {module.__doc__.splitlines()[0]}")
        print(frame.to_string(index=False, float_format=lambda value: f"{value:.4g}"), flush=True)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the tables")
    options = parser.parse_args(argv)
    return command.run(
        "python -m benchmarks",
        lambda: _run(options.names, options.out),
        kept="tables of finished benchmarks are kept",
    )


if __name__ == "__main__":
    sys.exit(main())
