"""Tables 3 to 7 of a launched comparison: printed, by the authors' logs, and measured beside them."""

from typing import TYPE_CHECKING

from empirical.cells import MAIN_HEAD
from empirical.head import TRAINED
from empirical.printed import (
    BY_EPOCH,
    HALVES,
    MEASURES,
    SHOWN,
    as_text,
    beside,
    in_printed_columns,
    logged,
    numbered,
    printed,
)
from qtheory.results.comparison import in_tables

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ["method", "tokens", "K"]
# what tells the rows of a table apart, whatever its sizes were
_VARIED = {3: ["method"], 5: ["method", "tokens"], 7: ["method"]}


def _measured(n: int, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the launched rows of a table, averages over seeds."""
    import pandas as pd

    own = in_tables(frame, n)
    own = own.assign(tokens=own["image_tokens"], K=own["codebook_size"])
    main = (own["head"] == MAIN_HEAD) | ~own["method"].isin(TRAINED)
    own = own.assign(heads=(", heads " + own["head"]).where(~main, ""))
    keys = ["phase", *_KEYS, "protocol", "heads"]
    grouped = pd.concat([own[keys], in_printed_columns(own)], axis=1).groupby(keys, sort=False)
    means = grouped.mean().assign(seeds=grouped.size()).reset_index()
    return means.assign(origin="measured, " + means["protocol"] + means["heads"])


def side_by_side(n: int, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of a table: as the paper prints them, as the authors' logs have them, as measured.

    Parameters
    ----------
    n : int
        Number of the table, 3 to 7.
    frame : pandas.DataFrame
        The launched rows.

    Returns
    -------
    pandas.DataFrame
        In the paper's order, phases that a table does not print, as the substitutions of Table 7, in their
        place among the others; below the printed row of a phase and of what the table varies (methods in
        Tables 3 and 7, tokens in Table 5, sizes else) stand those of the logs, as `empirical.printed.logged`
        has them, and the measured ones, of their own sizes, other heads than full ones named.
        PSNR is that of the luma and SSIM in per cent, as printed. Where a row was measured with
        EfficientNet-Lite0 it has ``kid`` in place of ``rfid``, a unit of its own; beside ``rfid`` stands
        ``kid_inception``, which the paper does not print. Columns that end with ``_half`` are
        half-widths of 95 % intervals over images, averages over seeds.
    """
    whole = beside([numbered(printed(n)), logged(n), _measured(n, frame)], _VARIED.get(n, _KEYS))
    columns = ["method", "phase", "tokens", "K", "origin", "seeds", *SHOWN, BY_EPOCH, *HALVES]
    return whole.reindex(columns=columns)


def render(n: int, frame: "pd.DataFrame") -> str:
    """Return `side_by_side` as text, values with the half-widths of their intervals over images.

    Parameters
    ----------
    n, frame
        As there.
    """
    return as_text(side_by_side(n, frame))


def render_all(frame: "pd.DataFrame") -> str:
    """Return all tables of which there are launched rows as text, and before them what their columns are.

    Parameters
    ----------
    frame : pandas.DataFrame
        The launched rows.
    """
    measured = {int(number) for tables in frame["tables"] for number in str(tables).split()}
    return "\n\n".join([MEASURES, *(f"Table {n}\n{render(n, frame)}" for n in sorted(measured))])
