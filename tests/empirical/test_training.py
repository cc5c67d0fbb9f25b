"""Learning rates of heads and codebooks, and the stop on a loss that is not finite."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from empirical.checkpoint import State, pack
from empirical.head import TRAINED, build_transplant
from empirical.launch_config import PHOTOGRAPHS
from empirical.protocol import RECIPES
from empirical.quantizers import PROTOCOLS
from empirical.runtime import Runtime
from empirical.substitute import SubstitutionObjective
from empirical.tokenizers import PocketTokenizer
from empirical.training import _Trainer, train
from qtheory.errors import DomainError
from tests.empirical.helpers import interrupted

LATENTS = torch.zeros(8, 16, 8, 8)
BUDGET = replace(PHOTOGRAPHS["smoke"].first, steps=11, learning_rate=1e-3)


def objective(method, head, protocol, z_e=LATENTS):
    generator = torch.Generator().manual_seed(0)
    built = build_transplant(
        method, head, channels=16, codebook_size=256, width=8, protocol=protocol, generator=generator
    )
    crops = torch.zeros(8, 3, 64, 64) if RECIPES[protocol].pixel else None
    return SubstitutionObjective(built, PocketTokenizer(8), z_e, crops, RECIPES[protocol])


def trainer(method, head, protocol):
    return _Trainer(objective(method, head, protocol), BUDGET, Runtime())


def rates(made, step):
    made.set_learning_rates(step)
    return [group["lr"] for group in made.optimizer.param_groups]


def test_heads_decay_linearly_to_a_tenth():
    made = trainer("ema", "full", "fair")
    np.testing.assert_allclose([rates(made, step)[0] for step in (0, 5, 10)], [1e-3, 5.5e-4, 1e-4])


@pytest.mark.parametrize("method", TRAINED)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_heads_decay_to_a_tenth_but_around_the_published_products(method, protocol):
    """The stored trainer of the products has the decay commented out, for all that it trains."""
    made = trainer(method, "full", protocol)
    constant = protocol == "as_run" and method.endswith("_vp2")
    assert rates(made, 0)[0] == pytest.approx(1e-3)
    assert rates(made, 10)[0] == pytest.approx(1e-3 if constant else 1e-4)
    if constant:
        assert rates(made, 10) == rates(made, 0)


@pytest.mark.parametrize(
    ("method", "protocol", "first", "last"),
    [
        ("vanilla", "as_run", 1e-3, 1e-4),
        ("vanilla_vp2", "as_run", 1e-3, 1e-3),
        ("wasserstein", "as_run", 1e-1, 1e-1),
        ("mmd", "as_run", 1e-1, 1e-1),
        ("wasserstein_vp2", "as_run", 5e-3, 5e-3),
        ("mmd_vp2", "as_run", 5e-3, 5e-3),
        ("mmd", "fair", 1e-3, 1e-4),
        ("wasserstein", "fair", 1e-3, 1e-4),
    ],
)
def test_codebooks_learn_at_the_rate_of_their_protocol(method, protocol, first, last):
    made = trainer(method, "none", protocol)
    assert len(made.optimizer.param_groups) == (4 if method.endswith("vp2") else 2)
    np.testing.assert_allclose(rates(made, 0), first)
    np.testing.assert_allclose(rates(made, 10), last)


@pytest.mark.parametrize("method", ["ema", "fsq", "lfq", "bsq"])
def test_without_heads_statistics_and_fixed_rules_have_no_optimizer(method):
    assert trainer(method, "none", "fair").optimizer is None


def test_every_parameter_is_trained_once():
    made = trainer("mmd_vp2", "full", "fair")
    trained = [p for group in made.optimizer.param_groups for p in group["params"]]
    assert len(trained) == len({id(p) for p in trained}) == len(list(made.objective.transplant.parameters()))


def test_a_loss_that_is_not_finite_stops_with_its_step():
    z_e = torch.randn(8, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    made = objective("ema", "full", "fair", z_e)
    torch.nn.init.constant_(made.transplant.head_out.branch[-1].bias, torch.nan)
    with pytest.raises(FloatingPointError, match="loss of step 1 of 11 is nan; lower learning_rate"):
        train(made, BUDGET, rng=np.random.default_rng(0))


def test_a_gradient_that_is_not_finite_stops_with_its_step_and_keeps_the_last_state(tmp_path):
    z_e = torch.randn(8, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    made = objective("ema", "full", "fair", z_e)
    calls = []

    def spoiled(gradient):
        calls.append(1)
        return gradient * torch.inf if len(calls) == 4 else gradient

    made.transplant.head_out.branch[-1].bias.register_hook(spoiled)
    state = State(tmp_path / "state.safetensors", "digest", every=2)
    with pytest.raises(FloatingPointError, match="gradient of step 4 of 11 is"):
        train(made, BUDGET, rng=np.random.default_rng(0), state=state)
    assert state.steps == 2


def test_a_recipe_that_compares_pixels_needs_them():
    made = objective("ema", "full", "as_run")
    with pytest.raises(DomainError, match="crops must be given for a recipe with pixel=5"):
        SubstitutionObjective(made.transplant, made.tokenizer, made.z_e, None, RECIPES["as_run"])


@pytest.mark.parametrize("method", ["ema", "online", "mmd_vp2", "fsq"])
def test_a_training_stopped_at_any_step_resumes_to_the_same_bits(tmp_path, monkeypatch, method):
    z_e = torch.randn(16, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    z_e = z_e.contiguous(memory_format=torch.channels_last)

    def run(state=None):
        made = objective(method, "full", "fair", z_e)
        made.transplant.to(memory_format=torch.channels_last)
        train(made, BUDGET, rng=np.random.default_rng(0), state=state)
        return pack(**made.parts())

    straight, step = run(), _Trainer.step

    state = State(tmp_path / "state.safetensors", "digest", every=3)
    with interrupted(before=7):
        run(state)
    done = []
    monkeypatch.setattr(_Trainer, "step", lambda self, *args: done.append(args[0]) or step(self, *args))
    resumed = run(state)
    assert done == [6, 7, 8, 9, 10]
    assert all(torch.equal(resumed[key], straight[key]) for key in straight)
    other, several = replace(state, digest="another configuration"), replace(state, processes=2)
    assert (state.steps, state.others) == (9, None)
    assert (several.steps, several.others, other.others) == (0, 1, None)
    for fresh in (several, other):
        done.clear()
        run(fresh)
        assert done == list(range(11))
