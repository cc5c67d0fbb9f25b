"""The stored tables of theory are what the code computes."""

import io
from pathlib import Path

import pandas as pd
import pytest

from qtheory import _theory_tables as tables
from qtheory.errors import DomainError
from qtheory.expected import best_codebook_variance, matched_codebook_distortion
from qtheory.results import read_table

STORED = Path(tables.__file__).parent / "theory"
QUICK = ("bounds", "dimensions", "levels", "schemes")


def _read_back(rows):
    """What a frame is after it was written and read."""
    return pd.read_csv(io.StringIO(pd.DataFrame(rows).to_csv(index=False)))


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_stored_table_is_valid_and_names_its_command(name):
    assert read_table(STORED / f"{name}.csv").manifest["command"] == f"python -m qtheory tables {name}"


@pytest.mark.parametrize("name", QUICK)
def test_a_stored_table_is_computed_anew_to_the_last_digits(name):
    stored = read_table(STORED / f"{name}.csv").frame
    pd.testing.assert_frame_equal(stored, _read_back(tables.TABLES[name]()), rtol=1e-10)


def test_cells_of_the_slow_tables_are_computed_anew():
    quantizers = read_table(STORED / "quantizers.csv").frame.set_index(["dim", "bits"])
    assert len(quantizers) == len(tables.GRID_DIMENSIONS) * len(tables.GRID_BITS)
    cell = quantizers.loc[8, 12]
    assert cell["matched"] == pytest.approx(matched_codebook_distortion(8, 4096), rel=1e-9)
    assert cell["best_random"] == pytest.approx(best_codebook_variance(8, 4096).distortion, rel=1e-9)
    assert (quantizers["best_random"] <= quantizers["matched"] * (1 + 1e-12)).all()


def test_the_command_writes_tables_and_refuses_unknown_ones(tmp_path):
    assert tables.main(["schemes", "--out", str(tmp_path)]) == 0
    assert read_table(tmp_path / "theory" / "schemes.csv").frame["scheme"].tolist() == [
        "VQ",
        "PQ",
        "SQ",
        "RQ",
        "VAR",
    ]
    with pytest.raises(DomainError, match="NAME must be one of"):
        tables.main(["nothing"])
