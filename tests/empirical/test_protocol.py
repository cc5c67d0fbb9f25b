"""The protocols differ where they are documented to differ, and nowhere else."""

from dataclasses import asdict

import pytest

from empirical.protocol import RECIPES
from empirical.quantizers import PROTOCOLS
from empirical.variants import substitution_recipe as recipe
from qtheory.errors import DomainError


def test_every_protocol_has_a_recipe():
    assert tuple(RECIPES) == PROTOCOLS


def test_the_published_run_trained_through_the_decoder_and_equation_10_does_not():
    assert (recipe("as_run").pixel, recipe("as_run").perceptual, recipe("as_run").latent) == (5.0, 1.0, 1.0)
    for name in ("paper", "fair"):
        assert (recipe(name).pixel, recipe(name).perceptual, recipe(name).latent) == (0.0, 0.0, 1.0)


def test_the_optimizer_is_the_same_in_all_protocols():
    shared = [
        {key: value for key, value in asdict(entry).items() if key not in ("latent", "pixel", "perceptual")}
        for entry in RECIPES.values()
    ]
    assert all(entry == shared[0] for entry in shared)
    assert shared[0]["betas"] == (0.9, 0.95)
    assert (shared[0]["weight_decay"], shared[0]["clip_norm"]) == (1e-5, 1.0)


def test_the_loss_says_what_is_left_out():
    assert recipe("as_run").loss == "5 pixel + 1 latent + vq (no lpips)"
    assert recipe("fair").loss == "1 latent + vq"


def test_unknown_protocols_are_named():
    with pytest.raises(DomainError, match="protocol must be one of as_run, paper, fair, fair_images"):
        recipe("best")
