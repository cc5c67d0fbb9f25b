import pickle

import pytest
import torch
from torch import nn

from empirical import checkpoint
from qtheory.errors import SchemaError
from qtheory.weights import file_sha256


class Trap:
    """Creates a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def tensors():
    strided = torch.arange(12.0).reshape(3, 4).T
    return {"a": strided, "b": torch.tensor(3), "shared": strided[0], "half": torch.ones(2).half()}


def test_tensors_and_metadata_come_back_as_saved(tmp_path, tensors):
    digest = checkpoint.save(tmp_path / "new" / "x.safetensors", tensors, {"step": "7", "kind": "test"})
    found, metadata = checkpoint.load(tmp_path / "new" / "x.safetensors", digest)
    assert metadata == {"step": "7", "kind": "test"}
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_equal_tensors_give_equal_bytes(tmp_path, tensors):
    metadata = {str(i): "x" for i in range(20)}
    first = checkpoint.save(tmp_path / "a", tensors, metadata)
    backwards = dict(reversed(tensors.items())), dict(reversed(metadata.items()))
    assert checkpoint.save(tmp_path / "b", *backwards) == first


def test_a_wrong_checksum_names_file_expected_found_and_source(tmp_path, tensors):
    path = tmp_path / "x.safetensors"
    digest = checkpoint.save(path, tensors)
    expected = "0" * 64
    with pytest.raises(SchemaError) as caught:
        checkpoint.load(path, expected, source="the example site")
    for part in (str(path), expected, digest, "the example site"):
        assert part in str(caught.value)


def test_one_flipped_bit_is_noticed(tmp_path, tensors):
    path = tmp_path / "x.safetensors"
    digest = checkpoint.save(path, tensors)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(SchemaError, match="damaged or another version"):
        checkpoint.load(path, digest)


def test_a_pickled_checkpoint_is_refused_and_not_run(tmp_path):
    for name in ("model.pt", "model.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "trapped")))
        with pytest.raises(SchemaError, match="pickled checkpoints are refused"):
            checkpoint.load(tmp_path / name)
    torch.save({"a": torch.ones(1)}, tmp_path / "torch.pt")
    with pytest.raises(SchemaError, match="pickled checkpoints are refused"):
        checkpoint.load(tmp_path / "torch.pt")
    assert not (tmp_path / "trapped").exists()


def test_a_missing_file_is_named_with_its_source(tmp_path):
    with pytest.raises(FileNotFoundError, match="the example site"):
        checkpoint.load(tmp_path / "x", source="the example site")
    with pytest.raises(FileNotFoundError, match="the example site"):
        checkpoint.load(tmp_path / "x", "0" * 64, source="the example site")


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, tensors, monkeypatch):
    path = tmp_path / "x.safetensors"
    digest = checkpoint.save(path, tensors)

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save(path, {"a": torch.zeros(2)})
    assert file_sha256(path) == digest
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]


def test_tensors_of_another_configuration_are_not_read(tmp_path, monkeypatch):
    read, path = [], tmp_path / "x"
    monkeypatch.setattr(checkpoint, "tensors_of", lambda file: read.append(file.keys()) or {})
    checkpoint.save(path, {"a": torch.zeros(2)}, {"digest": "own", "step": "3"})
    assert checkpoint.load_matching(path, "other") is None
    assert [checkpoint.State(path, digest).steps for digest in ("own", "other")] == [3, 0]
    assert checkpoint.State(tmp_path / "missing", "own").steps == 0
    assert read == []
    assert checkpoint.load_matching(path, "own") == ({}, {"digest": "own", "step": "3"})
    assert read == [["a"]]


def trained(steps, model, optimizer):
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.full((1, 3), 0.1 * (step + 1))).square().sum().backward()
        optimizer.step()


def test_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(tmp_path):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    trained(3, model, optimizer)
    checkpoint.save(tmp_path / "x", checkpoint.pack(model=model, optimizer=optimizer))
    trained(3, model, optimizer)

    other = nn.Linear(3, 2)
    resumed = torch.optim.AdamW(other.parameters(), lr=0.1)
    checkpoint.unpack(checkpoint.load(tmp_path / "x")[0], model=other, optimizer=resumed)
    trained(3, other, resumed)
    assert torch.equal(other.weight, model.weight)
    # negative control: without the optimizer's moments the weights differ
    fresh = nn.Linear(3, 2)
    tensors = {k: v for k, v in checkpoint.load(tmp_path / "x")[0].items() if k.startswith("model.")}
    checkpoint.unpack(tensors, model=fresh)
    trained(3, fresh, torch.optim.AdamW(fresh.parameters(), lr=0.1))
    assert not torch.equal(fresh.weight, model.weight)


def test_tensors_that_do_not_fit_are_refused():
    tensors = checkpoint.pack(model=nn.Linear(3, 2))
    with pytest.raises(SchemaError, match="do not fit"):
        checkpoint.unpack(tensors, model=nn.Linear(2, 2))
    with pytest.raises(SchemaError, match="must belong to head"):
        checkpoint.unpack(tensors, head=nn.Linear(3, 2))
