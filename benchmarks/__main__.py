"""``python -m benchmarks [NAME ...]``: run benchmarks, store and print their tables."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from qtheory.results import write_table

NAMES = ("variance_scaling", "equivariant", "quantizer_variance", "kmeans", "lloyd_max")
RESULTS = Path(__file__).with_name("results")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the tables")
    options = parser.parse_args(argv)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"NAME must be among {', '.join(NAMES)}; got {', '.join(unknown)}")
    for name in options.names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        frame = pd.DataFrame(module.run())
        command = f"python -m benchmarks {name}"
        write_table(
            options.out / f"{name}.csv", frame, study=f"benchmark {name}", command=command, failures=[]
        )
        print(f"{name}: {module.__doc__.splitlines()[0]}")
        print(frame.to_string(index=False, float_format=lambda value: f"{value:.4g}"), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
