"""The comparison of one phase: all its cells, in parallel processes, and their two tables."""

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from empirical._tensor_file import opened
from empirical.data import POCKET_PHOTOS
from empirical.determinism import deterministic
from empirical.evaluate import Evaluation
from empirical.job import SUBSTITUTION, THREADS, Job
from empirical.launch_config import PHOTOGRAPHS
from empirical.locks import alone
from empirical.outcomes import exchange
from empirical.phase import Phase
from empirical.photographs import usable_images
from empirical.tokenizers.pocket import WEIGHTS
from empirical.variants import EVERY, adversarial_recipe, base, phases
from qtheory import _check, command
from qtheory.errors import DomainError
from qtheory.results import Cell, Sweep, Table, read_json_if_whole, run_sweep, write_bytes_atomically
from qtheory.results.comparison import main_head
from qtheory.weights import file_sha256
from sims.assign import available_threads

Row = dict[str, Any]
Outcome = tuple[Cell, list[Row] | str]

_MOST_THREADS = 1024
_CONFIGURATION = "configuration.json"  # of the trainings in a folder


@lru_cache(maxsize=1)
def _phase(job: Job) -> Phase:
    return job.phase(job)


def evaluated(job: Job, cell: Cell) -> Evaluation:
    """Return the evaluation of a cell, training it where that is missing."""
    with deterministic(job.threads):
        return _phase(job).evaluation(job.spec(cell))


def _row(job: Job, cell: Cell) -> Row:
    bits = _phase(job).image_bits(job.spec(cell))
    return {"phase": job.phase.study, "image_bits": bits, **evaluated(job, cell).row}


def _photographs(job: Job, cell: Cell) -> list[Row]:
    return [{"phase": job.phase.study, **row} for row in evaluated(job, cell).photographs]


def _pictures(job: Job, cell: Cell) -> list[Row]:
    """Return the pictures of a cell that stands for its method: the first trial, with its main head.

    Of the later phases one crop, which is enough to see what they change.
    """
    method, head = cell.parameters["method"], cell.parameters["head"]
    if cell.trial or head != main_head(method):
        return []
    shared = {"phase": job.phase.study, "kind": "reconstruction"}
    rows = [shared | row for row in evaluated(job, cell).pictures]
    return rows if job.phase.study == SUBSTITUTION else rows[:1]


def in_processes(function: Callable[[Cell], Outcome], cells: Sequence[Cell], jobs: int) -> Iterator[Outcome]:
    """Run cells side by side; forking after a thread pool has started would hang, so processes spawn."""
    if jobs == 1 or len(cells) < 2:
        yield from map(function, cells)
        return
    context = multiprocessing.get_context("spawn")
    before = multiprocessing.active_children()
    workers = min(jobs, len(cells))
    with ProcessPoolExecutor(workers, context, initializer=command.end_with_parent) as pool:
        with command.interrupts_for_this_process_only():
            outcomes = pool.map(function, cells)
        try:
            yield from outcomes
        except BaseException:  # what is under way is lost; a pool would wait for it
            for process in multiprocessing.active_children():
                if process not in before:
                    process.terminate()
            raise


def _prepared(job: Job) -> tuple[Job, Sweep]:
    """Return the job with its digests, and its cells, after a check of the transplants they start from."""
    job = replace(job.phase.prepared(job), weights=file_sha256(job.tokenizer))
    sweep, digest = job.phase.sweep(job), job.phase.cell_digest(job, job.phase.version)
    job = replace(job, digest=digest, training=job.phase.training_digest(job))
    return replace(job, trials=None, methods=None, heads=None), sweep  # a cell is the same beside any others


def _set_aside(job: Job) -> None:
    """Keep what was trained in another configuration beside the folder, and fetch back what is of this one.

    A seed of another run, for example, would else overwrite every training that is there.
    """
    folder = job.table().with_suffix("")
    exchange(folder, _stored_training(folder), job.training)
    content = json.dumps({"training": job.training}) + "\n"
    write_bytes_atomically(folder / _CONFIGURATION, content.encode())


def _stored_training(folder: Path) -> str | None:
    """Return the digest of the configuration that a folder is of, None where nothing there says so."""
    said = read_json_if_whole(folder / _CONFIGURATION, remedy="what it said is taken from the weights there")
    if isinstance(digest := said.get("training"), str):
        return digest
    for path in sorted(folder.glob("*.safetensors")):
        with opened(path, remedy="remove it, and its cell is trained again") as (_, metadata):
            return metadata.get("digest")
    return None


def _tables(job: Job, sweep: Sweep, made_by: str, jobs: int) -> tuple[Table, Table]:
    """Run the cells that are missing in so many processes, and write what all have stored."""
    seconds: dict[str, float] = {}

    def timed(function: Callable[[Cell], Outcome], cells: Sequence[Cell]) -> Iterator[Outcome]:
        for cell, outcome in in_processes(function, cells, jobs):
            if not isinstance(outcome, str):
                seconds[cell.name] = json.loads(job.file(job.spec(cell), ".json").read_text())["seconds"]
            yield cell, outcome

    def progress(outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
        return tqdm(outcomes, total=total, desc=job.phase.study)

    path = job.table()
    comparison = run_sweep(
        sweep,
        partial(_row, job),
        path,
        mapper=timed,
        progress=progress,
        preset=job.name,
        command=made_by,
        seconds=seconds,
        images=usable_images(job).manifest,
    )
    failed = {failure["cell"]: failure["error"] for failure in comparison.manifest["failures"]}

    def beside(name: str, function: Callable[[Job, Cell], list[Row]]) -> Table:
        """Write another table of what the cells stored; those that failed are not tried again."""

        def rows(cell: Cell) -> list[Row]:
            if cell.name in failed:
                raise DomainError(f"not measured: {failed[cell.name]}")
            return function(job, cell)

        other = path.with_stem(f"{path.stem}-{name}")
        return run_sweep(sweep, rows, other, preset=job.name, command=made_by)

    photographs = beside("photographs", _photographs)
    beside("pictures", _pictures)
    return comparison, photographs


def require_own(phase: type[Phase], protocol: str) -> None:
    """Raise `DomainError` unless a protocol has trainings of its own in a phase on photographs."""
    own = phases(_check.one_of("protocol", protocol, EVERY))
    if adversarial_recipe(protocol).adversarial == 0:
        raise DomainError(
            f"protocol {protocol} is about a discriminator, which has no part here; take "
            "launch --preset paper"
        )
    if phase.study not in own:
        raise DomainError(
            f"protocol {protocol} must be run in a phase that it changes ({', '.join(own)}), "
            f"got {phase.study}; its transplants are those of --protocol {base(protocol)}"
        )


def compare(
    phase: type[Phase],
    preset: str = "pocket",
    protocol: str = "fair",
    *,
    seed: int = 0,
    out: Path = Path("results"),
    data: Path = POCKET_PHOTOS,
    tokenizer: Path = WEIGHTS,
    threads: int = THREADS,
    trials: int | None = None,
    jobs: int | None = None,
    methods: Iterable[str] | None = None,
    heads: Iterable[str] | None = None,
) -> tuple[Table, Table]:
    """Run what is missing of a phase of the comparison and write its tables.

    An interrupted run continues where it stopped, within a training too, and ends in the same bytes.
    A later run with more trials keeps the cells that are there; trainings of another configuration are set
    aside, and come back when it is asked for again. A second run into the same folder waits for the first.

    Parameters
    ----------
    phase : type of Phase
        One of `empirical.phases.PHASES`.
    preset : str
        A key of `empirical.launch_config.PHOTOGRAPHS`.
    protocol : str
        One of `empirical.variants.EVERY`, of a variant in a phase that it changes.
    seed : int
        Seed of all random streams.
    out : pathlib.Path
        The tables are ``<study>/<preset>.csv`` below it, ``<study>/<preset>-photographs.csv`` and
        ``<study>/<preset>-pictures.csv``; protocols other than ``fair`` add their name.
    data : pathlib.Path
        Image folder; the packaged photographs by default.
    tokenizer : pathlib.Path
        Weights of a pocket tokenizer; the packaged ones by default.
    threads : int
        CPU threads of a process, on which the last digits depend.
    trials : int, optional
        Independent trainings of every method; by default what the preset says.
    jobs : int, optional
        Processes, each with its own cells; by default as many as there are cores for.
    methods : iterable of str, optional
        Leave out all other trained methods. Like one of fewer trials, a table of fewer methods or heads is
        another one: the whole one is kept beside it, and so are the finished cells.
    heads : iterable of str, optional
        Heads with which all methods are substituted; see `empirical.cells.photographs`.

    Returns
    -------
    comparison, photographs : Table
        One row a method, head and trial; and one row for each of these and each photograph.

    Raises
    ------
    DomainError
        If an argument cannot be, or there are too few photographs.
    FileNotFoundError, SchemaError
        If tokenizer or photographs cannot be read, more than 1 % of these are damaged or smaller than
        a crop, or the phase starts from transplants that are missing or of another configuration.
    """
    _check.one_of("preset", preset, PHOTOGRAPHS)
    require_own(phase, protocol)
    threads = _check.integer("threads", threads)
    if threads > _MOST_THREADS:
        raise DomainError(f"threads must be at most {_MOST_THREADS}, got {threads}")
    jobs = max(1, available_threads() // threads) if jobs is None else _check.integer("jobs", jobs)
    trials = None if trials is None else _check.integer("trials", trials)
    chosen = None if methods is None else tuple(methods), None if heads is None else tuple(heads)
    given = protocol, seed, out, data, tokenizer, threads, trials, *chosen
    job = Job(phase, preset, PHOTOGRAPHS[preset], *given)
    made_by = replace(job, out=Path("results")).command(phase.command)
    phase.require_inputs(job)
    # of a second command the trainings would get into those of the first, and what a later phase starts
    # from must not be set aside after it was checked
    with ExitStack() as locked:
        first = job.table(SUBSTITUTION).with_suffix(".lock")
        if phase.study != SUBSTITUTION and first.parent.is_dir():  # or there is nothing to start from
            locked.enter_context(alone(first, shared=True))
        job, sweep = _prepared(job)
        locked.enter_context(alone(job.table().with_suffix(".lock")))
        _set_aside(job)
        return _tables(job, sweep, made_by, jobs)
