"""Measurement in batches: equal to that of all images at once, for every kind of quantizer."""

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from empirical import metrics
from empirical.distances import EffLiteStatistics, InceptionStatistics
from empirical.evaluate import HeldOut, evaluate
from empirical.features import efflite0
from empirical.head import build_transplant
from empirical.images import index_folder
from empirical.inception import EXTRACTOR
from empirical.measure import measure, measure_latents
from empirical.moments import Moments, fid
from empirical.pixels import to_tensor
from empirical.streaming import Crops
from empirical.tokenizers import PocketTokenizer, VARTokenizer
from empirical.usage import mean_perplexity, mean_utilization
from qtheory.errors import DomainError
from tests.empirical.networked import SmallNetwork


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for i in range(7):
        coarse = np.random.default_rng(i).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        PilImage.fromarray(coarse).resize((36, 34)).save(folder / f"{i}.png")
    return Crops(index_folder(folder, 32), 32)


@pytest.fixture(scope="module")
def images(crops):
    return to_tensor(np.stack([crops[i].movedim(0, -1).numpy() for i in range(len(crops))]))


@pytest.fixture(scope="module")
def tokenizer():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PocketTokenizer(8).eval()


def assert_means_of_images(row, images, x_hat):
    """A row has means over images, two standard errors about them, and the distance of the two sets."""
    for name, values in {
        "psnr": metrics.psnr(images, x_hat),
        "psnr_luma": metrics.psnr(images, x_hat, luma=True),
        "ssim": metrics.ssim(images, x_hat),
    }.items():
        mean, error = float(values.mean()), 1.959964 * float(values.std()) / np.sqrt(7)
        np.testing.assert_allclose(row[name], mean, rtol=1e-5)
        np.testing.assert_allclose(
            [row[f"{name}_low"], row[f"{name}_high"]], [mean - error, mean + error], rtol=1e-5
        )
    value, error = metrics.kid(efflite0(images), efflite0(x_hat), np.arange(7))
    np.testing.assert_allclose(row["kid_efflite0"], value, rtol=1e-3)
    np.testing.assert_allclose(row["kid_efflite0_high"], value + 1.959964 * error, rtol=1e-3)


@pytest.mark.parametrize(
    ("method", "head", "codebook_size", "chunks"),
    [("ema", "full", 16, 2), ("fsq", "full", 256, 2), ("bsq", "none", 16, 4)],
)
def test_batches_add_up_to_the_whole(crops, images, tokenizer, method, head, codebook_size, chunks):
    transplant = build_transplant(
        method,
        head,
        channels=16,
        codebook_size=codebook_size,
        width=8,
        protocol="fair",
        chunks=chunks,
        generator=torch.Generator().manual_seed(0),
    )
    with torch.no_grad():
        transplant.train()(tokenizer.encode(images))  # codebooks on data
    with torch.no_grad():
        z_e = tokenizer.encode(images)
        x_hat = tokenizer.decode(transplant.eval()(z_e).y).clamp(-1, 1)
    held = HeldOut(crops.names, images, np.arange(7), z_e, efflite0(images))
    photographs = evaluate(transplant, tokenizer, held, z_e, rng=np.random.default_rng(0)).row
    row = measure(tokenizer, transplant, crops, EffLiteStatistics(len(crops)), batch=3)
    once = measure(tokenizer, transplant, crops, EffLiteStatistics(len(crops)), batch=7)
    once |= measure_latents(tokenizer, transplant, crops, batch=7)
    means = [name for name in photographs if not name.endswith(("_low", "_high"))]
    assert len(means) == 9 + 9 + 4
    for name in means:
        np.testing.assert_allclose(once[name], photographs[name], rtol=1e-12, err_msg=name)
        if not name.startswith("train_"):
            tolerance = 1e-3 if name == "kid_efflite0" else 1e-5
            np.testing.assert_allclose(row[name], photographs[name], rtol=tolerance, err_msg=name)
    assert_means_of_images(row, images, x_hat)
    in_sample = measure_latents(tokenizer, transplant, crops, batch=5)
    assert in_sample.keys() == {f"train_{name}" for name in row if f"train_{name}" in in_sample}
    np.testing.assert_allclose(in_sample["train_latent_nmse"], row["latent_nmse"], rtol=1e-6)


def test_the_row_of_r_fid_says_how_it_was_computed(crops, images, tokenizer):
    def perceptual(x, y):
        return (x - y).square().mean((1, 2, 3))

    row = measure(
        tokenizer, None, crops, InceptionStatistics(SmallNetwork(), 7), perceptual=perceptual, batch=2
    )
    with torch.no_grad():
        x_hat = tokenizer.decode(tokenizer.encode(images)).clamp(-1, 1)
    sets = []
    for x in (images, x_hat):
        sets.append(Moments(3))
        sets[-1].update(SmallNetwork().measure(x)[0])
    np.testing.assert_allclose(row["r_fid"], fid(*sets), rtol=1e-5)
    kid, error = metrics.kid(*(SmallNetwork().measure(x)[0] for x in (images, x_hat)), np.arange(7))
    np.testing.assert_allclose(row["kid_inception"], kid, rtol=1e-4)
    np.testing.assert_allclose(row["kid_inception_low"], kid - 1.959964 * error, rtol=1e-4)
    np.testing.assert_allclose(row["lpips"], float(perceptual(images, x_hat).mean()), rtol=1e-5)
    assert row["r_is"] > 0
    assert row["original_is"] > 0
    assert row["fid_images"] == row["photographs"] == 7
    assert row["fid_sha256"] == "ab" * 32
    assert row["fid_resize"] == EXTRACTOR["resize"]
    assert "(x.y / 3 + 1)^3" in row["kid_estimate"]
    assert {"fid_reference", "fid_crop", "fid_uint8"} <= row.keys()
    assert "utilization" not in row


def test_the_native_quantizer_of_var_is_a_row_of_its_own(tmp_path):
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (256, 256, 3), dtype=np.uint8)
        PilImage.fromarray(pixels).save(tmp_path / f"{i}.png")
    crops = Crops(index_folder(tmp_path, 256), 256)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = VARTokenizer(32, 4, 8).eval()
    row = measure(tokenizer, None, crops, InceptionStatistics(SmallNetwork(), 3), native=True)
    with torch.no_grad():
        z_e = tokenizer.encode(to_tensor(np.stack([crops[i].movedim(0, -1).numpy() for i in range(3)])))
        error = (tokenizer.native_quantize(z_e).double() - z_e).square().mean()
        counts = torch.bincount(tokenizer.native_codes(z_e).flatten(), minlength=8)[None].numpy()
    np.testing.assert_allclose(row["latent_distortion_per_dim"], float(error), rtol=1e-5)
    assert (row["codebook_size"], row["image_tokens"], row["tokens"]) == (8, 680, 3 * 680)
    assert row["utilization"] == pytest.approx(mean_utilization(counts), abs=1 / 8)
    assert row["perplexity"] == pytest.approx(mean_perplexity(counts), rel=0.01)


def test_random_crops_and_a_missing_native_quantizer_are_refused(crops, tokenizer):
    statistics = EffLiteStatistics(7)
    with pytest.raises(DomainError, match="must be centre crops for a measurement, got those of seed 0"):
        measure(tokenizer, None, Crops(crops.folder, 32, seed=0), statistics)
    with pytest.raises(DomainError, match="native needs a VAR tokenizer, got PocketTokenizer"):
        measure(tokenizer, None, crops, statistics, native=True)
