"""Numbers of the answers as words: values with their intervals, phases, and what an interval decides."""

from collections.abc import Mapping, Sequence

import pandas as pd

IN: Mapping[str, str] = {
    "substitution": "after substitution",
    "adaptation": "after adaptation",
    "joint": "trained jointly",
}
"""Phases as sentences name them."""

UNDEFINED = "undefined"
"""What stands for a value that there is not, as a rank correlation with what is the same for all."""


def interval(row: pd.Series, value: str, digits: int, ends: tuple[str, str] = ("low", "high")) -> str:
    """Return a value with its interval, `UNDEFINED` where it is missing.

    Examples
    --------
    >>> interval(pd.Series({"value": 1.234, "low": -1, "high": 2}), "value", 2)
    '1.23 [-1.00, 2.00]'
    """
    low, high = ends
    if pd.isna(row[value]):
        return UNDEFINED
    return f"{row[value]:.{digits}f} [{row[low]:.{digits}f}, {row[high]:.{digits}f}]"


def sign(row: pd.Series, ends: tuple[str, str] = ("low", "high")) -> int:
    """Return 1 or -1 where an interval lies above or below 0, and 0 where it decides nothing.

    Examples
    --------
    >>> [sign(pd.Series({"low": low, "high": high})) for low, high in ((1, 2), (-2, -1), (-1, 1))]
    [1, -1, 0]
    """
    low, high = (row[name] for name in ends)
    return int(low > 0) - int(high < 0)


def contrast(contrasts: pd.DataFrame, name: str, column: str) -> pd.Series:
    """Return a row of the contrasts."""
    return contrasts[(contrasts["contrast"] == name) & (contrasts["column"] == column)].iloc[0]


def difference(contrasts: pd.DataFrame, name: str, column: str, digits: int) -> str:
    """Return a contrast with its interval."""
    return interval(contrast(contrasts, name, column), "difference", digits)


def listed(parts: Sequence[str]) -> str:
    """Return parts as a list in words.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
