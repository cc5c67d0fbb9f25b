"""Latents on disk: equal to the encoder's, kept through interruptions, and not silently changed."""

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from empirical import latents
from empirical.images import index_folder
from empirical.latents import cache_latents
from empirical.pixels import to_tensor
from empirical.streaming import Crops
from empirical.tokenizers import PocketTokenizer
from qtheory.errors import DomainError, SchemaError


@pytest.fixture
def crops(tmp_path):
    for i in range(5):
        pixels = np.random.default_rng(i).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        PilImage.fromarray(pixels).save(tmp_path / f"{i}.png")
    return Crops(index_folder(tmp_path, 16), 16, seed=0)


@pytest.fixture
def tokenizer():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PocketTokenizer(8).eval()


def cached(tokenizer, crops, folder, **options):
    return cache_latents(tokenizer, crops, folder, {"tokenizer": "a"}, views=2, shard=4, batch=3, **options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_cached_latents_are_those_of_the_encoder_rounded_to_half_precision(tokenizer, crops, tmp_path):
    z_e = cached(tokenizer, crops, tmp_path / "z")
    assert len(z_e) == 10
    chosen = torch.tensor([9, 0, 4, 13])  # the last one starts again: visit 3
    pixels = np.stack([crops[v].movedim(0, -1).numpy() for v in (9, 0, 4, 3)])
    with torch.no_grad():
        expected = tokenizer.encode(to_tensor(pixels))
    found = z_e[chosen]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=2**-10, atol=1e-6)
    assert torch.equal(found, found.half().float())


def test_an_interrupted_run_computes_the_missing_files_only(tokenizer, crops, tmp_path, monkeypatch):
    straight = contents(cached(tokenizer, crops, tmp_path / "straight").folder)
    encoded, done = latents._encoded, []

    def stopped(*arguments):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(arguments[2])
        return encoded(*arguments)

    monkeypatch.setattr(latents, "_encoded", stopped)
    with pytest.raises(KeyboardInterrupt):
        cached(tokenizer, crops, tmp_path / "z")
    monkeypatch.setattr(latents, "_encoded", lambda *given: done.append(given[2]) or encoded(*given))
    cached(tokenizer, crops, tmp_path / "z")
    assert done == [range(4), range(4, 8), range(8, 10)]
    assert contents(tmp_path / "z") == straight
    cached(tokenizer, crops, tmp_path / "z")
    assert len(done) == 3


def test_another_configuration_is_computed_anew(tokenizer, crops, tmp_path):
    one = cached(tokenizer, crops, tmp_path / "z")
    other = cache_latents(tokenizer, crops, tmp_path / "z", {"tokenizer": "b"}, views=2, shard=4)
    assert one.digest != other.digest
    assert Crops(crops.folder, 16, seed=1).folder.digest == crops.folder.digest
    third = cache_latents(tokenizer, Crops(crops.folder, 16, seed=1), tmp_path / "z", {"tokenizer": "b"})
    assert third.digest not in (one.digest, other.digest)


def test_a_file_that_changed_is_refused(tokenizer, crops, tmp_path):
    cached(tokenizer, crops, tmp_path / "z")
    path = tmp_path / "z" / "latents-00001.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(SchemaError, match=r"latents-00001.safetensors changed since; remove the folder"):
        cached(tokenizer, crops, tmp_path / "z")


def test_latents_beyond_half_precision_are_refused(tokenizer, crops, tmp_path):
    with torch.no_grad():
        tokenizer.encoder[-1].running_var.fill_(1e-12)
        tokenizer.encoder[-1].eps = 0.0
    with pytest.raises(
        DomainError, match=r"must fit float16, got NaN or values beyond 65504 in visits 0 to 3"
    ):
        cached(tokenizer, crops, tmp_path / "z")
