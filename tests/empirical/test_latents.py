"""Latents on disk: equal to the encoder's, kept through interruptions, and not silently changed."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from empirical import latents, locks
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
    z_e = cached(tokenizer, crops, tmp_path / "z")
    assert done == [range(4), range(4, 8), range(8, 10)]
    assert contents(z_e.folder) == straight
    cached(tokenizer, crops, tmp_path / "z")
    assert len(done) == 3


def test_another_configuration_is_computed_anew(tokenizer, crops, tmp_path):
    one = cached(tokenizer, crops, tmp_path / "z")
    other = cache_latents(tokenizer, crops, tmp_path / "z", {"tokenizer": "b"}, views=2, shard=4)
    assert one.digest != other.digest
    assert Crops(crops.folder, 16, seed=1).folder.digest == crops.folder.digest
    third = cache_latents(tokenizer, Crops(crops.folder, 16, seed=1), tmp_path / "z", {"tokenizer": "b"})
    assert third.digest not in (one.digest, other.digest)


def test_what_another_tokenizer_encodes_is_not_read_in_place_of_ones_own(tokenizer, crops, tmp_path):
    """Two launches into one folder: the second caches while the first trains."""
    one, expected = cached(tokenizer, crops, tmp_path / "z"), cached(tokenizer, crops, tmp_path / "apart")
    with torch.no_grad():
        tokenizer.encoder[0].weight.mul_(1.5)
    other = cache_latents(tokenizer, crops, tmp_path / "z", {"tokenizer": "b"}, views=2, shard=4)
    every = torch.arange(10)
    assert torch.equal(one[every], expected[every])
    assert not torch.equal(other[every], expected[every])


def test_latents_that_were_written_under_the_plain_name_are_taken_from_there(
    tokenizer, crops, tmp_path, monkeypatch
):
    before = cached(tokenizer, crops, tmp_path / "z").folder.rename(tmp_path / "z")
    other = cache_latents(tokenizer, crops, tmp_path / "z", {"tokenizer": "b"}, views=2, shard=4)
    monkeypatch.setattr(latents, "_encoded", None)
    assert cached(tokenizer, crops, tmp_path / "z").folder == before != other.folder


def test_a_file_that_changed_is_refused(tokenizer, crops, tmp_path):
    path = cached(tokenizer, crops, tmp_path / "z").folder / "latents-00001.safetensors"
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


def test_of_several_jobs_that_need_the_same_latents_one_computes_them(
    tokenizer, crops, tmp_path, monkeypatch, capsys
):
    """The second comes while the first encodes; else each rewrites what the other has."""
    encoded, done, second = latents._encoded, [], threading.Event()

    def slow(*arguments):
        done.append((threading.get_ident(), arguments[2]))
        if len({job for job, _ in done}) == 2:
            second.set()
        second.wait(0.3)  # for the other job to come here too
        return encoded(*arguments)

    monkeypatch.setattr(latents, "_encoded", slow)
    monkeypatch.setattr(locks, "POLL", 0.01)
    found = []
    jobs = [
        threading.Thread(target=lambda: found.append(cached(tokenizer, crops, tmp_path / "z")))
        for _ in range(2)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [visits for _, visits in done] == [range(4), range(4, 8), range(8, 10)]
    assert [z_e.count for z_e in found] == [10, 10]
    assert capsys.readouterr().err.count("waits for another job, which has") == 1


def test_latents_that_are_there_are_read_while_another_job_has_the_lock(tokenizer, crops, tmp_path):
    """Or the cells of a phase would check the files of the same cache one after another."""
    folder = cached(tokenizer, crops, tmp_path / "z").folder
    with locks.alone(folder.with_name(f"{folder.name}.lock")):
        assert len(cached(tokenizer, crops, tmp_path / "z")) == 10


def test_a_file_that_is_missing_is_computed_again_and_must_be_what_it_was(tokenizer, crops, tmp_path):
    folder = cached(tokenizer, crops, tmp_path / "z").folder
    straight = contents(folder)
    (folder / "latents-00001.safetensors").unlink()
    assert contents(cached(tokenizer, crops, tmp_path / "z").folder) == straight
    (folder / "latents-00001.safetensors").unlink()
    with torch.no_grad():
        tokenizer.encoder[0].weight.mul_(1.5)
    with pytest.raises(SchemaError, match=r"latents-00001.safetensors changed since"):
        cached(tokenizer, crops, tmp_path / "z")
