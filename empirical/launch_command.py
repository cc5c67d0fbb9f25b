"""The command ``launch``: its arguments, and what it prints."""

import importlib.util
import shlex
import sys
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from empirical.comparison_command import Protocol
from qtheory import _check, command

if TYPE_CHECKING:
    from empirical.cells import CellSpec
    from empirical.executors import Executor
    from empirical.setup import Launch
    from qtheory.results import Table


@dataclass(frozen=True)
class Arguments:
    """Arguments of a launched comparison.

    Args:
        preset: Sizes and budgets; ``smoke`` takes one method through all tables and phases on the packaged
            photographs, in about a minute; ``pocket`` runs all phases of ``substitute``, ``adapt`` and
            ``joint`` on them, two cores take a quarter of an hour.
        imagenet: Folder of ImageNet, which holds train and val.
        data: Any folder of images, of which a quarter is held out; by default of ``smoke`` the packaged
            photographs.
        weights: Folder of the published networks; the variable QTHEORY_WEIGHTS by default.
        tokenizer: Weights of another tokenizer.
        protocols: What the published run did, what the paper says, a fair comparison, or variants of that in
            one switch each: ``fair_images`` trains the first stage on images too, ``fair_decoder`` adapts the
            decoder alone, ``fair_no_gan`` has no discriminator, ``fair_light`` weighs latents and
            quantizers an eighth in joint training.
        tables: Tables of the paper; ``pocket`` has 3 and 7, the phases of which it runs.
        methods: Leave out all other trained methods; all by default, and ``mmd`` of ``smoke``.
        heads: Heads of the methods that Table 3 substitutes: beside ``full``, with which all else is run,
            ``1x1`` (convolutions of one position) and ``none``; ``full`` alone by default, of ``pocket`` also
            ``none``, and of some methods ``1x1``.
        seed: First seed.
        out: Results folder; everything is under ``launch/<preset>`` in it.
        executor: Run the cells here, side by side where there are cards for several, or as jobs of Slurm.
        partition: Partition of the Slurm cluster.
        slurm: Further parameters of submitit, as KEY=VALUE: ``timeout_min=1440`` (48 hours by default),
            ``mem_gb=64``, ``slurm_account=NAME``; ``cpus_per_task=16`` for at most so many cores a job.
        processes: Processes that share the batches of a cell, each with a card on CUDA. Where a machine has
            cards for several cells these run side by side, with RAM and cores for each: CUDA_VISIBLE_DEVICES
            limits the cards. Some draws depend on the number of processes: rows have it, and interrupted
            trainings go on in the same number or start anew.
        device: Where to compute; by default a card, or where none is visible the processor, for which jobs of
            Slurm and ``paper`` need it to be given.
        bf16: Compute convolutions in bfloat16, the quantizers in float32 all the same.
        compiled: Compile encoder and decoder.
        recompute: Keep less for backward passes, at the price of a second forward pass.
        accumulate: Parts in which a process's batch goes through decoder, LPIPS and discriminator, for less
            memory. Quantizers and heads see the whole batch. With a discriminator other numbers come out: in
            the decoder's step its views, adaptive weight and, as run, batch statistics are of each part.
        evaluation_batch: Images that are encoded for the cache of latents, or decoded and measured, at a
            time. Rows depend on it by rounding alone.
        workers: Processes that decode images, for each process that trains; a job of a cluster asks for a
            core for each of both.
        tensorboard: Write TensorBoard's files beside the logs.
        dry_run: Print cells, which of them are done (with the images and weights of the last launch there),
            operations, hours, memory and GB on disk, and run nothing; of ``pocket`` estimated seconds.
        hardware: What the hours of a dry run are of; by default follows from device and bf16.
    """

    preset: Literal["smoke", "pocket", "desk", "paper"] = "paper"
    imagenet: Path | None = None
    data: Path | None = None
    weights: Path | None = None
    tokenizer: Path | None = None
    protocols: Annotated[tuple[Protocol, ...], tyro.conf.arg(aliases=["--protocol"])] = ("fair",)
    tables: tuple[Literal[3, 4, 5, 6, 7], ...] = (3, 4, 5, 6, 7)
    methods: tuple[str, ...] | None = None
    heads: tuple[Literal["full", "1x1", "none"], ...] | None = None
    seed: int = 0
    out: Path = Path("results")
    executor: Literal["local", "slurm"] = "local"
    partition: str | None = None
    slurm: tuple[str, ...] = ()
    processes: int = 1
    device: Literal["cpu", "cuda"] | None = None
    bf16: bool = False
    compiled: bool = False
    recompute: bool = False
    accumulate: int = 1
    evaluation_batch: int = 32
    workers: int = 0
    tensorboard: bool = False
    dry_run: bool = False
    hardware: Literal["h100-bf16", "h100-fp32", "cpu"] | None = None


def _launch(given: Arguments) -> "tuple[Launch, tuple[CellSpec, ...]]":
    """Return the comparison and its cells, before its inputs are looked at."""
    from empirical.cells import matrix
    from empirical.launch_config import METHODS, PRESETS
    from empirical.launch_device import device_of
    from empirical.setup import Launch
    from empirical.variants import first_stage, substitution_recipe
    from qtheory.weights import weights_folder

    sizes = PRESETS[given.preset]
    weights = given.weights or weights_folder()
    launch = Launch(
        name=given.preset,
        sizes=sizes,
        out=str((given.out / "launch" / given.preset).resolve()),
        train="" if given.data is None else str(given.data.resolve()),
        heldout="",
        tokenizer="" if given.tokenizer is None else str(given.tokenizer.resolve()),
        weights="" if weights is None else str(weights.resolve()),
        device=device_of(given.device, given.executor, networks=sizes.networks, dry_run=given.dry_run),
        processes=_check.integer("--processes", given.processes),
        bf16=given.bf16,
        compiled=given.compiled,
        recompute=given.recompute,
        accumulate=given.accumulate,
        evaluation_batch=_check.integer("--evaluation-batch", given.evaluation_batch),
        workers=_check.integer("--workers", given.workers, minimum=0),
        tensorboard=given.tensorboard,
        cached=any(not substitution_recipe(first_stage(name)).pixel for name in given.protocols),
    )
    methods = given.methods or METHODS.get(given.preset)
    chosen = given.protocols, given.tables, methods, given.heads or ("full",)
    seed = _check.integer("--seed", given.seed, minimum=0)
    cells = matrix(sizes, *chosen, seed=seed, native=sizes.networks)
    _require_cells(given, launch, cells)
    return launch, cells


def _require_cells(given: Arguments, launch: "Launch", cells: "tuple[CellSpec, ...]") -> None:
    """Raise where there is none, processes do not share a batch evenly, or its part does not split."""
    import torch

    from empirical.accumulation import equal_parts
    from empirical.runtime import Runtime
    from qtheory.errors import DomainError

    if not cells:
        raise DomainError(
            f"tables and methods must have cells in common, got {given.tables} and {given.methods}: Tables 4 "
            "to 6 are of mmd"
        )
    for cell in cells:
        batch = torch.empty(launch.sizes.budget(cell.phase, cell.protocol, cell.method).batch_size)
        equal_parts(len(Runtime(world=launch.ranks(cell)).share(batch)), launch.accumulate)


def _require(package: str, option: str) -> None:
    """Raise where a package that an option needs is not installed."""
    if importlib.util.find_spec(package) is None:
        raise ModuleNotFoundError(f"{option} needs the package {package}: pip install 'qtheory[launch]'")


def _prepared(given: Arguments) -> "tuple[Launch, tuple[CellSpec, ...], Executor]":
    from empirical.data import POCKET_PHOTOS
    from empirical.setup import prepared
    from qtheory.errors import DomainError

    if given.preset == "smoke" and given.imagenet is None and given.data is None:
        given = replace(given, data=POCKET_PHOTOS)
    if (given.imagenet is None) == (given.data is None):
        raise DomainError("give either --imagenet DIR, which holds train and val, or --data DIR, any images")
    if given.tensorboard:
        _require("tensorboard", "--tensorboard")
    if given.executor == "slurm":
        _require("submitit", "--executor slurm")
    command.output_folder("--out", given.out)
    launch, cells = _launch(given)
    executor = _executor(given, launch)  # before a look at the images, which takes minutes
    imagenet = "" if given.imagenet is None else str(given.imagenet.resolve())
    return prepared(launch, cells=cells, imagenet=imagenet, threads=max(1, given.workers)), cells, executor


def _executor(given: Arguments, launch: "Launch") -> "Executor":
    from empirical.cluster import SlurmExecutor, slurm_options
    from empirical.executors import LocalExecutor
    from qtheory.errors import DomainError

    options = slurm_options(given.slurm, given.partition)
    if given.executor == "slurm":
        return SlurmExecutor(Path(launch.out) / "slurm", options)
    if options:
        raise DomainError(f"--slurm and --partition need --executor slurm, got {', '.join(options)}")
    return LocalExecutor(launch.processes if launch.device == "cuda" else 0)


def launch(given: Arguments) -> int:
    """Run the paper's comparison cell by cell, and write its table.

    Finished cells are skipped and failed ones recorded, so the same command continues where it
    stopped and tries again what failed. The table has a row of every cell that is finished, of launches with
    the same settings before this one too; it is written after each phase, and where Ctrl-C or SIGTERM comes.
    """
    from empirical.launch import run
    from empirical.launch_device import hardware_of
    from empirical.launch_forecast import forecast
    from empirical.launch_table import render

    if given.dry_run:
        planned, cells = _launch(given)
        usual = hardware_of(planned.device, networks=planned.sizes.networks, bf16=given.bf16)
        print(forecast(planned, cells, given.hardware or usual))
        _tell_missing(given, planned)
        return 0
    planned, cells, executor = _prepared(given)
    ended = count(1)

    def told(cell: "CellSpec", outcome: dict[str, Any] | str) -> None:
        said = f"failed: {outcome}" if isinstance(outcome, str) else f"{outcome['seconds']:.0f} s"
        print(f"[{next(ended)}/{len(cells)}] {cell.name}: {said}", flush=True)

    made_by = shlex.join(["python", "-m", "empirical", *sys.argv[1:]])
    table = run(planned, cells, executor, made_by, told)
    for number in given.tables if len(table.frame) else ():
        print(f"\nTable {number}", render(number, table.frame), sep="\n")
    print(f"\n{table.path}")
    _print_picture(Path(planned.out), table)
    failures = len(table.manifest["failures"])
    if failures:
        print(f"{failures} cell(s) failed; the same command tries them again", file=sys.stderr)
    return 1 if failures else 0


def _tell_missing(given: Arguments, planned: "Launch") -> None:
    """Say which of the inputs that were named are not here: on another machine they may be."""
    for option in ("imagenet", "data", "weights", "tokenizer"):
        path = getattr(given, option)
        if path is not None and not path.exists():
            print(
                f"--{option} {path} does not exist here, and the launch will need it; the plan is the same "
                f"without, of the {planned.sizes.images:,} training images that preset {planned.name} is "
                "made for",
                file=sys.stderr,
            )


def _print_picture(out: Path, table: "Table") -> None:
    """Draw the reconstructions that the cells of a launch kept, where there are some, and print the file."""
    from empirical.reconstructions import write_picture

    if (picture := write_picture(out, table.frame, out / f"{out.name}-reconstructions.png")) is not None:
        print(picture)


def table(preset: str, protocol: str | None, out: Path, given: Path | None) -> int:
    """Print Tables 3 to 7 of a launch, as far as they were measured, and the correlations with quality.

    Where its cells are there, their reconstructions are drawn in one picture.

    Parameters
    ----------
    preset, protocol : str, str or None
        Which launch, and which of its rows; all of them by default.
    out : pathlib.Path
        Results folder.
    given : pathlib.Path or None
        The same as it was asked for, None where it was not: commands in messages are for there.
    """
    from empirical.job import launched_path, table_path
    from empirical.launch_findings import write_correlations
    from empirical.launch_table import render_all
    from empirical.table import render_findings
    from qtheory.errors import SchemaError
    from qtheory.results import read_table

    there = "" if given is None else f" --out {shlex.quote(str(given))}"
    made_by = f"`python -m empirical launch --preset {preset}{there}` on your images"
    found = read_table(launched_path(out, preset), made_by=made_by)
    frame = found.frame
    if protocol is not None:
        frame = frame[frame["protocol"] == protocol]
        if frame.empty:
            has = ", ".join(found.frame["protocol"].unique())
            raise SchemaError(
                f"{found.path.name} must have rows of protocol {protocol}, it has {has}; run `python -m "
                f"empirical launch --preset {preset} --protocols {protocol}{there}` first"
            )
    print(render_all(frame), end="\n\n")
    correlations = write_correlations(found, table_path(out, "correlations", preset, "fair"))
    if correlations is not None:
        shown = correlations.frame
        shown = shown if protocol is None else shown[shown["protocol"] == protocol]
        print("correlations", render_findings(shown), sep="\n")
    _print_picture(out / "launch" / preset, found)
    return 0
