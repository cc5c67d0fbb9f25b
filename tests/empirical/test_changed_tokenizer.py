"""A tokenizer whose file changes after it was checked: no cell trains on the new weights."""

import pytest
import torch

from empirical import comparison
from empirical.comparison import compare
from empirical.launch import walk
from empirical.phases import Substitution
from empirical.runtime import Runtime
from empirical.setup import Setup
from empirical.tokenizers import PocketTokenizer, VARTokenizer, load_tokenizer
from qtheory.errors import SchemaError
from qtheory.weights import file_sha256
from tests.empirical.launched import Here, chosen


def replaced(path):
    """Write another tokenizer over a file."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        PocketTokenizer(8).save(path)


@pytest.mark.parametrize(
    ("name", "make"),
    [("t.safetensors", lambda: PocketTokenizer(8)), ("t.pth", lambda: VARTokenizer(32, 4, 8))],
)
def test_either_kind_is_loaded_by_its_checksum_only(tmp_path, name, make):
    tokenizer, path = make(), tmp_path / name
    sha256 = tokenizer.save(path)
    found = load_tokenizer(path, sha256)
    assert all(torch.equal(found.state_dict()[key], value) for key, value in tokenizer.state_dict().items())
    with pytest.raises(SchemaError, match=f"must have sha256 {'0' * 64}, got {sha256}"):
        load_tokenizer(path, "0" * 64)


def test_a_launched_cell_refuses_the_file_that_took_its_tokenizers_place(launch, tmp_path):
    cell, path = chosen()[0], tmp_path / "tokenizer.safetensors"
    Setup(launch, cell, Runtime()).tokenizer()
    replaced(path)
    words = f"must have sha256 {launch.digests['tokenizer']}, got {file_sha256(path)}"
    with pytest.raises(SchemaError, match=words):
        Setup(launch, cell, Runtime()).tokenizer()
    [(_, outcome)] = walk(launch, [cell], Here())
    assert words in outcome
    assert not list((tmp_path / "out").rglob("*.safetensors"))  # no latents of it either


def test_the_cells_of_a_comparison_on_photographs_refuse_it_too(tiny, tmp_path, monkeypatch):
    points = (("unquantized", "none"), ("fsq", "full"))
    monkeypatch.setattr("empirical.cells.compared", lambda *_: points)
    before = file_sha256(tiny["tokenizer"])
    aside = comparison._set_aside

    def swapped(job):
        aside(job)
        replaced(tiny["tokenizer"])

    monkeypatch.setattr(comparison, "_set_aside", swapped)
    found, _ = compare(Substitution, "smoke", "fair", out=tmp_path / "out", jobs=1, **tiny)
    failures = found.manifest["failures"]
    assert len(failures) == 2
    assert all(f"must have sha256 {before}, got" in failure["error"] for failure in failures)
