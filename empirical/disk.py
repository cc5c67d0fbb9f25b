"""What a launched comparison keeps on disk, from the numbers of parameters that `empirical.counts` counts."""

from collections.abc import Sequence

from empirical.cells import CellSpec
from empirical.cost import head_share
from empirical.counts import Counts, latent_side
from empirical.launch_config import LaunchPreset
from empirical.quantizers.registry import BLOCKS
from empirical.variants import chooses_epoch
from qtheory.results.comparison import FAMILIES

_GB = 1e9
_LATENT, _PARAMETER = 2, 4  # bytes: float16, float32


def latents(preset: LaunchPreset) -> float:
    """Return GB of the cached latents of all training images.

    Examples
    --------
    >>> from empirical.launch_config import PRESETS
    >>> round(latents(PRESETS["paper"]), 1)
    42.0
    """
    return preset.images * preset.views * preset.channels * latent_side(preset) ** 2 * _LATENT / _GB


def _parameters(cell: CellSpec, preset: LaunchPreset, own: Counts) -> tuple[float, float]:
    """Return the numbers that a cell stores, and of how many of them an optimizer keeps two moments."""
    if cell.phase == "baseline":
        return 0.0, 0.0
    family = FAMILIES.get(cell.method, "VQ")
    blocks = BLOCKS if cell.method.endswith("_vp2") else 1
    codewords = 0 if family == "SQ" else round(cell.codebook_size ** (1 / blocks))
    transplant = head_share(cell) * own.head_parameters + codewords * preset.channels
    if cell.phase == "substitution":
        return transplant, transplant * cell.trained
    tokenizer = own.encoder_parameters + own.decoder_parameters
    if cell.phase == "adaptation":
        return transplant + tokenizer, transplant / 2 + own.decoder_parameters
    return transplant + tokenizer, transplant + tokenizer


def weights(cell: CellSpec, preset: LaunchPreset, own: Counts) -> float:
    """Return GB of what a finished cell keeps: its weights, and where the best epoch counts those after it.

    Parameters
    ----------
    cell : CellSpec
        The cell.
    preset : LaunchPreset
        Sizes.
    own : Counts
        Of one image.
    """
    copies = 2 if chooses_epoch(cell.phase, cell.protocol) else 1
    return copies * _parameters(cell, preset, own)[0] * _PARAMETER / _GB


def state(cell: CellSpec, preset: LaunchPreset, own: Counts) -> float:
    """Return GB of the state of a training, which goes when it ends; of the discriminator nothing is counted.

    Parameters
    ----------
    cell, preset, own
        As of `weights`.
    """
    stored, trained = _parameters(cell, preset, own)
    return (stored + 2 * trained) * _PARAMETER / _GB if cell.trained else 0.0


def summary(cells: Sequence[CellSpec], preset: LaunchPreset, own: Counts, *, cached: bool) -> str:
    """Return in words what cells keep on disk.

    Parameters
    ----------
    cells : sequence of CellSpec
        The cells.
    preset, own
        As of `weights`.
    cached : bool
        Whether latents are cached.
    """
    parts = [f"latents {latents(preset):.3g} GB"] if cached else []
    parts += [f"weights {sum(weights(cell, preset, own) for cell in cells):.3g} GB"]
    most = max(state(cell, preset, own) for cell in cells)
    return (
        f"on disk: {', '.join(parts)}, and of each cell that is trained just then a state of up to "
        f"{most:.2g} GB, twice that while it is written"
    )
