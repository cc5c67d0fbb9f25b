"""A compiled tokenizer beside a discriminator: the adaptive weight takes gradients with the graph kept."""

from dataclasses import replace

import pytest
import torch

from empirical.adapt import AdaptationObjective
from empirical.adversary import Adversary
from empirical.checkpoint import pack
from empirical.config import Budget
from empirical.discriminator import Discriminator, ViT
from empirical.head import build_transplant
from empirical.joint import JointObjective
from empirical.losses import ADAPTATION as ADVERSARIAL
from empirical.losses import adaptive_weight
from empirical.protocol import ADAPTATION, JOINT
from empirical.tokenizers import PocketTokenizer, VARTokenizer
from empirical.training import train_on

# the compiler looks at gradients of what it is given, of which not all are leaves
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a:UserWarning")

# the second step is the first to ask for an adaptive weight, of a pass that was compiled without one
RECIPE = replace(ADVERSARIAL["fair"], warmup_steps=1)
BUDGET = Budget(steps=3, batch_size=2, learning_rate=1e-4, trials=1)
MAKERS = {"pocket": lambda: PocketTokenizer(8), "var": lambda: VARTokenizer(32, 4, 8)}


def generator():
    return torch.Generator().manual_seed(0)


def made(tokenizer_name, *, compiled):
    """Return a small tokenizer in evaluation mode."""
    torch.compiler.reset()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = MAKERS[tokenizer_name]().eval()
    if compiled:
        tokenizer.compile_networks(backend="aot_eager")  # gradients as the default backend has them
    return tokenizer


def perceptual(x, x_hat):
    """Stands for LPIPS, whose network needs a file."""
    return torch.nn.functional.avg_pool2d(x - x_hat, 4).square().mean((1, 2, 3))


def trained(tokenizer_name, phase, *, compiled):
    """Return keys of the state and logged values of three steps."""
    tokenizer = made(tokenizer_name, compiled=compiled)
    channels = tokenizer.latent_channels
    transplant = build_transplant(
        "fsq",
        "full",
        channels=channels,
        codebook_size=256,
        width=8,
        chunks=channels // 4,
        protocol="fair",
        generator=generator(),
    )
    crops = torch.nn.functional.interpolate(torch.rand(6, 3, 4, 4, generator=generator()), 32) * 2 - 1
    if phase == "joint":
        objective = JointObjective(transplant, tokenizer, crops, JOINT)
    else:
        with torch.no_grad():
            z_e = tokenizer.encode(crops)
        objective = AdaptationObjective(transplant, tokenizer, crops, ADAPTATION["fair"], z_e)
    backbone = ViT(side=32, patch=8, dim=8, depth=1, heads=2, generator=generator())
    discriminator = Discriminator(backbone, taps=(0,), kernel=3, generator=generator())
    objective.adversary = Adversary(discriminator, perceptual, RECIPE, tokenizer.last_layer, seed=0)
    logged = []
    batches = torch.arange(6).reshape(3, 2)
    train_on(batches, objective, BUDGET, log=lambda step, values: logged.append(values))
    return pack(**objective.parts()).keys(), logged


@pytest.mark.parametrize(
    ("tokenizer_name", "phase"), [("pocket", "adaptation"), ("pocket", "joint"), ("var", "adaptation")]
)
def test_a_compiled_tokenizer_trains_beside_a_discriminator_as_it_does_uncompiled(tokenizer_name, phase):
    (keys, logged), (stored, told) = (
        trained(tokenizer_name, phase, compiled=compiled) for compiled in (True, False)
    )
    assert ["adaptive_weight" in values for values in logged] == [False, True, True]
    for values, plain in zip(logged, told, strict=True):
        assert values == pytest.approx(plain, rel=1e-3, abs=1e-5)
    assert keys == stored


@pytest.mark.parametrize("tokenizer_name", MAKERS)
def test_gradients_at_the_last_layer_run_no_backward_pass_of_what_is_compiled(tokenizer_name):
    tokenizer, passed, ran = made(tokenizer_name, compiled=True), [], []
    x_hat = tokenizer.decode(torch.randn(1, tokenizer.latent_channels, 2, 2, generator=generator()))
    node = x_hat.grad_fn
    while "Compiled" not in node.name():
        passed.append(node.name())
        node = node.next_functions[0][0]
    assert "ConvolutionBackward0" in passed
    node.register_prehook(lambda gradients: ran.append(True))
    assert adaptive_weight(x_hat.square().mean(), -x_hat.mean(), tokenizer.last_layer, synced=False) > 0
    assert ran == []
    x_hat.mean().backward()
    assert ran == [True]
    assert all(parameter.grad is not None for parameter in tokenizer.decoder.parameters())
