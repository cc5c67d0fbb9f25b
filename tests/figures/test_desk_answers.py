"""What the launch at desk size says, from a made-up table that the launch's own code wrote."""

import re

import pytest

from figures import desk_answers
from figures.pocket_ranks import verdicts
from qtheory.errors import SchemaError
from qtheory.results import read_table
from tests.figures.launched import launched


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    out = tmp_path_factory.mktemp("desk")
    table = launched(out)
    return dict(zip(desk_answers.TABLES, (table, read_table(out / "correlations" / "desk.csv")), strict=True))


def _row(frame, size, chunks):
    own = frame[(frame["phase"] == "adaptation") & (frame["method"] == "mmd")]
    return own[(own["codebook_size"] == size) & (own["chunks"] == chunks)].iloc[0]


def _percent(first, last, name="latent_distortion_per_dim"):
    return f"{100 * (last[name] / first[name] - 1):+.0f} %"


def test_sizes_and_splits_are_compared_between_the_rows_of_their_tables(tables):
    frame = tables["launch/desk"].frame
    _, sizes, splits = desk_answers.answers(tables)
    words = _row(frame, 256, 2), _row(frame, 65536, 2)
    tokens = _row(frame, 4096, 1), _row(frame, 4096, 4)
    assert f"K from 256 to 65536 changes E by {_percent(*words)}" in sizes
    assert f"KID by {_percent(*words, 'kid_efflite0')}; 1024 tokens an image in place of 256" in sizes
    assert f"at K = 4096, change E by {_percent(*tokens)}" in sizes
    for size in (64, 256):
        pair = _row(frame, size**2, 2), _row(frame, size, 4)
        gain = f"{pair[1]['psnr'] - pair[0]['psnr']:+.1f} dB"
        kid = _percent(*pair, "kid_efflite0")
        assert f"E by {_percent(*pair)}, PSNR by {gain} and KID by {kid} (K = {size})" in splits


def test_what_table_6_prints_is_beside(tables):
    """.243 over .234 for K = 128, .212 over .201 for K = 256."""
    assert "Table 6 prints +4 % and +5 % of E" in list(desk_answers.answers(tables))[2]


def test_ranks_are_those_of_the_stored_correlations(tables):
    first = next(desk_answers.answers(tables))
    chosen = tables["correlations/desk"].frame
    chosen = chosen[(chosen["quality"] == "kid_efflite0") & (chosen["phase"] == "joint")].set_index(
        "predictor"
    )
    error, use = (chosen.loc[name, "rho"] for name in ("latent_distortion_per_dim", "perplexity"))
    assert re.search(rf"{error:.2f} \[\S+, \S+\] and {use:.2f} \[\S+, \S+\] trained jointly", first)
    assert "on 200 held-out photographs" in first
    assert "Brackets are 95 % intervals over the 13 methods, with 1 seed." in first
    assert first.endswith(f"{verdicts(tables['correlations/desk'].frame, 'kid_efflite0')}.")


def test_correlations_of_another_launch_are_refused(tables, tmp_path):
    other = launched(tmp_path)
    other.manifest["sha256"] = "0" * 64
    with pytest.raises(SchemaError, match="was computed from another"):
        list(desk_answers.answers({**tables, "launch/desk": other}))
