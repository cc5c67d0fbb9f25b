"""The comparison as tables to read: means over seeds, with intervals over photographs."""

from collections.abc import Sequence

import pandas as pd

from figures.look import LOOKS, in_comparison
from qtheory.results.comparison import COLUMNS, FAMILIES, Column, averages, cell_text, main_head

_HEADS = {"none": "none", "1x1": "1×1", "full": "full"}
PHASES = ("substitution", "adaptation", "joint")
_MISSING = "–"
_ERROR, _QUALITIES = "latent_nmse", ("psnr", "kid_efflite0")


def _label(method: str) -> str:
    return in_comparison(method).label if method in LOOKS else "no quantizer"


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a phase as text, one row a method and head, best error first.

    An interval is the mean of the seeds' intervals: it covers the choice of photographs.
    """
    means = averages(frame).reset_index()
    means = means.sort_values(_ERROR, na_position="first", kind="stable")
    columns = {
        column.heading: [cell_text(row, column, _MISSING) for _, row in means.iterrows()]
        for column in COLUMNS
    }
    names = {
        "method": [_label(name) for name in means["method"]],
        "heads": [_HEADS[head] for head in means["head"]],
        "seeds": means["trials"].astype(str).tolist(),
    }
    return pd.DataFrame({**names, **columns})


def _named(name: str) -> Column:
    (found,) = (column for column in COLUMNS if column.name == name)
    return found


def summary(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return all phases in one table, one row a method, best error after substitution first.

    Parameters
    ----------
    frames : sequence of pandas.DataFrame
        Rows of each phase.

    Returns
    -------
    pandas.DataFrame
        As text: the error without heads and with full ones after substitution, the use of the
        codebook, and quality after each phase, with the head that stands for the method.
    """
    means = averages(pd.concat(frames, ignore_index=True))
    rows = dict(means.iterrows())

    def text(method: str, head: str, phase: str, name: str) -> str:
        row = rows.get((method, head, phase))
        return _MISSING if row is None else cell_text(row, _named(name), _MISSING)

    first = means.reset_index()
    first = first[(first["phase"] == PHASES[0]) & (first["head"] == first["method"].map(main_head))]
    first = first.sort_values(_ERROR, na_position="first", kind="stable")
    result = []
    for method, head in zip(first["method"], first["head"], strict=True):
        row = {"method": _label(method), "class": FAMILIES.get(method, _MISSING)}
        row["NMSE, no heads"] = text(method, "none", "substitution", _ERROR)
        row["NMSE, full heads"] = text(method, "full", "substitution", _ERROR)
        row["perplexity"] = text(method, head, "substitution", "perplexity")
        for name in _QUALITIES:
            for phase in PHASES:
                row[f"{_named(name).heading}, {phase}"] = text(method, head, phase, name)
        result.append(row)
    return pd.DataFrame(result)
