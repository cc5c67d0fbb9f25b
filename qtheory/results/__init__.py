"""Result tables with manifests, provenance, named random streams and sweeps."""

from qtheory.results.json_files import read_json, read_json_if_whole
from qtheory.results.provenance import code_digest, configuration_digest, provenance
from qtheory.results.streams import stream
from qtheory.results.sweep import Cell, Sweep, grid, run_sweep
from qtheory.results.table import Table, read_table, remove_unfinished, write_bytes_atomically, write_table

__all__ = [
    "Cell",
    "Sweep",
    "Table",
    "code_digest",
    "configuration_digest",
    "grid",
    "provenance",
    "read_json",
    "read_json_if_whole",
    "read_table",
    "remove_unfinished",
    "run_sweep",
    "stream",
    "write_bytes_atomically",
    "write_table",
]
