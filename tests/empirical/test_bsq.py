"""BSQ: unit vectors of signs, its gradient through the sphere, protocols, numpy twin."""

import dataclasses

import numpy as np
import pytest
import torch

from empirical.quantizers import BSQQuantizer, build
from empirical.quantizers.bsq import SETTINGS
from qtheory import quantizers as reference
from qtheory.errors import DomainError


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dim", [1, 3, 16])
def test_codes_and_codewords_agree_with_numpy_code_for_code(dim):
    z = 3 * vectors(20_000, dim) + 0.5
    quantizer, twin = BSQQuantizer(dim, SETTINGS["fair"]), reference.BSQ(dim)
    codes = quantizer.encode(z)
    np.testing.assert_array_equal(codes.numpy(), twin.encode(z.double().numpy()))
    np.testing.assert_allclose(quantizer.decode(codes), twin.decode(codes.numpy()), rtol=1e-6)
    np.testing.assert_allclose(quantizer.project(z), twin.project(z.double().numpy()), atol=1e-6)


def test_codewords_have_length_one_and_all_of_them_occur():
    quantizer = BSQQuantizer(6, SETTINGS["fair"])
    z = vectors(5000, 6)
    result = quantizer(z)
    torch.testing.assert_close(result.z_q.square().sum(1), torch.ones(5000))
    assert quantizer.usage(result.codes).min() > 0


def test_codes_do_not_depend_on_the_length_of_vectors():
    quantizer, z = BSQQuantizer(8, SETTINGS["fair"]), vectors(500, 8)
    assert torch.equal(quantizer.encode(z), quantizer.encode(1e6 * z))


def test_the_published_run_scales_the_gradient_of_codewords_by_their_size():
    """0.25 for 16 coordinates; values, and the gradient of the commitment, are the same."""
    z = vectors(50, 16).requires_grad_()
    weights = vectors(50, 16, seed=1)
    gradients, values, commitments = {}, {}, {}
    for scaled in (False, True):
        settings = dataclasses.replace(SETTINGS["as_run"], scaled_gradient=scaled)
        result = BSQQuantizer(16, settings)(z)
        values[scaled] = result.z_q
        (gradients[scaled],) = torch.autograd.grad((result.z_q * weights).sum(), z, retain_graph=True)
        (commitments[scaled],) = torch.autograd.grad(result.losses["commitment"], z)
    assert torch.equal(values[True], values[False])
    torch.testing.assert_close(gradients[True], 0.25 * gradients[False])
    torch.testing.assert_close(commitments[True], commitments[False])


def test_the_gradient_is_tangent_to_the_sphere():
    z = vectors(50, 5).requires_grad_()
    result = BSQQuantizer(5, SETTINGS["fair"])(z)
    (gradient,) = torch.autograd.grad((result.z_q * vectors(50, 5, seed=1)).sum(), z)
    assert gradient.abs().max() > 0.01
    torch.testing.assert_close((gradient * z.detach()).sum(1), torch.zeros(50), atol=1e-5, rtol=0)


def test_the_commitment_is_measured_on_the_sphere():
    z = vectors(50, 8)
    result = build("bsq", 8, 256, "as_run")(z)
    on_sphere = z / z.norm(dim=1, keepdim=True)
    torch.testing.assert_close(result.losses["commitment"], (on_sphere - result.z_q).square().mean())


def test_protocols_differ_as_documented():
    z = vectors(50, 8)
    terms = {name: set(build("bsq", 8, 256, name)(z).losses) for name in SETTINGS}
    assert terms == {"as_run": {"commitment"}, "paper": {"entropy"}, "fair": {"commitment", "entropy"}}
    assert [SETTINGS[name].scaled_gradient for name in ("as_run", "paper", "fair")] == [True, False, False]


def test_vectors_without_a_direction_are_refused_with_their_count():
    z = vectors(10, 4)
    z[3] = 0.0
    with pytest.raises(DomainError, match="positive finite length for BSQ, got 1 of 10 without"):
        BSQQuantizer(4, SETTINGS["fair"])(z)


def test_sizes_other_than_powers_of_two_are_refused():
    with pytest.raises(DomainError, match="2\\^dim = 16 for dim=4, got 256"):
        build("bsq", 4, 256)
    with pytest.raises(DomainError, match="dim must be at most 62"):
        build("bsq", 63, 2**63)
