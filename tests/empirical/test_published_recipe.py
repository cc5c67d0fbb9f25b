"""Settings of the paper's preset and of the published run, as literal numbers, and their effect."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from empirical import variants
from empirical.adversary import Adversary
from empirical.augment import STRONG, WEAK, Policy, augment
from empirical.cells import CellSpec
from empirical.config import Budget
from empirical.discriminator import Discriminator, ViT, discriminator_loss
from empirical.head import build_transplant
from empirical.launch_config import PRESETS
from empirical.losses import ADAPTATION as ADVERSARIAL
from empirical.losses import LeCAM
from empirical.protocol import ADAPTATION, CONDUCT, JOINT, RECIPES
from empirical.quantizers import PROTOCOLS
from empirical.runtime import Runtime
from empirical.streamed import cell_run
from empirical.substitute import SubstitutionObjective
from empirical.tokenizers import PocketTokenizer
from empirical.training import _Trainer
from tests.empirical.discriminators import generator, images, tiny
from tests.empirical.networked import SmallLPIPS, networked, small_networks

BUDGET = Budget(steps=4, batch_size=4, learning_rate=1e-3, trials=1)


def test_the_papers_preset_is_the_published_one():
    preset = PRESETS["paper"]
    assert preset.first == Budget(steps=40_036, batch_size=64, learning_rate=1e-4, trials=3)
    assert preset.second == Budget(steps=100_090, batch_size=64, learning_rate=1e-5, trials=3)
    assert (preset.epochs, preset.size, preset.channels, preset.networks) == (5, 256, 32, True)
    assert (preset.head_width, preset.head_groups) == (1024, 32)
    assert (preset.codebook_size, preset.chunks) == (65536, 2)
    assert preset.codebook_sizes == (1024, 2048, 4096, 8192, 16384, 32768, 65536)
    assert (preset.token_chunks, preset.token_codebook_size) == ((1, 2, 4, 8), 16384)
    assert preset.splits == (128, 256)
    assert CONDUCT["as_run"].commitments == {("mmd", 1): 0.2, ("mmd", 4): 0.2, ("mmd", 8): 0.2}


def test_all_optimizers_and_views_are_the_published_ones():
    for recipe in (*RECIPES.values(), *ADAPTATION.values(), JOINT):
        assert (recipe.betas, recipe.weight_decay, recipe.clip_norm) == ((0.9, 0.95), 1e-5, 1.0)
    assert {recipe.final_learning_rate for recipe in RECIPES.values()} == {0.1}
    assert {recipe.final_learning_rate for recipe in (*ADAPTATION.values(), JOINT)} == {1.0}
    assert (JOINT.latent, JOINT.commitment) == (1.0, 0.25)
    for protocol in PROTOCOLS:
        own = ADVERSARIAL[protocol]
        assert (own.perceptual, own.lecam, own.lecam_decay, own.consistency) == (1.0, 0.001, 0.999, 4.0)
    rates = [ADVERSARIAL[protocol].discriminator_learning_rate for protocol in PROTOCOLS]
    assert rates == [1e-5, 1e-5, 1e-4]
    assert Policy(probability=0.5, cutout=0.2) == WEAK
    assert Policy(probability=1.0, cutout=0.5) == STRONG


def test_the_discriminator_reads_behind_blocks_2_5_8_and_11():
    backbone = ViT(side=16, patch=4, dim=8, depth=12, heads=2, generator=generator())
    made = Discriminator(backbone, generator=generator())
    assert made.taps == (2, 5, 8, 11)
    assert len(made.heads) == 5
    assert {head.wide.conv.weight.shape[-1] for head in made.heads} == {9}


def substitution(recipe, perceptual=None):
    """Return an objective on 4 small images, with its images and latents."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = PocketTokenizer(8).eval()
    crops = torch.rand(4, 3, 32, 32, generator=generator()) * 2 - 1
    z_e = tokenizer.encode(crops).detach()
    built = build_transplant(
        "vanilla", "full", channels=16, codebook_size=16, width=8, protocol="as_run", generator=generator()
    ).train()
    return SubstitutionObjective(built, tokenizer, z_e, crops, recipe, perceptual)


def test_the_first_stage_as_run_is_five_pixel_terms_lpips_the_latent_term_and_the_quantizers_own():
    chosen = torch.arange(4)
    for perceptual in (1.0, 0.7):
        made = substitution(replace(RECIPES["as_run"], perceptual=perceptual), SmallLPIPS())
        result = made.transplant(made.z_e)
        x, x_hat = made.crops, made.tokenizer.decode(result.y)
        lpips = functional.avg_pool2d(x - x_hat, 16).square().mean((1, 2, 3)).mean()
        assert lpips > 1e-4
        expected = 5 * (x_hat - x).square().mean() + perceptual * lpips
        expected = expected + (result.y - made.z_e).square().mean() + sum(result.losses.values())
        torch.testing.assert_close(made.loss(chosen), expected, rtol=1e-6, atol=0)


def trainer(**changes):
    return _Trainer(substitution(replace(RECIPES["as_run"], **changes)), BUDGET, Runtime())


def gradient_norm(parameters):
    return float(torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]).norm())


def test_the_optimizer_has_the_recipes_settings_for_heads_and_codebooks():
    for betas, decay in (((0.9, 0.95), 1e-5), ((0.3, 0.4), 0.5)):
        groups = trainer(betas=betas, weight_decay=decay).optimizer.param_groups
        assert len(groups) == 3  # heads, and two codebooks
        assert [(group["betas"], group["weight_decay"]) for group in groups] == [(betas, decay)] * 3


def test_a_large_gradient_is_clipped_over_all_parameters_and_a_small_one_is_not():
    made = trainer(pixel=1e4)
    made.step(0, torch.arange(4))
    assert gradient_norm(made.parameters) == pytest.approx(1, rel=1e-4)
    made = trainer(pixel=1e4, clip_norm=0.25)
    made.step(0, torch.arange(4))
    assert gradient_norm(made.parameters) == pytest.approx(0.25, rel=1e-4)
    free, bounded = trainer(clip_norm=1e9), trainer(clip_norm=1e6)
    for made in (free, bounded):
        made.step(0, torch.arange(4))
    assert gradient_norm(free.parameters) == gradient_norm(bounded.parameters) > 0


def adversary(protocol, **changes):
    layer = torch.nn.Parameter(torch.ones(3, 1, 1))
    recipe = replace(ADVERSARIAL[protocol], warmup_steps=0, **changes)
    return Adversary(tiny(), lambda x, y: (x - y).abs().mean((1, 2, 3)), recipe, layer, seed=0)


def heard(made):
    """Let the generator hear the discriminator once."""
    x, x_hat = images(), images(seed=6) * made.last_layer
    made.begin(0)
    return made.loss(x, x_hat, (x - x_hat).square().mean())


@pytest.mark.parametrize(("protocol", "moves"), [("as_run", True), ("paper", False), ("fair", False)])
def test_the_discriminators_statistics_move_in_the_generators_step_as_run_alone(protocol, moves):
    made = adversary(protocol)
    before = {name: value.clone() for name, value in made.discriminator.named_buffers()}
    heard(made)
    moved = {
        name for name, value in made.discriminator.named_buffers() if not torch.equal(value, before[name])
    }
    kinds = ("point.norm.running_mean", "point.norm.running_var", "point.conv.left", "wide.conv.left")
    expected = {f"heads.{head}.{kind}" for head in range(3) for kind in kinds}
    assert expected <= before.keys()
    assert (expected <= moved) if moves else not moved


def test_the_discriminators_optimizer_is_the_published_one_and_its_gradient_is_clipped():
    for hinge, consistency, clipped in ((1e5, 0.0, True), (1e-5, 0.0, False)):
        made = adversary("paper", hinge=hinge, consistency=consistency)
        [group] = made.optimizer.param_groups
        assert (group["betas"], group["weight_decay"], group["lr"]) == ((0.9, 0.95), 1e-5, 1e-5)
        heard(made)
        made.learn()
        norm = gradient_norm(made.parameters)
        assert norm == pytest.approx(1, rel=1e-4) if clipped else 0 < norm < 0.1


def test_the_discriminators_loss_is_that_of_the_published_run_on_the_same_draws():
    """Hinge loss and LeCAM on weak views, and their consistency with strong ones, written out."""
    x, x_hat, made = images(), images(seed=6), tiny()
    lecam = LeCAM(ADVERSARIAL["as_run"].lecam_decay, synced=False)
    found = discriminator_loss(made, x, x_hat, ADVERSARIAL["as_run"], lecam, generator=generator(9))
    made, draws, both = tiny(), generator(9), torch.cat([x, x_hat])
    weak = made(augment(both, Policy(0.5, 0.2), generator=draws), generator=draws)
    strong = made(augment(both, Policy(1.0, 0.5), generator=draws), generator=draws)
    real, fake = weak[:4], weak[4:]
    average_real, average_fake = 0.001 * real.mean(), 0.001 * fake.mean()
    hinge = 0.5 * ((1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean())
    pull = (real - average_fake).clamp(min=0).square().mean()
    pull = pull + (average_real - fake).clamp(min=0).square().mean()
    expected = 0.4 * (hinge + 0.001 * pull) + 4.0 * (weak - strong).square().mean()
    torch.testing.assert_close(found.loss, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("protocol", variants.EVERY)
def test_with_networks_lpips_takes_the_place_of_pixel_differences(tmp_path, monkeypatch, protocol):
    small_networks(monkeypatch.setattr)
    launch = networked(tmp_path)
    for networks, gradient in ((True, 0.0), (False, 0.05)):
        own = replace(launch, sizes=replace(launch.sizes, networks=networks))
        for phase in variants.phases(protocol):
            run = cell_run(own, CellSpec(phase, "fsq", "full", 4, 2, protocol, 0, (3,)), Runtime())
            made = run.objective(run.built(), run.inputs.tokenizer(run.cell))
            if phase != "substitution":
                assert made.recipe.gradient == gradient
                assert (made.adversary is not None) == networks
            elif networks:
                assert (made.perceptual is not None) == (made.recipe.pixel > 0)
