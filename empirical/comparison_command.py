"""The commands of the comparison on photographs: their arguments, and what they print."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from qtheory import command
from qtheory.errors import DomainError

if TYPE_CHECKING:
    from empirical.launch_command import Arguments
    from empirical.phase import Phase
    from qtheory.results import Table

Protocol = Literal["as_run", "paper", "fair", "fair_images", "fair_decoder", "fair_no_gan", "fair_light"]
PresetName = Literal["smoke", "pocket"]
# arguments of a launch that mean something on the packaged photographs
_CHOSEN = ("protocols", "tables", "methods", "heads", "seed")
_LAUNCHED = ("preset", "data", "tokenizer", "out", "dry_run", *_CHOSEN)


@dataclass(frozen=True)
class Comparison:
    """Arguments of the commands that run a phase of the comparison.

    Args:
        preset: Sizes and budget.
        protocol: What the published run did, what the paper says, a fair comparison, or a variant of that in
            one switch: ``fair_images`` trains the first stage on images too, ``fair_decoder`` adapts the
            decoder alone, ``fair_light`` weighs latents an eighth in joint training.
        seed: Seed of all random streams.
        out: Results folder; the tables are ``<phase>/<preset>.csv`` and
            ``<phase>/<preset>-photographs.csv`` in it.
        data: Image folder; the packaged photographs by default.
        tokenizer: Weights of a pocket tokenizer; the packaged ones by default.
        threads: CPU threads of a process; the last digits depend on them.
        trials: Independent trainings of every method; by default what the preset says. A run with
            more of them keeps what an earlier one made.
        jobs: Processes; by default as many as there are cores for.
        methods: Leave out all other trained methods. What is there of them is kept.
        heads: Heads of all methods in substitution; by default ``none``, ``full`` and of some ``1x1``.
    """

    preset: PresetName = "pocket"
    protocol: Protocol = "fair"
    seed: int = 0
    out: Path = Path("results")
    data: Path | None = None
    tokenizer: Path | None = None
    threads: int = 1
    trials: int | None = None
    jobs: int | None = None
    methods: tuple[str, ...] | None = None
    heads: tuple[Literal["full", "1x1", "none"], ...] | None = None


def run(phase: "type[Phase]", given: Comparison) -> int:
    """Run a phase and print its comparison; return 1 where a cell failed, else 0."""
    from empirical.comparison import compare
    from empirical.data import POCKET_PHOTOS
    from empirical.table import USE_OF_CODEWORDS, render
    from empirical.tokenizers.pocket import WEIGHTS

    found, _ = compare(
        phase,
        given.preset,
        given.protocol,
        seed=given.seed,
        out=command.output_folder("--out", given.out),
        data=given.data or POCKET_PHOTOS,
        tokenizer=given.tokenizer or WEIGHTS,
        threads=given.threads,
        trials=given.trials,
        jobs=given.jobs,
        methods=given.methods,
        heads=given.heads,
    )
    failures = found.manifest["failures"]
    if len(found.frame):
        print(render(found.frame), USE_OF_CODEWORDS, sep="\n\n")
    for failure in failures:
        print(f"failed: {failure['cell']}: {failure['error']}", file=sys.stderr)
    if failures:
        failed = command.counted(len(failures), "cell")
        print(f"{failed} failed; the same command tries again", file=sys.stderr)
    return int(bool(failures))


def launch(given: "Arguments") -> int:
    """Run all phases in each protocol, as ``substitute``, ``adapt`` and ``joint`` do, and print the tables.

    A dry run prints what is done of them, and about how long the rest takes.

    Raises
    ------
    DomainError
        If an argument is of no use here.
    """
    from empirical.comparison_forecast import own_phases
    from empirical.variants import with_bases

    _require_launchable(given)
    if given.dry_run:
        print(_forecast(given))
        return 0
    failed = 0
    for protocol in with_bases(given.protocols):
        own = Comparison(
            "pocket",
            cast(Protocol, protocol),
            given.seed,
            given.out,
            data=given.data,
            tokenizer=given.tokenizer,
            methods=given.methods,
            heads=given.heads,
        )
        # a later phase needs the transplants of the first
        statuses = [run(phase, own) for phase in own_phases(protocol, given.tables)]
        failed |= any(statuses) or table("pocket", protocol, given.out, given.tables)
    return int(failed)


def _require_launchable(given: "Arguments") -> None:
    """Raise where an argument of a launch is of no use on photographs."""
    from empirical.comparison import require_own
    from empirical.comparison_forecast import own_phases
    from empirical.variants import phases

    changed = [field.name for field in fields(given) if getattr(given, field.name) != field.default]
    if refused := [name for name in changed if name not in _LAUNCHED]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in refused)
        raise DomainError(
            f"preset pocket must be launched without {options}: it runs on the CPU in as many processes as "
            "there are cores, with networks that come with the package; take preset smoke, desk or paper"
        )
    if not {3, 7} & set(given.tables):
        raise DomainError(
            f"preset pocket must be launched with table 3 or 7, got {given.tables}: the others compare "
            "sizes, of which it has one; take preset smoke, desk or paper"
        )
    for asked in given.protocols:
        own = own_phases(asked, given.tables)
        if not own:
            raise DomainError(
                f"protocol {asked} must be launched with table 7, got {given.tables}: it changes "
                f"{' and '.join(phases(asked))} alone, of which the others have no rows"
            )
        for own_phase in own:
            require_own(own_phase, asked)


def _forecast(given: "Arguments") -> str:
    """Return what a launch on photographs would run."""
    from empirical.comparison_forecast import forecast
    from empirical.data import POCKET_PHOTOS
    from empirical.job import THREADS, Job
    from empirical.launch_config import PHOTOGRAPHS
    from empirical.phases import Substitution
    from empirical.tokenizers.pocket import WEIGHTS
    from empirical.variants import with_bases

    places = given.out, given.data or POCKET_PHOTOS, given.tokenizer or WEIGHTS
    job = Job(Substitution, "pocket", PHOTOGRAPHS["pocket"], "fair", given.seed, *places, THREADS)
    job = replace(job, methods=given.methods, heads=given.heads)
    return forecast(job, with_bases(given.protocols), given.tables)


def table(preset: str, protocol: str, out: Path, numbers: Sequence[int] = range(3, 8)) -> int:
    """Print the finished phases of some of the paper's tables; print and store what all phases answer."""
    import pandas as pd

    from empirical.findings import write_findings
    from empirical.job import table_path
    from empirical.printed import MEASURES
    from empirical.table import USE_OF_CODEWORDS, render, render_findings, render_side_by_side
    from empirical.variants import base, phases_of

    asked = phases_of(numbers)
    tables = _finished(preset, protocol, out, asked)
    beside = [photographs_of(table.path) for table in tables]
    names = {name: table_path(out, name, preset, protocol) for name in ("correlations", "contrasts")}
    # first: it refuses phases that do not belong together
    findings = write_findings(tables, beside, names, protocol)
    shown = [table.frame for table in tables if table.manifest["study"] in asked]
    whole = pd.concat(shown, ignore_index=True)
    print(render(whole), USE_OF_CODEWORDS, MEASURES, sep="\n\n")
    for n in numbers:
        print(f"\nTable {n}", render_side_by_side(n, whole), sep="\n")
    for found in findings:
        print(f"\n{found.manifest['study']}", render_findings(found.frame), sep="\n")
    if (switch := _switch(preset, protocol, out)) is not None:
        print(f"\n{protocol} - {base(protocol)}", render_findings(switch.frame), sep="\n")
    return 0


def _finished(preset: str, protocol: str, out: Path, asked: Sequence[str]) -> "list[Table]":
    """Return the tables of finished phases, of those that nobody asked for such as belong to the first."""
    from empirical.findings import unlike
    from empirical.job import table_path
    from empirical.variants import PHASES, first_stage
    from qtheory.results import read_table

    given = {"preset": preset, "protocol": first_stage(protocol), "out": out}
    options = shlex.join(word for name, value in given.items() for word in (f"--{name}", str(value)))
    path = table_path(out, PHASES[0], preset, first_stage(protocol))
    first = read_table(path, made_by=f"`python -m empirical substitute {options}`")
    paths = {study: table_path(out, study, preset, protocol) for study in PHASES[1:]}
    later = [(study, read_table(path)) for study, path in paths.items() if path.exists()]
    return [first, *(table for study, table in later if study in asked or not unlike(first, table))]


def photographs_of(path: Path) -> "Table":
    """Return the table of single photographs beside one of the comparison."""
    from qtheory.results import read_table

    return read_table(path.with_stem(f"{path.stem}-photographs"))


def _switch(preset: str, protocol: str, out: Path) -> "Table | None":
    """Write what the switch of a variant changes, where both sides of it are there."""
    from empirical.job import table_path
    from empirical.switches import write_switch
    from empirical.variants import VARIANTS, base
    from qtheory.results import read_table

    if protocol not in VARIANTS:
        return None
    own = {phase: table_path(out, phase, preset, protocol) for phase in VARIANTS[protocol].phases}
    theirs = {phase: table_path(out, phase, preset, base(protocol)) for phase in own}
    phases = [phase for phase in own if own[phase].exists() and theirs[phase].exists()]
    if not phases:
        return None
    before, after = (
        [(read_table(side[phase]), photographs_of(side[phase])) for phase in phases] for side in (theirs, own)
    )
    return write_switch(before, after, table_path(out, "switches", preset, protocol), protocol)
