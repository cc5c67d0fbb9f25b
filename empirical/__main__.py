"""`python -m empirical COMMAND`: train, substitute, and read the comparison."""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import replace
from functools import partial, wraps
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from empirical import comparison_command, launch_command
from empirical.comparison_command import Comparison, Protocol
from empirical.evaluate_command import evaluate
from empirical.launch_command import Arguments as Launched
from qtheory import command
from qtheory.errors import SchemaError

_RESULTS, _STORED = Path("results"), Path(__file__).with_name("results")


def pretrain(
    preset: Literal["smoke", "pocket", "desk"] = "pocket",
    seed: int = 0,
    out: Path = Path("results"),
    data: Path | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
) -> int:
    """Train the pocket tokenizer on photographs, without a quantizer.

    Args:
        preset: Sizes and budget.
        seed: Seed of weights, crops and noise.
        out: Results folder; the weights are ``pretrain/<preset>/tokenizer.safetensors`` in it.
        data: Image folder; the packaged photographs by default.
        device: Where to compute. On a CPU the same command on the same machine gives the same weights.
    """
    from empirical.data import POCKET_PHOTOS
    from empirical.pretrain import PRESETS
    from empirical.pretrain import pretrain as run

    folder = command.output_folder("--out", out) / "pretrain" / preset
    print(run(replace(PRESETS[preset], seed=seed, out=folder, data=data or POCKET_PHOTOS, device=device)))
    return 0


def protocols() -> int:
    """Print every setting in which the protocols differ, with its source, and a choice that all share."""
    from empirical.quirks import COMMON
    from empirical.quirks import table as quirks
    from empirical.variants import VARIANTS

    for row in quirks().to_dict("records"):
        print(f"{row['setting']} ({row['methods']})")
        print(f"  as_run: {row['as_run']}; paper: {row['paper']}; fair: {row['fair']}")
        print(f"  {row['reference']}")
    for choice in COMMON:
        print(f"all protocols: {choice}")
    for name, variant in VARIANTS.items():
        print(f"{name}: as {variant.base}, but {variant.words}")
    return 0


def arena(
    preset: Literal["smoke", "paper"] = "paper",
    protocol: Literal["as_run", "paper", "fair"] = "fair",
    seed: int = 0,
    out: Path = Path("results"),
    threads: int = 1,
    jobs: int | None = None,
) -> int:
    """Compare all quantizers on the same vectors at equal bits, without heads, and print the answers.

    An interrupted run continues where it stopped when the same command is given again. K = 65536 would take
    about 4 core-hours for k-means alone (estimated): an entry of ``codebook_sizes`` in
    ``empirical/arena/config.py``, with ``n_train`` of 2^20.

    Args:
        preset: Sizes and budget; ``paper`` takes under 10 minutes on two free cores.
        protocol: Settings of the quantizers: those of the published run, of the paper, or fair ones.
        seed: Seed of all random streams.
        out: Results folder; the tables are ``arena/<preset>.csv`` in it, ``arena/<preset>-curves.csv``, and
            ``arena/<preset>-seconds.csv``, which alone differs between two runs.
        threads: CPU threads of a process; the last digits depend on them.
        jobs: Processes; by default as many as there are cores for.
    """
    from empirical.arena import report, study

    folder = command.output_folder("--out", out)
    found, _, seconds = study.run(preset, protocol, seed=seed, out=folder, threads=threads, jobs=jobs)
    if len(found.frame):
        print("dB above k-means, held out, means of the trials:", report.summary(found.frame), sep="\n")
        print("seconds of a cell, means of the trials and sources:", report.seconds(seconds.frame), sep="\n")
        print(*report.findings(found.frame), f"tables: {found.path}, {seconds.path}", sep="\n")
    failures = found.manifest["failures"]
    for failure in failures:
        print(f"failed: {failure['cell']}: {failure['error']}", file=sys.stderr)
    if failures:
        raise SchemaError(f"{command.counted(len(failures), 'cell')} failed; the same command tries again")
    return 0


Arguments = Annotated[Comparison, tyro.conf.arg(name="")]


def substitute(given: Arguments) -> int:
    """Compare quantizers in one frozen tokenizer, and print the comparison.

    An interrupted run continues where it stopped when the same command is given again.
    """
    from empirical.phases import Substitution

    return comparison_command.run(Substitution, given)


def adapt(given: Arguments) -> int:
    """Train the decoder for each stored transplant with heads, and print the comparison.

    Starts from what ``substitute`` stored under the same arguments. An interrupted run continues
    where it stopped when the same command is given again.
    """
    from empirical.phases import Adaptation

    return comparison_command.run(Adaptation, given)


def joint(given: Arguments) -> int:
    """Train encoder, quantizers and decoder together from each stored transplant with heads.

    Starts from what ``substitute`` stored under the same arguments. An interrupted run continues
    where it stopped when the same command is given again.
    """
    from empirical.phases import Joint

    return comparison_command.run(Joint, given)


def _only_stored(preset: str, protocol: str) -> bool:
    """Return whether a comparison's table is stored with the code, and the folder of results has none."""
    from empirical.job import SUBSTITUTION, launched_path, table_path
    from empirical.variants import first_stage

    if preset in ("desk", "paper"):
        own, stored = (launched_path(out, preset) for out in (_RESULTS, _STORED))
    else:
        first = first_stage(protocol)  # a variant may have none of its own
        own, stored = (table_path(out, SUBSTITUTION, preset, first) for out in (_RESULTS, _STORED))
    return not own.exists() and stored.exists()


def table(
    preset: Literal["smoke", "pocket", "desk", "paper"] = "pocket",
    protocol: Protocol | None = None,
    out: Path | None = None,
) -> int:
    """Print the finished phases of a comparison, and what they answer.

    Averages over trials with intervals over photographs; the paper's Tables 3 to 7, the authors' logs
    and what was measured side by side; rank correlations with quality and contrasts between groups
    of methods, which are also stored as ``correlations/<preset>.csv`` and ``contrasts/<preset>.csv``. Of a
    launch whose cells are there, ``launch/<preset>/<preset>-reconstructions.png`` shows the first held-out
    images as each method makes them, phase by phase.

    Args:
        preset: Sizes and budget; ``desk`` and ``paper`` are those of ``launch``, and so is ``smoke`` where
            nothing else made tables of it.
        protocol: What the published run did, what the paper says, or a fair comparison: the last by
            default, and all of them where there was a launch.
        out: Results folder; by default ``results``, or while that holds no such table the folder of those
            that are stored with the code, of which nothing is overwritten.
    """
    from empirical.job import SUBSTITUTION, launched_path, table_path

    def shown(folder: Path) -> int:
        compared = table_path(folder, SUBSTITUTION, preset, protocol or "fair").exists()
        if preset in ("desk", "paper") or (launched_path(folder, preset).exists() and not compared):
            return launch_command.table(preset, protocol, folder, out)
        return comparison_command.table(preset, protocol or "fair", folder)

    if out is not None or not _only_stored(preset, protocol or "fair"):
        return shown(out or _RESULTS)
    print(f"stored with the code: {_STORED}\n")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(_STORED, folder, dirs_exist_ok=True)
        return shown(Path(folder))


def vectors(out: Path = Path("results/vectors")) -> int:
    """Write latents and patches of the packaged photographs, as the simulation studies read them.

    Args:
        out: Folder of ``latents.npz``, ``patches.npz`` and their ``manifest.json``.
    """
    from empirical.vectors import write

    print(write(command.output_folder("--out", out)))
    return 0


def structure(out: Path = Path("results")) -> int:
    """Write the modules of the comparison at the sizes of the paper, for the report's diagrams.

    Args:
        out: Results folder; the tables are ``structure/*.csv`` in it.
    """
    from empirical.structure import TABLES, write

    command.output_folder("--out", out)
    for name in TABLES:
        print(write(name, out).path)
    return 0


def launch(given: Annotated[Launched, tyro.conf.arg(name="")]) -> int:
    """Run the paper's comparison on ImageNet, on any folder or on the packaged photographs; write its table.

    Finished cells are skipped and failed ones recorded, so the same command continues where it
    stopped and tries again what failed.
    """
    if given.preset == "pocket":
        return comparison_command.launch(given)
    return launch_command.launch(given)


COMMANDS: dict[str, Callable[..., int]] = {
    "pretrain": pretrain,
    "arena": arena,
    "substitute": substitute,
    "adapt": adapt,
    "joint": joint,
    "launch": launch,
    "evaluate": evaluate,
    "table": table,
    "vectors": vectors,
    "protocols": protocols,
    "structure": structure,
}


_PROG = "python -m empirical"


def _later(body: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """Return a function that takes a command's arguments and returns the command, ready to run."""

    @wraps(body)
    def ready(*given: Any, **named: Any) -> Callable[[], int]:
        return partial(body, *given, **named)

    return ready


def _chosen(arguments: list[str] | None) -> Callable[[], int]:
    """Return the command that arguments ask for, ready to run.

    Where tyro says which commands have an option, it names the program by its first word alone.
    """
    commands = {name: _later(body) for name, body in COMMANDS.items()}
    said = StringIO()
    try:
        with redirect_stderr(said):
            chosen: Callable[[], int] = tyro.extras.subcommand_cli_from_dict(
                commands, prog=_PROG, args=arguments
            )
            return chosen
    finally:
        first, rest = _PROG.split(" ", 1)
        cut = rf"\b{first} ((?:{'|'.join(COMMANDS)}) --help(?:\x1b\[0m)?)(?: {{{len(rest) + 1}}})?"
        print(re.sub(cut, rf"{_PROG} \1", said.getvalue()), end="", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    kept = "finished cells, and of a training the last state it stored, are kept"
    return command.run(_PROG, lambda: _chosen(arguments)(), kept=kept)


if __name__ == "__main__":
    sys.exit(main())
