"""Equation (11): the generator's loss, the discriminator's steps, and their resumption."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from empirical.adapt import AdaptationObjective
from empirical.adversary import Adversary
from empirical.augment import WEAK, augment
from empirical.checkpoint import State, pack
from empirical.config import Budget
from empirical.discriminator import Discriminator, ViT
from empirical.head import build_transplant
from empirical.losses import ADAPTATION as ADVERSARIAL
from empirical.losses import adaptive_weight, generator_loss
from empirical.protocol import ADAPTATION
from empirical.runtime import Runtime
from empirical.streams import torch_stream
from empirical.tokenizers import PocketTokenizer, VARTokenizer
from empirical.training import train, train_on
from qtheory.errors import DomainError
from tests.empirical.helpers import interrupted

BUDGET = Budget(steps=4, batch_size=4, learning_rate=1e-3, trials=1)
RECIPE = replace(ADVERSARIAL["fair"], warmup_steps=1, discriminator_learning_rate=1e-2)


def perceptual(x, x_hat):
    """Stands for LPIPS, whose network needs a file."""
    return (torch.nn.functional.avg_pool2d(x - x_hat, 4)).square().mean((1, 2, 3))


def generator():
    return torch.Generator().manual_seed(0)


def objective(recipe=RECIPE, protocol="fair"):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = PocketTokenizer(8).eval()
    transplant = build_transplant(
        "fsq", "full", channels=16, codebook_size=256, width=8, protocol=protocol, generator=generator()
    ).eval()
    crops = torch.nn.functional.interpolate(torch.rand(8, 3, 4, 4, generator=generator()), 32) * 2 - 1
    with torch.no_grad():
        z_e = tokenizer.encode(crops)
    made = AdaptationObjective(transplant, tokenizer, crops, ADAPTATION[protocol], z_e)
    backbone = ViT(side=32, patch=8, dim=8, depth=2, heads=2, generator=generator())
    discriminator = Discriminator(backbone, taps=(1,), kernel=3, generator=generator())
    made.adversary = Adversary(discriminator, perceptual, recipe, tokenizer.last_layer, seed=0)
    return made


def test_the_loss_is_that_of_equation_11():
    made = objective(replace(RECIPE, warmup_steps=0))
    chosen = torch.arange(4)
    made.begin(3)
    found = made.loss(chosen)
    x, x_hat = made.crops[:4], made.tokenizer.decode(made.transplant(made.z_e[:4]).y)
    pixel = (x_hat - x).square().mean()
    pixel = pixel + 0.05 * sum((x_hat - x).diff(dim=d).abs().mean() for d in (2, 3))
    reconstruction = pixel + perceptual(x, x_hat).mean()
    views = torch_stream(0, "adversary", "rank=0", "step=3")
    discriminator = made.adversary.discriminator.eval()
    adversarial = generator_loss(discriminator(augment(x_hat, WEAK, generator=views), generator=views))
    weight = adaptive_weight(reconstruction, adversarial, made.tokenizer.last_layer, synced=True)
    torch.testing.assert_close(found, reconstruction + 0.4 * weight * adversarial)


def test_in_the_warm_up_the_discriminator_learns_and_the_generator_does_not_hear_it():
    made = objective(replace(RECIPE, warmup_steps=2))
    losses, before = [], pack(discriminator=made.adversary.discriminator)
    before = {key: value.clone() for key, value in before.items()}
    for step in (1, 2):
        made.begin(step)
        losses.append(made.loss(torch.arange(4)))
        assert ("adaptive_weight" in made.adversary._logged[-1]) == (step == 2)
        assert made.finish()["hinge"] > 0
    after = pack(discriminator=made.adversary.discriminator)
    assert any(not torch.equal(after[key], before[key]) for key in before)
    x, x_hat = made.crops[:4], made.tokenizer.decode(made.transplant(made.z_e[:4]).y)
    quiet = made.recipe.pixel * (x_hat - x).square().mean()
    quiet = quiet + 0.05 * sum((x_hat - x).diff(dim=d).abs().mean() for d in (2, 3))
    torch.testing.assert_close(losses[0], quiet + perceptual(x, x_hat).mean())


@pytest.mark.parametrize("protocol", ["as_run", "paper", "fair"])
def test_a_step_moves_every_head_of_the_discriminator_and_no_backbone(protocol):
    made = objective(ADVERSARIAL[protocol])
    backbone = {
        key: value.clone() for key, value in made.adversary.discriminator.backbone.state_dict().items()
    }
    heads = [parameter.detach().clone() for parameter in made.adversary.parameters]
    train(made, replace(BUDGET, steps=1), rng=np.random.default_rng(0))
    assert all(
        not torch.equal(one, other) for one, other in zip(heads, made.adversary.parameters, strict=True)
    )
    after = made.adversary.discriminator.backbone.state_dict()
    assert all(torch.equal(after[key], backbone[key]) for key in backbone)


def test_discriminator_and_moving_averages_resume_to_the_same_bits(tmp_path):
    def run(state=None):
        made = objective()
        train(made, BUDGET, rng=np.random.default_rng(0), state=state)
        return pack(**made.parts(), **made.companions())

    straight = run()
    state = State(tmp_path / "state.safetensors", "digest", every=2)
    with interrupted(before=3):
        run(state)
    resumed = run(state)
    assert any(key.startswith("discriminator_optimizer.") for key in straight)
    assert float(straight["lecam.real"]) != 0
    assert all(torch.equal(resumed[key], straight[key]) for key in straight)


def test_a_loss_that_is_not_finite_stops_with_its_step():
    made = objective()
    torch.nn.init.constant_(made.tokenizer.last_layer, torch.nan)
    with pytest.raises(FloatingPointError, match="loss of step 1 of 4 is nan"):
        train(made, BUDGET, rng=np.random.default_rng(0))


def test_a_gradient_that_is_not_finite_stops_with_its_step_and_changes_nothing():
    made = objective(replace(RECIPE, warmup_steps=0))
    train(made, replace(BUDGET, steps=1), rng=np.random.default_rng(0))
    before = [parameter.detach().clone() for parameter in made.adversary.parameters]
    made.begin(1)
    made.loss(torch.arange(4))
    made.adversary.parameters[0].register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(FloatingPointError, match="gradient of the discriminator in step 2 is"):
        made.finish()
    for one, other in zip(before, made.adversary.parameters, strict=True):
        assert torch.equal(one, other)


def test_a_frozen_decoder_and_a_step_without_images_are_refused():
    made = objective()
    with pytest.raises(DomainError, match="call loss first"):
        made.adversary.learn()
    made.tokenizer.requires_grad_(False)
    with pytest.raises(DomainError, match="last_layer must be trained"):
        Adversary(made.adversary.discriminator, perceptual, RECIPE, made.tokenizer.last_layer, seed=0)


@pytest.mark.parametrize("tokenizer", [PocketTokenizer(8), VARTokenizer(32, 8, 16)], ids=["pocket", "var"])
def test_the_last_layer_makes_the_pixels(tokenizer):
    z = torch.zeros(1, tokenizer.latent_channels, 2, 2)
    before = tokenizer.eval().decode(z)
    assert before.shape == (1, 3, 2 * tokenizer.downsampling, 2 * tokenizer.downsampling)
    with torch.no_grad():
        bias = tokenizer.get_parameter(
            next(n for n, p in tokenizer.named_parameters() if p is tokenizer.last_layer)[:-6] + "bias"
        )
        bias += 1
    torch.testing.assert_close(tokenizer.decode(z), before + 1)


def test_equal_generators_give_equal_networks_whatever_the_global_one_does():
    torch.manual_seed(1)
    one = objective().adversary.discriminator
    torch.manual_seed(2)
    other = objective().adversary.discriminator
    for first, second in ((one, other), (one.backbone, other.backbone)):
        states = first.state_dict(), second.state_dict()
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_bfloat16_reaches_convolutions_and_spares_what_compares_images():
    losses = {}
    for bf16 in (False, True):
        made = objective()
        seen = []
        made.adversary.perceptual = lambda x, y, seen=seen: seen.append(y.dtype) or perceptual(x, y)
        made.adversary.runtime = Runtime(bf16=bf16)
        values = []
        batches = torch.arange(16).view(4, 4) % 8
        train_on(
            batches, made, BUDGET, runtime=Runtime(bf16=bf16), log=lambda _, row, v=values: v.append(row)
        )
        assert set(seen) == {torch.float32}
        states = pack(**made.parts(), **made.companions())
        assert {t.dtype for t in states.values() if t.is_floating_point()} <= {torch.float32, torch.float64}
        losses[bf16] = [row["pixel"] for row in values]
    assert losses[True] != losses[False]
    np.testing.assert_allclose(losses[True], losses[False], rtol=0.02)
