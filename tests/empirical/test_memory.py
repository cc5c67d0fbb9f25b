"""Peak memory at K = 65536, in a process of its own: no table of N x K or K x K entries is ever made."""

import json
import subprocess
import sys

import pytest

from empirical.quantizers import QUANTIZERS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")

_SCRIPT = """
import json
from pathlib import Path
import torch
torch.set_num_threads(1)
from empirical.quantizers import QUANTIZERS, build
from empirical.quantizers._discrepancy import squared_mmd

AS_RUN = {"online", "online_vp2"}
# dimension and options of those that cannot have 16 dimensions, or not without options
SMALL = {"fsq": (4, {"levels": (4, 4, 4, 4)}), "var": (8, {"sizes": (16, 2)})}
LARGE = {"fsq": (6, {"levels": (8, 8, 8, 8, 4, 4)}), "var": (16, {"sizes": (16, 8)})}

def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))

def step(name, dim, K, rows, options={}):
    quantizer = build(name, dim, K, "as_run" if name in AS_RUN else "fair", **options)
    if name == "kmeans":  # a fit takes as many vectors as codewords, and long
        quantizer.codebook.copy_(draw(K, dim))
        quantizer.fitted.fill_(True)
    result = quantizer(draw(rows, dim).requires_grad_())
    (result.z_q.sum() + sum(result.losses.values())).backward()

def all_pairs():
    codebook = draw(12288, 16).requires_grad_()
    squared_mmd(draw(256, 16), codebook, torch.tensor(32.0), unbiased=False).backward()

for name in QUANTIZERS:
    dim, options = SMALL.get(name, (8, {}))
    step(name, dim, 256, 64, options)
def peak():
    # not getrusage: its maximum counts what the process that started this one held
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

before, growth = peak(), {}
for name in QUANTIZERS:
    dim, options = LARGE.get(name, (16, {}))
    step(name, dim, 65536, 2048, options)
    growth[name] = peak() - before
all_pairs()
growth["all pairs"] = peak() - before
torch.cdist(draw(2048, 16), draw(65536, 16))
growth["control"] = peak() - before
print(json.dumps(growth))
"""


@pytest.fixture(scope="module")
def growth():
    """MiB by which the peak had grown after each case; peaks never fall."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_no_quantizer_of_65536_codewords_makes_a_table_of_vectors_by_codewords(growth):
    """2048 x 65536 distances would take 512 MiB, and all pairs of 12288 codewords 576 MiB."""
    assert growth.keys() == {*QUANTIZERS, "all pairs", "control"}
    assert growth["all pairs"] < 256  # the last but one, so the highest of all before


def test_a_table_of_distances_would_be_found_out(growth):
    assert growth["control"] > 480
