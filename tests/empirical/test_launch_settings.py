"""What a launched cell depends on: settings by protocol, digest and version, processes."""

import shutil
from dataclasses import replace

import pytest
import torch

from empirical import checkpoint, setup
from empirical.cell_numbers import numbers_of
from empirical.cells import CellSpec
from empirical.head import REFERENCES
from empirical.launch import collect, task, walk
from empirical.runtime import Runtime
from empirical.setup import Launch, Setup
from empirical.streamed import cell_run
from empirical.tokenizers import PocketTokenizer
from qtheory.errors import DomainError
from qtheory.results import configuration_digest
from tests.empirical.helpers import interrupted
from tests.empirical.launched import TINY, Here, chosen


def test_commitments_as_run_are_those_of_each_split_and_a_stage_that_sets_its_own_keeps_it(launch):
    """MMD VQ had 1 at two quantizers a position and 0.2 at 1, 4 and 8; of no other method the run differs."""

    def betas(protocol, method, chunks):
        spec = CellSpec("substitution", method, "none", 16, chunks, protocol, 0, (5,))
        return {half.settings.commitment for half in cell_run(launch, spec, Runtime()).built().quantizers}

    assert [betas("as_run", "mmd", chunks) for chunks in (1, 2, 4, 8)] == [{0.2}, {1.0}, {0.2}, {0.2}]
    assert [betas("fair", "mmd", chunks) for chunks in (1, 2, 4)] == [{0.25}] * 3
    assert [betas("as_run", "ema", chunks) for chunks in (1, 2, 4)] == [{1.0}] * 3


def test_a_launch_is_read_as_it_was_written_and_its_digest_knows_what_matters(launch):
    spec = chosen()[0]
    read, again = Launch.read(launch.write(spec))
    assert (read, again) == (launch, spec)
    digest = launch.digest(spec)
    same = replace(launch, workers=3, out=f"{launch.out}-elsewhere", accumulate=1, evaluation_batch=5)
    assert same.digest(spec) == digest
    assert Launch.read(same.write(spec))[0] == same
    assert launch.digest(replace(spec, tables=(3,))) == digest
    others = [
        replace(launch, bf16=True).digest(spec),
        replace(launch, sizes=replace(TINY, head_width=16)).digest(spec),
        replace(launch, digests={**launch.digests, "train": "0"}).digest(spec),
        launch.digest(replace(spec, seed=1)),
    ]
    assert len({digest, *others}) == 5


def test_what_saves_memory_in_some_cells_leaves_the_digest_of_all_others(launch):
    """Else a launch whose joint trainings do not fit would do hundreds of hours of others again."""
    asked = {"fair": chosen(tables=[3, 7]), "fair_images": chosen("fair_images", tables=[3])}

    def told(changed):
        other = replace(launch, **changed)
        cells = [
            cell for own in asked.values() for cell in own if cell.method in ("unquantized", "kmeans", "fsq")
        ]
        different = {cell for cell in cells if other.digest(cell) != launch.digest(cell)}
        return {(cell.phase, cell.protocol) for cell in different}

    decoded = {("joint", "fair"), ("adaptation", "fair"), ("substitution", "fair_images")}
    decoded |= {("adaptation", "fair_images")}
    assert told({"accumulate": 2}) == decoded
    assert told({"bf16": True}) == told({"compiled": True}) == decoded | {("substitution", "fair")}
    fitted = next(cell for cell in asked["fair"] if cell.method == "kmeans")
    assert replace(launch, bf16=True, accumulate=2).digest(fitted) == launch.digest(fitted)


def test_the_digest_of_a_launch_without_such_settings_is_that_of_their_defaults(launch):
    """A changed digest sets finished cells aside."""
    rounded, trained = replace(launch, bf16=True), set()
    for cell in chosen(tables=[3, 7]):
        for one, bf16 in ((launch, False), (rounded, cell.trained)):
            content = {"version": setup.VERSION, **numbers_of(TINY, cell), "bf16": bf16, "compiled": False}
            content |= {"start": one.digest(cell.start) if cell.start else None}
            content |= {"digests": dict(launch.digests)}
            assert one.digest(cell) == configuration_digest(content)
        trained.add(cell.trained)
    assert trained == {True, False}


def test_only_the_tokenizer_of_a_training_is_compiled(launch, monkeypatch):
    """What is in no digest must change no number of a baseline, not even by rounding."""
    compiled = []
    monkeypatch.setattr(PocketTokenizer, "compile_networks", lambda tokenizer: compiled.append(tokenizer))
    baseline, *_, joint = chosen(tables=[3])
    asked = replace(launch, compiled=True)
    Setup(asked, baseline, Runtime()).tokenizer()
    assert not compiled
    Setup(asked, joint, Runtime()).tokenizer()
    assert len(compiled) == 1


def test_a_table_carries_the_version_of_its_cells(launch, monkeypatch):
    spec = chosen()[0]
    table, digest = collect(launch, [(spec, "failed")], "test"), launch.digest(spec)
    assert table.manifest["configuration"]["version"] == setup.VERSION
    monkeypatch.setattr(setup, "VERSION", setup.VERSION + 1)
    assert launch.digest(spec) != digest


def test_a_training_goes_on_in_as_many_processes_as_began_it_and_its_row_says_how_many(launch, capsys):
    """What a discriminator sees and MMD VQ draws depends on their number."""
    cells = chosen(methods=["mmd"])[:1]
    folder = launch.folder(cells[0])
    [(_, straight)] = walk(launch, cells, Here())
    shutil.rmtree(folder)
    with interrupted(before=3):
        list(walk(launch, cells, Here()))
    tensors, metadata = checkpoint.load(folder / "state.safetensors")
    assert (metadata["step"], metadata["processes"]) == ("3", "1")
    spoiled = {key: torch.zeros_like(tensor) for key, tensor in tensors.items()}
    checkpoint.save(folder / "state.safetensors", spoiled, metadata | {"processes": "8"})
    [(cell, stored)] = walk(launch, cells, Here())
    told = f"{cell.name} starts anew: its state is of 8 process(es), this training has 1"
    assert told in capsys.readouterr().err
    assert stored["row"] == straight["row"]
    # trained in eight processes, and measured in one after an interruption
    (folder / "result.json").unlink()
    tensors, metadata = checkpoint.load(folder / "weights.safetensors")
    checkpoint.save(folder / "weights.safetensors", tensors, metadata | {"processes": "8"})
    outcomes = list(walk(launch, cells, Here()))
    assert outcomes[0][1]["row"] == stored["row"]
    assert collect(launch, outcomes, "test").frame["processes"].tolist() == [8]


def test_processes_of_a_machine_share_a_cell_and_the_published_run_has_one(launch):
    several = replace(launch, processes=2)
    fair, as_run = (task(several, chosen(protocol)[0]).command for protocol in ("fair", "as_run"))
    assert fair[1:5] == ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    assert "torch.distributed.run" not in as_run
    assert fair[-4:-2] == as_run[-4:-2] == ("-m", "empirical.cell")
    with pytest.raises(DomainError, match="batch_size must be a multiple of the 2 processes, got 3"):
        Runtime(world=2).share(torch.arange(3))


@pytest.mark.parametrize("method", REFERENCES)
def test_references_are_fitted_in_one_process_with_all_threads_of_the_machine(launch, method):
    """Torchrun gives each of several processes one thread, and all but the first would wait."""
    several, cell = replace(launch, processes=2), chosen(tables=[3])[0]
    assert several.ranks(cell) == 2
    fitted = replace(cell, phase="substitution", method=method)
    assert several.ranks(fitted) == 1
    assert "torch.distributed.run" not in task(several, fitted).command
