"""A made-up table of a launched comparison, by the code that writes the real one."""

import math

from empirical.cells import PRESETS, matrix
from empirical.launch import collect
from empirical.setup import Launch


def launched(out):
    """Write a made-up table of Tables 4 to 6 at the sizes of the desk preset, by what writes the real one."""
    launch = Launch(
        name="desk", sizes=PRESETS["desk"], out=str(out / "launch"), train="", heldout="", tokenizer=""
    )
    cells = matrix(PRESETS["desk"], tables=[4, 5, 6], native=False)
    outcomes = [(cell, {"seconds": 1.0, "row": _made_up(cell)}) for cell in cells]
    return collect(launch, outcomes, "python -m empirical launch --preset desk")


def _made_up(cell):
    """Numbers that depend on the size and on the phase."""
    error = cell.codebook_size**-0.2 / cell.chunks
    values = {
        "latent_distortion_per_dim": error,
        "psnr_luma": 22 - 10 * math.log10(error) + (cell.phase == "adaptation"),
        "kid_efflite0": 0.1 + error,
    }
    ends = {f"{name}_{side}": 0.9 * v if side == "low" else 1.1 * v for name, v in values.items()
            for side in ("low", "high")}  # fmt: skip
    return {**values, **ends, "photographs": 200}
