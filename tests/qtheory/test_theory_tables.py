"""The stored tables of theory are what the code computes."""

import io
from pathlib import Path

import pandas as pd
import pytest

from qtheory import _theory_tables as tables
from qtheory.errors import DomainError
from qtheory.results import read_table

STORED = Path(tables.__file__).parent / "theory"


def _read_back(rows):
    """What a frame is after it was written and read."""
    return pd.read_csv(io.StringIO(pd.DataFrame(rows).to_csv(index=False)))


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_stored_table_is_valid_and_names_its_command(name):
    assert read_table(STORED / f"{name}.csv").manifest["command"] == f"python -m qtheory tables {name}"


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_stored_table_is_computed_anew_to_the_last_digits(name):
    stored = read_table(STORED / f"{name}.csv").frame
    pd.testing.assert_frame_equal(stored, _read_back(tables.TABLES[name]()), rtol=1e-10)


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
