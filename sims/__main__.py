"""``python -m sims STUDY``: run a study, or what is missing of it."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from qtheory import _check, command
from qtheory.errors import DomainError
from sims import equal_rate
from sims._faiss import DEVICES
from sims.executors import DaskCluster, Processes
from sims.runner import run_study
from sims.studies import STUDIES
from sims.study import Study

_COLUMNS = """\
tables: a row for each cell, trial and method, with the seed. Distortion is that of vectors that nothing was
fitted to; standard_error is over these vectors (of photographs: over photographs), for the one codebook of
the row. How much random or fitted codebooks differ shows between trials: intervals of means come from these.
points_per_centroid are training vectors for each codeword of the largest block; a warning where too few.
in_sample_distortion is empty where nothing was fitted (random codebooks, optima that are known), and so is
points_per_centroid, also where the number of codewords has no limit.
"""


def _listing() -> str:
    lines = []
    for study in STUDIES.values():
        lines.append(f"  {study.name}: {study.summary}")
        lines += [f"    --preset {name}: {preset.cost} on 2 cores" for name, preset in study.presets.items()]
    return "studies:\n" + "\n".join(lines) + f"\n\n{_COLUMNS}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sims",
        description="Run a Monte Carlo study. Finished tables are kept, unfinished ones resumed.",
        epilog=_listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("study", metavar="STUDY", help=f"{', '.join(STUDIES)}, or all")
    parser.add_argument("--preset", default="paper", help="size of the study (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random streams (default: 0)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs", type=int, default=1, help="worker processes; the table does not depend on it"
    )
    where.add_argument(
        "--dask", metavar="ADDRESS", help="run on a Dask cluster instead, for example tcp://10.0.0.1:8786"
    )
    parser.add_argument(
        "--device", default="cpu", choices=DEVICES, help="searches and k-means on the GPU (default: cpu)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("results"), help="folder of results (default: results)"
    )
    parser.add_argument(
        "--data",
        metavar="FILE.npy",
        type=Path,
        help="equal-rate only: compare the quantizers on these vectors, an (N, d) array, a quarter held out",
    )
    parser.add_argument(
        "--groups",
        metavar="FILE.npy",
        type=Path,
        help="N labels of what the vectors of --data come from (images, speakers); intervals resample these",
    )
    return parser


def _run(study: Study, options: argparse.Namespace) -> int:
    """Run one study and print what it found; return 1 where a cell failed, else 0."""
    executor = DaskCluster(options.dask) if options.dask else Processes(options.jobs)
    table = run_study(
        study, options.preset, seed=options.seed, out=options.out, executor=executor, device=options.device
    )
    failures = table.manifest["failures"]
    for failure in failures:
        print(f"failed: {failure['cell']}: {failure['error']}", file=sys.stderr)
    print(f"{study.name}: {command.counted(len(table.frame), 'row')} in {table.path}")
    for line in study.findings(table.frame) if len(table.frame) else []:
        print(f"  {line}")
    if "warning" in table.frame:
        for text, rows in table.frame["warning"].value_counts().items():
            print(f"  warning: {command.counted(rows, 'row')} with {text}")
    return int(bool(failures))


def _run_all(studies: Sequence[Study], options: argparse.Namespace) -> int:
    """Run studies in turn and print how long each took; return 1 where a cell failed, else 0."""
    failed, seconds = 0, []
    for study in studies:
        start = time.perf_counter()
        failed |= _run(study, options)
        seconds.append(time.perf_counter() - start)
    if len(studies) > 1:
        print("seconds, finished tables and cells not counted again:")
        for study, taken in zip(studies, seconds, strict=True):
            print(f"  {study.name}: {taken:.1f}")
        print(f"  all: {sum(seconds):.1f}")
    return failed


def _on_file(name: str, data: Path | None, groups: Path | None) -> Study:
    """Return the equal-rate study of vectors of the user's own."""
    if data is None:
        raise DomainError(f"--groups must come with --data, the vectors that {groups} labels")
    if name != equal_rate.STUDY.name:
        raise DomainError(f"--data must come with the study {equal_rate.STUDY.name}, got {name!r}")
    return equal_rate.on_file(data, groups)


def _chosen(name: str, preset: str) -> list[Study]:
    """Return the studies of that name, all of which have the preset."""
    _check.one_of("STUDY", name, [*STUDIES, "all"])
    chosen = list(STUDIES.values()) if name == "all" else [STUDIES[name]]
    known = [found for found in chosen[0].presets if all(found in study.presets for study in chosen)]
    if preset not in known:
        having = [study.name for study in STUDIES.values() if preset in study.presets]
        where = f"; studies with it: {', '.join(having)}" if having else ""
        raise DomainError(f"--preset must be one of {', '.join(known)} for {name}; got {preset!r}{where}")
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    options = _parser().parse_args(argv)

    def run() -> int:
        chosen = _chosen(options.study, options.preset)
        command.output_folder("--out", options.out)
        if options.data or options.groups:
            chosen = [_on_file(options.study, options.data, options.groups)]
        return _run_all(chosen, options)

    return command.run("python -m sims", run, kept="finished cells are kept")


if __name__ == "__main__":
    sys.exit(main())
