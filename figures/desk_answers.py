"""What the launch at desk size answers, in sentences made of its stored tables."""

from collections.abc import Iterator, Mapping

import pandas as pd

from figures.pocket_answers import ranks_by_phase, require_sources
from qtheory import paper
from qtheory.results import Table
from qtheory.results.comparison import in_tables

TABLES = ("launch/desk", "correlations/desk")

_ERROR, _QUALITY, _PSNR = "latent_distortion_per_dim", "kid_efflite0", "psnr"


def _adapted(frame: pd.DataFrame, table: int) -> pd.DataFrame:
    """Return the adapted rows of a table, averages over seeds, by codebook size and tokens of an image."""
    own = in_tables(frame[frame["phase"] == "adaptation"], table)
    return own.groupby(["codebook_size", "image_tokens"]).mean(numeric_only=True).sort_index()


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
        f"95 % intervals over the {n} methods, with {seeds} seed(s)."
    )


def _sizes(frame: pd.DataFrame) -> str:
    """Say what more codewords and more tokens change."""
    words, tokens = (_adapted(frame, table).reset_index() for table in (4, 5))
    tokens = tokens.sort_values("image_tokens")
    few, many = tokens.iloc[0], tokens.iloc[-1]
    return (
        f"At that size, for MMD VQ and an adapted decoder, K from {words['codebook_size'].iloc[0]} to "
        f"{words['codebook_size'].iloc[-1]} changes {_change(words.iloc[0], words.iloc[-1])}; "
        f"{many['image_tokens']:.0f} tokens an image in place of {few['image_tokens']:.0f}, at K = "
        f"{few['codebook_size']:.0f}, change {_change(few, many)}."
    )


def _printed_split() -> list[float]:
    """Return how much more error, in percent, the paper prints for two tokens of K words, by K."""
    frame = paper.table(6)
    own = frame[frame["phase"].str.lower() == "adaptation"]
    own = own.assign(**{name: own[name].map(paper.printed_size) for name in ("tokens", "K")})
    error = own.set_index(["K", "tokens"])["distortion_per_dim"].astype(float)
    few, many = sorted(set(own["tokens"]))
    sizes = sorted(size for size, tokens in error.index if tokens == many)
    return [100 * (error[size, many] / error[size**2, few] - 1) for size in sizes]


def _splits(frame: pd.DataFrame) -> str:
    """Say what two tokens of K words cost beside one of K squared."""
    rows = _adapted(frame, 6)
    few, many = sorted(set(rows.index.get_level_values("image_tokens")))
    sizes = sorted(size for size, tokens in rows.index if tokens == many)
    changes = [f"{_change(rows.loc[(size**2, few)], rows.loc[(size, many)])} (K = {size})" for size in sizes]
    printed = " and ".join(f"{percent:+.0f} %" for percent in _printed_split())
    return (
        "There, at equal bits, two tokens of K words in place of one of K² change "
        f"{'; '.join(changes)}. Table 6 prints {printed} of E and calls the two nearly identical."
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
