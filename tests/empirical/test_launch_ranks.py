"""Two processes, with half of each batch, end where one with whole batches does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

SCRIPT = Path(__file__).with_name("launch_ranks.py")
METHODS = ("ema", "fsq")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What one process alone, and each of two, end with."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "images").mkdir()
    for i in range(11):
        coarse = np.random.default_rng(i).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        PilImage.fromarray(coarse).resize((24, 20)).save(folder / "images" / f"{i}.png")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    two = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    started = [
        subprocess.Popen(
            [sys.executable, SCRIPT, folder / "images", folder],
            env=shared | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in ({}, two | {"RANK": "0"}, two | {"RANK": "1"})
    ]
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    return {name: torch.load(folder / f"{name}.pt", weights_only=True) for name in ("1-0", "2-0", "2-1")}


def distance(one, other, prefix):
    pairs = [(one[key], other[key]) for key in one if key.startswith(prefix)]
    assert len(pairs) > 10
    return max(float((a.double() - b.double()).abs().max()) for a, b in pairs)


@pytest.mark.parametrize("method", METHODS)
def test_two_processes_train_what_one_does(results, method):
    alone, first, second = results.values()
    assert distance(first, second, f"{method}.") == 0
    assert distance(first, alone, f"{method}.") < 1e-9


def test_gradients_that_stay_at_home_are_found_out(results):
    alone, first, second = results.values()
    assert distance(first, second, "local.") > 1e-6
    assert distance(first, alone, "local.") > 1e-6


def test_discriminator_and_decoder_stay_equal_in_all_processes_whose_views_differ(results):
    alone, first, second = results.values()
    assert distance(first, second, "adversary.") == 0
    keys = [key for key in alone if key.startswith("adversary.discriminator.heads")]
    assert len(keys) > 10
    # the views are others, so that two processes are not one with the whole batch
    assert any(not torch.equal(first[key], alone[key]) for key in keys)


def test_two_processes_measure_what_one_does(results):
    alone, first, second = results.values()
    rows = [key for key in alone if key.startswith("row.")]
    assert {"row.r_fid", "row.r_is", "row.psnr", "row.utilization", "row.latent_nmse_low"} <= set(rows)
    assert {"row.kid_inception", "row.kid_inception_low", "row.kid_inception_high"} <= set(rows)
    for key in rows:
        assert torch.equal(first[key], second[key])
        torch.testing.assert_close(first[key], alone[key], rtol=1e-4, atol=1e-6)
