"""Why a cell of a launch failed: memory that ran out, a process that was killed, a loss that is no number."""

import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from empirical import cell_run
from empirical.checkpoint import load
from empirical.launch import task, walk
from empirical.outcomes import failure
from empirical.streaming import Crops
from empirical.substitute import SubstitutionObjective
from tests.empirical.launched import Here, chosen

MEMORY_WORDS = (
    "turn on --recompute; more --processes, which share the batch of 2, lower it too but start interrupted"
)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes."),
        MemoryError(),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("ncclUnhandledCudaError: Last error: Cuda failure 2 'out of memory'"),
    ],
    ids=["card", "torch on the CPU", "Python", "CUDA", "cuBLAS", "cuDNN", "cuDNN 9", "NCCL"],
)
def test_memory_that_runs_out_names_the_settings_that_save_it(launch, monkeypatch, error):
    def train(*_, **__):
        raise error

    monkeypatch.setattr(cell_run, "train_on", train)
    [(_, outcome)] = walk(launch, chosen()[:1], Here())
    assert outcome.startswith("DomainError: memory of cpu ran out in substitution/fsq-full-256x2-fair-0: ")
    assert MEMORY_WORDS in outcome
    assert outcome.endswith(f"({str(error) or 'MemoryError'})")


@pytest.mark.parametrize("error", ["shapes differ", "CUDA error: an illegal memory access was encountered"])
def test_other_errors_are_not_taken_for_memory_that_ran_out(launch, monkeypatch, error):
    def train(*_, **__):
        raise RuntimeError(error)

    monkeypatch.setattr(cell_run, "train_on", train)
    [(_, outcome)] = walk(launch, chosen()[:1], Here())
    assert outcome == f"RuntimeError: {error}"


@pytest.mark.parametrize("phase", ["substitution", "adaptation"])
def test_a_process_that_decodes_and_is_killed_names_their_number(launch, monkeypatch, phase):
    """While latents are cached, and in a training: the system kills those when memory runs out."""
    cells = [cell for cell in chosen() if cell.phase in ("substitution", phase)]
    *before, spec = cells
    list(walk(launch, before, Here()))

    def killed(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Crops, "__getitem__", killed)
    [(_, outcome)] = walk(replace(launch, workers=1), [spec], Here())
    assert re.fullmatch(
        f"DomainError: a process that decodes images for {re.escape(spec.name)} was killed, perhaps because "
        r"memory ran out; then lower --workers, of which each process that trains has 1 \(DataLoader .*\)",
        outcome,
    )


def test_a_cell_that_the_system_kills_says_what_saves_memory(launch):
    spec = chosen()[0]
    task(launch, spec)
    (launch.folder(spec) / "log.jsonl").touch()  # its training has begun
    for status in (-9, 137):
        words = failure(launch, spec, status)
        assert words.startswith("was killed, perhaps because memory ran out; then turn on --recompute")
        assert MEMORY_WORDS in words
        assert f"ended with status {status}" in words


def test_output_that_is_no_text_ends_no_walk(launch):
    spec = chosen()[0]
    Path(task(launch, spec).log).write_bytes(b"before \xff after")
    assert failure(launch, spec, 1) == "ended with status 1: before \ufffd after"


def test_a_process_that_is_killed_to_end_a_cell_is_not_its_reason(launch):
    """Of several, torchrun stops those that do not end when one has failed, and says so."""
    spec = chosen()[0]
    log = task(launch, spec).log
    killed = "exitcode  : -9 (pid: 7)"
    Path(log).write_text(killed)
    assert "was killed, perhaps because memory ran out" in failure(launch, spec, 1)
    Path(log).write_text(f"Unable to shutdown process 7 via 15, forcefully exiting via 9; {killed}")
    assert failure(launch, spec, 1).startswith("ended with status 1: Unable to shutdown")


def test_a_loss_that_is_not_finite_stops_the_cell_which_keeps_its_last_good_state(launch, monkeypatch):
    spec, loss = chosen()[0], SubstitutionObjective.loss
    monkeypatch.setattr(
        SubstitutionObjective,
        "loss",
        lambda self, picked: loss(self, picked) * (torch.nan if self.step == 2 else 1),
    )
    [(_, outcome)] = walk(launch, [spec], Here())
    assert outcome == ("FloatingPointError: loss of step 3 of 4 is nan; lower learning_rate in the preset")
    folder = launch.folder(spec)
    tensors, metadata = load(folder / "state.safetensors")
    assert metadata["step"] == "2"
    assert all(tensor.isfinite().all() for tensor in tensors.values() if tensor.is_floating_point())
    assert not (folder / "weights.safetensors").exists()
    assert json.loads((folder / "failure.json").read_text())["error"] == outcome
    # what was trained is not lost: the same command goes on from there
    monkeypatch.setattr(SubstitutionObjective, "loss", loss)
    [(_, outcome)] = walk(launch, [spec], Here())
    assert outcome["row"]["psnr"] > 0
    assert not (folder / "failure.json").exists()
