"""The comparison as text, and the paper's Tables 3 to 7 beside what was measured."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from empirical.printed import BY_EPOCH, SHOWN, as_text, beside, in_printed_columns, logged, printed
from empirical.quantizers import REFERENCES, key_of
from qtheory import paper
from qtheory.errors import DomainError
from qtheory.results.comparison import COLUMNS, UNQUANTIZED, averages, cell_text, main_head

if TYPE_CHECKING:
    import pandas as pd

# rows of a table that varies the size, of which the comparison has one: two tokens a position, each of
# 2 x 16 values (MMD VP2) or of 256
_SIZES = {6: ("mmd", "mmd_vp2")}
_MMD = ("mmd",)
_TABLES = range(3, 8)
# networks that the comparison on photographs does without
_SHOWN = tuple(name for name in SHOWN if name not in ("lpips", "ris", "kid_inception"))

USE_OF_CODEWORDS = (
    "Intervals of utilization and perplexity are symmetric (jackknife over photographs) and not cut at their "
    "range:\nan upper end above 1 says that all codewords may be in use, 1.000 [1.000, 1.000] that all are, "
    "whichever photograph is left out."
)
"""What to know of the intervals that `render` shows."""


def render(frame: "pd.DataFrame") -> str:
    """Return the comparison as text: mean over trials, and the interval over photographs.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of the comparison, one a method, head, phase and trial.

    Raises
    ------
    SchemaError
        If a column is missing.
    """
    means = averages(frame)
    text = means[["trials"]].copy()
    for column in COLUMNS:
        text[column.heading] = [cell_text(row, column) for _, row in means.iterrows()]
    return text.reset_index().to_string(index=False, justify="left")


def _measured(frame: "pd.DataFrame", methods: "Iterable[str]", phases: "Iterable[str]") -> "pd.DataFrame":
    """Return the measured rows of methods in phases, averages over trials."""
    means = frame.groupby(["method", "head", "phase"]).mean(numeric_only=True).reset_index()
    wanted = means["method"].isin(list(methods)) & means["phase"].isin(list(phases))
    own = means[wanted & (means["head"] == means["method"].map(main_head))]
    names = {key_of(name): name for name in paper.table(3)["approach"]}
    quantized = own["method"] != UNQUANTIZED
    keys = own[["method", "phase"]].assign(
        approach=own["method"].map(lambda method: names.get(method, method)),
        origin="measured",
        tokens=(2 * (own["crop"] // 8) ** 2 * quantized).astype(int),
        K=(own["codebook_size"] * quantized).astype(int),
    )
    return keys.join(in_printed_columns(own))


def side_by_side(n: int, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return one of the paper's result tables with the authors' logs and the measured rows.

    Parameters
    ----------
    n : int
        Number of the table, 3 to 7.
    frame : pandas.DataFrame
        Rows of the comparison, all phases that are there.

    Returns
    -------
    pandas.DataFrame
        A row a method, phase and origin: ``paper`` as printed, ``authors' logs`` where public
        (`empirical.printed.logged`), ``measured`` here. PSNR is that of the luma and SSIM in per
        cent, as printed. ``rfid`` stands in the first two origins only and ``kid`` (on other features,
        of another tokenizer and other photographs) in the last: compare orders, not values. Table 3 has
        the tokenizer alone and the references too; Tables 4 to 6 vary sizes of which the comparison has
        one.

    Raises
    ------
    DomainError
        For other tables.
    """
    if n not in _TABLES:
        raise DomainError(f"n must be the number of a table of results, 3 to 7; got {n!r}")
    parts = [printed(n), logged(n)]
    methods = list(parts[0]["method"]) if n in (3, 7) else _SIZES.get(n, _MMD)
    if n == 3:
        methods = [*methods, UNQUANTIZED, *REFERENCES]
    phases = parts[0]["phase"]
    whole = beside([*parts, _measured(frame, methods, phases)], ["method"])
    return whole.reindex(columns=["approach", "phase", "origin", "tokens", "K", *_SHOWN, BY_EPOCH])


def render_side_by_side(n: int, frame: "pd.DataFrame") -> str:
    """Return `side_by_side` as text.

    Parameters
    ----------
    n, frame
        As there.
    """
    return as_text(side_by_side(n, frame))


def render_findings(frame: "pd.DataFrame") -> str:
    """Return correlations or contrasts as text, cells that do not exist empty.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `empirical.findings` makes them.
    """
    text = frame.copy()
    for name in frame.columns[[kind.kind == "f" for kind in frame.dtypes]]:
        text[name] = ["" if value != value else f"{value:.4g}" for value in frame[name]]
    return text.to_string(index=False, justify="left")
