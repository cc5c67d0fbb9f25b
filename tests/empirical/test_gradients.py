"""The gradient that passes a rounding, that of an error, and the layout of images, without a quantizer."""

import pytest
import torch

from empirical.quantizers import channels_first, channels_last
from empirical.quantizers._gradients import mean_square, rotation_trick
from tests.empirical.conforming import vectors


def test_vectors_without_a_rotation_keep_the_gradient_of_their_codeword():
    u = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    q = torch.tensor([[1.0, 0.0], [0.0, 0.0], [-2.0, 0.0]])
    weights = vectors(3, 2)
    (rotation_trick(u, q) * weights).sum().backward()
    assert torch.equal(u.grad, weights)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_mean_square_and_its_gradients_are_those_of_autograd_to_the_last_digit(dtype):
    """Of 333 x 7 numbers: a quotient by a power of two could hide another order of operations."""
    values = [vectors(333, 7, seed=seed).to(dtype) for seed in (0, 1)]
    found = []
    for square in (mean_square, lambda a, b: (a - b).square().mean()):
        a, b = (x.clone().requires_grad_() for x in values)
        loss = 0.3 * square(a, b)
        loss.backward()
        found.append((loss.detach(), a.grad, b.grad))
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))
    a, b = (x[:3].double().requires_grad_() for x in values)
    assert torch.autograd.gradgradcheck(mean_square, (a, b))


def test_image_layouts_are_inverse_to_each_other():
    z = vectors(2, 3, 4, 5)
    assert channels_last(z).shape == (2, 4, 5, 3)
    assert torch.equal(channels_first(channels_last(z)), z)
