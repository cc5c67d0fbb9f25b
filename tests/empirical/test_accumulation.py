"""A batch in parts trains as the whole does, the discriminator's part in the decoder's step apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from empirical.accumulation import in_parts
from empirical.adapt import AdaptationObjective
from empirical.adversary import Adversary
from empirical.cells import matrix
from empirical.checkpoint import pack
from empirical.config import Budget
from empirical.cost import cost
from empirical.counts import counts
from empirical.discriminator import Discriminator, ViT
from empirical.head import build_transplant
from empirical.joint import JointObjective
from empirical.launch_config import PRESETS
from empirical.losses import ADAPTATION as ADVERSARIAL
from empirical.protocol import ADAPTATION, JOINT, RECIPES
from empirical.substitute import SubstitutionObjective
from empirical.tokenizers import PocketTokenizer
from empirical.training import train
from qtheory.errors import DomainError

BUDGET = Budget(steps=3, batch_size=4, learning_rate=1e-3, trials=1)


def generator():
    return torch.Generator().manual_seed(0)


def perceptual(x, x_hat):
    """Stands for LPIPS, whose network needs a file."""
    return torch.nn.functional.avg_pool2d(x - x_hat, 4).square().mean((1, 2, 3))


def objective(phase, method="ema", dtype=torch.float64):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = PocketTokenizer(8).eval().to(dtype)
    transplant = build_transplant(
        method, "full", channels=16, codebook_size=256, width=8, protocol="fair", generator=generator()
    ).to(dtype)
    crops = torch.rand(8, 3, 16, 16, generator=generator()).to(dtype) * 2 - 1
    with torch.no_grad():
        z_e = tokenizer.encode(crops)
        transplant.train()(z_e)  # codebooks on data
    if phase == "substitution":
        return SubstitutionObjective(transplant, tokenizer, z_e, crops, RECIPES["as_run"], perceptual)
    if phase == "joint":
        return JointObjective(transplant, tokenizer, crops, JOINT)
    recipe = ADAPTATION["paper" if phase == "decoder" else "fair"]
    return AdaptationObjective(transplant, tokenizer, crops, recipe, z_e)


def trained(made, parts, budget=BUDGET):
    made.accumulate = parts
    train(made, budget, rng=np.random.default_rng(0))
    return {key: value.clone() for key, value in pack(**made.parts()).items()}


# statistics of codebooks, a distance of distributions and a mean of samples: all see the whole batch
@pytest.mark.parametrize("method", ["ema", "mmd", "fsq"])
@pytest.mark.parametrize("phase", ["substitution", "adaptation", "decoder", "joint"])
def test_parts_of_a_batch_give_the_parameters_of_the_whole(phase, method):
    """In float64, where sums in another order differ by some 1e-16 and a step of AdamW by 1e-8 of that."""
    whole = trained(objective(phase, method), 1)
    parts = trained(objective(phase, method), 2)
    for key in whole:
        torch.testing.assert_close(parts[key], whole[key], rtol=0, atol=1e-9, msg=key)
    # control: another batch is told apart
    other = trained(objective(phase, method), 1, replace(BUDGET, batch_size=2))
    assert (
        max((other[key] - whole[key]).abs().max() for key in whole if whole[key].is_floating_point()) > 1e-5
    )


def test_the_discriminator_learns_from_the_whole_batch():
    found = []
    for parts in (1, 2):
        made = objective("adaptation", dtype=torch.float32)
        made.accumulate = parts
        backbone = ViT(side=16, patch=8, dim=8, depth=1, heads=2, generator=generator())
        discriminator = Discriminator(backbone, taps=(0,), kernel=3, generator=generator())
        recipe = replace(ADVERSARIAL["fair"], warmup_steps=1)
        layer = made.tokenizer.last_layer
        made.adversary = Adversary(discriminator, perceptual, recipe, layer, seed=0)
        for step in range(2):
            made.begin(step)
            made.loss(torch.arange(4))
            assert len(made.adversary._pairs) == parts
            found.append(made.finish())
    assert found[0]["hinge"] > 0
    assert found[2] == pytest.approx(found[0], rel=1e-4)
    # afterwards adaptive weight and views, which are of each part, change what they have to do with alone
    assert found[3]["adaptive_weight"] > 0
    assert found[3]["generator"] != pytest.approx(found[1]["generator"], rel=1e-4)
    for name in ("pixel", "lpips"):
        assert found[3][name] == pytest.approx(found[1][name], rel=1e-4)


def test_the_loss_of_parts_is_the_mean_and_carries_the_gradient_on():
    y = torch.randn(6, 1, 2, 2, generator=generator(), dtype=torch.float64).requires_grad_()
    x = torch.randn(6, 3, 2, 2, generator=generator(), dtype=torch.float64)
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)

    def loss(y, x):
        return (scale * y - x).square().mean()

    def gradients(parts):
        y.grad = scale.grad = None
        value = in_parts(loss, 3 * y, x, parts)
        value.backward()
        return value.detach(), y.grad, scale.grad

    for found, expected in zip(gradients(3), gradients(1), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("parts", [0, 4, 7])
def test_parts_of_unequal_size_are_refused(parts):
    y = torch.zeros(6, 1, 1, 1)
    with pytest.raises(DomainError, match=f"accumulate must divide the 6 images .* got {parts}; take 1, or"):
        in_parts(lambda y, x: y.mean(), y, y, parts)


def test_parts_keep_less_of_the_decoder():
    preset = PRESETS["paper"]
    own = counts(preset)
    cells = {cell.phase: cell for cell in matrix(preset, ["as_run"], [3, 7], ["mmd"])}
    for phase in ("substitution", "adaptation", "joint"):
        whole, half = (cost(cells[phase], preset, own, accumulate=parts).memory for parts in (1, 2))
        saved = 32 * (own.decoder_kept + 91) / 2 / 1024
        assert whole - half == pytest.approx(saved, rel=1e-9)
