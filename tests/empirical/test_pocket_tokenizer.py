import json

import pytest
import torch

from empirical import checkpoint
from empirical.data import eval_crops, load_images, split
from empirical.metrics import psnr
from empirical.tokenizers import PocketTokenizer, default_pocket
from empirical.tokenizers.pocket import WEIGHTS
from qtheory.errors import DomainError, SchemaError, ShapeError


@pytest.fixture
def tokenizer():
    torch.manual_seed(0)
    return PocketTokenizer(width=8).eval()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (8, 8), (40, 96)])
def test_latents_have_16_channels_at_an_eighth_of_the_resolution(tokenizer, height, width):
    x = torch.rand(2, 3, height, width) * 2 - 1
    z_e = tokenizer.encode(x)
    assert z_e.shape == (2, 16, height // 8, width // 8)
    assert tokenizer.decode(z_e).shape == x.shape
    assert torch.equal(tokenizer(x), tokenizer.decode(z_e))


def test_images_are_coded_one_by_one(tokenizer):
    x = torch.rand(3, 3, 16, 16) * 2 - 1
    assert torch.allclose(tokenizer(x)[1:2], tokenizer(x[1:2]), atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 64, 60), (1, 3, 60, 64)])
def test_images_of_other_shapes_are_refused(tokenizer, shape):
    with pytest.raises(ShapeError, match="multiples of 8"):
        tokenizer.encode(torch.zeros(shape))


def test_latents_of_other_shapes_are_refused(tokenizer):
    with pytest.raises(ShapeError, match="16"):
        tokenizer.decode(torch.zeros(1, 8, 4, 4))


@pytest.mark.parametrize("width", [0, -8, 12, 8.0])
def test_other_widths_are_refused(width):
    with pytest.raises(DomainError, match="width must be"):
        PocketTokenizer(width=width)


def test_a_saved_tokenizer_comes_back_in_evaluation_mode(tokenizer, tmp_path):
    sha256 = tokenizer.save(tmp_path / "t.safetensors")
    loaded = PocketTokenizer.from_checkpoint(tmp_path / "t.safetensors", sha256)
    assert not loaded.training
    x = torch.rand(1, 3, 16, 16)
    assert torch.equal(loaded(x), tokenizer(x))


def test_wrong_checksums_other_files_and_pickles_are_refused(tokenizer, tmp_path):
    path = tmp_path / "t.safetensors"
    tokenizer.save(path)
    with pytest.raises(SchemaError, match="must have sha256"):
        PocketTokenizer.from_checkpoint(path, "0" * 64)
    checkpoint.save(path, tokenizer.state_dict())
    with pytest.raises(SchemaError, match="must hold a pocket tokenizer"):
        PocketTokenizer.from_checkpoint(path)
    state = tokenizer.state_dict()
    lacking = {key: tensor for key, tensor in state.items() if key != "encoder.0.bias"}
    for width, tensors, misfits in [
        ("8", lacking, "1 are .*, such as encoder.0.bias"),
        ("8", state | {"extra": torch.ones(1)}, "1 are .*, such as extra"),
        ("16", state, r"\d\d are .*, such as decoder.0.bias"),
    ]:
        checkpoint.save(path, tensors, {"kind": "pocket", "width": width})
        words = rf"{path} must hold .* of width {width}, but {misfits}; make it by `python -m empirical"
        with pytest.raises(SchemaError, match=words):
            PocketTokenizer.from_checkpoint(path)
    torch.save(tokenizer.state_dict(), path)
    with pytest.raises(SchemaError, match="pickled"):
        PocketTokenizer.from_checkpoint(path)


@pytest.fixture(scope="module")
def packaged():
    images = load_images()
    heldout = split(images.names)[1]
    crops, _ = eval_crops([images.images[i] for i in heldout])
    tokenizer = default_pocket()
    with torch.no_grad():
        z_e = tokenizer.encode(crops)
        return json.loads(WEIGHTS.with_suffix(".json").read_text()), images, crops, z_e, tokenizer.decode(z_e)


def test_the_packaged_weights_reconstruct_held_out_photographs_as_their_manifest_says(packaged):
    manifest, _, crops, _, x_hat = packaged
    measured = float(psnr(crops, x_hat).mean())
    # other machines sum in another order
    assert measured == pytest.approx(manifest["measured"]["heldout"]["clean"]["psnr_rgb"], abs=0.01)
    assert measured > 25


def test_the_packaged_latents_have_about_unit_variance_in_every_channel(packaged):
    variances = packaged[3].transpose(0, 1).flatten(1).var(1)
    assert variances.min() > 0.5
    assert variances.max() < 2


def test_the_packaged_weights_were_made_from_the_packaged_photographs_and_their_training_part(packaged):
    manifest, images, *_ = packaged
    assert manifest["images"]["digest"] == images.digest
    assert manifest["heldout_photographs"] == [images.names[i] for i in split(images.names)[1]]


def test_the_packaged_weights_are_small(packaged):
    assert WEIGHTS.stat().st_size < 8e6
    assert packaged[0]["parameters"] == sum(p.numel() for p in default_pocket().parameters()) < 3e6
