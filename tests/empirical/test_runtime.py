"""Processes that join: what their sums reach, and how long they wait for each other."""

from datetime import timedelta

import pytest
import torch
from torch.distributed import Backend, BackendConfig, HashStore

from empirical.distances import EffLiteStatistics
from empirical.processes import several_processes
from empirical.runtime import processes, wait, worker_killed


@pytest.fixture
def joined(monkeypatch):
    """The groups that processes on cards join, here of one process, and gloo's for cards as well."""
    groups, join = [], torch.distributed.init_process_group

    def alone(backend, *, timeout):
        groups.append((backend, timeout))
        devices = BackendConfig(Backend(backend)).get_device_backend_map()
        within = ",".join(f"{device}:gloo" for device in devices)
        join(within, store=HashStore(), rank=0, world_size=1, timeout=timeout)

    monkeypatch.setattr(torch.distributed, "init_process_group", alone)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    return groups


def test_processes_on_cards_add_up_what_lies_on_the_cpu(joined):
    """Features for which nothing has to be downloaded are NumPy's."""
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    statistics = EffLiteStatistics(3)
    statistics.update(images, images.flip(0), torch.arange(3))
    alone = statistics.columns()
    with processes(device="cuda") as runtime:
        assert (runtime.device, runtime.world) == ("cuda:0", 2)
        assert several_processes()
        wait(runtime)
        assert statistics.columns() == alone
    assert [backend for backend, _ in joined] == ["cpu:gloo,cuda:nccl"]
    assert not several_processes()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_processes_wait_for_hours_for_latents_alone_and_else_give_up_on_one_that_hangs(
    joined, device, monkeypatch
):
    made, waited = [], []
    group, barrier = torch.distributed.new_group, torch.distributed.barrier
    monkeypatch.setattr(torch.distributed, "new_group", lambda **own: made.append(own) or group(**own))
    monkeypatch.setattr(torch.distributed, "barrier", lambda own: waited.append(own) or barrier(own))
    with processes(device=device) as runtime:
        assert several_processes()
        wait(runtime)
        assert runtime.patient is not None
        assert waited == [runtime.patient]
    [(_, usual)], [patient] = joined, made
    assert usual <= timedelta(hours=1)
    assert patient == {"backend": "gloo", "timeout": timedelta(hours=24)}


@pytest.mark.parametrize(
    ("how", "killed"),
    [
        ("is killed by signal: Killed. ", True),
        ("is killed by signal: Bus error. It is possible that shared memory ran out", True),
        ("is killed by signal: Segmentation fault. ", False),
        ("exited unexpectedly with exit code 1. Details are lost", False),
    ],
)
def test_how_a_process_that_decodes_ended_is_read_from_the_cause_of_what_the_loader_says(how, killed):
    """Where batches are awaited, the loader itself says only that it ended."""
    error = RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly")
    assert worker_killed(error)
    error.__cause__ = RuntimeError(f"DataLoader worker (pid 7) {how}")
    assert worker_killed(error) is killed
