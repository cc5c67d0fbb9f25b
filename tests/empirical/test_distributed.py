"""Two processes with shares of each batch, equal or not, end where one process with whole batches does.

Every parameter and buffer is compared after five steps in float64. The negative controls leave one
reduction out, of statistics or of gradients, or the weights of unequal shares, and must be found out.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from empirical.quantizers import QUANTIZERS, REFERENCES
from tests.empirical import ranks

SCRIPT = Path(__file__).with_name("ranks.py")
NAMES = sorted(QUANTIZERS)
# FSQ has neither statistics nor losses
WITH_STATISTICS = [name for name in NAMES if name != "fsq"]
WITH_LOSSES = [name for name in WITH_STATISTICS if name not in REFERENCES]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Final states and counts of codes of one process alone, and of each of two."""
    folder = tmp_path_factory.mktemp("ranks")
    runs = {"first": (0, 2), "second": (1, 2)}
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
    found = {"alone": ranks.trained(world=1)}
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    return found | {run: torch.load(folder / run, weights_only=True) for run in runs}


@pytest.fixture(scope="module")
def states(results):
    """Final states of each run."""
    return {run: found["states"] for run, found in results.items()}


def distance(one, other):
    """Return the largest difference of any entry of two states."""
    assert one.keys() == other.keys()
    pairs = [(one[key].double(), other[key].double()) for key in one]
    # equal infinities, beyond the last level of a scalar quantizer, are no distance apart
    # the maximum of a tensor, unlike Python's, hides no NaN
    return float(torch.stack([torch.where(a == b, 0.0, a - b).abs().max() for a, b in pairs]).max())


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_with_half_the_batch_equal_one_with_all_of_it(states, name):
    alone, first, second = (states[run]["synced", name] for run in ("alone", "first", "second"))
    assert distance(first, second) < 1e-12
    assert distance(first, alone) < 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_with_unequal_shares_equal_one_with_all_vectors(states, name):
    """41 and 7 of 48 vectors: the mean over processes weighs each loss term by its process's share."""
    alone, first, second = (
        states[run][mode, name]
        for run, mode in (("alone", "synced"), ("first", ranks.UNEQUAL[0]), ("second", ranks.UNEQUAL[0]))
    )
    assert distance(first, second) < 1e-12
    assert distance(first, alone) < 1e-9


@pytest.mark.parametrize("name", WITH_LOSSES)
def test_means_over_unequal_shares_that_count_alike_are_found_out(states, name):
    assert distance(states["first"][ranks.UNEQUAL[1], name], states["alone"]["synced", name]) > 1e-6


@pytest.mark.parametrize("name", WITH_STATISTICS)
def test_statistics_of_one_process_alone_are_found_out(states, name):
    assert distance(states["first"]["local statistics", name], states["alone"]["synced", name]) > 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_one_process_alone_are_found_out(states, name):
    assert distance(states["first"]["local gradients", name], states["alone"]["synced", name]) > 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_codes_are_counted_over_both_processes_exactly(results, name):
    alone, first, second = (results[run]["usage"] for run in ("alone", "first", "second"))
    assert torch.equal(first["synced", name], alone["synced", name])
    assert torch.equal(second["synced", name], alone["synced", name])
    own = first["local statistics", name]
    assert int(own.sum()) == int(alone["synced", name].sum()) // 2  # what one process would count alone


def test_every_registered_quantizer_is_trained(states):
    assert sorted({name for _, name in states["alone"]}) == NAMES
