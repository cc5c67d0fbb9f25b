"""Stage I, substitution: every quantizer takes the place of none in one frozen tokenizer.

Encoder and decoder never change; each method trains its quantizers and heads on the same latents in
the same order, and is measured on photographs that took no part. `substitute` runs what is missing
of the comparison and writes its two tables.
"""

import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from empirical import checkpoint
from empirical.config import PRESETS, Preset
from empirical.data import POCKET_PHOTOS, eval_crops, load_images, split, train_crops
from empirical.determinism import deterministic
from empirical.evaluate import Evaluation, HeldOut, encode_in_batches, evaluate, evaluate_unquantized
from empirical.features import efflite0
from empirical.head import HEADS, REFERENCES, Transplant, build_transplant
from empirical.protocol import recipe
from empirical.streams import torch_stream
from empirical.tokenizers import PocketTokenizer, default_pocket
from empirical.tokenizers.pocket import WEIGHTS
from empirical.training import fit_references, train
from qtheory import _check
from qtheory.results import Cell, Sweep, Table, grid, run_sweep, write_bytes_atomically
from sims.assign import available_threads

STUDY = "substitution"
VERSION = 2
THREADS = 1  # more would gain little on batches this small; cells run in parallel instead
UNQUANTIZED = "unquantized"

Row = dict[str, Any]
Outcome = tuple[Cell, list[Row] | str]


@dataclass(frozen=True)
class Job:
    """What every process needs to run cells of one comparison.

    Attributes
    ----------
    digest : str
        Digest of the sweep, which marks what is stored.
    seed : int
        Seed of all random streams.
    preset : Preset
        Sizes and budget.
    protocol : str
        ``as_run``, ``paper`` or ``fair``.
    tokenizer : pathlib.Path
        Weights of the tokenizer.
    data : pathlib.Path
        Image folder.
    store : pathlib.Path
        Folder of trained transplants and finished evaluations.
    threads : int
        CPU threads of a process.
    """

    digest: str
    seed: int
    preset: Preset
    protocol: str
    tokenizer: Path
    data: Path
    store: Path
    threads: int

    def file(self, cell: Cell, suffix: str) -> Path:
        """Return where something of a cell is stored."""
        method, head = cell.parameters["method"], cell.parameters["head"]
        return self.store / f"{method}-{head}-{cell.trial}{suffix}"


class Arena:
    """Tokenizer, latents and held-out crops of a job, made when first needed."""

    def __init__(self, job: Job) -> None:
        self.job = job
        packaged = job.tokenizer == WEIGHTS
        self.tokenizer = default_pocket() if packaged else PocketTokenizer.from_checkpoint(job.tokenizer)
        self._images = load_images(job.data)

    @cached_property
    def crops(self) -> Tensor:
        """Training crops, the same for every cell."""
        photographs = [self._images.images[i] for i in split(self._images.names)[0]]
        generator = torch_stream(self.job.seed, STUDY, "train_crops")
        return train_crops(
            photographs, self.job.preset.train_crops, self.job.preset.crop, generator=generator
        )

    @cached_property
    def z_e(self) -> Tensor:
        """Latents of the training crops; channels last, which the heads' convolutions run faster on."""
        z_e = encode_in_batches(self.tokenizer, self.crops)
        return z_e.contiguous(memory_format=torch.channels_last)

    @cached_property
    def held_out(self) -> HeldOut:
        """Crops of the held-out photographs, with latents and features."""
        chosen = split(self._images.names)[1][: self.job.preset.heldout_photographs]
        crops, photo_index = eval_crops([self._images.images[i] for i in chosen], self.job.preset.crop)
        names = tuple(self._images.names[i] for i in chosen)
        return HeldOut(names, crops, photo_index, encode_in_batches(self.tokenizer, crops), efflite0(crops))

    def transplant(self, cell: Cell) -> Transplant:
        """Return the trained transplant of a cell, from the store where it is there."""
        job, method, head = self.job, cell.parameters["method"], cell.parameters["head"]
        built = build_transplant(
            method,
            head,
            channels=self.z_e.shape[1],
            codebook_size=job.preset.codebook_size,
            width=job.preset.head_width,
            protocol=job.protocol,
            generator=torch_stream(job.seed, STUDY, "weights", method, head, f"trial={cell.trial}"),
        ).to(memory_format=torch.channels_last)
        path = job.file(cell, ".safetensors")
        if path.exists():
            tensors, metadata = checkpoint.load(path)
            if metadata.get("digest") == job.digest:
                checkpoint.unpack(tensors, transplant=built)
                return built.eval()
        if method in REFERENCES:
            fit_references(built, self.z_e)
        else:
            own = recipe(job.protocol)
            crops = self.crops if own.pixel else None
            # the batches depend on the trial alone: all methods see the same ones
            train(built, self.tokenizer, self.z_e, crops, own, job.preset, rng=cell.rng("batches"))
        checkpoint.save(path, checkpoint.pack(transplant=built), {"digest": job.digest})
        return built.eval()

    def evaluation(self, cell: Cell) -> Evaluation:
        """Return the evaluation of a cell: the stored one, or that of its transplant."""
        path = self.job.file(cell, ".json")
        if path.exists():
            stored = json.loads(path.read_text())
            if stored["digest"] == self.job.digest:
                return Evaluation(stored["row"], stored["photographs"])
        start, rng = time.perf_counter(), cell.rng("bootstrap")
        if cell.parameters["method"] == UNQUANTIZED:
            found = evaluate_unquantized(self.tokenizer, self.held_out, rng=rng)
        else:
            found = evaluate(self.transplant(cell), self.tokenizer, self.held_out, self.z_e, rng=rng)
        seconds = round(time.perf_counter() - start, 2)
        content = {"digest": self.job.digest, "seconds": seconds, **asdict(found)}
        write_bytes_atomically(path, json.dumps(content).encode())
        return found


@lru_cache(maxsize=1)
def _arena(job: Job) -> Arena:
    return Arena(job)


def evaluated(job: Job, cell: Cell) -> Evaluation:
    """Return the evaluation of a cell, training it where that is missing."""
    with deterministic(job.threads):
        return _arena(job).evaluation(cell)


def _row(job: Job, cell: Cell) -> Row:
    return evaluated(job, cell).row


def _photographs(job: Job, cell: Cell) -> list[Row]:
    return evaluated(job, cell).photographs


def _in_processes(function: Callable[[Cell], Outcome], cells: Sequence[Cell], jobs: int) -> Iterator[Outcome]:
    """Run cells side by side; forking after a thread pool has started would hang, so processes spawn."""
    if jobs == 1 or len(cells) < 2:
        yield from map(function, cells)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(cells)), mp_context=context) as pool:
        yield from pool.map(function, cells)


def points(preset: Preset) -> tuple[Row, ...]:
    """Return methods and heads of the comparison, in the order of the table."""
    return (
        *grid(method=[UNQUANTIZED], head=["none"]),
        *grid(method=REFERENCES, head=["none"]),
        *grid(method=preset.methods, head=HEADS),
    )


def table_path(out: Path, preset: str, protocol: str) -> Path:
    """Return the file of a comparison; protocols other than ``fair`` add their name.

    Examples
    --------
    >>> table_path(Path("results"), "pocket", "fair").as_posix()
    'results/substitution/pocket.csv'
    """
    return out / STUDY / f"{preset if protocol == 'fair' else f'{preset}-{protocol}'}.csv"


def _sweep(preset: str, protocol: str, seed: int, data: Path, tokenizer: Path, threads: int) -> Sweep:
    sizes = PRESETS[preset]
    fixed = {
        "preset": preset,
        "protocol": protocol,
        "loss": recipe(protocol).loss,
        **{key: value for key, value in asdict(sizes).items() if key not in ("methods", "trials")},
        "images": load_images(data).digest[:12],
        "tokenizer": checkpoint.sha256_of(tokenizer)[:12],
        "threads": threads,
    }
    return Sweep(STUDY, VERSION, seed, sizes.trials, points(sizes), fixed)


def substitute(
    preset: str = "pocket",
    protocol: str = "fair",
    *,
    seed: int = 0,
    out: Path = Path("results"),
    data: Path = POCKET_PHOTOS,
    tokenizer: Path = WEIGHTS,
    threads: int = THREADS,
    jobs: int | None = None,
) -> tuple[Table, Table]:
    """Run what is missing of the comparison and write its tables.

    Parameters
    ----------
    preset : str
        A key of `empirical.config.PRESETS`.
    protocol : str
        ``as_run``, ``paper`` or ``fair``.
    seed : int
        Seed of all random streams.
    out : pathlib.Path
        The tables are ``substitution/<preset>.csv`` below it, and
        ``substitution/<preset>-photographs.csv``; protocols other than ``fair`` add their name.
    data : pathlib.Path
        Image folder; the packaged photographs by default.
    tokenizer : pathlib.Path
        Weights of a pocket tokenizer; the packaged ones by default.
    threads : int
        CPU threads of a process, on which the last digits depend.
    jobs : int, optional
        Processes, each with its own cells; by default as many as there are cores for.

    Returns
    -------
    comparison, photographs : Table
        One row a method, head and trial; and one row for each of these and each photograph.
    """
    _check.one_of("preset", preset, PRESETS)
    jobs = max(1, available_threads() // threads) if jobs is None else _check.integer("jobs", jobs)
    sweep = _sweep(preset, protocol, seed, data, tokenizer, threads)
    path = table_path(out, preset, protocol)
    store = path.with_suffix("")
    job = Job(sweep.digest, seed, PRESETS[preset], protocol, tokenizer, data, store, threads)
    seconds: dict[str, float] = {}

    def timed(function: Callable[[Cell], Outcome], cells: Sequence[Cell]) -> Iterator[Outcome]:
        for cell, outcome in _in_processes(function, cells, jobs):
            if not isinstance(outcome, str):
                stored = json.loads(job.file(cell, ".json").read_text())
                seconds[cell.name] = stored["seconds"]
            yield cell, outcome

    command = f"python -m empirical substitute --preset {preset} --protocol {protocol} --seed {seed}"
    comparison = run_sweep(
        sweep,
        partial(_row, job),
        path,
        mapper=timed,
        progress=_progress,
        preset=preset,
        command=command,
        seconds=seconds,
    )
    beside = path.with_stem(f"{path.stem}-photographs")
    photographs = run_sweep(sweep, partial(_photographs, job), beside, preset=preset, command=command)
    return comparison, photographs


def _progress(outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
    return tqdm(outcomes, total=total, desc=STUDY)
