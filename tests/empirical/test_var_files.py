"""Files of VAR tokenizers: what comes back, and what the loader refuses."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from empirical._pretrained import read_state
from empirical.tokenizers import PocketTokenizer, VARTokenizer
from qtheory.errors import SchemaError
from qtheory.weights import WEIGHTS, file_sha256
from tests.empirical.var_network import small

HITS = "quantize.ema_vocab_hit_SV"


@pytest.fixture
def saved(tmp_path):
    tokenizer = small(z_channels=8, codebook_size=40)
    path = tmp_path / "var.pth"
    return tokenizer, path, tokenizer.save(path)


def test_a_saved_tokenizer_comes_back_in_evaluation_mode_with_sizes_and_digest(saved):
    tokenizer, path, sha256 = saved
    for loaded in (VARTokenizer.from_checkpoint(path, sha256), VARTokenizer.from_checkpoint(path)):
        assert not loaded.training
        assert loaded.sha256 == sha256 == file_sha256(path)
        assert loaded.state_dict().keys() == tokenizer.state_dict().keys()
        assert all(torch.equal(t, tokenizer.state_dict()[key]) for key, t in loaded.state_dict().items())
        assert all(p.requires_grad and p.device.type == "cpu" for p in loaded.parameters())


def test_half_precision_files_are_computed_in_float32(saved):
    tokenizer, path, _ = saved
    torch.save(tokenizer.half().state_dict(), path)
    loaded = VARTokenizer.from_checkpoint(path)
    assert {t.dtype for t in loaded.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("hits", [None, torch.ones(7, 40), torch.ones(10, 40)])
def test_counts_of_codes_may_be_missing_or_of_other_scales(saved, hits):
    tokenizer, path, _ = saved
    state = tokenizer.state_dict()
    state.pop(HITS)
    torch.save(state if hits is None else state | {HITS: hits}, path)
    loaded = VARTokenizer.from_checkpoint(path).quantize.ema_vocab_hit_SV
    assert loaded.shape == (10, 40)
    assert loaded.unique().tolist() == [float(hits is not None and len(hits) == 10)]


def test_a_wrong_checksum_and_a_missing_file_are_refused(saved, tmp_path):
    _, path, sha256 = saved
    with pytest.raises(SchemaError, match=f"must have sha256 {WEIGHTS[0].sha256}, got {sha256}"):
        VARTokenizer.from_checkpoint(path, WEIGHTS[0].sha256)
    published = rf"FoundationVision/var.*\(vae_\w+\.pth, 436,075,834 bytes\), sha256 {WEIGHTS[0].sha256}"
    with pytest.raises(FileNotFoundError, match=published):
        VARTokenizer.from_checkpoint(tmp_path / "absent.pth")


def write_module(path):
    torch.save(small(), path)


def write_pickle(path):
    path.write_bytes(pickle.dumps({"encoder": Path("x")}))


def write_text(path):
    path.write_text("no checkpoint")


def write_nothing(path):
    path.write_bytes(b"")


def write_half(path):
    small().save(path)
    path.write_bytes(path.read_bytes()[:100_000])


def write_safetensors(path):
    save_file({"a": torch.zeros(3)}, path)


def with_pickle(path, change):
    """Write a file whose index of tensors is another one, or none."""
    torch.save({"encoder.conv_in.weight": torch.zeros(2)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, change(content) if name.endswith("data.pkl") else content)


def malformed(path):
    """Write files whose unpickling raises each of these."""
    yield UnicodeDecodeError, lambda: with_pickle(path, lambda own: own.replace(b"encoder", b"enc\x89der"))
    yield IndexError, lambda: with_pickle(path, lambda own: b"\x80\x02.")
    yield KeyError, lambda: with_pickle(path, lambda own: b"\x80\x02h\x05.")


def test_an_index_of_tensors_that_is_malformed_is_refused(tmp_path):
    path = tmp_path / "bad.pth"
    for error, write in malformed(path):
        write()
        with pytest.raises(error):
            torch.load(path, weights_only=True)
        with pytest.raises(SchemaError, match=r"bad\.pth must hold tensors only.*weights_only=True"):
            VARTokenizer.from_checkpoint(path)
        with pytest.raises(SchemaError, match=r"bad\.pth must hold tensors only"):
            read_state(path, file_sha256(path), origin="nowhere")


@pytest.mark.parametrize(
    "write", [write_module, write_pickle, write_text, write_nothing, write_half, write_safetensors]
)
def test_pickled_objects_and_damaged_files_are_refused(tmp_path, write):
    path = tmp_path / "bad.pth"
    write(path)
    with pytest.raises(SchemaError, match=r"bad\.pth must hold tensors only.*weights_only=True"):
        VARTokenizer.from_checkpoint(path)


def test_no_code_of_a_pickle_is_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "bad.pth"
    for write in (torch.save, lambda payload, path: path.write_bytes(pickle.dumps(payload))):
        write({"encoder.conv_in.weight": Payload()}, path)
        with pytest.raises(SchemaError, match="refused because reading one can run code"):
            VARTokenizer.from_checkpoint(path)
        assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "must hold a dict of tensors, got list"),
        (
            {"model": {"a": torch.zeros(1)}},
            "flat dict of tensors, got dict under 'model'; take the state dict",
        ),
        ({"a": torch.zeros(1), "step": 3}, "flat dict of tensors, got int under 'step'"),
        (
            PocketTokenizer(8).state_dict(),
            "whose ch is the length of encoder.conv_in.weight: got .* without it",
        ),
    ],
)
def test_other_contents_are_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(SchemaError, match=message):
        VARTokenizer.from_checkpoint(tmp_path / "other.pth")


def test_misfits_are_named_with_what_was_expected_and_found(saved):
    tokenizer, path, _ = saved
    state = tokenizer.state_dict()
    for i in range(4):
        state[f"loss.{i}.weight"] = torch.zeros(1)
    state["vae.quant_conv.bias"] = state.pop("quant_conv.bias")
    state["post_quant_conv.bias"] = torch.zeros(9)
    state[HITS] = torch.zeros(10, 41)
    torch.save(state, path)
    with pytest.raises(SchemaError) as caught:
        VARTokenizer.from_checkpoint(path)
    assert (
        f"{path} must hold the 324 tensors of a VAR tokenizer, got 1 missing: quant_conv.bias; "
        "5 unexpected: loss.0.weight, loss.1.weight, loss.2.weight, ...; 2 of another shape: "
        f"{HITS} must be (10, 40), got (10, 41), post_quant_conv.bias must be (8,), got (9,); get"
    ) in str(caught.value)


def test_widths_that_no_tokenizer_has_are_refused(saved):
    tokenizer, path, _ = saved
    torch.save(tokenizer.state_dict() | {"encoder.conv_in.weight": torch.zeros(48, 3, 3, 3)}, path)
    with pytest.raises(SchemaError, match="ch is a multiple of 32: got 48"):
        VARTokenizer.from_checkpoint(path)
