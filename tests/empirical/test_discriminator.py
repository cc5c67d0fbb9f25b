"""The discriminator's heads, views and loss."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from empirical._discriminator_layers import Head, SpectralConv1d, SyncedBatchNorm
from empirical.discriminator import Discriminator, ViT, discriminator_loss, view
from empirical.losses import ADAPTATION, LeCAM, generator_loss
from qtheory.errors import DomainError, ShapeError
from tests.empirical.discriminators import generator, images, tiny


@pytest.fixture(autouse=True)
def one_thread():
    """Operations of this size lose more by waiting for threads than they win."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_convolutions_go_around_the_circle():
    conv = SpectralConv1d(2, 3, 5, generator=generator()).eval()
    x = torch.randn(1, 2, 7, generator=generator(1))
    weight = conv.normalized_weight()
    expected = torch.stack(
        [sum(weight[:, :, k] @ x[0, :, (i + k - 2) % 7] for k in range(5)) for i in range(7)], dim=1
    )
    torch.testing.assert_close(conv(x)[0], expected)
    # a shift of the input is a shift of the output, which zero padding breaks
    torch.testing.assert_close(conv(x.roll(3, -1)), conv(x).roll(3, -1))
    padded = F.conv1d(F.pad(x, (2, 2)), weight)
    assert not torch.allclose(padded, conv(x))


def test_spectral_norm_is_one_after_power_iterations():
    conv = SpectralConv1d(6, 5, 3, generator=generator()).double()
    x = torch.zeros(1, 6, 4, dtype=torch.float64)
    for _ in range(500):
        conv(x)
    matrix = conv.weight.detach().flatten(1).numpy()
    u, s, vt = scipy.linalg.svd(matrix)
    np.testing.assert_allclose(conv.normalized_weight().detach().flatten(1).numpy(), matrix / s[0], rtol=1e-9)
    assert abs(u[:, 0] @ conv.left.numpy()) == pytest.approx(1, abs=1e-9)
    assert abs(vt[0] @ conv.right.numpy()) == pytest.approx(1, abs=1e-9)
    before = conv.left.clone()
    conv.weight.data.normal_(generator=generator(3))
    conv.eval()(x)
    assert torch.equal(conv.left, before)  # no iteration in evaluation


def test_spectral_convolution_agrees_with_torchs():
    conv = SpectralConv1d(4, 3, 3, generator=generator())
    other = nn.Conv1d(4, 3, 3, padding=1, padding_mode="circular")
    other.load_state_dict({"weight": conv.weight, "bias": conv.bias})
    other = nn.utils.parametrizations.spectral_norm(other)
    other.parametrizations.weight[0]._u.copy_(conv.left)
    other.parametrizations.weight[0]._v.copy_(conv.right)
    x = torch.randn(2, 4, 8, generator=generator(1))
    for _ in range(3):
        one, two = conv(x), other(x)
        torch.testing.assert_close(one, two)
    one.square().sum().backward()
    two.square().sum().backward()
    torch.testing.assert_close(conv.weight.grad, other.parametrizations.weight.original.grad)


def test_two_passes_before_one_backward_keep_their_gradients():
    conv = SpectralConv1d(4, 3, 3, generator=generator())
    x = torch.randn(2, 4, 8, generator=generator(1))
    (conv(x).sum() + conv(2 * x).square().sum()).backward()
    assert torch.isfinite(conv.weight.grad).all()


def test_batch_norm_agrees_with_torchs():
    own, other = SyncedBatchNorm(5).double(), nn.BatchNorm1d(5, eps=1e-6).double()
    for parameter in (*own.parameters(), *other.parameters()):
        parameter.data += torch.arange(5) / 5
    for seed in range(3):
        x = torch.randn(4, 5, 6, generator=generator(seed), dtype=torch.float64) * 2 + 1e3
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        torch.testing.assert_close(own(a), other(b))
        own(a).pow(3).sum().backward()
        other(b).pow(3).sum().backward()
        torch.testing.assert_close(a.grad, b.grad)
    torch.testing.assert_close(own.running_mean, other.running_mean)
    torch.testing.assert_close(own.running_var, other.running_var)
    torch.testing.assert_close(own.eval()(x), other.eval()(x))
    with pytest.raises(ShapeError, match="at least 2 positions"):
        SyncedBatchNorm(5)(torch.zeros(1, 5, 1))


def test_heads_scale_the_residual_sum_to_its_variance():
    head = Head(4, 3, generator=generator()).eval()
    x = torch.randn(2, 4, 6, generator=generator(1))
    h = F.leaky_relu(head.point.norm(head.point.conv(x)), 0.2)
    wide = F.leaky_relu(head.wide.norm(head.wide.conv(h)), 0.2)
    torch.testing.assert_close(head(x), head.logit((h + wide) / 2**0.5)[:, 0])


def test_views_are_crops_or_the_reduced_image_with_equal_chances():
    x = images(n=2, side=20)
    reduced = F.interpolate(x, (16, 16), mode="area")
    crops = {(i, j): x[:, :, i : i + 16, j : j + 16] for i in range(5) for j in range(5)}
    corners = {float(crop[0, 0, 0, 0]): name for name, crop in crops.items()}
    assert len(corners) == 25
    seen, n = [], 800
    for seed in range(n):
        found = view(x, 16, generator=generator(seed))
        name = corners.get(float(found[0, 0, 0, 0]))
        assert torch.equal(found, reduced if name is None else crops[name])
        seen += [] if name is None else [name]
    # Hoeffding at 1e-9; a crop is missed by 800 views with probability 25 (1 - 1/50)^800 < 3e-6
    assert abs(len(seen) / n - 0.5) < math.sqrt(math.log(2e9) / (2 * n))
    assert set(seen) == set(crops)


def test_inputs_are_normalized_as_imagenet():
    discriminator = tiny().eval()
    grey = torch.tensor([0.485, 0.456, 0.406])[:, None, None] * 2 - 1
    found = discriminator(grey.expand(1, 3, 16, 16), generator=generator())
    read = discriminator.backbone.read_outs(torch.zeros(1, 3, 16, 16), (0, 2))
    expected = torch.cat([head(h) for head, h in zip(discriminator.heads, read, strict=True)], 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_loss_is_the_sum_that_the_recipe_says():
    recipe, lecam = ADAPTATION["as_run"], LeCAM(0.5, synced=False)
    critique = discriminator_loss(tiny(), images(), images(seed=6), recipe, lecam, generator=generator())
    expected = 0.4 * (critique.hinge + 0.001 * critique.lecam) + 4.0 * critique.consistency
    assert float(critique.loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert 0 <= critique.accuracy <= 1


def pictures(kind, n, seed):
    """Stripes of random phase: horizontal ones are real, vertical ones are not."""
    position = torch.arange(20) * (2 * math.pi / 8)
    phase = torch.rand(n, 1, generator=generator(seed)) * 2 * math.pi
    wave = torch.sin(position + phase)
    stripes = wave[:, None, :, None] if kind == "real" else wave[:, None, None, :]
    noise = 0.1 * torch.randn(n, 3, 20, 20, generator=generator(seed + 1))
    return (0.8 * stripes + noise).clamp(-1, 1)


def test_it_learns_to_tell_two_kinds_of_images_apart():
    """From chance to nearly all logits of images that it has not seen."""
    discriminator, recipe, lecam = tiny(), ADAPTATION["fair"], LeCAM(0.99, synced=True)
    optimizer = torch.optim.AdamW(discriminator.parameters(), lr=1e-2, betas=(0.5, 0.9))
    held = pictures("real", 64, 10_001), pictures("fake", 64, 10_003)

    @torch.no_grad()
    def accuracy():
        discriminator.eval()
        real, fake = (discriminator(x, generator=generator(7)).mean(1) for x in held)
        discriminator.train()
        return float(((real > 0).double().mean() + (fake < 0).double().mean()) / 2)

    assert accuracy() < 0.75
    draws = generator(2)
    for step in range(60):
        x, x_hat = pictures("real", 8, 4 * step), pictures("fake", 8, 4 * step + 2)
        critique = discriminator_loss(discriminator, x, x_hat, recipe, lecam, generator=draws)
        optimizer.zero_grad()
        critique.loss.backward()
        optimizer.step()
    assert accuracy() > 0.95
    assert lecam.real > lecam.fake
    # the generator is shown the way: its loss falls along the gradient, as fast as the gradient says
    x_hat = held[1].clone().requires_grad_()
    discriminator.eval()
    loss = generator_loss(discriminator(x_hat, generator=generator(7)))
    (gradient,) = torch.autograd.grad(loss, x_hat)
    step_size = 2e-3
    with torch.no_grad():
        moved = generator_loss(discriminator(x_hat - step_size * gradient.sign(), generator=generator(7)))
    assert float(loss.detach() - moved) == pytest.approx(step_size * float(gradient.abs().sum()), rel=0.1)


def test_bad_arguments_are_refused():
    backbone = ViT(side=16, patch=4, dim=16, depth=3, heads=2, generator=generator())
    for taps in ((), (3,), (1, 0), (1, 1), (-1,)):
        with pytest.raises(DomainError, match="taps must be increasing blocks"):
            Discriminator(backbone, taps, generator=generator())
    with pytest.raises(DomainError, match="kernel must be odd"):
        Discriminator(backbone, (0,), 4, generator=generator())
    with pytest.raises(DomainError, match="kernel must not wrap"):
        Discriminator(backbone, (0,), 35, generator=generator())
    with pytest.raises(DomainError, match="side must be a multiple"):
        ViT(side=17, patch=4, generator=generator())
    with pytest.raises(DomainError, match="dim must be a multiple"):
        ViT(dim=16, heads=3, generator=generator())
    with pytest.raises(ShapeError, match="sides of at least 16"):
        tiny()(images(side=15), generator=generator())
    with pytest.raises(DomainError, match="x must be finite"):
        tiny()(images() * torch.nan, generator=generator())
    with pytest.raises(ShapeError, match="x and x_hat must have one shape"):
        discriminator_loss(
            tiny(),
            images(),
            images(n=2),
            ADAPTATION["fair"],
            LeCAM(0.5, synced=True),
            generator=generator(),
        )
