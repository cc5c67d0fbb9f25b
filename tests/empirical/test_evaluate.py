"""Errors and counts of a transplant, against direct computation."""

import numpy as np
import pytest
import torch

from empirical import evaluate as module
from empirical.evaluate import HeldOut, evaluate, latent_errors
from empirical.head import REFERENCES, build_transplant
from empirical.latent_sums import TransplantSums
from empirical.tokenizers import PocketTokenizer
from empirical.training import fit_references


def latents(n, seed=0):
    return torch.randn(n, 16, 4, 4, generator=torch.Generator().manual_seed(seed))


def transplant(method="kmeans", head="none", K=16):
    built = build_transplant(
        method,
        head,
        channels=16,
        codebook_size=K,
        width=8,
        protocol="fair",
        side=4,
        generator=torch.Generator().manual_seed(0),
    )
    if method in REFERENCES:
        fit_references(built, latents(40))
    return built


@pytest.mark.parametrize("batch", [3, 128])
def test_errors_are_sums_over_the_whole_set_whatever_the_batches(batch, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", batch)
    built, z_e = transplant(), latents(20, seed=1)
    found = latent_errors(built, z_e)
    halves = [half.movedim(1, -1).reshape(-1, 8).double() for half in z_e.chunk(2, dim=1)]
    q = [
        quantizer.eval()(half.float()).z_q.double()
        for quantizer, half in zip(built.quantizers, halves, strict=True)
    ]
    distortion = sum((z - y).square().sum(1).mean() for z, y in zip(halves, q, strict=True)) / 2
    variance = sum(z.var(0, correction=0).sum() for z in halves) / 2
    row = found.row()
    np.testing.assert_allclose(row["quantizer_distortion"], distortion)
    np.testing.assert_allclose(row["quantizer_distortion_per_dim"], distortion / 8)
    np.testing.assert_allclose(row["quantizer_nmse"], distortion / variance)
    assert found.quantizer.shape == found.latent.shape == (20,)


def test_without_heads_the_latent_error_is_the_quantizer_error_a_dimension():
    row = latent_errors(transplant(), latents(20, seed=1)).row()
    np.testing.assert_allclose(row["latent_distortion_per_dim"], row["quantizer_distortion_per_dim"])
    np.testing.assert_allclose(row["latent_nmse"], row["quantizer_nmse"])


def test_counts_are_exact():
    built, z_e = transplant(), latents(20, seed=1)
    found, codes = latent_errors(built, z_e), built(z_e).codes
    (counts,) = found.counts
    for i in range(2):
        np.testing.assert_array_equal(counts[i], np.bincount(codes[i].flatten(), minlength=16))
    shares = counts / counts.sum(1, keepdims=True)
    entropies = [-sum(p * np.log2(p) for p in share if p > 0) for share in shares]
    np.testing.assert_allclose(found.row()["perplexity"], np.mean(np.exp2(entropies)))
    np.testing.assert_allclose(found.row()["utilization"], np.mean(counts > 0))
    assert found.row()["tokens"] == 20 * 16


def test_scales_are_one_quantizer_whose_tokens_are_counted_scale_by_scale():
    built, z_e = transplant("var"), latents(20, seed=1)
    found, result = latent_errors(built, z_e), built(z_e)
    row, y = found.row(), result.y.double()
    assert row["tokens"] == 20 * 16  # of the finest scale
    np.testing.assert_array_equal(found.counts.sum(axis=(0, 2)), [20 * side**2 for side in built.sides])
    np.testing.assert_allclose(row["latent_distortion_per_dim"], (y - z_e).square().mean(), rtol=1e-6)
    np.testing.assert_allclose(row["quantizer_distortion"], 16 * row["latent_distortion_per_dim"], rtol=1e-6)
    np.testing.assert_allclose(row["quantizer_nmse"], row["latent_nmse"], rtol=1e-6)


@pytest.mark.parametrize("batch", [2, 128])
def test_codes_are_counted_by_photograph_whatever_the_batches(batch):
    built, z_e, photographs = transplant(), latents(7, seed=1), torch.tensor([0, 2, 2, 1, 0, 2, 0])
    sums = TransplantSums(built, 7, groups=photographs)
    for numbers in torch.arange(7).split(batch):
        sums.update(z_e[numbers], numbers)
    counts, codes = sums.merged().counts, built(z_e).codes
    assert counts.shape == (3, 2, 16)
    for photograph in range(3):
        for i in range(2):
            own = codes[i][photographs == photograph].flatten()
            np.testing.assert_array_equal(counts[photograph, i], np.bincount(own, minlength=16))


def test_fsq_is_measured_after_its_tanh():
    built, z_e = transplant("fsq", "full", K=256), latents(6)
    result = built.eval()(z_e)
    direct = [
        (q.project(z) - y.detach()).double().square().sum(-1).mean()
        for q, z, y in zip(built.quantizers, result.z_p, result.z_q, strict=True)
    ]
    found = latent_errors(built, z_e).row()["quantizer_distortion"]
    np.testing.assert_allclose(found, np.mean([float(value) for value in direct]), rtol=1e-5)


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    crops = torch.rand(12, 3, 32, 32, generator=generator) * 2 - 1
    tokenizer = PocketTokenizer(8).eval()
    index = np.repeat(np.arange(4), 3)
    from empirical.features import efflite0

    with torch.no_grad():
        z_e = tokenizer.encode(crops)
    return tokenizer, HeldOut(tuple("abcd"), crops, index, z_e, efflite0(crops))


def test_evaluation_has_intervals_around_its_means_and_a_row_a_photograph(data):
    tokenizer, held = data
    found = evaluate(transplant(), tokenizer, held, latents(40), rng=np.random.default_rng(0))
    for name in ("quantizer_distortion", "quantizer_nmse", "latent_distortion_per_dim", "latent_nmse"):
        assert found.row[f"{name}_low"] <= found.row[name] <= found.row[f"{name}_high"]
    for name in ("psnr", "psnr_luma", "ssim", "kid_efflite0"):
        assert found.row[f"{name}_low"] <= found.row[name] <= found.row[f"{name}_high"]
    assert [row["photograph"] for row in found.photographs] == list("abcd")
    for name in ("psnr", "ssim", "latent_distortion_per_dim"):
        np.testing.assert_allclose(
            np.mean([row[name] for row in found.photographs]), found.row[name], rtol=1e-6
        )


def test_in_sample_errors_are_those_of_the_training_latents(data):
    tokenizer, held = data
    built, train_z_e = transplant(), latents(40)
    row = evaluate(built, tokenizer, held, train_z_e, rng=np.random.default_rng(0)).row
    expected = latent_errors(built, train_z_e).row()
    assert {f"train_{name}": value for name, value in expected.items()}.items() <= row.items()
    assert row["train_quantizer_distortion"] != row["quantizer_distortion"]


def test_the_unquantized_row_is_the_tokenizer_itself(data):
    tokenizer, held = data
    found = evaluate(transplant("unquantized"), tokenizer, held, latents(0), rng=np.random.default_rng(0))
    with torch.no_grad():
        x_hat = tokenizer.decode(held.z_e).clamp(-1, 1)
    mse = ((x_hat - held.crops) / 2).double().square().mean(dim=(1, 2, 3))
    np.testing.assert_allclose(found.row["psnr"], float((-10 * mse.log10()).mean()))
    assert "quantizer_distortion" not in found.row
