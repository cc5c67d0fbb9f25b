"""A training step and the gradients of every quantizer: compiled, on a card, and beside numerical ones."""

import os
import shutil

import pytest
import torch

from empirical.quantizers import QUANTIZERS
from tests.empirical.conforming import DIM, make, vectors

IN_MACHINE_CODE = ("fsq", "vanilla")  # a scalar one and one with a codebook


def trained_step(quantizer, forward):
    """Return the result of a training step of 600 vectors, and the gradient in them and in each parameter."""
    z = vectors(600, DIM).requires_grad_()
    result = forward(z)
    (result.z_q.square().sum() + sum(result.losses.values())).backward()
    return result, {"z": z.grad, **{key: value.grad for key, value in quantizer.named_parameters()}}


def assert_compiled_trains_as_without(name, backend):
    torch._dynamo.reset()
    plain, traced = make(name), make(name)
    one, gradients = trained_step(plain, plain)
    other, same_gradients = trained_step(traced, torch.compile(traced, backend=backend))
    assert torch.equal(one.codes, other.codes)
    torch.testing.assert_close(one.z_q, other.z_q)
    torch.testing.assert_close(gradients, same_gradients)
    torch.testing.assert_close(dict(one.losses), dict(other.losses))
    for key, tensor in traced.state_dict().items():
        torch.testing.assert_close(tensor, plain.state_dict()[key])


# the compiler looks at gradients of what it resumes with after a break
_RESUMED = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")


@_RESUMED
@pytest.mark.parametrize("name", sorted(QUANTIZERS))
def test_compiled_quantizers_train_and_code_as_they_do_without(name):
    """Forward and backward traced by torch.compile, with graph breaks where statistics are looked at."""
    assert_compiled_trains_as_without(name, "aot_eager")


@_RESUMED
@pytest.mark.filterwarnings("ignore:.torch._prims_common.check. is deprecated:FutureWarning")  # by itself
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
@pytest.mark.parametrize(
    "name", sorted(QUANTIZERS) if os.environ.get("QTHEORY_INDUCTOR") else IN_MACHINE_CODE
)
def test_quantizers_in_machine_code_train_and_code_as_they_do_without(name, tmp_path, monkeypatch):
    """By the compiler that users get, inductor; all of them take minutes, with QTHEORY_INDUCTOR=1."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # nothing made before is taken
    assert_compiled_trains_as_without(name, "inductor")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", sorted(QUANTIZERS))
def test_a_step_on_a_gpu_is_nearly_that_on_the_cpu(name):
    """In float64, start on data and fit included; sums are added in another order."""
    z, results = vectors(600, DIM).double(), []
    for device in ("cpu", "cuda"):
        quantizer = make(name).double().to(device)
        on_device = z.to(device).requires_grad_()
        result = quantizer(on_device)
        (result.z_q.square().sum() + sum(result.losses.values())).backward()
        results.append((result, on_device.grad, quantizer))
    (one, gradient, plain), (other, same_gradient, moved) = results
    assert torch.equal(one.codes, other.codes.cpu())
    torch.testing.assert_close(other.z_q.cpu(), one.z_q)
    torch.testing.assert_close(same_gradient.cpu(), gradient)
    torch.testing.assert_close({k: v.cpu() for k, v in other.losses.items()}, dict(one.losses))
    for key, tensor in moved.state_dict().items():
        torch.testing.assert_close(tensor.cpu(), plain.state_dict()[key])


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
