"""Entropies of binary quantizers against the softmax over all codewords, for small d."""

import numpy as np
import pytest
import torch

from empirical.quantizers import BSQQuantizer, _binary
from empirical.quantizers._binary import BinarySettings, batch_entropy, vector_entropy


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def soft_assignment(quantizer, u, tau):
    """Return the softmax of -tau ||u - c||^2 over all codewords, (N, 2^d)."""
    codewords = quantizer.decode(torch.arange(quantizer.codebook_size)).double()
    return torch.softmax(-tau * torch.cdist(u, codewords).square(), dim=1)


def entropy(pmf):
    return torch.special.entr(pmf).sum(dim=-1)


@pytest.mark.parametrize("dim", [1, 4, 9])
@pytest.mark.parametrize("tau", [0.3, 1.0, 20.0])
def test_the_entropy_term_is_that_of_the_softmax_over_all_codewords(dim, tau):
    settings = BinarySettings(commitment=0.0, entropy=0.7, inverse_temperature=tau)
    quantizer = BSQQuantizer(dim, settings).double()
    z = vectors(200, dim)
    pmf = soft_assignment(quantizer, quantizer.project(z), tau)
    expected = 0.7 * (entropy(pmf).mean() - entropy(pmf.mean(dim=0)))
    torch.testing.assert_close(quantizer(z).losses["entropy"], expected, rtol=1e-6, atol=1e-8)


def test_more_than_nine_bits_are_taken_in_equal_groups():
    logits = vectors(300, 16)
    expected = sum(batch_entropy(half) for half in logits.split(8, dim=1))
    torch.testing.assert_close(batch_entropy(logits), expected)


def test_groups_bound_the_joint_entropy_from_above_and_meet_it_where_they_are_independent(monkeypatch):
    dependent = vectors(500, 2).repeat(1, 3)
    independent = torch.tensor([[0.3, -1.0, 0.2, 2.0, 0.0, -0.5]]).double().expand(10, -1)
    for logits, strict in ((4 * dependent, True), (independent, False)):
        joint = float(batch_entropy(logits))
        monkeypatch.setattr(_binary, "_GROUP_BITS", 2)
        grouped = float(batch_entropy(logits))
        monkeypatch.undo()
        assert grouped >= joint - 1e-9
        assert (grouped > joint + 0.1) is strict


def test_entropies_reach_their_extremes():
    assert float(vector_entropy(torch.zeros(3, 7))) == pytest.approx(7 * np.log(2), rel=1e-6)
    assert float(vector_entropy(torch.full((3, 7), 200.0))) == pytest.approx(0, abs=1e-6)
    signs = 200.0 * (2 * (torch.arange(256)[:, None] // 2 ** torch.arange(8) % 2) - 1)
    assert float(batch_entropy(signs)) == pytest.approx(8 * np.log(2), rel=1e-6)
    assert float(batch_entropy(signs[:1])) == pytest.approx(0, abs=1e-6)


def test_gradients_agree_with_numerical_ones():
    logits = vectors(6, 5).requires_grad_()
    torch.autograd.gradcheck(vector_entropy, logits)
    torch.autograd.gradcheck(batch_entropy, logits)


def test_gradients_of_saturated_bits_are_finite():
    logits = torch.full((4, 12), 300.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(vector_entropy(logits) - batch_entropy(logits), logits)
    assert torch.isfinite(gradient).all()


def test_memory_of_sixteen_bits_is_far_below_the_table_of_all_codewords():
    """8192 vectors and 65536 codewords would take 2 GiB; the largest tensor made is 8192 x 16 or so."""
    largest = 0

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, arguments=(), named=None):
            nonlocal largest
            result = function(*arguments, **(named or {}))
            for tensor in result if isinstance(result, tuple) else (result,):
                if isinstance(tensor, torch.Tensor):
                    largest = max(largest, tensor.numel())
            return result

    logits = vectors(8192, 16).float()
    with Watch():
        batch_entropy(logits) + vector_entropy(logits)
    assert 0 < largest <= 8192 * 32
