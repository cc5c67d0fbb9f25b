"""Adversarial losses against closed forms."""

import pytest
import torch
from torch import nn

from empirical.losses import (
    ADAPTATION,
    LeCAM,
    adaptive_weight,
    consistency_loss,
    generator_loss,
    hinge_loss,
)
from empirical.quantizers import PROTOCOLS
from qtheory.errors import DomainError, ShapeError


def test_hinge_loss_counts_what_is_inside_the_margin():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0])
    assert float(hinge_loss(real, fake)) == pytest.approx(((0 + 0.5 + 2) / 3 + (0 + 1) / 2) / 2)
    assert float(hinge_loss(torch.full((3,), 1.0), torch.full((3,), -1.0))) == 0


def test_generator_and_discriminator_pull_the_logits_of_reconstructions_apart():
    fake = torch.zeros(4, requires_grad=True)
    (down,) = torch.autograd.grad(hinge_loss(torch.zeros(4), fake), fake)
    (up,) = torch.autograd.grad(generator_loss(fake), fake)
    assert (down > 0).all()
    torch.testing.assert_close(up, torch.full((4,), -0.25))


def test_consistency_is_the_mean_square_over_all_logits():
    weak, strong = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]], requires_grad=True)
    loss = consistency_loss(weak, strong)
    assert float(loss.detach()) == 2.5
    loss.backward()
    torch.testing.assert_close(strong.grad, torch.tensor([[-1.0, 2.0]]))
    with pytest.raises(ShapeError, match="weak and strong must have one shape"):
        consistency_loss(weak, strong[0])


def test_lecam_follows_geometric_averages_and_uses_them_after_the_update():
    lecam = LeCAM(0.8, synced=True)
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([-1.0, -2.0, 0.0])
    for step in range(1, 6):
        value = lecam(real, fake)
        a, b = 4.0 * (1 - 0.8**step), -1.0 * (1 - 0.8**step)
        assert float(lecam.real) == pytest.approx(a, rel=1e-12)
        assert float(lecam.fake) == pytest.approx(b, rel=1e-12)
        expected = sum(max(0, r - b) ** 2 for r in (3, 5)) / 2
        expected += sum(max(0, a - f) ** 2 for f in (-1, -2, 0)) / 3
        assert float(value) == pytest.approx(expected, rel=1e-6)


def test_lecam_stays_out_of_the_way_of_a_discriminator_that_is_wrong():
    """Only real logits above and fake ones below the other average are pulled."""
    lecam = LeCAM(0.0, synced=True)
    real = torch.tensor([-2.0], requires_grad=True)
    fake = torch.tensor([2.0], requires_grad=True)
    loss = lecam(real, fake)
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(real.grad) == float(fake.grad) == 0


def test_lecam_keeps_still_in_evaluation_and_its_state_is_saved():
    lecam = LeCAM(0.5, synced=True)
    lecam(torch.ones(2), -torch.ones(2))
    state = {key: value.clone() for key, value in lecam.state_dict().items()}
    lecam.eval()
    lecam(torch.ones(2) * 9, torch.ones(2))
    assert lecam.state_dict() == state
    assert state == {"real": 0.5, "fake": -0.5}


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_lecam_refuses_a_decay_that_is_no_average(decay):
    with pytest.raises(DomainError, match="decay must be"):
        LeCAM(decay, synced=True)


def test_adaptive_weight_equalizes_the_gradients_of_the_last_layer():
    layer = nn.Parameter(torch.tensor([1.0, 2.0, 2.0]))
    loss, other = 5 * layer.square().sum(), (layer * torch.tensor([0.0, 3.0, 4.0])).sum()
    # gradients 10 layer with norm 30, and a vector of norm 5
    weight = adaptive_weight(loss, other, layer, synced=True)
    assert float(weight) == pytest.approx(30 / (5 + 1e-4), rel=1e-6)
    assert not weight.requires_grad
    (loss + weight * other).backward()  # graphs are kept


def test_adaptive_weight_is_bounded_where_the_discriminator_is_flat():
    layer = nn.Parameter(torch.ones(3))
    weight = adaptive_weight(layer.square().sum(), 0 * layer.sum(), layer, synced=True)
    assert float(weight) == 1e4
    assert float(adaptive_weight(0 * layer.sum(), layer.sum(), layer, synced=True)) == 0


def test_adaptive_weight_refuses_a_diverged_loss():
    layer = nn.Parameter(torch.ones(3))
    with pytest.raises(DomainError, match="gradient of adversarial must be finite"):
        adaptive_weight(layer.sum(), layer.sum() * torch.inf, layer, synced=True)


def test_recipes_say_what_the_protocols_differ_in():
    assert tuple(ADAPTATION) == PROTOCOLS
    run, paper, fair = (ADAPTATION[protocol] for protocol in PROTOCOLS)
    # one hinge term is half of the hinge loss
    assert [recipe.consistency / (recipe.hinge / 2) for recipe in (run, paper, fair)] == [20, 8, 8]
    assert [recipe.adversarial for recipe in (run, paper, fair)] == [1.0, 0.4, 0.4]
    assert [recipe.synced for recipe in (run, paper, fair)] == [False, True, True]
    assert fair.discriminator_learning_rate == 10 * paper.discriminator_learning_rate
