"""Adaptation and joint optimisation: what moves, what does not, and the losses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from empirical.adapt import AdaptationObjective
from empirical.checkpoint import State, pack
from empirical.config import Budget
from empirical.head import TRAINED, build_transplant
from empirical.joint import JointObjective, set_commitment
from empirical.protocol import ADAPTATION, JOINT, JOINT_LIGHT
from empirical.tokenizers import PocketTokenizer
from empirical.training import train
from qtheory.errors import DomainError
from tests.empirical.helpers import interrupted

BUDGET = Budget(steps=20, batch_size=8, learning_rate=1e-3, trials=1)


@pytest.fixture(scope="module")
def crops():
    """Smooth images, which a small decoder can learn something about in a few steps."""
    noise = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, size=(32, 32), mode="bilinear").clamp(-1, 1)


def parts(method="ema", protocol="fair"):
    generator = torch.Generator().manual_seed(0)
    transplant = build_transplant(
        method, "full", channels=16, codebook_size=256, width=8, protocol=protocol, generator=generator
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = PocketTokenizer(8)
    with torch.no_grad():  # codebooks on data, as after the first stage
        transplant.train()(torch.randn(64, 16, 4, 4, generator=generator))
    return transplant.eval(), tokenizer.eval()


def adaptation(crops, protocol="fair", method="ema"):
    transplant, tokenizer = parts(method, protocol)
    with torch.no_grad():
        z_e = tokenizer.encode(crops)
    return AdaptationObjective(transplant, tokenizer, crops, ADAPTATION[protocol], z_e)


def joint(crops, method="ema"):
    return JointObjective(*parts(method), crops, JOINT)


def changes(objective, budget=BUDGET):
    """Train, and return which tensors changed."""
    before = {key: value.clone() for key, value in pack(**objective.parts()).items()}
    train(objective, budget, rng=np.random.default_rng(0))
    after = pack(**objective.parts())
    return {key: not torch.equal(value, before[key]) for key, value in after.items()}


@pytest.mark.parametrize("method", ["ema", "mmd", "fsq"])
@pytest.mark.parametrize(
    ("protocol", "trained"),
    [
        ("paper", ("tokenizer.decoder",)),
        ("fair", ("tokenizer.decoder", "transplant.head_out")),
        ("as_run", ("tokenizer.decoder", "transplant.head_out")),
    ],
)
def test_adaptation_moves_what_its_protocol_names_and_nothing_else(crops, method, protocol, trained):
    changed = changes(adaptation(crops, protocol, method))
    assert all(moved == key.startswith(trained) for key, moved in changed.items())
    assert sum(changed.values()) > 10


@pytest.mark.parametrize("method", ["ema", "ema_vp2", "wasserstein", "fsq"])
def test_joint_optimisation_moves_every_parameter_and_the_codebooks_of_statistics(crops, method):
    objective = joint(crops, method)
    changed = changes(objective)
    learned = [
        f"{name}.{key}" for name, part in objective.parts().items() for key, _ in part.named_parameters()
    ]
    codebooks = [key for key in changed if key.endswith("codebook")]
    assert len(learned) > 40
    assert all(changed[key] for key in learned)
    assert (len(codebooks) > 0) == (method != "fsq")
    assert all(changed[key] for key in codebooks)
    # the last normalization of the encoder is a fixed map, else the latents could not change variance
    assert not any(moved for key, moved in changed.items() if "running" in key)


@pytest.mark.parametrize("make", [adaptation, joint])
def test_training_lowers_the_loss(crops, make):
    objective, everything = make(crops), torch.arange(16)

    def loss():
        return float(objective.loss(everything).detach())

    objective.train(False)
    start = loss()
    train(objective, replace(BUDGET, steps=60), rng=np.random.default_rng(0))
    assert loss() < 0.7 * start


def test_the_joint_loss_is_that_of_appendix_l(crops):
    objective, chosen = joint(crops, "vanilla"), torch.arange(4)
    x = crops[:4]
    z_e = objective.tokenizer.encode(x)
    result = objective.transplant(z_e)
    error = objective.tokenizer.decode(result.y) - x
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    z_q, z_p = torch.cat(result.z_q, -1), torch.cat(result.z_p, -1)
    gap = (z_q - z_p).square().mean()
    expected = error.square().mean() + 0.05 * edges + (result.y - z_e).square().mean() + 1.25 * gap
    torch.testing.assert_close(objective.loss(chosen), expected)
    assert JOINT.loss == "1 pixel + 0.05 gradient + 1 latent + vq (beta 0.25) (no lpips, no gan)"
    lighter = JointObjective(objective.transplant, objective.tokenizer, crops, JOINT_LIGHT)
    expected = error.square().mean() + 0.05 * edges + ((result.y - z_e).square().mean() + 1.25 * gap) / 8
    torch.testing.assert_close(lighter.loss(chosen), expected)
    assert JOINT_LIGHT.loss.startswith("1 pixel + 0.05 gradient + 0.125 latent + 0.125 vq (beta 0.25)")


def test_the_encoder_does_not_follow_the_latent_term(crops):
    gradients = {}
    for latent in (0.0, 1.0):
        objective = JointObjective(*parts(), crops, replace(JOINT, latent=latent))
        objective.loss(torch.arange(8)).backward()
        gradients[latent] = (
            torch.cat([p.grad.flatten() for p in objective.tokenizer.encoder.parameters()]),
            torch.cat([p.grad.flatten() for p in objective.transplant.head_in.parameters()]),
        )
    encoder, head_in = zip(*gradients.values(), strict=True)
    torch.testing.assert_close(encoder[0], encoder[1], rtol=1e-4, atol=1e-6)
    assert (head_in[0] - head_in[1]).norm() > 0.1 * head_in[0].norm()


@pytest.mark.parametrize("protocol", ["as_run", "fair"])
@pytest.mark.parametrize("method", TRAINED)
def test_commitment_is_set_where_there_is_one(method, protocol):
    transplant, _ = parts(method, protocol)
    z_e = torch.randn(4, 16, 4, 4, generator=torch.Generator().manual_seed(1))
    before = transplant(z_e).losses
    found = {}
    for beta in (0.25, 1.0):
        set_commitment(transplant, beta)
        found[beta] = transplant(z_e).losses
    assert set(found[0.25]) == set(before)
    for name in before:
        factor = 0.25 if name == "commitment" else 1
        torch.testing.assert_close(found[0.25][name], factor * found[1.0][name])
        assert name == "commitment" or torch.equal(found[1.0][name], before[name])


def test_recipes_that_train_nothing_are_refused(crops):
    with pytest.raises(DomainError, match="trainable must name a module with parameters"):
        JointObjective(*parts(), crops, replace(JOINT, trainable=("post_quant_conv",)))
    with pytest.raises(DomainError, match="commitment must be a number"):
        JointObjective(*parts(), crops, replace(JOINT, commitment=None))


@pytest.mark.parametrize("make", [adaptation, joint])
def test_a_training_stopped_at_any_step_resumes_to_the_same_bits(tmp_path, crops, make):
    budget = replace(BUDGET, steps=7)

    def run(state=None):
        objective = make(crops)
        for part in objective.parts().values():
            part.to(memory_format=torch.channels_last)
        train(objective, budget, rng=np.random.default_rng(0), state=state)
        return pack(**objective.parts())

    straight = run()
    state = State(tmp_path / "state.safetensors", "digest", every=2)
    with interrupted(before=5):
        run(state)
    resumed = run(state)
    assert all(torch.equal(resumed[key], straight[key]) for key in straight)
