"""The matrix of trainings behind Tables 3 to 7: at the size of ImageNet, of a folder, or of photographs."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Literal

from empirical.head import HEADS, MULTISCALE, REFERENCES, TRAINED, UNQUANTIZED
from empirical.launch_config import SECOND_STAGE, LaunchPreset, PhotographsPreset
from empirical.variants import EVERY, VARIANTS, adversarial_recipe, first_stage, phases, substitution_recipe
from qtheory import _check
from qtheory.errors import DomainError
from qtheory.results.comparison import FAMILIES

Phase = Literal["baseline", "substitution", "adaptation", "joint"]
PHASES: tuple[Phase, ...] = ("baseline", "substitution", "adaptation", "joint")
BASELINES = ("unquantized", "native")  # the tokenizer alone, and with the quantizer it was trained with
TABLES = (3, 4, 5, 6, 7)
MAIN_HEAD = "full"  # as published; later phases start from it
Entry = tuple[Phase, str, str, int, int]
_SWEPT = "mmd"  # the quantizer of Tables 4 to 6
# fitted quantizers of a phase on photographs. A decoder can learn any fixed codewords; in joint optimisation
# the latents leave them behind, so there they are controls, of which the ends of the scale will do
_FITTED = {"substitution": REFERENCES, "adaptation": REFERENCES, "joint": ("kmeans", "lloyd_max")}


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
        ``as_run``, ``paper``, ``fair`` or a variant of it.
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
        """Whether it is trained step by step.

        Baselines do nothing; in substitution references are fitted once, and fixed rules without heads have
        nothing to train.
        """
        if self.phase in SECOND_STAGE:
            return True  # the decoder is, whatever lies before it
        return self.method in TRAINED and not (self.head == "none" and FAMILIES[self.method] == "SQ")

    @property
    def decodes(self) -> bool:
        """Whether images pass through the decoder in its training."""
        return self.trained and (self.phase in SECOND_STAGE or substitution_recipe(self.protocol).pixel > 0)

    @property
    def start(self) -> "CellSpec | None":
        """The substitution that the cell starts from, None where it starts from nothing."""
        own = first_stage(self.protocol)
        return replace(self, phase="substitution", protocol=own) if self.phase in SECOND_STAGE else None

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
        Which of `empirical.variants.EVERY`. A variant has cells where its switch changes something, and
        brings with it the substitutions of its base that they start from.
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
        If a protocol, table, method or head is unknown, full heads are left out, or a variant is about
        networks that the preset does without.

    Examples
    --------
    >>> from empirical.launch_config import PRESETS
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
            if key[1] == (MULTISCALE if native else "native"):
                continue  # the tokenizer's own quantizer over scales, or else one that is fitted
            if wanted is None or key[1] not in TRAINED or key[1] in wanted:
                found.setdefault(key, []).append(number)
    cells = []
    for protocol in [_check.one_of("protocol", name, EVERY) for name in protocols]:
        _require_networks(preset, protocol)
        for key, listed in found.items():
            if _has(protocol, key):
                cells += _seeds(preset, key, protocol, seed, tuple(listed))
    every: dict[str, CellSpec] = {}
    # starts last: they know only the tables of the cells that need them
    for cell in [*cells, *(cell.start for cell in cells if cell.start is not None)]:
        every.setdefault(cell.name, cell)
    return tuple(sorted(every.values(), key=lambda cell: PHASES.index(cell.phase)))


def _has(protocol: str, entry: Entry) -> bool:
    """Return whether a protocol has a cell of its own for an entry: a variant only what it changes."""
    phase, method, *_ = entry
    own = phase in phases(protocol) and method in TRAINED
    return protocol not in VARIANTS or phase == "baseline" or own


def _require_networks(preset: LaunchPreset, protocol: str) -> None:
    silent = adversarial_recipe(protocol).adversarial == 0
    if silent and not preset.networks:
        raise DomainError(
            f"protocol {protocol} must be launched with a preset that has a discriminator, got one without; "
            "take preset paper"
        )


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
    trials = 1 if method == "lloyd_max" else preset.budget(phase, protocol, method).trials
    return [CellSpec(*entry, protocol, seed + trial, tables) for trial in range(trials)]


def photographed(
    preset: PhotographsPreset, phase: Phase, protocol: str, method: str, head: str, seed: int
) -> CellSpec:
    """Return a cell on photographs."""
    sizes = (0, 0) if method == UNQUANTIZED else (preset.codebook_size, preset.chunks)
    return CellSpec(phase, method, head, *sizes, protocol, seed, ())


def compared(
    preset: PhotographsPreset, phase: Phase, heads: Iterable[str] | None = None
) -> tuple[tuple[str, str], ...]:
    """Return methods and heads of a phase on photographs, in the order of its table.

    The tokenizer alone, without a quantizer, is the control: what it gains comes from the training.
    """
    kinds = ("none", MAIN_HEAD) if heads is None else _kinds(heads)
    ablated = preset.ablated if heads is None else preset.methods * ("1x1" in kinds)
    if phase in SECOND_STAGE:
        kinds, ablated = (MAIN_HEAD,), ()
    whole = product(preset.methods, (head for head in ("none", MAIN_HEAD) if head in kinds))
    return (*product((UNQUANTIZED, *_FITTED[phase]), ["none"]), *whole, *product(ablated, ["1x1"]))


def photographs(
    preset: PhotographsPreset,
    phase: Phase,
    protocol: str = "fair",
    methods: Iterable[str] | None = None,
    heads: Iterable[str] | None = None,
    *,
    seed: int = 0,
    trials: int | None = None,
) -> tuple[CellSpec, ...]:
    """Return the cells of a phase on photographs, trials running fastest; of a variant those with full heads.

    Parameters
    ----------
    preset, phase, protocol, methods, seed
        As in `matrix`, of one phase other than ``baseline`` and one protocol.
    heads : iterable of str, optional
        With which all methods are substituted; by default none and full ones, and 1x1 as the preset says.
    trials : int, optional
        Independent trainings of every method; by default what the preset says.

    Examples
    --------
    >>> from empirical.launch_config import PHOTOGRAPHS
    >>> [(c.method, c.seed) for c in photographs(PHOTOGRAPHS["pocket"], "joint", methods=["ema"], trials=1)]
    [('unquantized', 0), ('kmeans', 0), ('lloyd_max', 0), ('ema', 0)]
    """
    wanted = None if methods is None else {_check.one_of("methods", m, preset.methods) for m in methods}

    def repeated(method: str) -> int:
        if method == UNQUANTIZED and phase not in SECOND_STAGE:
            return 1  # nothing to train
        own = preset.budget(phase, protocol, method).trials if method in preset.repeated else 1
        return own if trials is None else trials

    return tuple(
        photographed(preset, phase, protocol, method, head, seed + trial)
        for method, head in compared(preset, phase, heads)
        if wanted is None or method not in TRAINED or method in wanted
        if head == MAIN_HEAD or protocol not in VARIANTS
        for trial in range(repeated(method))
    )
