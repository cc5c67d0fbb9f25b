"""kill -9 of one process of a cell: it fails with words that help, and resumes to the same bytes."""

import shutil
from dataclasses import replace

import pytest

from empirical.checkpoint import load
from empirical.executors import LocalExecutor
from empirical.launch import collect, walk
from tests.empirical.helpers import contents
from tests.empirical.launched import Here, chosen

RANKS = 2
# in the third of four steps, while the other process waits for the sum of the gradients
CUT = """
import os, signal, sys, time, torch
from empirical import training
from empirical.cell import main
from empirical.runtime import end_with_launcher

average, calls = training.average_gradients, []

def cut(parameters, runtime):
    calls.append(None)
    if runtime.rank == 1 and len(calls) == 3:
        {fate}
    average(parameters, runtime)

leave = torch.distributed.destroy_process_group

def late():
    leave()
    time.sleep(1)  # so that the other process fails, and tells, before this one ends

training.average_gradients, torch.distributed.destroy_process_group = cut, late
end_with_launcher()
main(*sys.argv[1:])
"""


class Torchrun(LocalExecutor):
    """Runs the joint optimisation of one method as processes, and all other cells in this one."""

    def __init__(self, script=None):
        self.script, self.here = script, Here()

    def run(self, tasks):
        for one in tasks:
            if "joint/online" not in one.command[-2]:
                yield from self.here.run([one])
                continue
            assert one.command[1:5] == ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
            command = (*one.command[:5], str(self.script), *one.command[-2:])
            yield from super().run([one if self.script is None else replace(one, command=command)])


def cut(folder, fate):
    script = folder / "cut.py"
    script.write_text(CUT.format(fate=fate))
    return script


@pytest.fixture
def two(launch, monkeypatch):
    """A launched comparison in two processes a cell, and four of its cells, of which the third is killed."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    cells = [cell for cell in chosen(methods=["online", "fsq"]) if cell.phase != "adaptation"]
    return replace(launch, processes=RANKS), cells


def test_a_launch_goes_on_where_one_process_of_a_cell_is_killed_and_resumes_to_the_same_bytes(two, tmp_path):
    launch, cells = two
    *_, spec, after = cells
    folder, log = launch.folder(spec), launch.folder(spec) / "output.log"
    straight = dict(walk(launch, cells, Torchrun()))[spec]
    expected = contents(folder)
    assert " 0/4 [" in log.read_text()  # of the bar of steps, where it begins
    for one in (spec, after):
        shutil.rmtree(launch.folder(one))
    script = cut(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    outcomes = dict(walk(launch, cells, Torchrun(script)))
    assert outcomes[spec].startswith(
        "one of 2 processes was killed, perhaps because memory ran out; then turn"
    )
    assert "--recompute; more --processes, which share the batch of 2, lower it too" in outcomes[spec]
    assert "(signal 9 ended process " in outcomes[spec]
    assert outcomes[after]["row"]["psnr"] > 0
    stored = collect(launch, list(outcomes.items()), "test").manifest["failures"]
    assert stored == [{"cell": spec.name, "error": outcomes[spec]}]
    assert load(folder / "state.safetensors")[1]["step"] == "2"
    resumed = dict(walk(launch, cells, Torchrun()))[spec]
    assert " 2/4 [" in log.read_text()
    assert " 0/4 [" not in log.read_text()
    assert resumed["processes"] == straight["processes"] == RANKS
    assert resumed["row"] == straight["row"]
    assert contents(folder) == expected
    assert expected.keys() == {"weights.safetensors", "log.jsonl"}


def test_the_process_that_fails_has_its_say_and_not_those_that_lose_it(two, tmp_path):
    launch, cells = two
    script = cut(tmp_path, "raise torch.OutOfMemoryError('too many images')")
    first, _, spec, _ = cells
    outcomes = dict(walk(launch, [first, spec], Torchrun(script)))
    assert outcomes[spec].startswith(
        f"DomainError: memory of cpu ran out in {spec.name}: turn on --recompute"
    )
