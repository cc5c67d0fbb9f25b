"""Wasserstein VQ: the distance against scipy, POT and closed forms, tiny codebooks, the queue."""

import dataclasses

import numpy as np
import ot
import pytest
import torch
from scipy.linalg import sqrtm

from empirical.quantizers import WassersteinQuantizer, build
from empirical.quantizers.wasserstein import SETTINGS, VP2_SETTINGS, gaussian_wasserstein


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def correlated(n, d, seed):
    return vectors(n, d, seed=seed) @ vectors(d, d, seed=seed + 100) + vectors(d, seed=seed + 200)


def moments(x):
    return x.mean(dim=0).numpy(), np.cov(x.numpy(), rowvar=False).reshape(x.shape[1], -1)


def make(K, protocol="fair", dim=3, **changes):
    settings = dataclasses.replace(SETTINGS[protocol], **changes)
    return WassersteinQuantizer(dim, K, settings, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("d", [1, 3, 16])
def test_the_distance_agrees_with_scipys_matrix_root_and_with_pot(d):
    x, y = correlated(200, d, 1), correlated(150, d, 2)
    (mu, s), (nu, t) = moments(x), moments(y)
    root = sqrtm(s)
    squared = np.square(mu - nu).sum() + np.trace(s + t - 2 * sqrtm(root @ t @ root).real)
    found = float(gaussian_wasserstein(x, y))
    np.testing.assert_allclose(found, np.sqrt(squared), rtol=1e-8)
    np.testing.assert_allclose(found, ot.gaussian.bures_wasserstein_distance(mu, nu, s, t), rtol=1e-8)


def test_one_dimension_compares_means_and_deviations():
    x, y = 2 * vectors(100, 1) + 1, 0.5 * vectors(80, 1, seed=1) - 3
    expected = ((x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2).sqrt()
    torch.testing.assert_close(gaussian_wasserstein(x, y), expected)


def test_commuting_covariances_compare_roots_of_eigenvalues():
    """All sign vectors have exactly diagonal covariances; a rotation of both changes nothing."""
    signs = (torch.arange(16)[:, None] // 2 ** torch.arange(4) % 2 * 2 - 1).double()
    a, b = torch.tensor([1.0, 2.0, 3.0, 4.0]).double(), torch.tensor([2.0, 0.5, 3.0, 1.0]).double()
    expected = (16 / 15 * (a - b).square().sum()).sqrt()
    rotation = torch.linalg.qr(vectors(4, 4)).Q
    for turn in (torch.eye(4).double(), rotation):
        torch.testing.assert_close(gaussian_wasserstein(signs * a @ turn, signs * b @ turn), expected)


def test_equal_moments_have_distance_zero_and_a_finite_gradient():
    x = vectors(50, 4)
    y = x.clone().requires_grad_()
    distance = gaussian_wasserstein(x, y)
    assert float(distance.detach()) < 1e-4
    (slope,) = torch.autograd.grad(distance, y)
    assert torch.isfinite(slope).all()


def test_the_gradient_agrees_with_numerical_ones():
    x, y = correlated(30, 3, 1), correlated(8, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: gaussian_wasserstein(x, y), y)


@pytest.mark.parametrize("radius", [1.0, 1.5e-5, 1e-12])
def test_the_gradient_of_a_tiny_codebook_is_that_of_optimal_transport(radius):
    """``dW^2/dc = 2/(K-1) (c - mu - T (c - mu)) + 2/K (mu - nu)``, T the transport map; it has a limit."""
    z, c = correlated(400, 3, 1), (radius * vectors(20, 3, seed=2)).requires_grad_()
    distance = gaussian_wasserstein(z, c)
    (slope,) = torch.autograd.grad(distance, c)
    codes = c.detach().numpy()
    centred = codes - codes.mean(axis=0)
    (mu, s), unit = moments(z), np.cov(codes / radius, rowvar=False)
    root = sqrtm(unit).real
    inverse = np.linalg.inv(root)
    transport = inverse @ sqrtm(root @ s @ root).real @ inverse / radius
    squared = 2 / 19 * (centred - centred @ transport) + 2 / 20 * (codes.mean(axis=0) - mu)
    np.testing.assert_allclose(slope, squared / (2 * float(distance.detach())), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("floor", [0.0, 1e-8])
def test_codebooks_without_full_rank_have_finite_gradients(floor):
    z = correlated(100, 4, 1)
    for y in (torch.zeros(8, 4), torch.ones(8, 4), vectors(8, 1).expand(8, 4), vectors(3, 4)):
        codes = y.double().clone().requires_grad_()
        (slope,) = torch.autograd.grad(gaussian_wasserstein(z, codes, floor=floor), codes)
        assert torch.isfinite(slope).all()


def test_the_loss_is_the_distance_in_units_of_the_largest_deviation():
    quantizer, z = make(16).double(), correlated(200, 3, 1)
    loss = quantizer(z).losses["wasserstein"].detach()
    scale = z.std(dim=0).max()
    expected = 0.2 * gaussian_wasserstein(z / scale, quantizer.codebook.detach() / scale)
    torch.testing.assert_close(loss, expected)
    again = make(16).double()
    torch.testing.assert_close(again(1000 * z).losses["wasserstein"].detach(), expected, rtol=1e-6, atol=0)


def test_the_queue_keeps_the_latest_vectors_first_in_first_out():
    quantizer = make(4, queue=10).double()
    batches = vectors(4, 4, 3)
    for count, batch in enumerate(batches, start=1):
        quantizer(batch)
        assert int(quantizer.filled) == min(10, 4 * count)
    expected = torch.cat([batches[3], batches[2], batches[1][:2]])
    assert torch.equal(quantizer.queue, expected)
    large = vectors(25, 3, seed=5)
    quantizer(large)
    assert torch.equal(quantizer.queue, large[:10])


def test_the_published_run_starts_its_queue_from_noise_and_fair_ones_from_vectors_alone():
    as_run, fair = make(64, "as_run"), make(64)
    assert int(as_run.filled) == 32768
    assert float(as_run.queue.std()) == pytest.approx(1 / 64, rel=0.05)
    assert int(fair.filled) == 0
    z = 5 + vectors(500, 3).float()
    as_run(z), fair(z)
    assert float(fair.queue[: int(fair.filled)].mean()) == pytest.approx(5, abs=0.2)
    assert float(as_run.queue[: int(as_run.filled)].mean()) < 0.2


@pytest.mark.parametrize("protocol", ["as_run", "fair"])
def test_constant_vectors_and_single_codewords_give_finite_losses(protocol):
    quantizer = make(4, protocol)
    losses = quantizer(torch.full((10, 3), 2.0)).losses
    sum(losses.values()).backward()
    assert torch.isfinite(quantizer.codebook.grad).all()
    assert "wasserstein" not in make(1, protocol)(vectors(10, 3).float()).losses


def test_a_tiny_codebook_takes_on_mean_and_covariance_of_the_data():
    """From the published start, uniform in +-1/K, by the distance alone."""
    gradient = dataclasses.replace(SETTINGS["fair"].gradient, data_init=False, codebook=0.0)
    quantizer = make(256, gradient=gradient, gamma=1.0, queue=1000)
    z = correlated(1000, 3, 1).float()
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=2e-2)
    for step in range(600):
        optimizer.param_groups[0]["lr"] = 2e-2 * (1 - step / 600)
        optimizer.zero_grad()
        sum(quantizer(z).losses.values()).backward()
        optimizer.step()
    (mu, s), (nu, t) = moments(z), moments(quantizer.codebook.detach())
    np.testing.assert_allclose(nu, mu, atol=0.02 * np.sqrt(np.trace(s)))
    np.testing.assert_allclose(t, s, atol=0.02 * np.trace(s))


def test_protocols_differ_as_documented():
    as_run, paper, fair = (SETTINGS[name] for name in ("as_run", "paper", "fair"))
    assert (as_run.gamma, paper.gamma, fair.gamma) == (1.0, 0.2, 0.2)
    assert (as_run.gradient.commitment, fair.gradient.commitment) == (0.2, 0.25)
    assert (as_run.gradient.learning_rate_ratio, fair.gradient.learning_rate_ratio) == (100.0, 1.0)
    assert (as_run.noise_queue, fair.noise_queue) == (True, False)
    assert (as_run.floor, paper.floor, fair.floor) == (1e-8, 0.0, 0.0)
    product = VP2_SETTINGS["as_run"]
    assert (product.gamma, product.gradient.learning_rate_ratio) == (0.5, 5.0)


def test_the_product_has_a_queue_for_each_block():
    product, z = build("wasserstein_vp2", 6, 256), vectors(300, 6).float()
    product(z)
    for block, half in zip(product.blocks, z.split(3, dim=1), strict=True):
        assert torch.equal(block.queue[:300], half)
