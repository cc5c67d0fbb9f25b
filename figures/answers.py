"""The sentences at the head of the report, each computed from a stored table or the ledger."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qtheory.results import Table


def _linear_law(table: Table) -> str:
    frame = table.frame
    ratios = frame["distortion"] / frame["variance"]
    exact = float((frame["expected_distortion"] / frame["variance"]).iloc[0])
    error = float(ratios.std(ddof=1) / np.sqrt(len(ratios)))
    return (
        f"Distortion is exactly linear in the variance, for scalar quantizers too: the slope of Figure 2 is "
        f"{exact:.4f} by quadrature, {ratios.mean():.4f} ± {error:.4f} by simulation."
    )


def _ledger(entries: Sequence[Mapping[str, Any]]) -> str:
    verdicts = Counter(entry["verdict"] for entry in entries)
    parts = [f"{count} {verdict}" for verdict, count in verdicts.most_common()]
    return f"Of {len(entries)} statements of the paper that were checked: {', '.join(parts)}."


def answers(tables: Mapping[str, Table], entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the answers, the most important first."""
    return [_ledger(entries), _linear_law(tables["variance-scaling/paper"])]
