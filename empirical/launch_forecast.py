"""What the cells of a launched comparison cost and keep on disk."""

from collections.abc import Sequence
from typing import Any

from empirical import disk
from empirical.cells import CellSpec
from empirical.cost import STORED_RUN, SUSTAINED, cache_cost, cost
from empirical.counts import counts
from empirical.outcomes import with_digests
from empirical.setup import Launch
from empirical.starts import complete, lacking
from qtheory import _check


def forecast(launch: Launch, cells: Sequence[CellSpec], hardware: str) -> str:
    """Return the cells with what they cost and keep on disk, as text; nothing is read or run.

    Parameters
    ----------
    launch : Launch
        The comparison.
    cells : sequence of CellSpec
        The cells.
    hardware : str
        A key of `empirical.cost.SUSTAINED`.
    """
    sustained = SUSTAINED[_check.one_of("hardware", hardware, SUSTAINED)]
    own = counts(launch.sizes, launch.recompute, launch.bf16)
    settings: dict[str, Any] = {
        "recompute": launch.recompute,
        "accumulate": launch.accumulate,
        "evaluation_batch": launch.evaluation_batch,
    }
    lines, hours, known = [], 0.0, with_digests(launch, cells)
    wanted = lacking(known, cells)
    for cell in cells:
        found = cost(cell, launch.sizes, own, processes=launch.ranks(cell), **settings)
        hours += found.hours(sustained)
        state = "done" if complete(known, cell, weights=cell.name in wanted) else "to do"
        tables = ",".join(map(str, cell.tables))
        lines.append(
            f"{cell.name:<58} {tables:<10} {state:<6} {found.training:8.3g} EFLOP "
            f"{found.hours(sustained):7.2f} h {found.memory:6.1f} GiB"
        )
    device = "cpu" if hardware == "cpu" else "cuda"
    total = cache_cost(launch.sizes, own) * 1e6 / sustained / 3600
    cached = f"latents, once: {total:.2f} h" if launch.cached else ""
    side = ", of which each has a card: a machine runs as many cells side by side as its visible cards hold"
    summary = (
        f"{len(cells)} cells, {hours:.0f} h on one {hardware} (--device {device}), which is taken to sustain "
        f"{sustained:g} TFLOP/s; memory is of each of {launch.processes} process(es)"
        f"{side if launch.device == 'cuda' else ''}\n"
        f"estimated: the stored run of the desk preset took {STORED_RUN}"
    )
    kept = disk.summary(cells, launch.sizes, own, cached=launch.cached)
    return "\n".join([*lines, *([cached] if cached else []), kept, summary])
