"""The comparison as text, and the paper's Tables 3 to 7 beside what was measured."""

from typing import TYPE_CHECKING

from empirical.quantizers import key_of
from qtheory import paper
from qtheory.errors import DomainError
from qtheory.results.comparison import COLUMNS, averages, cell_text, main_head

if TYPE_CHECKING:
    import pandas as pd

# what the paper calls the phases of the comparison
_PHASES = {
    "Substitution": "substitution",
    "Adaptation": "adaptation",
    "Decoder-Only": "adaptation",
    "Joint Optimization": "joint",
}
# rows of a table that varies the size, of which the comparison has one: two tokens a position, each of
# 2 x 16 values (MMD VP2) or of 256
_SIZES = {6: ("mmd", "mmd_vp2")}
_MMD = ("mmd",)
_TABLES = range(3, 8)
_SHOWN = {
    "distortion_per_dim": 3,
    "nmse": 3,
    "utilization": 3,
    "perplexity": 0,
    "psnr": 2,
    "ssim": 1,
    "rfid": 2,
    "kid": 3,
}


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


def _measured(frame: "pd.DataFrame", methods: "pd.Series", phases: "pd.Series") -> "pd.DataFrame":
    """Return the measured row of each method and phase, in the columns of the paper's tables."""
    import pandas as pd

    means = frame.groupby(["method", "head", "phase"]).mean(numeric_only=True)
    found = dict(means.iterrows())
    rows = []
    for method, phase in zip(methods, phases, strict=True):
        row = found.get((method, main_head(method), phase))
        if row is not None:
            rows.append(
                {
                    "method": method,
                    "key": phase,
                    "origin": "measured",
                    "tokens": int(2 * (row["crop"] // 8) ** 2),
                    "K": int(row["codebook_size"]),
                    "distortion_per_dim": row["latent_distortion_per_dim"],
                    "nmse": row["latent_nmse"],
                    "utilization": row["utilization"],
                    "perplexity": row["perplexity"],
                    "psnr": row["psnr_luma"],
                    "ssim": 100 * row["ssim"],
                    "kid": row["kid_efflite0"],
                }
            )
    return pd.DataFrame(rows)


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
        (substitution of Tables 3 and 5), ``measured`` here. PSNR is that of the luma and SSIM in per
        cent, as printed. ``rfid`` stands in the first two origins only and ``kid`` (on other features,
        of another tokenizer and other photographs) in the last: compare orders, not values. Tables 4 to
        6 vary sizes of which the comparison has one.

    Raises
    ------
    DomainError
        For other tables.
    """
    import pandas as pd

    if n not in _TABLES:
        raise DomainError(f"n must be the number of a table of results, 3 to 7; got {n!r}")
    printed = paper.table(n)
    printed = printed.assign(origin="paper", key=printed["phase"].map(_PHASES))
    parts = [printed]
    if n in (3, 5):
        logs = paper.authors_logs().assign(key="substitution")
        commas = logs["variant"].where(logs["variant"] == "", ", " + logs["variant"])
        logs = logs.assign(origin="authors' logs" + commas)
        sized = (logs["tokens"] == 512) & (logs["K"] == 65536)
        parts.append(logs[sized if n == 3 else ~sized])
    own = {3: None, 7: None}.get(n, _SIZES.get(n, _MMD))
    methods = printed["approach"].map(key_of) if own is None else pd.Series(own)
    pairs = pd.DataFrame(
        [(m, p) for m in dict.fromkeys(methods) for p in dict.fromkeys(printed["key"])], columns=["m", "p"]
    )
    names = {key_of(name): name for name in paper.table(3)["approach"]}
    measured = _measured(frame, pairs["m"], pairs["p"])
    if len(measured):
        parts.append(measured.assign(approach=measured["method"].map(names)))
    whole = pd.concat([part.assign(method=part["approach"].map(key_of)) for part in parts], ignore_index=True)
    order = {key: i for i, key in enumerate(dict.fromkeys([*pairs["m"], *whole["method"]]))}
    rank = whole["key"].map(list(dict.fromkeys(printed["key"])).index) * len(order) + whole["method"].map(
        order
    )
    whole = whole.iloc[rank.argsort(kind="stable")]
    shown = ["approach", "key", "origin", "tokens", "K", *_SHOWN]
    return whole.reindex(columns=shown).rename(columns={"key": "phase"}).reset_index(drop=True)


def render_side_by_side(n: int, frame: "pd.DataFrame") -> str:
    """Return `side_by_side` as text.

    Parameters
    ----------
    n, frame
        As there.
    """
    table = side_by_side(n, frame)
    for name, digits in _SHOWN.items():
        table[name] = ["" if value != value else f"{value:.{digits}f}" for value in table[name].astype(float)]
    return table.to_string(index=False, justify="left")


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
