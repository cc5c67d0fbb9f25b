"""A comparison as every process must know it, and the places of what it stores."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from empirical.cells import CellSpec, photographed
from empirical.data import POCKET_PHOTOS
from empirical.launch_config import PhotographsPreset
from empirical.tokenizers.pocket import WEIGHTS
from empirical.variants import first_stage
from qtheory.results import Cell

if TYPE_CHECKING:
    from empirical.phase import Phase

THREADS = 1  # more would gain little on batches this small; cells run in parallel instead
SUBSTITUTION = "substitution"


def table_path(out: Path, study: str, preset: str, protocol: str) -> Path:
    """Return the file of a comparison; protocols other than ``fair`` add their name.

    Examples
    --------
    >>> table_path(Path("results"), "substitution", "pocket", "fair").as_posix()
    'results/substitution/pocket.csv'
    """
    return out / study / f"{preset if protocol == 'fair' else f'{preset}-{protocol}'}.csv"


def launched_path(out: Path, preset: str) -> Path:
    """Return the table of a launch: where it writes it, or else where the stored one lies."""
    own = out / "launch" / preset / f"{preset}.csv"
    return own if own.exists() else table_path(out, "launch", preset, "fair")


@dataclass(frozen=True)
class Job:
    """What every process needs to run cells of one comparison.

    Attributes
    ----------
    phase : type of Phase
        What is trained.
    name : str
        Key of the preset.
    sizes : PhotographsPreset
        Sizes and budgets.
    protocol : str
        ``as_run``, ``paper``, ``fair`` or a variant of it.
    seed : int
        Seed of all random streams.
    out : pathlib.Path
        Results folder.
    data : pathlib.Path
        Image folder.
    tokenizer : pathlib.Path
        Weights of the tokenizer.
    threads : int
        CPU threads of a process.
    trials : int or None
        Independent trainings of every method; None leaves them to the budget and the preset.
    methods, heads : tuple of str or None
        As of `empirical.cells.photographs`.
    start : str
        Digest of the transplants that the phase starts from; empty for the first.
    weights : str
        SHA-256 of the tokenizer's file, which every process compares; empty before it is known.
    digest, training : str
        Digests that mark stored evaluations and stored weights of single cells.
    """

    phase: "type[Phase]"
    name: str
    sizes: PhotographsPreset
    protocol: str
    seed: int
    out: Path
    data: Path
    tokenizer: Path
    threads: int
    trials: int | None = None
    methods: tuple[str, ...] | None = None
    heads: tuple[str, ...] | None = None
    start: str = ""
    weights: str = ""
    digest: str = ""
    training: str = ""

    def table(self, study: str | None = None) -> Path:
        """Return the file of the table; of this phase, or of another that it starts from."""
        study = study or self.phase.study
        own = first_stage(self.protocol) if study == SUBSTITUTION else self.protocol
        return table_path(self.out, study, self.name, own)

    def file(self, cell: CellSpec, suffix: str) -> Path:
        """Return where something of a cell is stored, by this phase or another."""
        name = f"{cell.method}-{cell.head}-{cell.seed - self.seed}{suffix}"
        return self.table(cell.phase).with_suffix("") / name

    def spec(self, cell: Cell) -> CellSpec:
        """Return a cell of the phase's sweep as one of the matrix."""
        method, head = cell.parameters["method"], cell.parameters["head"]
        own = self.phase.study, self.protocol, method, head, self.seed + cell.trial
        return photographed(self.sizes, *own)

    def command(self, name: str) -> str:
        """Return the command line that runs a phase with the same arguments."""
        given = {"preset": self.name, "protocol": self.protocol, "seed": self.seed}
        optional = {
            "out": (self.out, Path("results")),
            "data": (self.data, POCKET_PHOTOS),
            "tokenizer": (self.tokenizer, WEIGHTS),
            "threads": (self.threads, THREADS),
            "trials": (self.trials, None),
            "methods": (self.methods, None),
            "heads": (self.heads, None),
        }
        given |= {key: value for key, (value, default) in optional.items() if value != default}
        words = {key: value if isinstance(value, tuple) else (value,) for key, value in given.items()}
        options = (word for key, own in words.items() for word in (f"--{key}", *map(str, own)))
        return shlex.join(["python", "-m", "empirical", name, *options])
