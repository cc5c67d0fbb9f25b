"""What the phases of the comparison share: their inputs, and the store of what they train and measure."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from empirical.cells import MAIN_HEAD
from empirical.checkpoint import State, stored_or_trained
from empirical.config import Budget, Preset
from empirical.data import ImageSet, eval_crops, load_images, require_heldout, split, train_crops
from empirical.evaluate import Evaluation, HeldOut, encode_in_batches
from empirical.features import efflite0
from empirical.head import Transplant, build_transplant
from empirical.job import SUBSTITUTION, Job
from empirical.journal import Journal
from empirical.pixels import varied
from empirical.streams import torch_stream
from empirical.tokenizers import PocketTokenizer, default_pocket
from empirical.tokenizers.pocket import DOWNSAMPLING, LATENT_CHANNELS, WEIGHTS
from empirical.training import Objective, train
from empirical.variants import VARIANTS, base
from qtheory.results import Cell, Sweep, configuration_digest, stream, write_bytes_atomically
from qtheory.weights import file_sha256

Row = dict[str, Any]

_IN_SAMPLE = 1024  # training crops behind the columns that start with train_
_SHOWN = 4  # held-out photographs of which one crop is kept as a picture


@dataclass(frozen=True)
class MethodSweep(Sweep):
    """A sweep with a number of trials for each method.

    Attributes
    ----------
    counts : dict of str to int
        Trials of each method; `trials` is their maximum.
    """

    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def configuration(self) -> dict[str, Any]:
        """All that the numbers depend on, apart from code and machine."""
        return {**super().configuration, "counts": dict(self.counts)}

    def cells(self) -> tuple[Cell, ...]:
        """Return all cells, trials running fastest."""
        return tuple(cell for cell in super().cells() if cell.trial < self.counts[cell.parameters["method"]])


def spread_over_groups(groups: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return the numbers of at most `most` members of each group, evenly spread, in order.

    Examples
    --------
    >>> spread_over_groups(np.array([0, 0, 0, 0, 1]), 2).tolist()
    [0, 2, 4]
    """
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    picked = [own[np.arange(min(most, len(own))) * len(own) // min(most, len(own))] for own in members]
    return np.sort(np.concatenate(picked))


def _tokenizer(job: Job) -> PocketTokenizer:
    packaged = job.tokenizer == WEIGHTS
    return default_pocket() if packaged else PocketTokenizer.from_checkpoint(job.tokenizer)


class Phase(ABC):
    """One phase, in one process: the inputs of its cells, made when first needed, and their results.

    Attributes
    ----------
    study : str
        Name of the phase and of the folder of its tables.
    command : str
        Name of its command.
    version : int
        Raised whenever the numbers of a row change.
    training : int
        Raised whenever the trained weights change.
    """

    study: ClassVar[str]
    command: ClassVar[str]
    version: ClassVar[int]
    training: ClassVar[int]

    def __init__(self, job: Job) -> None:
        self.job = job
        self.tokenizer = _tokenizer(job)
        self._images = self.images(job)

    @classmethod
    @abstractmethod
    def points(cls, preset: Preset) -> tuple[Row, ...]:
        """Return methods and heads of the comparison, in the order of the table."""

    @classmethod
    def own_points(cls, job: Job) -> tuple[Row, ...]:
        """Return the points of a job: of a variant those with heads, without which nothing changes."""
        points = cls.points(job.preset)
        if job.protocol in VARIANTS:
            return tuple(point for point in points if point["head"] == MAIN_HEAD)
        return points

    @classmethod
    @abstractmethod
    def budget(cls, job: Job) -> Budget:
        """Return the budget of the phase."""

    @classmethod
    @abstractmethod
    def loss(cls, protocol: str) -> str:
        """Return the loss in words."""

    @abstractmethod
    def measured(self, cell: Cell, rng: np.random.Generator) -> Evaluation:
        """Train a cell, or load what was trained of it, and evaluate it."""

    @classmethod
    def prepared(cls, job: Job) -> Job:
        """Return the job with the digest of what it starts from, after a check that it is there."""
        return job

    @staticmethod
    def images(job: Job) -> ImageSet:
        """Return the photographs that are large enough to cut crops from."""
        return load_images(job.data, job.preset.crop)

    @classmethod
    def require_inputs(cls, job: Job) -> None:
        """Raise unless tokenizer and photographs can be used: once, and not in each process anew.

        Raises
        ------
        FileNotFoundError, SchemaError
            If one of them cannot be read, or more than 1 % of the photographs are damaged or smaller
            than a crop.
        DomainError
            If there are too few photographs.
        """
        _tokenizer(job)
        images = cls.images(job)
        require_heldout(min(len(split(images.names)[1]), job.preset.heldout_photographs), job.data)

    @classmethod
    def shared(cls, job: Job) -> Row:
        """Return the parameters that all cells share."""
        sizes = asdict(job.preset) | asdict(cls.budget(job))
        left_out = ("methods", "repeated", "ablated", "trials")
        return {
            "preset": job.name,
            "protocol": job.protocol,
            "loss": cls.loss(job.protocol),
            **{key: value for key, value in sizes.items() if key not in left_out},
            "images": cls.images(job).digest[:12],
            "tokenizer": file_sha256(job.tokenizer)[:12],
            "threads": job.threads,
            **({"start": job.start[:12]} if job.start else {}),
        }

    @classmethod
    def trials(cls, job: Job, method: str) -> int:
        """Return the number of independent trainings of a method."""
        if job.trials is not None:
            return job.trials
        return cls.budget(job).trials if method in job.preset.repeated else 1

    @classmethod
    def sweep(cls, job: Job) -> Sweep:
        """Return the configuration of the phase."""
        points = cls.own_points(job)
        counts = {point["method"]: cls.trials(job, point["method"]) for point in points}
        most = max(counts.values())
        return MethodSweep(cls.study, cls.version, job.seed, most, points, cls.shared(job), counts)

    @classmethod
    def cell_digest(cls, job: Job, version: int) -> str:
        """Return what marks the results of a cell: all they depend on but its name, which a file has.

        Numbers of trials and the other methods are no part of it, so that a comparison that grows
        keeps what it has.
        """
        content = {"study": cls.study, "version": version, "seed": job.seed, "shared": cls.shared(job)}
        return configuration_digest(content)

    @classmethod
    def training_digest(cls, job: Job) -> str:
        """Return the digest that marks the trained weights."""
        return cls.cell_digest(job, cls.training)

    @cached_property
    def crops(self) -> Tensor:
        """Training crops, the same for every cell of every phase."""
        photographs = [self._images.images[i] for i in split(self._images.names)[0]]
        generator = torch_stream(self.job.seed, SUBSTITUTION, "train_crops")
        sizes = self.job.preset
        return train_crops(photographs, sizes.train_crops, sizes.crop, generator=generator)

    @cached_property
    def z_e(self) -> Tensor:
        """Latents of the training crops by the encoder as it was pretrained."""
        z_e = encode_in_batches(self.tokenizer, self.crops)
        # the heads' convolutions run faster on channels last
        return z_e.contiguous(memory_format=torch.channels_last)

    @cached_property
    def in_sample(self) -> Tensor:
        """Those of the training crops on which errors are measured beside the held-out ones."""
        return self.crops[:_IN_SAMPLE]

    @cached_property
    def held_out(self) -> HeldOut:
        """Crops of the held-out photographs, with latents and features."""
        preset = self.job.preset
        chosen = split(self._images.names)[1][: preset.heldout_photographs]
        crops, photo_index = eval_crops([self._images.images[i] for i in chosen], preset.crop)
        kept = spread_over_groups(photo_index, preset.heldout_crops)
        crops, photo_index = crops[torch.from_numpy(kept)], photo_index[kept]
        names = tuple(self._images.names[i] for i in chosen)
        shown = tuple(varied(crops, photo_index, _SHOWN))
        z_e, features = encode_in_batches(self.tokenizer, crops), efflite0(crops)
        return HeldOut(names, crops, photo_index, z_e, features, shown)

    def built(self, cell: Cell) -> Transplant:
        """Return the transplant of a cell with its initial weights, the same in every phase."""
        job, method, head = self.job, cell.parameters["method"], cell.parameters["head"]
        names = ("weights", method, head, f"trial={cell.trial}")
        return build_transplant(
            method,
            head,
            channels=LATENT_CHANNELS,
            codebook_size=job.preset.codebook_size,
            width=job.preset.head_width,
            protocol=base(job.protocol),
            side=self.side,
            generator=torch_stream(job.seed, SUBSTITUTION, *names),
        ).to(memory_format=torch.channels_last)

    @property
    def side(self) -> int:
        """Side of the latents of a crop."""
        return self.job.preset.crop // DOWNSAMPLING

    def image_bits(self, cell: Cell) -> float:
        """Return the bits that the quantizers of a cell spend on a crop, 0 without any."""
        return self.built(cell).bits(self.side)

    def train(self, cell: Cell, objective: Objective, state: State) -> None:
        """Train on the batches of a cell, with a log beside its other files."""
        with Journal(self.job.file(cell, ".jsonl"), state.steps) as journal:
            # the batches depend on the trial alone: all methods see the same ones
            rng = cell.rng("batches")
            train(objective, self.budget(self.job), rng=rng, state=state, log=journal.log)

    def trained(self, cell: Cell, parts: dict[str, nn.Module], train: Callable[[State], None]) -> None:
        """Load the parts of a cell, or train and store them; leave them in evaluation mode.

        Parameters
        ----------
        cell : Cell
            The cell.
        parts : dict of str to torch.nn.Module
            What is stored.
        train : callable
            Trains the parts in place; it gets the state from which to resume.
        """
        state = State(self.job.file(cell, ".state.safetensors"), self.job.training)
        stored_or_trained(self.job.file(cell, ".safetensors"), state, parts, train)

    def evaluation(self, cell: Cell) -> Evaluation:
        """Return the evaluation of a cell, stored or new."""
        path = self.job.file(cell, ".json")
        if path.exists():
            stored = json.loads(path.read_text())
            if stored["digest"] == self.job.digest:
                return Evaluation(stored["row"], stored["photographs"], stored["pictures"])
        start = time.perf_counter()
        # the same photographs are drawn in every phase: what did not change keeps its interval
        rng = stream(self.job.seed, SUBSTITUTION, "bootstrap", f"trial={cell.trial}")
        found = self.measured(cell, rng)
        seconds = round(time.perf_counter() - start, 2)
        content = {"digest": self.job.digest, "seconds": seconds, **asdict(found)}
        write_bytes_atomically(path, json.dumps(content).encode())
        return found
