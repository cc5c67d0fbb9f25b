"""Stage I, substitution: every quantizer takes the place of none in one frozen tokenizer.

Encoder and decoder never change; each method trains its quantizers and heads on the same latents in
the same order, and is measured on photographs that took no part. `substitute` runs what is missing
of the comparison and writes its two tables.
"""

import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from empirical import checkpoint
from empirical.config import PRESETS, Preset
from empirical.data import POCKET_PHOTOS, eval_crops, load_images, split, train_crops
from empirical.determinism import deterministic
from empirical.evaluate import (
    Evaluation,
    HeldOut,
    encode_in_batches,
    evaluate,
    evaluate_unquantized,
)
from empirical.features import efflite0
from empirical.head import HEADS, REFERENCES, TRAINED, Transplant, build_transplant
from empirical.protocol import recipe
from empirical.streams import torch_stream
from empirical.tokenizers import PocketTokenizer, default_pocket
from empirical.tokenizers.pocket import WEIGHTS
from empirical.training import fit_references, train
from qtheory import _check
from qtheory.results import Cell, Sweep, Table, grid, run_sweep

STUDY = "substitution"
VERSION = 1
# more threads would gain little on batches this small, and lose much on a busy machine
THREADS = 1
UNQUANTIZED = "unquantized"


class Arena:
    """Latents, held-out crops and trained transplants of one run of the comparison.

    Parameters
    ----------
    sweep : Sweep
        The configuration; its digest marks the stored transplants.
    preset : Preset
        Sizes and budget.
    protocol : str
        ``as_run``, ``paper`` or ``fair``.
    tokenizer : PocketTokenizer
        Encoder and decoder, frozen.
    data : pathlib.Path
        Image folder.
    store : pathlib.Path
        Folder of the trained transplants.
    """

    def __init__(
        self,
        sweep: Sweep,
        preset: Preset,
        protocol: str,
        tokenizer: PocketTokenizer,
        data: Path,
        store: Path,
    ) -> None:
        self.sweep, self.preset, self.protocol, self.store = sweep, preset, protocol, store
        self.tokenizer = tokenizer.eval()
        self.recipe = recipe(protocol)
        self.seconds: dict[str, float] = {}
        self._images = load_images(data)
        self._evaluations: dict[str, Evaluation] = {}

    @cached_property
    def crops(self) -> Tensor:
        """Training crops, the same for every cell."""
        train_part, _ = split(self._images.names)
        photographs = [self._images.images[i] for i in train_part]
        generator = torch_stream(self.sweep.seed, STUDY, "train_crops")
        return train_crops(photographs, self.preset.train_crops, self.preset.crop, generator=generator)

    @cached_property
    def z_e(self) -> Tensor:
        """Latents of the training crops; channels last, which the heads' convolutions run faster on."""
        z_e = encode_in_batches(self.tokenizer, self.crops)
        return z_e.contiguous(memory_format=torch.channels_last)

    @cached_property
    def held_out(self) -> HeldOut:
        """Crops of the held-out photographs, with latents and features."""
        chosen = split(self._images.names)[1][: self.preset.heldout_photographs]
        crops, photo_index = eval_crops([self._images.images[i] for i in chosen], self.preset.crop)
        names = tuple(self._images.names[i] for i in chosen)
        return HeldOut(names, crops, photo_index, encode_in_batches(self.tokenizer, crops), efflite0(crops))

    def transplant(self, cell: Cell) -> Transplant:
        """Return the trained transplant of a cell, from the store where it is there."""
        method, head = cell.parameters["method"], cell.parameters["head"]
        generator = torch_stream(cell.seed, STUDY, "weights", method, head, f"trial={cell.trial}")
        transplant = build_transplant(
            method,
            head,
            channels=self.z_e.shape[1],
            codebook_size=self.preset.codebook_size,
            width=self.preset.head_width,
            protocol=self.protocol,
            generator=generator,
        ).to(memory_format=torch.channels_last)
        path = self.store / f"{method}-{head}-{cell.trial}.safetensors"
        if path.exists():
            tensors, metadata = checkpoint.load(path)
            if metadata.get("digest") == self.sweep.digest:
                checkpoint.unpack(tensors, transplant=transplant)
                return transplant.eval()
        if method in REFERENCES:
            fit_references(transplant, self.z_e)
        else:
            # the batches depend on the trial alone: all methods see the same ones
            rng = cell.rng("batches")
            crops = self.crops if self.recipe.pixel else None
            train(transplant, self.tokenizer, self.z_e, crops, self.recipe, self.preset, rng=rng)
        checkpoint.save(path, checkpoint.pack(transplant=transplant), {"digest": self.sweep.digest})
        return transplant.eval()

    def evaluation(self, cell: Cell) -> Evaluation:
        """Return the evaluation of a cell, training it where that is missing."""
        if cell.name not in self._evaluations:
            start = time.perf_counter()
            rng = cell.rng("bootstrap")
            if cell.parameters["method"] == UNQUANTIZED:
                found = evaluate_unquantized(self.tokenizer, self.held_out, rng=rng)
            else:
                transplant = self.transplant(cell)
                found = evaluate(transplant, self.tokenizer, self.held_out, self.z_e, rng=rng)
            self._evaluations[cell.name] = found
            self.seconds[cell.name] = round(time.perf_counter() - start, 2)
        return self._evaluations[cell.name]


def points() -> tuple[dict[str, Any], ...]:
    """Return methods and heads of the comparison, in the order of the table."""
    return (
        *grid(method=[UNQUANTIZED], head=["none"]),
        *grid(method=REFERENCES, head=["none"]),
        *grid(method=list(TRAINED), head=HEADS),
    )


def table_path(out: Path, preset: str, protocol: str) -> Path:
    """Return the file of a comparison; protocols other than ``fair`` add their name.

    Examples
    --------
    >>> table_path(Path("results"), "pocket", "fair").as_posix()
    'results/substitution/pocket.csv'
    """
    return out / STUDY / f"{preset if protocol == 'fair' else f'{preset}-{protocol}'}.csv"


def _progress(outcomes: Iterable[Any], total: int) -> Iterable[Any]:
    return tqdm(outcomes, total=total, desc=STUDY)


def substitute(
    preset: str = "pocket",
    protocol: str = "fair",
    *,
    seed: int = 0,
    out: Path = Path("results"),
    data: Path = POCKET_PHOTOS,
    tokenizer: Path | None = None,
    threads: int = THREADS,
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
    tokenizer : pathlib.Path, optional
        Weights of a pocket tokenizer; the packaged ones by default.
    threads : int
        CPU threads, on which the last digits depend.

    Returns
    -------
    comparison, photographs : Table
        One row a method, head and trial; and one row for each of these and each photograph.
    """
    _check.one_of("preset", preset, PRESETS)
    sizes = PRESETS[preset]
    model = default_pocket() if tokenizer is None else PocketTokenizer.from_checkpoint(tokenizer)
    weights = WEIGHTS if tokenizer is None else tokenizer
    fixed = {
        "preset": preset,
        "protocol": protocol,
        "loss": recipe(protocol).loss,
        **{key: value for key, value in asdict(sizes).items() if key != "trials"},
        "images": load_images(data).digest[:12],
        "tokenizer": checkpoint.sha256_of(weights)[:12],
        "threads": threads,
    }
    sweep = Sweep(STUDY, VERSION, seed, sizes.trials, points(), fixed)
    path = table_path(out, preset, protocol)
    with deterministic(threads):
        arena = Arena(sweep, sizes, protocol, model, data, path.with_suffix(""))
        comparison = run_sweep(
            sweep,
            lambda cell: arena.evaluation(cell).row,
            path,
            progress=_progress,
            seconds=arena.seconds,
        )
        photographs = run_sweep(
            sweep,
            lambda cell: arena.evaluation(cell).photographs,
            path.with_stem(f"{path.stem}-photographs"),
        )
    return comparison, photographs
