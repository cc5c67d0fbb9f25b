"""What the launch at desk size answers, in sentences made of its stored tables."""

from collections.abc import Iterator, Mapping

import pandas as pd

from figures.desk import measured, printed
from figures.pocket_answers import require_sources
from figures.pocket_ranks import ranks_by_phase, verdicts
from qtheory.command import counted
from qtheory.results import Table

TABLES = ("launch/desk", "correlations/desk")

_ERROR, _QUALITY, _PSNR = "latent_distortion_per_dim", "kid_efflite0", "psnr"


def _adapted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of adaptation in a table of the paper, by codebook size and tokens of an image."""
    return rows[rows["phase"] == "adaptation"].set_index(["K", "tokens"]).sort_index()


def _pairs(rows: pd.DataFrame) -> list[tuple[int, pd.Series, pd.Series]]:
    """Return K of Table 6, and the rows of one token of K squared words and of two of K at equal bits."""
    few, many = sorted(set(rows.index.get_level_values("tokens")))
    sizes = sorted(size for size, tokens in rows.index if tokens == many)
    return [(size, rows.loc[(size**2, few)], rows.loc[(size, many)]) for size in sizes]


def _change(first: pd.Series, last: pd.Series) -> str:
    """Say how error, PSNR and KID change from a row to another."""
    error, kid = (100 * (last[name] / first[name] - 1) for name in (_ERROR, _QUALITY))
    return f"E by {error:+.0f} %, PSNR by {last[_PSNR] - first[_PSNR]:+.1f} dB and KID by {kid:+.0f} %"


def _ranks(launched: Table, correlations: pd.DataFrame) -> str:
    photographs, seeds = int(launched.frame["photographs"].max()), launched.frame["seed"].nunique()
    n = int(correlations["n"].max())
    return (
        f"In a larger tokenizer, on {photographs} held-out photographs of ImageNet (`--preset desk`), "
        f"Spearman's ρ with KID is, for E and for perplexity: {ranks_by_phase(correlations)}. Brackets are "
        f"95 % intervals over the {n} methods, with {counted(seeds, 'seed')}. Over methods, whether NMSE "
        f"ranks KID better than use of the codebook does: {verdicts(correlations, _QUALITY)}."
    )


def _sizes(frame: pd.DataFrame) -> str:
    """Say what more codewords and more tokens change."""
    words, tokens = (_adapted(measured(frame, table)).reset_index() for table in (4, 5))
    tokens = tokens.sort_values("tokens")
    few, many = tokens.iloc[0], tokens.iloc[-1]
    return (
        f"At that size, for MMD VQ and an adapted decoder, K from {words['K'].iloc[0]} to "
        f"{words['K'].iloc[-1]} changes {_change(words.iloc[0], words.iloc[-1])}; "
        f"{many['tokens']:.0f} tokens an image in place of {few['tokens']:.0f}, at K = "
        f"{few['K']:.0f}, change {_change(few, many)}."
    )


def _splits(frame: pd.DataFrame) -> str:
    """Say what two tokens of K words cost beside one of K squared, here and as printed."""
    changes = [f"{_change(one, two)} (K = {size})" for size, one, two in _pairs(_adapted(measured(frame, 6)))]
    there = [
        100 * (float(two["distortion_per_dim"]) / float(one["distortion_per_dim"]) - 1)
        for _, one, two in _pairs(_adapted(printed(6)))
    ]
    return (
        "There, at equal bits, two tokens of K words in place of one of K² change "
        f"{'; '.join(changes)}. Table 6 prints {' and '.join(f'{more:+.0f} %' for more in there)} of E and "
        "calls the two nearly identical."
    )


def answers(tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield the answers at desk size: what ranks quality, and what codewords, tokens and splits change.

    Parameters
    ----------
    tables : mapping of str to Table
        The tables named in `TABLES`.

    Raises
    ------
    SchemaError
        If the correlations come from another launch than this.
    """
    launched, correlations = (tables[name] for name in TABLES)
    require_sources(correlations, [launched])
    yield _ranks(launched, correlations.frame)
    yield _sizes(launched.frame)
    yield _splits(launched.frame)
