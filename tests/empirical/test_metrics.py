import math

import numpy as np
import pytest
import scipy.linalg
import torch

from empirical import features as features_module
from empirical import metrics
from empirical.data import eval_crops, load_images, split
from empirical.features import EXTRACTOR, efflite0
from empirical.latent_sums import interval
from empirical.pixels import to_tensor
from qtheory.errors import DomainError, SchemaError, ShapeError
from qtheory.weights import file_sha256

PAIRED = [metrics.psnr, metrics.ssim]


def images(n, size=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, size, size, generator=generator) * 2 - 1


def noisy(x, deviation, seed=1):
    return x + deviation * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))


def test_psnr_equals_the_definition_on_pixels_of_a_range_of_255():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 16, 16, 3), dtype=np.uint8)
    mse = np.square(pixels[0].astype(float) - pixels[1]).mean((1, 2, 3))
    values = metrics.psnr(to_tensor(pixels[0]), to_tensor(pixels[1]))
    assert values.dtype == torch.float64
    np.testing.assert_allclose(values, 10 * np.log10(255**2 / mse), rtol=1e-6)


def test_luma_psnr_equals_the_studio_range_formula_on_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 16, 16, 3), dtype=np.uint8)
    luma = 16 + pixels @ np.array([65.481, 128.553, 24.966]) / 255
    mse = np.square(luma[0] - luma[1]).mean((1, 2))
    values = metrics.psnr(to_tensor(pixels[0]), to_tensor(pixels[1]), luma=True)
    np.testing.assert_allclose(values, 10 * np.log10(255**2 / mse), rtol=1e-6)


def test_a_tenth_of_the_error_gains_20_db_up_to_80_db_where_there_is_none():
    x = 0.5 * images(3)
    worse, better = metrics.psnr(x, x + 0.1), metrics.psnr(x, x + 0.01)
    assert torch.allclose(better - worse, torch.full((3,), 20.0, dtype=torch.float64), atol=1e-4)
    grey = torch.zeros(1, 3, 8, 8)
    for luma, gain in ((False, 0), (True, 1.32)):
        assert metrics.psnr(x, x, luma=luma).tolist() == pytest.approx([80] * 3)
        assert float(metrics.psnr(grey, grey + 2 * 10**-3.9, luma=luma)) == pytest.approx(78 + gain, abs=0.01)


def test_one_perfect_image_leaves_the_mean_and_its_interval_finite():
    x = 0.5 * images(4)
    x_hat = torch.cat([x[:1], x[1:] + 0.1])
    row = interval("psnr", metrics.psnr(x, x_hat).numpy())
    assert all(math.isfinite(value) for value in row.values())
    assert row["psnr_low"] < row["psnr"] < row["psnr_high"]


def test_ssim_equals_that_of_torchmetrics_over_whole_windows():
    from torchmetrics.functional.image import structural_similarity_index_measure

    x = images(3)
    x_hat = noisy(x, 0.3).clamp(-1, 1)
    pictures = [(value.double() + 1) / 2 for value in (x_hat, x)]
    _, full = structural_similarity_index_measure(
        *pictures, data_range=1.0, reduction="none", return_full_image=True
    )
    whole = full[..., 5:-5, 5:-5].mean((1, 2, 3))  # it mirrors the borders
    assert torch.allclose(metrics.ssim(x, x_hat), whole, rtol=0, atol=1e-9)


def test_ssim_is_one_for_equal_images_and_falls_with_noise():
    x = images(2)
    values = torch.stack([metrics.ssim(x, noisy(x, deviation)) for deviation in (0, 0.1, 0.3, 1.0)])
    assert torch.allclose(values[0], torch.ones(2, dtype=torch.float64))
    assert (values.diff(dim=0) < 0).all()


@pytest.mark.parametrize("metric", PAIRED)
def test_metrics_of_images_do_not_depend_on_the_batches(metric):
    x = images(5)
    x_hat = noisy(x, 0.2)
    parts = [metric(a, b) for a, b in zip(x.split(2), x_hat.split(2), strict=True)]
    assert torch.allclose(torch.cat(parts), metric(x, x_hat), rtol=1e-12)


@pytest.mark.parametrize("metric", PAIRED)
def test_reconstructions_are_clamped_as_pictures_are(metric):
    x = images(2)
    assert torch.equal(metric(x, 3 * x), metric(x, (3 * x).clamp(-1, 1)))


@pytest.mark.parametrize("metric", PAIRED)
def test_nan_other_shapes_and_other_ranges_are_refused(metric):
    x = images(2)
    broken = x.clone()
    broken[0, 0, 0, 0] = torch.nan
    with pytest.raises(DomainError, match="x_hat must be finite, got 1 NaN"):
        metric(x, broken)
    with pytest.raises(ShapeError, match="shape of x"):
        metric(x, x[:1])
    with pytest.raises(ShapeError, match="N >= 1"):
        metric(x[:0], x[:0])
    with pytest.raises(DomainError, match=r"\[-1, 1\]"):
        metric(127.5 * (x + 1), x)


def test_images_smaller_than_the_window_of_ssim_are_refused():
    with pytest.raises(ShapeError, match="at least 11 pixels"):
        metrics.ssim(images(1, size=10), images(1, size=10))


def kid_by_loops(real, fake, groups):
    """Return the mean of h over pairs of rows from different groups, by the definition."""

    def k(x, y):
        return (x @ y / len(x) + 1) ** 3

    pairs = [(i, j) for i in range(len(groups)) for j in range(len(groups)) if groups[i] != groups[j]]
    return np.mean(
        [
            k(real[i], real[j]) + k(fake[i], fake[j]) - k(real[i], fake[j]) - k(real[j], fake[i])
            for i, j in pairs
        ]
    )


def test_kid_and_its_jackknife_equal_their_definitions():
    rng = np.random.default_rng(0)
    groups = np.array([4, 4, 4, 7, 7, 9, 9, 9, 9, 1])
    real = rng.random((10, 6))
    fake = real + 0.5 * rng.random((10, 6))
    value, error = metrics.kid(real, fake, groups)
    assert value == pytest.approx(kid_by_loops(real, fake, groups), rel=1e-10)
    kept = [groups != g for g in np.unique(groups)]
    left_out = np.array([kid_by_loops(real[k], fake[k], groups[k]) for k in kept])
    expected = math.sqrt(3 / 4 * np.square(left_out - left_out.mean()).sum())
    assert error == pytest.approx(expected, rel=1e-8)


def test_kid_does_not_depend_on_the_order_or_names_of_photographs():
    rng = np.random.default_rng(0)
    real, fake, groups = rng.random((12, 3)), rng.random((12, 3)), np.arange(12) // 3
    order = rng.permutation(12)
    names = np.array(["d", "a", "c", "b"])[groups]
    shuffled = metrics.kid(real[order], fake[order], names[order])
    assert shuffled == pytest.approx(metrics.kid(real, fake, groups), rel=1e-9)


def test_kid_of_two_samples_of_one_distribution_is_zero_in_the_mean_and_its_error_has_the_right_size():
    # 400 independent repetitions; crops of a photograph share a component, reconstructions another.
    # The mean of 400 lies within 6.5 of its standard errors but for a share near 1e-9 (the values
    # are close to normal); negative control: a shift of the fakes is seen.
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 4)

    def draw(shift):
        real, fake = (rng.standard_normal((30, 5))[groups] + rng.standard_normal((120, 5)) for _ in range(2))
        return metrics.kid(real, fake + shift, groups)

    values, errors = np.array([draw(0.0) for _ in range(400)]).T
    assert abs(values.mean()) < 6.5 * values.std() / 20
    # the deviation itself is known within about 4 % (one standard error), the bound is lax
    assert 0.6 < np.sqrt(np.mean(errors**2)) / values.std() < 1.6
    shifted = np.array([draw(0.5)[0] for _ in range(50)])
    assert shifted.mean() > 6.5 * shifted.std() / math.sqrt(50)


def test_the_frechet_distance_equals_the_formula_with_matrix_square_roots():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((40, 5)), rng.standard_normal((40, 5)) @ rng.random((5, 5)) + 0.3
    c1, c2 = np.cov(real.T), np.cov(fake.T)
    root = scipy.linalg.sqrtm(c1 @ c2).real
    expected = np.square(real.mean(0) - fake.mean(0)).sum() + np.trace(c1 + c2 - 2 * root)
    assert metrics.frechet_distance(real, fake) == pytest.approx(expected, rel=1e-8)


def test_the_frechet_distance_of_equal_samples_is_zero_even_where_covariances_are_singular():
    real = np.random.default_rng(0).standard_normal((10, 50))
    assert metrics.frechet_distance(real, real) == pytest.approx(0, abs=1e-9)


def test_the_bootstrap_resamples_photographs_not_crops():
    # crops of a photograph are equal: the interval must be that of 20 photographs, not of 2000 crops
    rng = np.random.default_rng(0)
    by_photograph = rng.standard_normal(20)
    values, groups = np.repeat(by_photograph, 100), np.repeat(np.arange(20), 100)
    low, high = metrics.bootstrap_interval(values, groups, rng=np.random.default_rng(1))
    assert low < by_photograph.mean() < high
    width = 2 * 1.96 * by_photograph.std() / math.sqrt(20)
    assert high - low == pytest.approx(width, rel=0.15)
    crops = metrics.bootstrap_interval(values, np.arange(2000), rng=np.random.default_rng(1))
    assert crops[1] - crops[0] < 0.2 * width


def test_the_bootstrap_interval_is_reproducible_and_grows_with_its_level():
    values, groups = np.arange(10.0), np.arange(10) // 2

    def interval(level):
        return metrics.bootstrap_interval(values, groups, rng=np.random.default_rng(0), level=level)

    assert interval(0.9) == interval(0.9)
    assert interval(0.99)[0] < interval(0.9)[0] < interval(0.9)[1] < interval(0.99)[1]


def test_features_and_groups_that_do_not_fit_are_refused():
    real = np.random.default_rng(0).random((6, 3))
    broken = real.copy()
    broken[0, 0] = np.nan
    with pytest.raises(DomainError, match="features_fake must be finite"):
        metrics.kid(real, broken, np.arange(6))
    with pytest.raises(ShapeError, match="shape of features_real"):
        metrics.kid(real, real[:5], np.arange(6))
    with pytest.raises(ShapeError, match="each of 6 crops"):
        metrics.kid(real, real, np.arange(5))
    with pytest.raises(DomainError, match="at least 3 photographs, got 2"):
        metrics.kid(real, real, np.arange(6) // 3)
    with pytest.raises(DomainError, match="at least 2 photographs, got 1"):
        metrics.bootstrap_interval(real[:, 0], np.zeros(6), rng=np.random.default_rng(0))
    with pytest.raises(DomainError, match="level"):
        metrics.bootstrap_interval(real[:, 0], np.arange(6), rng=np.random.default_rng(0), level=95)
    with pytest.raises(DomainError, match="number of crops"):
        metrics.frechet_distance(real[:1], real[:1])


@pytest.fixture(scope="module")
def photographs():
    found = load_images()
    chosen = split(found.names)[1][:8]
    crops, photo_index = eval_crops([found.images[i] for i in chosen])
    return crops[::4], photo_index[::4]


def test_efflite0_features_are_those_of_single_images(photographs):
    crops, _ = photographs
    found = efflite0(crops[:3])
    assert found.shape == (3, 1280)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[1:2], efflite0(crops[1:2]), rtol=1e-3, atol=1e-4)
    assert found.min() >= 0
    assert found.std() > 0


def test_kid_on_efflite0_features_grows_with_the_noise(photographs):
    crops, photo_index = photographs
    real = efflite0(crops)
    values = [metrics.kid(real, efflite0(noisy(crops, d)), photo_index)[0] for d in (0.0, 0.05, 0.2, 0.6)]
    assert values[0] == pytest.approx(0, abs=1e-12)
    assert values == sorted(values)
    assert values[-1] > 10 * values[1] > 0


def test_efflite0_sees_pixels_rounded_to_8_bits(photographs):
    crops = photographs[0][:2]
    assert np.array_equal(efflite0(crops), efflite0(crops + 0.3 / 127.5))
    assert np.array_equal(efflite0(crops), efflite0(crops.clamp(-1, 1)))


def test_efflite0_refuses_nan_crops_and_other_weights(photographs, monkeypatch, tmp_path):
    with pytest.raises(DomainError, match="NaN"):
        efflite0(photographs[0][:1] * torch.nan)
    assert EXTRACTOR["sha256"] == file_sha256(features_module.weights_path())
    (tmp_path / "weights.pth").write_bytes(b"something else")
    monkeypatch.setattr(features_module, "weights_path", lambda: tmp_path / "weights.pth")
    with pytest.raises(SchemaError, match="must have sha256 579344248a93"):
        features_module._network.__wrapped__()
