"""What the numbers of a launched cell depend on: of a preset only that, so that no cell moves another."""

from dataclasses import asdict
from typing import Any

from empirical.cells import CellSpec
from empirical.launch_config import LaunchPreset
from empirical.variants import chooses_epoch


def trains_on_cache(cell: CellSpec) -> bool:
    """Return whether a cell trains on cached latents."""
    return cell.phase == "substitution" and cell.trained and not cell.decodes


def numbers_of(sizes: LaunchPreset, cell: CellSpec) -> dict[str, Any]:
    """Return what the numbers of a cell depend on, of a preset and of the cell itself.

    The start of a later phase is left out, which has numbers of its own. So are what tells which cells there
    are, trials among it, and ``images``, which only costs are counted for.

    Parameters
    ----------
    sizes : LaunchPreset
        Sizes and budgets.
    cell : CellSpec
        The cell.

    Examples
    --------
    >>> from empirical.launch_config import PRESETS
    >>> control = CellSpec("baseline", "unquantized", "none", 0, 0, "fair", 0, (3,))
    >>> numbers_of(PRESETS["smoke"], control)["sizes"]
    {'size': 64, 'networks': False, 'heldout': 8}
    """
    names = ["size", "networks", "heldout"]  # the images, and what measures how many of them
    if cell.phase != "baseline":
        names += ["channels"]
    if cell.head != "none":
        names += ["head_width", "head_groups"]
    if trains_on_cache(cell):
        names += ["views"]
    if chooses_epoch(cell.phase, cell.protocol):
        names += ["epochs"]
    own = asdict(cell)
    del own["tables"]
    found = {"cell": own, "sizes": {name: getattr(sizes, name) for name in names}}
    if cell.trained:
        budget = asdict(sizes.budget(cell.phase, cell.protocol, cell.method))
        del budget["trials"]
        found["budget"] = budget
    return found
