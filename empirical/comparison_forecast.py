"""What is done of the comparison on photographs, and about how long the rest takes; nothing is run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from empirical.cells import TABLES, CellSpec
from empirical.cost import SUSTAINED, cost
from empirical.counts import Counts, counts
from empirical.data import split
from empirical.head import TRAINED
from empirical.job import SUBSTITUTION, Job
from empirical.launch_config import LaunchPreset
from empirical.phase import Phase
from empirical.phases import PHASES, Substitution
from empirical.photographs import usable_images
from empirical.variants import chooses_epoch, first_stage, phases, phases_of
from qtheory.results import read_json_if_whole
from sims.assign import available_threads

# seconds of the stored run on one core that the counted operations leave out: of a measurement, and of a
# step, in which quantizers search and update (MMD's pairs are counted), means over the methods, of which
# single ones take from almost nothing to four times of it. Other work shared its cores: on free ones all of
# it takes about half
_MEASUREMENT, _STEP = 8.0, 0.025
_HARDWARE = "cpu"
_STAND_IN = TRAINED[0]


def _sizes(job: Job) -> LaunchPreset:
    """Return the sizes of a job, with the crops of those photographs that there are."""
    photographs = min(len(split(usable_images(job).names)[1]), job.sizes.heldout)
    return replace(job.sizes, heldout=photographs * job.sizes.heldout_crops)


def _done(job: Job, cell: CellSpec) -> bool:
    """Return whether the evaluation of a cell is stored, of this configuration."""
    path = job.file(cell, ".json")
    stored = read_json_if_whole(path, remedy="its cell is measured again")
    return bool(stored.get("digest") == job.digest)


def _seconds(job: Job, cell: CellSpec, sizes: LaunchPreset, own: Counts) -> float:
    """Return seconds of a core, estimated; in later phases the decoder of a reference is trained too."""
    later = cell.phase != SUBSTITUTION
    trained = cell.method in TRAINED or later
    named = cell.method if cell.method in TRAINED or not trained else _STAND_IN
    counted = cost(replace(cell, method=named), sizes, own).hours(SUSTAINED[_HARDWARE]) * 3600
    measured = 1
    if chooses_epoch(cell.phase, job.protocol):
        measured += sizes.epochs
    steps = job.phase.budget(job, cell.method).steps if trained else 0
    return counted + measured * _MEASUREMENT + _STEP * steps


def own_phases(protocol: str, tables: Sequence[int] = TABLES) -> list[type[Phase]]:
    """Return the phases of tables in which a protocol has trainings of its own, in order."""
    wanted = set(phases_of(tables)) & set(phases(protocol))
    return [phase for phase in PHASES if phase.study in wanted]


def _jobs(job: Job, tables: Sequence[int]) -> Iterator[Job]:
    """Yield the job of each phase with its digests; what it starts from need not be there."""
    start = Substitution.training_digest(replace(job, protocol=first_stage(job.protocol)))
    for phase in own_phases(job.protocol, tables):
        own = replace(job, phase=phase, start="" if phase is Substitution else start)
        yield replace(own, digest=phase.cell_digest(own, phase.version))


def forecast(asked: Job, protocols: Iterable[str], tables: Sequence[int] = TABLES) -> str:
    """Return the cells of all phases, whether they are done, and seconds that they take, as text.

    Parameters
    ----------
    asked : Job
        Preset, places and what is left out; phase and protocol are of no account.
    protocols : iterable of str
        Which of `empirical.variants.EVERY`.
    tables : sequence of int, optional
        Tables of the paper whose phases are forecast.

    Returns
    -------
    str
        A line a cell, and their sum.

    Raises
    ------
    FileNotFoundError, SchemaError, DomainError
        If photographs or tokenizer cannot be used.
    """
    lines, missing, total = [], 0.0, 0
    for protocol in protocols:
        whole = replace(asked, phase=Substitution, protocol=protocol)
        Substitution.require_inputs(whole)
        sizes = _sizes(whole)
        own = counts(sizes)
        for job in _jobs(whole, tables):
            for cell in job.phase.cells(job):
                done, seconds = _done(job, cell), _seconds(job, cell, sizes, own)
                missing += 0.0 if done else seconds
                total += not done
                name = f"{cell.phase}/{cell.method}-{cell.head}-{protocol}-{cell.seed - asked.seed}"
                lines.append(f"{name:<58} {'done' if done else 'to do':<6} {seconds:6.0f} s")
    cores = available_threads()
    summary = (
        f"{len(lines)} cells, {total} to do: about {missing / 3600:.1f} core-hours (estimated: operations at "
        f"{SUSTAINED[_HARDWARE]:g} TFLOP/s, {_MEASUREMENT:g} s a measurement, {_STEP:g} s a step for what "
        f"quantizers do beside them, as in the stored run; free cores may take half), "
        f"{missing / 3600 / cores:.1f} h in {cores} process(es)"
    )
    return "\n".join([*lines, summary])
