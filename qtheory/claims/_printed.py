"""Cells of the paper's tables as exact decimals, for the checks that recompute from them."""

from fractions import Fraction
from typing import TYPE_CHECKING

from qtheory import paper

if TYPE_CHECKING:
    import pandas

FROZEN = ("Substitution", "Adaptation")


def phase(n: int, name: str) -> "pandas.DataFrame":
    """Return the rows of a table that belong to a phase, indexed by approach."""
    rows = paper.table(n)
    return rows[rows["phase"] == name].set_index("approach")


def decimal(value: object) -> Fraction:
    """Return the decimal number that a cell was read from, as a fraction."""
    return Fraction(str(value))


def best(rows: "pandas.DataFrame", kind: str, column: str) -> Fraction:
    """Return the best value that a family (VQ, PQ or SQ) reaches in a column."""
    values = rows.loc[rows["type"] == kind, column]
    return decimal(values.max() if column in ("psnr", "ssim", "ris", "utilization") else values.min())


def cell(n: int, name: str, column: str, **where: int | str) -> Fraction:
    """Return the one cell of a table that belongs to a phase and further columns."""
    rows = phase(n, name)
    for key, value in where.items():
        rows = rows[rows[key] == value]
    (value,) = rows[column]
    return decimal(value)
