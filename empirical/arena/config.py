"""Presets of the arena, and what every process must know of one."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from empirical.arena.maps import METHOD as MULTI_SCALE
from empirical.arena.methods import FIXED
from empirical.arena.sources import DIM, POCKET, SOURCES
from empirical.config import Budget
from empirical.data import load_images
from empirical.job import THREADS, table_path
from empirical.quantizers import QUANTIZERS
from empirical.tokenizers.pocket import WEIGHTS
from qtheory.results import Cell, Sweep
from qtheory.weights import file_sha256

Row = dict[str, Any]

STUDY = "arena"
VERSION = 2
# at the published rates so few steps do little; the fair one serves all alike. On Gaussian vectors at
# K = 256, of 0.003, 0.01 and 0.03 the last gives Vanilla, Online, Wasserstein VQ and Vanilla VP2 their least
# error (0.2 to 0.4 dB below the first); between trained maps FSQ, LFQ and BSQ differ by at most 0.2 dB
LEARNING_RATES = {"as_run": 1e-4, "paper": 1e-4, "fair": 3e-2}


@dataclass(frozen=True)
class ArenaPreset:
    """Sizes and budget of an arena.

    Attributes
    ----------
    methods, sources : tuple of str
        Who takes part, on which vectors.
    codebook_sizes : tuple of int
        K.
    n_train, n_held_out : int
        Vectors to train on, and others to measure on.
    steps, batch_size : int
        Budget of each training.
    trials : int
        Independent samples and trainings.
    """

    methods: tuple[str, ...]
    sources: tuple[str, ...]
    codebook_sizes: tuple[int, ...]
    n_train: int
    n_held_out: int
    steps: int
    batch_size: int
    trials: int

    def points(self) -> tuple[Row, ...]:
        """Return the points of the sweep, k-means first: the others are measured against it."""
        methods = sorted(self.methods, key=lambda name: name != "kmeans")
        entries = [(method, maps) for method in methods for maps in self._maps(method)]
        return tuple(
            {"source": source, "codebook_size": size, "method": method, "maps": maps}
            for source in self.sources
            for size in self.codebook_sizes
            for method, maps in entries
            # fixed codewords on bare vectors have a bit a dimension, and VAR's scales need neighbours
            if not (method in FIXED and maps == "none" and size != 2**DIM)
            and not (method == MULTI_SCALE and source != POCKET)
        )

    def _maps(self, method: str) -> tuple[str, ...]:
        if method in FIXED:
            return ("none", "affine")
        return ("none", "principal") if method == "lloyd_max" else ("none",)


PRESETS = {
    # seconds; the command works, the numbers mean nothing
    "smoke": ArenaPreset(
        methods=("kmeans", "lloyd_max", "ema", "fsq"),
        sources=("gaussian", "subspace"),
        codebook_sizes=(16,),
        n_train=4096,
        n_held_out=2048,
        steps=12,
        batch_size=256,
        trials=1,
    ),
    # A larger K is another entry of `codebook_sizes`. Searches cost K times the vectors, of which k-means
    # needs 16 a codeword or more, so that 16 times the K is 256 times the work: at K = 65536 a search takes
    # 0.034 s a batch and core (measured), 50 iterations of k-means over n_train = 2^20 vectors so about
    # 15 minutes, times 15 for all sources and trials (estimated)
    "paper": ArenaPreset(
        methods=tuple(QUANTIZERS),
        sources=SOURCES,
        codebook_sizes=(256, 4096),
        n_train=131_072,
        n_held_out=32_768,
        steps=256,
        batch_size=2048,
        trials=3,
    ),
}


@dataclass(frozen=True)
class Arena:
    """What every process needs to run cells: names, seed, places, threads."""

    preset: str
    protocol: str
    seed: int
    out: Path
    threads: int

    @property
    def sizes(self) -> ArenaPreset:
        """The preset."""
        return PRESETS[self.preset]

    @property
    def table(self) -> Path:
        """The file of the table."""
        return table_path(self.out, STUDY, self.preset, self.protocol)

    @property
    def budget(self) -> Budget:
        """Steps, batch and learning rate of a training."""
        sizes = self.sizes
        return Budget(sizes.steps, sizes.batch_size, LEARNING_RATES[self.protocol], sizes.trials)

    @cached_property  # it reads all photographs
    def sweep(self) -> Sweep:
        """The configuration."""
        sizes = {k: v for k, v in asdict(self.sizes).items() if isinstance(v, int) and k != "trials"}
        fixed = {
            "preset": self.preset,
            "protocol": self.protocol,
            "dim": DIM,
            **sizes,
            "learning_rate": self.budget.learning_rate,
            "images": load_images().digest[:12],
            "tokenizer": file_sha256(WEIGHTS)[:12],
            "threads": self.threads,
        }
        return Sweep(STUDY, VERSION, self.seed, self.sizes.trials, self.sizes.points(), fixed)

    @property
    def command(self) -> str:
        """The command line with the same arguments."""
        given = {"preset": self.preset, "protocol": self.protocol, "seed": self.seed, "threads": self.threads}
        standard = {"protocol": "fair", "seed": 0, "threads": THREADS}
        shown = {key: value for key, value in given.items() if value != standard.get(key)}
        return " ".join(["python -m empirical arena", *(f"--{key} {value}" for key, value in shown.items())])

    def file(self, cell: Cell) -> Path:
        """Return where the result of a cell is stored."""
        names = [str(cell.parameters[key]) for key in ("source", "codebook_size", "method", "maps")]
        return self.table.with_suffix("") / f"{'-'.join(names)}-{cell.trial}.json"
