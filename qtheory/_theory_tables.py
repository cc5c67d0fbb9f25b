"""Tables of theory for figures and the report: what they show of bounds and limits is computed here.

A figure never computes physics: it reads these tables, as it reads those of the studies.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qtheory import _check, information, limits
from qtheory._bound import log_ball_volume
from qtheory.bounds import BOUNDS, SHARP_LOWER, SHARP_UPPER
from qtheory.optimal import lloyd_max
from qtheory.results import Table, write_table
from qtheory.sources import Gaussian, Laplace, Uniform

Row = dict[str, Any]

DIMENSIONS = (*range(1, 129), *range(136, 257, 8), *range(320, 1025, 64))
"""Dimensions of the table of constants."""

LEVELS = 448
"""Levels of the optimal scalar quantizers: those that an allocation of 256 a coordinate has to look at."""

# the latents of the paper: 16 x 16 positions of 32 channels
_POSITIONS, _CHANNELS = 16, 32


def _laws() -> dict[str, Any]:
    return {"gaussian": Gaussian(1), "laplace": Laplace(1), "uniform": Uniform(1)}


def dimensions() -> Iterator[Row]:
    """Yield constants of Proposition 2's lower bound: E K^(2/d) / d on [-1, 1]^d, a row a dimension."""
    from qtheory.claims._random_codebook import CERTIFIED

    for d in DIMENSIONS:
        constant = limits.zador_constant(d)
        ball = 4 * math.exp(-2 / d * log_ball_volume(d))
        refuted = CERTIFIED.get(d)
        yield {
            "dim": d,
            "printed": 0.25,
            "sharp": SHARP_LOWER,
            "sphere": ball / (d + 2),
            "random": ball * math.gamma(1 + 2 / d) / d,
            "interval": 1 / 3,
            "zador_lower": constant.lower,
            "zador_upper": constant.upper,
            "attained_by": constant.source,
            "refuted_from_bits": math.nan if refuted is None else refuted[0] / d,
            "upper_sharp": SHARP_UPPER,
            "upper_printed": 8.0,
        }


def levels() -> Iterator[Row]:
    """Yield errors of optimal levels on the line, for laws of variance 1 (uniform: on [-1, 1])."""
    for name, law in _laws().items():
        for n in range(1, LEVELS + 1):
            yield {"source": name, "levels": n, "distortion": lloyd_max(law, n).distortion}


def bounds() -> Iterator[Row]:
    """Yield what the bounds are, without a value."""
    for bound in BOUNDS.values():
        yield {
            "id": bound.id,
            "claim": bound.claim,
            "side": "equal" if bound.exact else bound.side,
            "law": bound.law,
            "needs": " ".join(bound.needs),
            "quantity": bound.quantity,
            "formula": bound.formula,
            "hypotheses": ", ".join(hypothesis.text for hypothesis in bound.hypotheses),
        }


def schemes() -> Iterator[Row]:
    """Yield Table 2 with numbers: the schemes at the sizes of the paper's tokenizer."""
    sizes: dict[str, dict[str, Any]] = {
        "VQ": {"codebook_size": 65536},
        "PQ": {"blocks": 2, "block_size": 256},
        "SQ": {"block_size": 4},
        "RQ": {"codebook_size": 65536, "residual_steps": 1},
        "VAR": {"codebook_size": 4096},
    }
    for kind, arguments in sizes.items():
        scheme = information.scheme(kind, d=_CHANNELS, **arguments)
        yield {
            "scheme": kind,
            "codebook_size": str(scheme.codebook_size),
            "tokens": float(scheme.tokens(_POSITIONS, _POSITIONS)),
            "input_bits": information.input_bits(_POSITIONS, _POSITIONS, _CHANNELS),
            "output_bits": scheme.output_bits(_POSITIONS, _POSITIONS),
            "compression_ratio": scheme.compression_ratio,
        }


TABLES: dict[str, Callable[[], Iterator[Row]]] = {
    "dimensions": dimensions,
    "levels": levels,
    "bounds": bounds,
    "schemes": schemes,
}


def write(name: str, out: Path) -> Table:
    """Compute a table and store it as ``out/theory/<name>.csv``."""
    import pandas as pd

    return write_table(
        out / "theory" / f"{name}.csv",
        pd.DataFrame(list(TABLES[name]())),
        study="theory",
        seed=None,
        digest="",
        command=f"python -m qtheory tables {name}",
    )


def main(argv: Sequence[str]) -> int:
    """Write the tables and return 0."""
    from qtheory import command

    parser = argparse.ArgumentParser(
        prog="python -m qtheory tables",
        description="Compute the tables of theory that figures and report show. Those of record are stored "
        "in the package; a run of one's own comes first.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(TABLES)}; all by default")
    parser.add_argument("--out", type=Path, default=Path("results"), help="results folder (default: results)")
    options = parser.parse_args(argv)
    names = [_check.one_of("NAME", name, TABLES) for name in options.names] or TABLES
    command.output_folder("--out", options.out)
    for name in names:
        table = write(name, options.out)
        print(f"{table.path}: {command.counted(len(table.frame), 'row')}")
    return 0
