"""What the phases of the comparison on photographs share: their cells, and the store of what they measure."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from empirical import cells
from empirical.cell_run import CellRun
from empirical.cells import MAIN_HEAD, CellSpec
from empirical.checkpoint import State
from empirical.config import Budget
from empirical.counts import latent_side
from empirical.data import require_heldout, split
from empirical.evaluate import Evaluation
from empirical.head import HALVES, UNQUANTIZED
from empirical.inputs import Plan, Start
from empirical.job import SUBSTITUTION, Job
from empirical.launch_config import PhotographsPreset
from empirical.photographs import Photographs, load_tokenizer, usable_images
from empirical.protocol import Conduct
from empirical.variants import VARIANTS, conduct
from qtheory.results import Cell, Sweep, configuration_digest, write_bytes_atomically
from qtheory.weights import file_sha256

Row = dict[str, Any]

_STATES = 10  # states that a training writes on its way


@dataclass(frozen=True)
class MethodSweep(Sweep):
    """A sweep with a number of trials for each method.

    Attributes
    ----------
    counts : dict of str to int
        Trials of each method; `trials` is their maximum.
    conducted : dict
        How the trainings are run, where that is a protocol's own.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    conducted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def configuration(self) -> dict[str, Any]:
        """All that the numbers depend on, apart from code and machine."""
        return {**super().configuration, "counts": dict(self.counts), **self.conducted}

    def cells(self) -> tuple[Cell, ...]:
        """Return all cells, trials running fastest."""
        return tuple(cell for cell in super().cells() if cell.trial < self.counts[cell.parameters["method"]])


class Phase(ABC):
    """One phase, in one process: its cells on the same inputs, and their results.

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

    study: ClassVar[cells.Phase]
    command: ClassVar[str]
    version: ClassVar[int]
    training: ClassVar[int]

    def __init__(self, job: Job) -> None:
        self.job, self.inputs = job, Photographs(job)

    @classmethod
    @abstractmethod
    def points(cls, preset: PhotographsPreset) -> tuple[Row, ...]:
        """Return methods and heads of the comparison, in the order of the table."""

    @classmethod
    def own_points(cls, job: Job) -> tuple[Row, ...]:
        """Return the points of a job: of a variant those with heads, without which nothing changes.

        Where methods have budgets of their own, each point says its.
        """
        points = cls.points(job.sizes)
        if job.protocol in VARIANTS:
            points = tuple(point for point in points if point["head"] == MAIN_HEAD)
        budgets = [cls.budget(job, point["method"]) for point in points]
        if all(budget == cls.budget(job) for budget in budgets):
            return points
        own = [{"steps": budget.steps, "batch_size": budget.batch_size} for budget in budgets]
        return tuple({**point, **sizes} for point, sizes in zip(points, own, strict=True))

    @classmethod
    def budget(cls, job: Job, method: str = "") -> Budget:
        """Return the budget of a method, or that of most of them."""
        return job.sizes.budget(cls.study, job.protocol, method)

    @classmethod
    @abstractmethod
    def loss(cls, protocol: str) -> str:
        """Return the loss in words."""

    @classmethod
    def prepared(cls, job: Job) -> Job:
        """Return the job with the digest of what it starts from, after a check that it is there."""
        return job

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
        load_tokenizer(job)
        images = usable_images(job)
        require_heldout(min(len(split(images.names)[1]), job.sizes.heldout), job.data)

    @classmethod
    def shared(cls, job: Job) -> Row:
        """Return the parameters that all cells share."""
        sizes, budget = job.sizes, asdict(cls.budget(job))
        return {
            "preset": job.name,
            "protocol": job.protocol,
            "loss": cls.loss(job.protocol),
            **{name: budget[name] for name in ("steps", "batch_size", "learning_rate")},
            "crop": sizes.size,
            "train_crops": sizes.images,
            "heldout_photographs": sizes.heldout,
            "heldout_crops": sizes.heldout_crops,
            "codebook_size": sizes.codebook_size,
            "head_width": sizes.head_width,
            "images": usable_images(job).digest[:12],
            "tokenizer": file_sha256(job.tokenizer)[:12],
            "threads": job.threads,
            **({"start": job.start[:12]} if job.start else {}),
        }

    @classmethod
    def trials(cls, job: Job, method: str) -> int:
        """Return the number of independent trainings of a method."""
        if job.trials is not None:
            return job.trials
        return cls.budget(job, method).trials if method in job.sizes.repeated else 1

    @classmethod
    def sweep(cls, job: Job) -> Sweep:
        """Return the configuration of the phase."""
        points = cls.own_points(job)
        counts = {point["method"]: cls.trials(job, point["method"]) for point in points}
        most = max(counts.values())
        shared, conducted = cls.shared(job), cls.conducted(job)
        return MethodSweep(cls.study, cls.version, job.seed, most, points, shared, counts, conducted)

    @classmethod
    def cell_digest(cls, job: Job, version: int) -> str:
        """Return what marks the results of a cell: all they depend on but its name, which a file has.

        Numbers of trials and the other methods are no part of it, so that a comparison that grows
        keeps what it has.
        """
        content = {"study": cls.study, "version": version, "seed": job.seed, "shared": cls.shared(job)}
        return configuration_digest({**content, **cls.conducted(job)})

    @classmethod
    def conducted(cls, job: Job) -> Row:
        """Return what a digest says of how the trainings are run, where a protocol has something to say."""
        own = conduct(job.protocol)
        if own == Conduct():
            return {}
        return {"conduct": repr(own)} | ({} if cls.study == SUBSTITUTION else {"epochs": job.sizes.epochs})

    @classmethod
    def training_digest(cls, job: Job) -> str:
        """Return the digest that marks the trained weights."""
        return cls.cell_digest(job, cls.training)

    @classmethod
    def spec(cls, job: Job, cell: Cell) -> CellSpec:
        """Return a cell of the sweep as a cell of the comparison."""
        method, head = cell.parameters["method"], cell.parameters["head"]
        chunks = 0 if method == UNQUANTIZED else HALVES
        size = job.sizes.codebook_size
        return CellSpec(cls.study, method, head, size, chunks, job.protocol, job.seed + cell.trial, ())

    def run(self, cell: Cell) -> CellRun:
        """Return the run of a cell."""
        job, spec = self.job, self.spec(self.job, cell)
        every = max(1, self.budget(job, spec.method).steps // _STATES)
        starts = bool(job.start) and spec.method != UNQUANTIZED
        transplant = job.file(cell, ".safetensors", SUBSTITUTION)
        plan = Plan(
            cell=spec,
            sizes=job.sizes,
            weights=job.file(cell, ".safetensors"),
            best=job.file(cell, ".best.safetensors"),
            log=job.file(cell, ".jsonl"),
            epochs=job.file(cell, ".epochs.jsonl"),
            state=State(job.file(cell, ".state.safetensors"), job.training, every),
            start=Start(transplant, job.start, "the command `substitute`") if starts else None,
        )
        return CellRun(plan, self.inputs)

    def image_bits(self, cell: Cell) -> float:
        """Return the bits that the quantizers of a cell spend on a crop, 0 without any."""
        return self.run(cell).built().bits(latent_side(self.job.sizes))

    def evaluation(self, cell: Cell) -> Evaluation:
        """Return the evaluation of a cell, stored or new."""
        path = self.job.file(cell, ".json")
        if path.exists():
            stored = json.loads(path.read_text())
            if stored["digest"] == self.job.digest:
                return Evaluation(stored["row"], stored["photographs"], stored["pictures"])
        start = time.perf_counter()
        found = self.run(cell).evaluation()
        if not conduct(self.job.protocol).best_epoch:
            found.row.pop("epoch", None)  # always the last
        seconds = round(time.perf_counter() - start, 2)
        content = {"digest": self.job.digest, "seconds": seconds, **asdict(found)}
        write_bytes_atomically(path, json.dumps(content).encode())
        return found
