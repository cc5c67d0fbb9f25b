"""`python -m empirical COMMAND`: train, substitute, and read the comparison."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import tyro

from qtheory.errors import DomainError, SchemaError, ShapeError

Protocol = Literal["as_run", "paper", "fair"]
PresetName = Literal["smoke", "pocket"]


def pretrain(
    preset: PresetName = "pocket",
    seed: int = 0,
    out: Path = Path("results"),
    data: Path | None = None,
) -> None:
    """Train the pocket tokenizer on photographs, without a quantizer.

    Args:
        preset: Sizes and budget.
        seed: Seed of weights, crops and noise.
        out: Results folder; the weights are ``pretrain/<preset>/tokenizer.safetensors`` in it.
        data: Image folder; the packaged photographs by default.
    """
    from empirical.data import POCKET_PHOTOS
    from empirical.pretrain import PRESETS
    from empirical.pretrain import pretrain as run

    folder = out / "pretrain" / preset
    print(run(replace(PRESETS[preset], seed=seed, out=folder, data=data or POCKET_PHOTOS)))


def substitute(
    preset: PresetName = "pocket",
    protocol: Protocol = "fair",
    seed: int = 0,
    out: Path = Path("results"),
    data: Path | None = None,
    tokenizer: Path | None = None,
    threads: int = 1,
    jobs: int | None = None,
) -> None:
    """Compare quantizers in one frozen tokenizer, and print the comparison.

    An interrupted run continues where it stopped when the same command is given again.

    Args:
        preset: Sizes and budget.
        protocol: What the published run did, what the paper says, or a fair comparison.
        seed: Seed of all random streams.
        out: Results folder; the tables are ``substitution/<preset>.csv`` and
            ``substitution/<preset>-photographs.csv`` in it.
        data: Image folder; the packaged photographs by default.
        tokenizer: Weights of a pocket tokenizer; the packaged ones by default.
        threads: CPU threads of a process; the last digits depend on them.
        jobs: Processes; by default as many as there are cores for.
    """
    from empirical.data import POCKET_PHOTOS
    from empirical.substitute import substitute as run
    from empirical.table import render
    from empirical.tokenizers.pocket import WEIGHTS

    found, _ = run(
        preset,
        protocol,
        seed=seed,
        out=out,
        data=data or POCKET_PHOTOS,
        tokenizer=tokenizer or WEIGHTS,
        threads=threads,
        jobs=jobs,
    )
    failures = found.manifest["failures"]
    if len(found.frame):
        print(render(found.frame))
    for failure in failures:
        print(f"failed: {failure['cell']}: {failure['error']}", file=sys.stderr)
    if failures:
        raise SystemExit(f"{len(failures)} cell(s) failed; the same command tries them again")


def table(
    preset: PresetName = "pocket",
    protocol: Protocol = "fair",
    out: Path = Path("results"),
) -> None:
    """Print a finished comparison: averages over trials, intervals over photographs.

    Args:
        preset: Sizes and budget.
        protocol: What the published run did, what the paper says, or a fair comparison.
        out: Results folder.
    """
    from empirical.substitute import table_path
    from empirical.table import render
    from qtheory.results import read_table

    print(render(read_table(table_path(out, preset, protocol)).frame))


COMMANDS: dict[str, Callable[..., None]] = {"pretrain": pretrain, "substitute": substitute, "table": table}


def main(arguments: list[str] | None = None) -> None:
    """Run a command; an error that the user can mend is one line, with exit status 1."""
    try:
        tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="python -m empirical", args=arguments)
    except (DomainError, SchemaError, ShapeError, FileNotFoundError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
