"""A made-up table of a launched comparison, by the code that writes the real one."""

import math

from empirical.cells import matrix
from empirical.launch import collect
from empirical.launch_config import PRESETS
from empirical.launch_findings import write_correlations
from empirical.setup import Launch


def launched(out):
    """Write a made-up table of Tables 3 to 7 at the sizes of the desk preset, by what writes the real one."""
    launch = Launch(
        name="desk", sizes=PRESETS["desk"], out=str(out / "launch"), train="", heldout="", tokenizer=""
    )
    cells = matrix(PRESETS["desk"], native=False)
    outcomes = [(cell, {"seconds": 1.0, "processes": 1, "row": _made_up(cell)}) for cell in cells]
    table = collect(launch, outcomes, "python -m empirical launch --preset desk")
    write_correlations(table, out / "correlations" / "desk.csv")
    return table


def _made_up(cell):
    """Numbers that depend on the size, the phase and the method, MMD VQ having the simplest."""
    error = max(1, cell.codebook_size) ** -0.2 / max(1, cell.chunks)
    error *= 1 if cell.method == "mmd" else 1 + 0.01 * (sum(map(ord, cell.method)) % 40)
    values = {
        "latent_distortion_per_dim": error,
        "latent_nmse": error,
        "psnr": 20 - 10 * math.log10(error),
        "psnr_luma": 22 - 10 * math.log10(error) + (cell.phase == "adaptation"),
        "kid_efflite0": 0.1 + error,
    }
    ends = {f"{name}_{side}": 0.9 * v if side == "low" else 1.1 * v for name, v in values.items()
            for side in ("low", "high")}  # fmt: skip
    uses = {"perplexity": 250 - 100 * error, "utilization": 1.0}
    return {**values, **ends, **uses, "photographs": 200}
