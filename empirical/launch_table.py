"""Tables 3 to 7 of a launched comparison: printed, and measured beside it."""

from typing import TYPE_CHECKING

from empirical.quantizers import key_of
from qtheory import paper
from qtheory.results.comparison import UNQUANTIZED

if TYPE_CHECKING:
    import pandas as pd

# column of the paper's tables, column of the launched one, factor, digits
_SHOWN = (
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
)
_PHASES = {
    "Substitution": "substitution",
    "Adaptation": "adaptation",
    "Decoder-Only": "adaptation",
    "Joint Optimization": "joint",
}
_KEYS = ["method", "phase", "tokens", "K"]
_FINER = "×2"  # Table 6's mark of twice the tokens; its K with this sign is a product


def _printed(n: int) -> "pd.DataFrame":
    """Return a table of the paper in the keys of the launched one."""
    table = paper.table(n)
    codewords = table["K"].astype(str).str.split("×")
    table["K"] = [int(parts[0]) ** len(parts) for parts in codewords]
    tokens = table["tokens"].astype(str)
    table["tokens"] = [
        int(value.removesuffix(_FINER)) * (2 if value.endswith(_FINER) else 1) for value in tokens
    ]
    return table.assign(
        method=table["approach"].map(key_of), phase=table["phase"].map(_PHASES), origin="paper"
    )


def _measured(n: int, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the launched rows of a table, averages over seeds."""
    import pandas as pd

    own = frame[[str(n) in str(tables).split() for tables in frame["tables"]]]
    own = own.assign(tokens=own["image_tokens"], K=own["codebook_size"])
    columns = {name: own[stored] * factor for name, stored, factor, _ in _SHOWN if stored in own}
    found = pd.concat([own[[*_KEYS, "protocol"]], pd.DataFrame(columns)], axis=1)
    grouped = found.groupby([*_KEYS, "protocol"], sort=False)
    means = grouped.mean().assign(seeds=grouped.size()).reset_index()
    return means.assign(origin="measured, " + means["protocol"])


def side_by_side(n: int, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of a table: as the paper prints them, and as they were measured.

    Parameters
    ----------
    n : int
        Number of the table, 3 to 7.
    frame : pandas.DataFrame
        The launched rows.

    Returns
    -------
    pandas.DataFrame
        In the paper's order, measured rows below the printed row of the same method, phase and size.
        PSNR is that of the luma and SSIM in per cent, as printed. Where a row was measured with
        EfficientNet-Lite0 it has ``kid`` in place of ``rfid``.
    """
    import pandas as pd

    printed, measured = _printed(n), _measured(n, frame)
    whole = pd.concat([printed, measured], ignore_index=True)
    phases = list(dict.fromkeys([UNQUANTIZED, "baseline", *printed["phase"], *measured["phase"]]))
    keys = [tuple(row) for row in whole[["method", "tokens", "K"]].itertuples(index=False)]
    order = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    places = [phases.index(p) * len(order) + order[k] for p, k in zip(whole["phase"], keys, strict=True)]
    shown = ["method", "phase", "tokens", "K", "origin", "seeds", *(name for name, *_ in _SHOWN)]
    return whole.iloc[pd.Series(places).argsort(kind="stable")].reindex(columns=shown).reset_index(drop=True)


def render(n: int, frame: "pd.DataFrame") -> str:
    """Return `side_by_side` as text, without the columns that are empty.

    Parameters
    ----------
    n, frame
        As there.
    """
    table = side_by_side(n, frame).dropna(axis=1, how="all")
    digits = {name: places for name, _, _, places in _SHOWN}
    for name in table.columns[4:]:
        form = f".{digits.get(name, 0)}f"
        if name != "origin":
            table[name] = ["" if value != value else format(value, form) for value in table[name]]
    return table.to_string(index=False, justify="left")
