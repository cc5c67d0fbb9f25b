"""Of a preset a cell's digest has what its numbers depend on, and nothing else."""

from dataclasses import fields, replace

import pytest

from empirical.cells import CellSpec, matrix
from empirical.config import Budget
from empirical.launch import collect, walk
from empirical.launch_config import PRESETS, LaunchPreset
from empirical.launch_rows import row
from empirical.setup import indexed
from tests.empirical.launched import TINY, Here, chosen

SECOND = ("adaptation", "joint")


def every(cell):
    return True


def none(cell):
    return False


def quantizes(cell):
    return cell.phase != "baseline"


def has_heads(cell):
    return cell.head != "none"


def has_trained(cell):
    """Return whether a first stage is trained step by step, of the cell or of its start."""
    return quantizes(cell) and (cell.start or cell).trained


def later(cell):
    return cell.phase in SECOND


def caches(cell):
    """Return whether the cell or its start learns from cached latents."""
    return has_trained(cell) and cell.protocol not in ("as_run", "fair_images")


def chooses(cell):
    return later(cell) and cell.protocol == "as_run"


def with_value(sizes, name, value):
    """Return a preset in which a field, or one of a budget, has another value."""
    stage, _, field = name.partition(".")
    return replace(sizes, **{stage: replace(getattr(sizes, stage), **{field: value}) if field else value})


# each field with another value, and the cells whose numbers depend on it
CHANGES = [
    ("size", 64, every),
    ("channels", 32, quantizes),
    ("codebook_size", 64, none),
    ("chunks", 4, none),
    ("codebook_sizes", (16, 64, 256), none),
    ("token_chunks", (1, 2, 4), none),
    ("token_codebook_size", 256, none),
    ("splits", (4, 16), none),
    ("head_width", 16, has_heads),
    ("head_groups", 4, has_heads),
    ("first.steps", 6, has_trained),
    ("first.batch_size", 4, has_trained),
    ("first.learning_rate", 2e-3, has_trained),
    ("first.trials", 3, none),
    ("second.steps", 6, later),
    ("second.batch_size", 4, later),
    ("second.learning_rate", 2e-3, later),
    ("second.trials", 4, none),
    ("epochs", 1, chooses),
    ("views", 1, caches),
    ("networks", True, every),
    ("images", 11, none),
    ("heldout", 3, every),
]


def cells_of(protocol, *methods):
    return chosen(protocol, tables=[3, 7], methods=methods, heads=["full", "1x1", "none"])


CELLS = [
    cell
    for name in ("fair", "as_run", "fair_images", "fair_decoder")
    for cell in cells_of(name, "fsq", "mmd")
]


def test_the_changes_are_of_all_fields():
    names = {field.name for field in fields(LaunchPreset)} - {"first", "second"}
    names |= {f"{stage}.{field.name}" for stage in ("first", "second") for field in fields(Budget)}
    assert {name for name, *_ in CHANGES} == names


@pytest.mark.parametrize(("name", "value", "matters"), CHANGES)
def test_a_field_moves_the_cells_whose_numbers_depend_on_it_and_no_other(launch, name, value, matters):
    """Later phases among them, where it is their start that depends on it."""
    other = replace(launch, sizes=with_value(TINY, name, value))
    moved = {cell.name for cell in CELLS if other.digest(cell) != launch.digest(cell)}
    assert moved == {cell.name for cell in CELLS if matters(cell)}
    assert moved >= {cell.name for cell in CELLS if cell.start and matters(cell.start)}


def test_sizes_seeds_and_methods_that_are_added_leave_the_digests_of_all_cells(launch):
    """As of the paper's preset on cards: else each addition would cost all that is finished."""
    sizes = PRESETS["paper"]
    more = replace(
        sizes,
        codebook_sizes=(*sizes.codebook_sizes, 2**17),
        token_chunks=(*sizes.token_chunks, 16),
        splits=(64, *sizes.splits),
        first=replace(sizes.first, trials=4),
        second=replace(sizes.second, trials=4),
    )
    before, after = (replace(launch, sizes=one) for one in (sizes, more))
    cells, added = ({cell.name: cell for cell in matrix(one, ["fair", "as_run"])} for one in (sizes, more))
    assert cells.keys() < added.keys()
    moved = [name for name, cell in cells.items() if before.digest(cell) != after.digest(added[name])]
    assert moved == []


def test_a_launch_with_more_seeds_and_sizes_runs_those_alone_and_its_table_has_all(launch):
    sizes = replace(TINY, first=replace(TINY.first, trials=1))
    more = replace(TINY, codebook_sizes=(*TINY.codebook_sizes, 64), second=replace(TINY.second, steps=6))
    cells, wider = (
        [cell for cell in matrix(one, tables=[4], native=False) if cell.phase == "substitution"]
        for one in (sizes, more)
    )
    list(walk(replace(launch, sizes=sizes), cells, Here()))
    executor, later_launch = Here(), replace(launch, sizes=more)
    table = collect(later_launch, list(walk(later_launch, wider, executor)), "test")
    assert executor.done == [cell.name.split("/")[1] for cell in wider if cell not in cells]
    assert [len(cells), len(wider)] == [2, 6]
    found = table.frame[["codebook_size", "seed"]].to_numpy().tolist()
    assert found == [[size, seed] for size in (16, 256, 64) for seed in (0, 1)]
    # a launch of a preset with fewer has all the seeds, and of the sizes its own
    frame = collect(replace(launch, sizes=sizes), [], "test").frame
    assert frame[["codebook_size", "seed"]].to_numpy().tolist() == found[:4]


def test_a_row_stands_in_the_tables_of_the_preset_as_it_is(launch):
    """Table 3 compares methods at one size: rows of a size that it had before do not mix with its own."""
    cells = chosen(tables=[3, 4], methods=["mmd"])
    first = [cell for cell in cells if (cell.phase, cell.method) == ("substitution", "mmd")]
    list(walk(launch, first, Here()))
    assert {cell.codebook_size: cell.tables for cell in first} == {16: (4,), 256: (3, 4)}
    other = replace(launch, sizes=replace(TINY, codebook_size=16))
    frame = collect(other, [], "test").frame
    assert frame.set_index("codebook_size")["tables"].to_dict() == {16: "4", 256: "4"}
    other = replace(launch, sizes=replace(TINY, codebook_size=16, codebook_sizes=(16, 64)))
    assert collect(other, [], "test").frame["codebook_size"].tolist() == [16]


REPRESENTATIVE = [
    CellSpec("baseline", "unquantized", "none", 0, 0, "fair", 0, (3,)),
    CellSpec("substitution", "lloyd_max", "none", 256, 2, "fair", 0, (3,)),
    CellSpec("substitution", "fsq", "none", 256, 2, "fair", 0, (3,)),
    *(
        CellSpec(phase, "mmd", "full", 256, 2, protocol, 0, (3, 7))
        for protocol in ("fair", "as_run")
        for phase in ("substitution", "adaptation", "joint")
    ),
]


@pytest.mark.parametrize("cell", REPRESENTATIVE, ids=lambda cell: cell.name)
def test_what_the_digest_of_a_cell_leaves_out_changes_no_column_of_its_row(launch, tmp_path, cell):
    """All at once: each field of the preset that the cell should not depend on gets another value."""
    left_out = [(name, value) for name, value, matters in CHANGES if not matters(cell)]
    sizes = TINY
    for name, value in left_out:
        sizes = with_value(sizes, name, value)
    other = replace(launch, sizes=sizes, out=str(tmp_path / "other"))
    indexed(replace(other, digests={}))
    walked = [one for one in (cell.start, cell) if one is not None]
    own, others = (dict(walk(one, walked, Here()))[cell] for one in (launch, other))
    assert own["digest"] == others["digest"]
    rows = [row(one, cell, found) for one, found in ((launch, own), (other, others))]
    assert rows[0]["psnr"] > 0
    assert rows[0] == rows[1]
