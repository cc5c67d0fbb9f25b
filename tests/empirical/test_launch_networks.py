"""The path of the paper's preset, with small networks or random files in place of the published ones."""

import shutil
from dataclasses import replace

import pytest
import torch
import torchvision
from PIL import Image as PilImage

from empirical import inception
from empirical.cell import run
from empirical.cells import matrix
from empirical.discriminator import ViT
from empirical.inception import Inception
from empirical.network_files import DINO_FILE
from empirical.perceptual import BACKBONES
from empirical.runtime import Runtime
from empirical.setup import Setup
from empirical.streamed import cell_run
from qtheory.errors import SchemaError
from qtheory.weights import file_sha256
from tests.empirical.networked import TINY, networked, small_networks


def test_every_phase_of_the_published_run_reaches_its_networks(tmp_path, monkeypatch):
    small_networks(monkeypatch.setattr)
    launch = networked(tmp_path)
    cells = [c for c in matrix(TINY, ["as_run"], [3, 7], ["fsq"]) if c.head == "full"]
    assert [cell.phase for cell in cells] == ["substitution", "adaptation", "joint"]
    rows = {}
    for spec in cells:
        launch.write(spec)
        rows[spec.phase] = run(launch, spec, Runtime())
    assert all(
        {"r_fid", "kid_inception", "r_is", "lpips", "psnr_luma", "fid_sha256"} <= row.keys()
        for row in rows.values()
    )
    assert rows["substitution"]["epoch"] == "last"
    for spec in cells[1:]:
        assert rows[spec.phase]["epoch"].endswith("of 2 by r_fid")
        log = (launch.folder(spec) / "log.jsonl").read_text()
        for term in ("lpips", "adaptive_weight", "hinge", "accuracy", "consistency"):
            assert f'"{term}"' in log
    assert rows["adaptation"]["utilization"] == rows["substitution"]["utilization"]


def classifier(make, generator):
    """Return random weights of a classifier under torchvision's names; of its last layers the names alone."""
    with torch.device("meta"):
        state = make().state_dict()
    made = {}
    for key, tensor in state.items():
        if key.startswith("classifier."):
            made[key] = torch.zeros(1)
        elif key.endswith("bias"):
            made[key] = torch.zeros(tensor.shape)
        else:  # as large going out as coming in
            made[key] = torch.randn(tensor.shape, generator=generator) * (2 / tensor[0].numel()) ** 0.5
    return made


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with files of the published names, keys and shapes, and random numbers in them."""
    folder, generator = tmp_path_factory.mktemp("weights"), torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Inception()
    states = {
        BACKBONES["vgg"]: classifier(torchvision.models.vgg16, generator),
        BACKBONES["alex"]: classifier(torchvision.models.alexnet, generator),
        DINO_FILE: ViT(generator=generator).state_dict(),
        inception.FILE: {k: v for k, v in network.state_dict().items() if "num_batches" not in k},
    }
    for name, state in states.items():
        torch.save(state, folder / name)
    yield folder
    shutil.rmtree(folder)  # 250 MB


@pytest.mark.slow
def test_an_adaptation_reads_all_networks_from_their_files(tmp_path, weights):
    digests = {path.name: file_sha256(path) for path in weights.iterdir()}
    own = networked(tmp_path)
    for path in (tmp_path / "images").iterdir():
        PilImage.open(path).resize((240, 230)).save(path)
    second = replace(TINY.second, steps=1, batch_size=1)
    sizes = replace(TINY, size=224, second=second)  # DINO takes no less
    launch = replace(own, sizes=sizes, weights=str(weights), digests=own.digests | digests)
    first, spec, _ = (c for c in matrix(sizes, ["fair"], [3, 7], ["fsq"]) if c.head == "full")
    cell_run(launch, first, Runtime()).trained()
    launch.write(spec)
    row = run(launch, spec, Runtime())
    assert row["fid_sha256"] == digests[inception.FILE]
    assert row["lpips"] > 0
    assert row["r_fid"] > 0
    log = (launch.folder(spec) / "log.jsonl").read_text()
    assert '"lpips"' in log
    assert '"hinge"' in log
    other = Setup(replace(launch, digests=dict.fromkeys(digests, "0" * 64)), spec, Runtime())
    for make in (
        other.discriminator,
        other.statistics,
        lambda: other.lpips("vgg"),
        lambda: other.lpips("alex"),
    ):
        with pytest.raises(SchemaError, match="must have sha256 0000"):
            make()
