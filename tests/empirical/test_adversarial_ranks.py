"""Batch norm, LeCAM and the adaptive weight over two processes, against one with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("adversarial_ranks.py")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What one process alone, and each of two, make of the same batch."""
    folder = tmp_path_factory.mktemp("adversarial")
    runs = {"alone": (0, 1), "first": (0, 2), "second": (1, 2)}
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, SCRIPT, str(rank), str(world), folder / "rendezvous", folder / run],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for run, (rank, world) in runs.items()
    ]
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    return {run: torch.load(folder / run, weights_only=True) for run in runs}


def test_averages_and_weight_of_two_processes_are_those_of_one(results):
    alone = results["alone"]["synced"]
    for run in ("first", "second"):
        for key, value in alone.items():
            torch.testing.assert_close(results[run]["synced"][key], value, rtol=1e-12, atol=0)


def test_averages_and_weight_of_each_process_alone_differ(results):
    """Negative control, and what the published run did."""
    alone = results["alone"]["local"]
    assert alone == results["alone"]["synced"]
    for key, value in alone.items():
        first, second = results["first"]["local"][key], results["second"]["local"][key]
        assert abs(first - second) > 1e-3
        assert abs(first - value) > 1e-3


def test_batch_norm_of_two_processes_is_that_of_one(results):
    alone, parts = results["alone"]["norm"], [results[run]["norm"] for run in ("first", "second")]
    for key, value in alone.items():
        if key in ("y", "x.grad"):
            torch.testing.assert_close(torch.cat([part[key] for part in parts]), value)
        else:
            for part in parts:
                torch.testing.assert_close(part[key], value)
    # negative control: the halves of the batch have other means
    halves = alone["y"].chunk(2)
    assert not torch.allclose(halves[0].mean((0, 2)), halves[1].mean((0, 2)), atol=1e-3)
