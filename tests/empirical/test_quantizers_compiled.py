"""torch.compile and numerical gradients: what else must hold for every registered quantizer."""

import pytest
import torch

from empirical.quantizers import QUANTIZERS
from tests.empirical.conforming import DIM, make, vectors


# the compiler looks at gradients of what it resumes with after a break
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("name", sorted(QUANTIZERS))
def test_compiled_quantizers_train_and_code_as_they_do_without(name):
    """Traced by torch.compile, with graph breaks where statistics are looked at: a step, then a search."""
    torch._dynamo.reset()
    plain, traced = make(name), make(name)
    compiled = torch.compile(traced, backend="eager")
    found = []
    for quantizer in (plain, compiled):
        z = vectors(600, DIM).requires_grad_()
        result = quantizer(z)
        (result.z_q.square().sum() + sum(result.losses.values())).backward()
        found.append((result, z.grad))
    (one, gradient), (other, same_gradient) = found
    assert torch.equal(one.codes, other.codes)
    torch.testing.assert_close(one.z_q, other.z_q)
    torch.testing.assert_close(gradient, same_gradient)
    torch.testing.assert_close(dict(one.losses), dict(other.losses))
    for key, tensor in traced.state_dict().items():
        torch.testing.assert_close(tensor, plain.state_dict()[key])
    fresh = vectors(600, DIM, seed=1)
    assert torch.equal(plain.eval()(fresh).codes, compiled.eval()(fresh).codes)


@pytest.mark.parametrize("name", sorted(QUANTIZERS))
def test_gradients_in_double_precision_agree_with_numerical_ones(name):
    """Of the map before rounding, and of the loss terms in the inputs; codes are the same on both sides."""
    quantizer = make(name).double()
    quantizer(vectors(600, DIM, seed=1).double())
    z = vectors(6, DIM, seed=2).double().requires_grad_()
    assert torch.autograd.gradcheck(quantizer._project, z)
    quantizer.eval()
    assert quantizer(z).z_q.dtype == torch.float64
    names = sorted(set(quantizer(z).losses) - {"codebook"})  # which has no gradient in the inputs
    for term in names:
        assert torch.autograd.gradcheck(lambda z, term=term: quantizer(z).losses[term], z), term
