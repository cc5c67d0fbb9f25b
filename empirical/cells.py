"""The matrix of trainings behind Tables 3 to 7, at the size of ImageNet or of a folder of one's own."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from empirical.config import Budget
from empirical.head import HEADS, REFERENCES, TRAINED
from empirical.quantizers import PROTOCOLS
from qtheory import _check
from qtheory.errors import DomainError

Phase = Literal["baseline", "substitution", "adaptation", "joint"]
PHASES: tuple[Phase, ...] = ("baseline", "substitution", "adaptation", "joint")
BASELINES = ("unquantized", "native")  # the tokenizer alone, and with the quantizer it was trained with
TABLES = (3, 4, 5, 6, 7)
MAIN_HEAD = "full"  # as published; later phases start from it
Entry = tuple[Phase, str, str, int, int]
_SWEPT = "mmd"  # the quantizer of Tables 4 to 6


@dataclass(frozen=True)
class LaunchPreset:
    """Sizes and budgets of a launched comparison.

    Attributes
    ----------
    size : int
        Side of the crops, in pixels.
    channels : int
        Latent channels of the tokenizer.
    codebook_size, chunks : int
        Codewords K of each quantizer, and quantizers a position, in Tables 3 and 7.
    codebook_sizes : tuple of int
        K of Table 4.
    token_chunks, token_codebook_size : tuple of int, int
        Quantizers a position in Table 5, and their K.
    splits : tuple of int
        K of Table 6 in its finer form: with twice the quantizers it stands beside K^2.
    head_width, head_groups : int
        Hidden channels of the heads, and groups of their normalizations.
    first, second : Budget
        Of substitution; of adaptation and joint optimisation. Batches are those of all processes;
        the published run had half of them, in one process.
    epochs : int
        Epochs of the second stage, after each of which the published run was evaluated.
    views : int
        Crops of a training image in the cache of latents.
    networks : bool
        Train with LPIPS and the discriminator and measure with Inception, for which ``--weights``
        is needed; else with pixels alone, and measure with EfficientNet-Lite0.
    images : int
        Training images that the budget and the costs are made for.
    heldout : int
        Most images to evaluate on.
    """

    size: int
    channels: int
    codebook_size: int
    chunks: int
    codebook_sizes: tuple[int, ...]
    token_chunks: tuple[int, ...]
    token_codebook_size: int
    splits: tuple[int, ...]
    head_width: int
    head_groups: int
    first: Budget
    second: Budget
    epochs: int
    views: int
    networks: bool
    images: int
    heldout: int

    def budget(self, phase: Phase, protocol: str) -> Budget:
        """Return the budget of a phase; the published one is of half the batch."""
        budget = self.first if phase == "substitution" else self.second
        return replace(budget, batch_size=budget.batch_size // 2) if protocol == "as_run" else budget


PRESETS = {
    # Section 5 and Appendices G, H, K, L at the size of the paper; what it costs, `--dry-run` says.
    # The published run and the paper share numbers of steps: 2 and 5 epochs of batches of 64
    "paper": LaunchPreset(
        size=256,
        channels=32,
        codebook_size=65536,
        chunks=2,
        codebook_sizes=tuple(2**k for k in range(10, 17)),
        token_chunks=(1, 2, 4, 8),
        token_codebook_size=16384,
        splits=(128, 256),
        head_width=1024,
        head_groups=32,
        first=Budget(steps=40_036, batch_size=64, learning_rate=1e-4, trials=3),
        second=Budget(steps=100_090, batch_size=64, learning_rate=1e-5, trials=3),
        epochs=5,
        views=2,
        networks=True,
        images=1_281_167,
        heldout=50_000,
    ),
    # a small tokenizer on any folder, from 256 codes to 65536: a budget that ends on a CPU,
    # one and a half times the pixels of the pocket comparison in the first stage, three times in the second
    "desk": LaunchPreset(
        size=128,
        channels=16,
        codebook_size=256,
        chunks=2,
        codebook_sizes=(256, 1024, 4096, 16384, 65536),
        token_chunks=(1, 2, 4),
        token_codebook_size=4096,
        splits=(64, 256),
        head_width=64,
        head_groups=8,
        first=Budget(steps=600, batch_size=16, learning_rate=2e-3, trials=1),
        second=Budget(steps=80, batch_size=16, learning_rate=2e-4, trials=1),
        epochs=1,
        views=8,
        networks=False,
        images=600,
        heldout=1000,
    ),
}


@dataclass(frozen=True)
class CellSpec:
    """One training, with its evaluation.

    Attributes
    ----------
    phase : str
        One of `PHASES`.
    method, head : str
        As in `empirical.head.build_transplant`, or one of `BASELINES` without head.
    codebook_size, chunks : int
        Codewords of each quantizer, and quantizers a position; 0 where there is none.
    protocol : str
        ``as_run``, ``paper`` or ``fair``.
    seed : int
        Seed of all random streams.
    tables : tuple of int
        Tables of the paper that it is a row of.
    """

    phase: Phase
    method: str
    head: str
    codebook_size: int
    chunks: int
    protocol: str
    seed: int
    tables: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the cell's folder.

        Examples
        --------
        >>> CellSpec("adaptation", "mmd", "full", 65536, 2, "fair", 0, (3,)).name
        'adaptation/mmd-full-65536x2-fair-0'
        """
        sizes = f"-{self.codebook_size}x{self.chunks}" if self.chunks else ""
        return f"{self.phase}/{self.method}-{self.head}{sizes}-{self.protocol}-{self.seed}"

    @property
    def trained(self) -> bool:
        """Whether it is trained step by step: baselines do nothing, and references are fitted once."""
        return self.method in TRAINED

    @property
    def start(self) -> "CellSpec | None":
        """The substitution that the cell starts from, None where it starts from nothing."""
        return replace(self, phase="substitution") if self.phase in ("adaptation", "joint") else None

    @property
    def row(self) -> dict[str, Any]:
        """Columns of the table that say which cell it is."""
        return {**asdict(self), "tables": " ".join(map(str, self.tables))}


def _table(preset: LaunchPreset, number: int, heads: tuple[str, ...]) -> Iterator[Entry]:
    """Yield phase, method, head, K and chunks of the cells of a table, in the paper's order.

    Heads other than the main one have no row in the paper; they stand below it, in Table 3.
    """
    quantizers: list[tuple[str, int, int]]
    later: Phase = "joint" if number == 7 else "adaptation"
    if number in (3, 7):
        quantizers = [(method, preset.codebook_size, preset.chunks) for method in TRAINED]
    elif number == 4:
        quantizers = [(_SWEPT, size, preset.chunks) for size in preset.codebook_sizes]
    elif number == 5:
        quantizers = [(_SWEPT, preset.token_codebook_size, chunks) for chunks in preset.token_chunks]
    else:
        forms = ((size, factor) for size in preset.splits for factor in (1, 2))
        quantizers = [
            (_SWEPT, size if factor == 2 else size**2, preset.chunks * factor) for size, factor in forms
        ]
    phases: tuple[Phase, ...] = (
        ("substitution", "adaptation", later) if number == 7 else ("substitution", later)
    )
    if number == 3:
        yield from (("baseline", name, "none", 0, 0) for name in BASELINES)
        sizes = preset.codebook_size, preset.chunks
        yield from (("substitution", name, "none", *sizes) for name in REFERENCES)
    for phase in phases:
        kinds = heads if number == 3 and phase == "substitution" else (MAIN_HEAD,)
        for method, size, chunks in quantizers:
            yield from ((phase, method, head, size, chunks) for head in kinds)


def matrix(
    preset: LaunchPreset,
    protocols: Iterable[str] = ("fair",),
    tables: Iterable[int] = TABLES,
    methods: Iterable[str] | None = None,
    heads: Iterable[str] = (MAIN_HEAD,),
    *,
    seed: int = 0,
    native: bool = True,
) -> tuple[CellSpec, ...]:
    """Return the cells of a comparison, each once, in the order in which they are run.

    Parameters
    ----------
    preset : LaunchPreset
        Sizes and budgets.
    protocols : iterable of str
        Which of ``as_run``, ``paper`` and ``fair``. The published run had one seed, and so has
        ``as_run``.
    tables : iterable of int
        Tables of the paper, from 3 to 7.
    methods : iterable of str, optional
        Leave out all other trained methods.
    heads : iterable of str, optional
        Of ``full``, ``1x1`` and ``none``: heads with which the methods of Table 3 are substituted. All
        else has full ones, so these must be among them.
    seed : int, optional
        The first seed.
    native : bool, optional
        Whether the tokenizer has a quantizer of its own.

    Returns
    -------
    tuple of CellSpec
        Phase after phase, so that what a cell starts from comes before it.

    Raises
    ------
    DomainError
        If a protocol, table, method or head is unknown, or full heads are left out.

    Examples
    --------
    >>> cells = matrix(PRESETS["paper"], tables=[7], methods=["mmd"], seed=5)
    >>> [f"{cell.phase} {cell.seed}" for cell in cells][::3]
    ['substitution 5', 'adaptation 5', 'joint 5']
    """
    found: dict[Entry, list[int]] = {}
    wanted = None if methods is None else {_check.one_of("methods", m, TRAINED) for m in methods}
    numbers = sorted(set(tables))
    if not numbers or not set(numbers) <= set(TABLES):
        raise DomainError(f"tables must be of {TABLES}, got {numbers}")
    kinds = _kinds(heads)
    for number in numbers:
        for key in _table(preset, number, kinds):
            if key[1] == "native" and not native:
                continue
            if wanted is None or key[1] not in TRAINED or key[1] in wanted:
                found.setdefault(key, []).append(number)
    cells = []
    for phase in PHASES:
        for protocol in [_check.one_of("protocol", name, PROTOCOLS) for name in protocols]:
            for key, listed in found.items():
                if key[0] == phase:
                    cells += _seeds(preset, key, protocol, seed, tuple(listed))
    return tuple(dict.fromkeys(cells))


def _kinds(heads: Iterable[str]) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(_check.one_of("heads", head, HEADS) for head in heads))
    if MAIN_HEAD not in kinds:
        raise DomainError(f"heads must include full, from which later phases start, got {' '.join(kinds)}")
    return kinds


def _seeds(
    preset: LaunchPreset, entry: Entry, protocol: str, seed: int, tables: tuple[int, ...]
) -> list[CellSpec]:
    """Return the cells of one entry: one a trial, one in all where nothing is drawn."""
    phase, method, *_ = entry
    if phase == "baseline":
        return [CellSpec(*entry, "fair", seed, tables)]
    trials = 1 if protocol == "as_run" or method == "lloyd_max" else preset.budget(phase, protocol).trials
    return [CellSpec(*entry, protocol, seed + trial, tables) for trial in range(trials)]
