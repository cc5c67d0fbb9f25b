"""What the phases of the comparison on photographs share: their cells, and the store of what they measure."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from empirical import cells
from empirical.cell_run import CellRun
from empirical.cells import CellSpec
from empirical.checkpoint import State
from empirical.config import Budget
from empirical.counts import latent_side
from empirical.data import require_heldout, split
from empirical.evaluate import Evaluation
from empirical.head import UNQUANTIZED
from empirical.inputs import Plan, Start
from empirical.job import SUBSTITUTION, Job
from empirical.photographs import Photographs, load_tokenizer, usable_images
from empirical.protocol import Conduct
from empirical.variants import conduct, recipe
from qtheory.results import Cell, Sweep, configuration_digest, read_json_if_whole, write_bytes_atomically
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


class Phase:
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
    def cells(cls, job: Job) -> tuple[CellSpec, ...]:
        """Return the cells of a job, in the order of the table."""
        return cells.photographs(
            job.sizes, cls.study, job.protocol, job.methods, job.heads, seed=job.seed, trials=job.trials
        )

    @classmethod
    def budget(cls, job: Job, method: str = "") -> Budget:
        """Return the budget of a method, or that of most of them."""
        return job.sizes.budget(cls.study, job.protocol, method)

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
            "loss": recipe(cls.study, job.protocol).loss,
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
    def sweep(cls, job: Job) -> Sweep:
        """Return the configuration of the phase; where methods have budgets of their own, points say them."""
        points: dict[tuple[str, str], Row] = {}
        seeds: dict[str, set[int]] = {}
        for cell in cls.cells(job):
            points[cell.method, cell.head] = {"method": cell.method, "head": cell.head}
            seeds.setdefault(cell.method, set()).add(cell.seed)
        budgets = {method: cls.budget(job, method) for method in seeds}
        if any(budget != cls.budget(job) for budget in budgets.values()):
            for point in points.values():
                own = budgets[point["method"]]
                point |= {"steps": own.steps, "batch_size": own.batch_size}
        return MethodSweep(
            cls.study,
            cls.version,
            job.seed,
            max(map(len, seeds.values())),
            tuple(points.values()),
            cls.shared(job),
            {method: len(own) for method, own in seeds.items()},
            cls.conducted(job),
        )

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

    def run(self, cell: CellSpec) -> CellRun:
        """Return the run of a cell."""
        job, start = self.job, cell.start
        every = max(1, self.budget(job, cell.method).steps // _STATES)
        plan = Plan(
            cell=cell,
            sizes=job.sizes,
            weights=job.file(cell, ".safetensors"),
            best=job.file(cell, ".best.safetensors"),
            log=job.file(cell, ".jsonl"),
            epochs=job.file(cell, ".epochs.jsonl"),
            state=State(job.file(cell, ".state.safetensors"), job.training, every),
            start=None
            if start is None or cell.method == UNQUANTIZED
            else Start(job.file(start, ".safetensors"), job.start, "the command `substitute`"),
        )
        return CellRun(plan, self.inputs)

    def image_bits(self, cell: CellSpec) -> float:
        """Return the bits that the quantizers of a cell spend on a crop, 0 without any."""
        return self.run(cell).built().bits(latent_side(self.job.sizes))

    def evaluation(self, cell: CellSpec) -> Evaluation:
        """Return the evaluation of a cell, stored or new."""
        path = self.job.file(cell, ".json")
        stored = read_json_if_whole(path, remedy="the cell is measured again")
        if stored.get("digest") == self.job.digest:
            return Evaluation(stored["row"], stored["photographs"], stored["pictures"])
        start = time.perf_counter()
        found = self.run(cell).evaluation()
        if not conduct(self.job.protocol).best_epoch:
            found.row.pop("epoch", None)  # always the last
        seconds = round(time.perf_counter() - start, 2)
        content = {"digest": self.job.digest, "seconds": seconds, **asdict(found)}
        write_bytes_atomically(path, json.dumps(content).encode())
        return found
