"""Tables 3 to 7 of the paper beside what was measured: their columns, their order, their text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from empirical.quantizers import key_of
from qtheory import paper

if TYPE_CHECKING:
    import pandas as pd

# what the paper calls the phases of the comparison
_PHASES = {
    "Substitution": "substitution",
    "Adaptation": "adaptation",
    "Decoder-Only": "adaptation",
    "Joint Optimization": "joint",
}
# column of the paper's tables, column of the measured ones, factor, digits
_COLUMNS = (
    ("distortion_per_dim", "latent_distortion_per_dim", 1, 3),
    ("nmse", "latent_nmse", 1, 3),
    ("utilization", "utilization", 1, 3),
    ("perplexity", "perplexity", 1, 0),
    ("psnr", "psnr_luma", 1, 2),
    ("ssim", "ssim", 100, 1),
    ("lpips", "lpips", 1, 3),
    ("rfid", "r_fid", 1, 2),
    ("ris", "r_is", 1, 1),
    ("kid", "kid_efflite0", 1, 3),
    ("kid_inception", "kid_inception", 1, 5),
)
SHOWN = tuple(name for name, *_ in _COLUMNS)
_DIGITS = {"seeds": 0} | {name: digits for name, _, _, digits in _COLUMNS}
# what columns are headed where their name alone would mistake them for those of the comparison
_HEADINGS = {"psnr": "psnr (luma)", "ssim": "ssim (%)"}
MEASURES = (
    "In the paper's tables below PSNR is that of the luma and SSIM in per cent, as the paper prints them, "
    "measured rows too.\nPSNR of the luma is higher than that of RGB: compare neither with the other."
)
"""What to know of the columns of `as_text`."""
BY_EPOCH = "rfid_by_epoch"
_HALF = "_half"
HALVES = tuple(f"{name}{_HALF}" for name in SHOWN)


def printed(n: int) -> "pd.DataFrame":
    """Return a table of the paper with its methods and phases under their names here.

    Parameters
    ----------
    n : int
        Number of the table, 3 to 7.
    """
    table = paper.table(n)
    methods, phases = table["approach"].map(key_of), table["phase"].map(_PHASES)
    return table.assign(method=methods, phase=phases, origin="paper")


def logged(n: int) -> "pd.DataFrame":
    """Return what the authors' public logs have of the rows of a table.

    Parameters
    ----------
    n : int
        Number of the table, 3 to 7.

    Returns
    -------
    pandas.DataFrame
        Rows of the runs whose method, phase and size the table prints. Of adaptation the logs have r-FID
        after each epoch: ``rfid`` is that of the last, where the paper prints the least. In Table 4 also
        the run of another quantizer whose numbers stand in a row of MMD VQ.
    """
    import pandas as pd

    keys = ["method", "phase", "tokens", "K"]
    rows = numbered(printed(n))[keys].drop_duplicates()
    sizes = paper.authors_sizes()
    mistaken = sizes["approach"] != "MMD VQ"
    sizes = sizes.assign(variant=("run of " + sizes["approach"]).where(mistaken, ""), approach="MMD VQ")
    runs = pd.concat([paper.authors_logs(), sizes]).assign(phase="substitution", origin="authors' logs")
    logs = pd.concat([runs, _last_epochs()])
    commas = logs["variant"].where(logs["variant"] == "", ", " + logs["variant"])
    logs = logs.assign(method=logs["approach"].map(key_of), origin=logs["origin"] + commas)
    return logs.merge(rows, on=keys)


def _last_epochs() -> "pd.DataFrame":
    """Return the logged runs of adaptation: r-FID of the last epoch, and of all of them as text."""
    run = ["approach", "variant", "tokens", "K"]
    epochs = paper.authors_epochs()
    values = epochs.groupby(run, sort=False)["rfid"]
    texts = values.agg(lambda rfid: " ".join(f"{value:.3f}" for value in rfid)).rename(BY_EPOCH)
    return (
        values.last()
        .to_frame()
        .join(texts)
        .reset_index()
        .assign(phase="adaptation", origin="authors' logs, last epoch")
    )


def numbered(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table of the paper with its sizes as numbers."""
    return table.assign(**{name: table[name].map(paper.printed_size) for name in ("K", "tokens")})


def in_printed_columns(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return measured values in the columns of the paper's tables: PSNR of the luma, SSIM in per cent.

    Parameters
    ----------
    rows : pandas.DataFrame
        Measured rows; what they lack is left out.

    Returns
    -------
    pandas.DataFrame
        Columns of `SHOWN`, and of `HALVES` the half-widths of those that have an interval.
    """
    import pandas as pd

    columns = {}
    for name, stored, factor, _ in _COLUMNS:
        if stored in rows:
            columns[name] = rows[stored] * factor
        if f"{stored}_low" in rows:
            columns[f"{name}{_HALF}"] = (rows[f"{stored}_high"] - rows[f"{stored}_low"]) * factor / 2
    return pd.DataFrame(columns, index=rows.index)


def beside(parts: "Sequence[pd.DataFrame]", by: list[str]) -> "pd.DataFrame":
    """Return all rows in the order of the phases, and those that agree in `by` below each other.

    Parameters
    ----------
    parts : sequence of pandas.DataFrame
        The printed rows, whose order decides within a phase, and those to stand below them.
    by : list of str
        Columns that tell which rows belong together.
    """
    import pandas as pd

    whole = pd.concat(parts, ignore_index=True)
    phases = list(dict.fromkeys(["baseline", *_PHASES.values()]))
    keys = list(whole[by].itertuples(index=False, name=None))
    order = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    places = [phases.index(p) * len(order) + order[k] for p, k in zip(whole["phase"], keys, strict=True)]
    return whole.iloc[pd.Series(places).argsort(kind="stable")].reset_index(drop=True)


def as_text(table: "pd.DataFrame") -> str:
    """Return rows as text: no column that is empty, and nothing where a value is missing.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns of `SHOWN`, their `HALVES` where there are some, and others, which stand as they are.
    """
    table = table.dropna(axis=1, how="all")
    for name in [name for name in table if name in _DIGITS]:
        form = f".{_DIGITS[name]}f"
        texts = ["" if value != value else format(value, form) for value in table[name].astype(float)]
        if (half := f"{name}{_HALF}") in table:
            own = table.pop(half)
            texts = [t if w != w else f"{t} ±{w:{form}}" for t, w in zip(texts, own, strict=True)]
        table[name] = texts
    if BY_EPOCH in table:
        table[BY_EPOCH] = table[BY_EPOCH].fillna("")
    return table.rename(columns=_HEADINGS).to_string(index=False, justify="left")
