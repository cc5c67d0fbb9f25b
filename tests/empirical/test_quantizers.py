"""Conformance: what must hold for every registered quantizer, references among them.

That statistics add up exactly over processes is tested for every one in `test_distributed.py`.
"""

import copy
from functools import cache

import numpy as np
import pytest
import torch

from empirical.checkpoint import load, save
from empirical.quantizers import QUANTIZERS, Quantizer, build
from qtheory.errors import DomainError, ShapeError
from tests.empirical.conforming import DIM, K, make, vectors

GREEDY = {"rq", "var"}  # codes are chosen stage by stage
ANY_SIZE = {"vanilla", "ema", "online", "wasserstein", "mmd", "kmeans", "lloyd_max"}


@cache
def trained(name):
    built = make(name)
    built(vectors(2048, DIM, seed=9))
    return built.eval()


@pytest.fixture(params=sorted(QUANTIZERS))
def quantizer(request):
    """A quantizer after one training batch, in evaluation mode."""
    return copy.deepcopy(trained(request.param))


def test_sizes_and_rate(quantizer):
    assert (quantizer.dim, quantizer.codebook_size, quantizer.rate) == (DIM, K, 8.0)


@pytest.mark.parametrize("shape", [(DIM,), (5, DIM), (2, 3, 4, DIM)])
def test_any_leading_shape_is_kept(quantizer, shape):
    result = quantizer(vectors(*shape))
    assert result.z_q.shape == shape
    assert result.codes.shape == shape[:-1]
    assert result.codes.dtype == torch.int64


def test_codes_lie_in_range_and_round_trip_exactly(quantizer):
    z = vectors(1000, DIM)
    result = quantizer(z)
    assert result.codes.min() >= 0
    assert result.codes.max() < K
    assert torch.equal(quantizer.encode(z), result.codes)
    assert torch.equal(quantizer.decode(result.codes), result.z_q)


def test_rounding_is_to_the_nearest_codeword(quantizer, request):
    """In the space where the quantizer rounds; greedy codes are never nearer than the nearest."""
    z = vectors(300, DIM)
    codewords = quantizer.decode(torch.arange(K)).double()
    distances = torch.cdist(
        quantizer.project(z).double(), codewords, compute_mode="donot_use_mm_for_euclid_dist"
    )
    own = (quantizer.project(z).double() - quantizer(z).z_q).norm(dim=-1)
    least = distances.min(dim=1).values
    if request.node.callspec.params["quantizer"] in GREEDY:
        assert (own >= least - 1e-6).all()
        assert (own > least + 1e-6).float().mean() < 0.5
    else:
        torch.testing.assert_close(own, least, rtol=1e-5, atol=1e-6)


def test_gradient_passes_straight_through_to_the_mapped_input(quantizer):
    z = vectors(50, DIM).requires_grad_()
    weights = vectors(50, DIM, seed=1)
    (through,) = torch.autograd.grad((quantizer(z).z_q * weights).sum(), z)
    (direct,) = torch.autograd.grad((quantizer._project(z) * weights).sum(), z)
    torch.testing.assert_close(through, direct)
    assert through.abs().sum() > 0


def rotations(u, q):
    """Return matrices that take the direction of u to that of q in their plane, and fix the rest."""
    a, b = (x / x.norm(dim=1, keepdim=True) for x in (u, q))
    c = (a * b).sum(1)[:, None, None]
    plane = b[:, :, None] * a[:, None, :] - a[:, :, None] * b[:, None, :]
    return torch.eye(u.shape[1], dtype=u.dtype) + plane + plane @ plane / (1 + c)


def test_the_rotation_trick_changes_no_value_and_turns_and_scales_the_gradient(quantizer):
    """Against Rodrigues' formula: the gradient in u is that in q times ``|q| / |u| R``."""
    z, weights = (vectors(50, DIM, seed=seed).double() for seed in (0, 1))
    u = quantizer._project(z).detach()
    before = quantizer(z).z_q
    quantizer.gradient = "rotation"
    z.requires_grad_()
    result = quantizer(z)
    assert torch.equal(result.z_q, before)
    scales = result.z_q.detach().norm(dim=1, keepdim=True) / u.norm(dim=1, keepdim=True)
    turned = torch.einsum("ni,nij->nj", weights, rotations(u, result.z_q.detach())) * scales
    (found,) = torch.autograd.grad((result.z_q * weights).sum(), z)
    (expected,) = torch.autograd.grad((quantizer._project(z) * turned).sum(), z)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
    assert not torch.allclose(turned, weights)


def test_losses_are_finite_scalars(quantizer):
    for value in quantizer.train()(vectors(500, DIM)).losses.values():
        assert value.shape == ()
        assert torch.isfinite(value)


def test_saved_and_copied_quantizers_give_the_same_codes(quantizer, tmp_path):
    z = vectors(400, DIM)
    save(tmp_path / "q.safetensors", quantizer.state_dict())
    other = copy.deepcopy(quantizer)
    assert torch.equal(other.encode(z), quantizer.encode(z))
    for tensor in other.state_dict().values():
        tensor.zero_()
    other.load_state_dict(load(tmp_path / "q.safetensors")[0])
    assert torch.equal(other.encode(z), quantizer.encode(z))
    assert torch.equal(other.decode(other.encode(z)), quantizer.decode(quantizer.encode(z)))


def test_an_empty_batch_is_refused_with_its_count(quantizer):
    with pytest.raises(ShapeError, match=r"at least 1 vector, got 0"):
        quantizer(torch.zeros(0, DIM))


def test_non_finite_inputs_are_refused_with_their_count(quantizer):
    z = vectors(10, DIM)
    z[2, 1], z[5, 0] = torch.nan, torch.inf
    with pytest.raises(DomainError, match=r"2 NaN or infinite value\(s\) of 80"):
        quantizer(z)


def test_inputs_whose_squares_overflow_are_refused_and_those_below_give_finite_losses(quantizer):
    with pytest.raises(DomainError, match=r"at most 2.8e\+14 .* fit torch.float32, got a largest of 1e\+20"):
        quantizer(torch.full((10, DIM), 1e20))
    result = quantizer(vectors(400, DIM) * 1e13)
    assert torch.isfinite(result.z_q).all()
    assert all(torch.isfinite(loss) for loss in result.losses.values())


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64, torch.bool])
def test_inputs_that_are_no_real_floats_are_refused(quantizer, dtype):
    """Codewords in the dtype of integers would lose their fractions."""
    for use in (quantizer, quantizer.encode):
        with pytest.raises(DomainError, match=f"z must be real floats, got {dtype}"):
            use(torch.ones(10, DIM, dtype=dtype))


def test_a_wrong_number_of_channels_is_refused(quantizer):
    with pytest.raises(ShapeError, match=r"8 channels in its last axis, got shape \(2, 3\)"):
        quantizer(torch.zeros(2, 3))


@pytest.mark.parametrize("codes", [torch.tensor([0, K]), torch.tensor([-1])])
def test_codes_out_of_range_are_refused(quantizer, codes):
    with pytest.raises(DomainError, match=r"codes must lie in \[0, 256\)"):
        quantizer.decode(codes)


def test_codes_must_be_integers(quantizer):
    with pytest.raises(DomainError, match="integers"):
        quantizer.decode(torch.tensor([0.5]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_inputs_of_half_precision_get_the_codes_of_their_values(quantizer, dtype):
    z = vectors(500, DIM).to(dtype)
    result = quantizer(z)
    assert torch.equal(result.codes, quantizer.encode(z.float()))
    assert result.z_q.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing(quantizer, dtype):
    z = vectors(500, DIM)
    with torch.autocast("cpu", dtype=dtype):
        inside = quantizer(z)
        codes, words, projected = quantizer.encode(z), quantizer.decode(inside.codes), quantizer.project(z)
    assert torch.equal(inside.codes, quantizer.encode(z))
    assert torch.equal(codes, inside.codes)
    assert torch.equal(inside.z_q, quantizer(z).z_q)
    assert torch.equal(words, quantizer.decode(codes))
    assert torch.equal(projected, quantizer.project(z))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_cast_of_the_whole_module_narrows_parameters_alone(quantizer, dtype, request):
    """Constants and statistics are buffers: where there is nothing else, codes and training are the same."""
    name = request.node.callspec.params["quantizer"]
    z, cast = vectors(500, DIM), copy.deepcopy(quantizer).to(dtype)
    assert all(b.dtype != dtype for b in cast.buffers())
    assert all(p.dtype == dtype for p in cast.parameters())
    if not list(cast.parameters()):
        assert torch.equal(cast.encode(z), quantizer.encode(z))
        trained = [make(name), make(name).to(dtype)]
        for seed in range(3):
            one, other = (each(vectors(600, DIM, seed=seed)) for each in trained)
        assert torch.equal(one.codes, other.codes)
        for key, tensor in trained[0].state_dict().items():
            assert torch.equal(trained[1].state_dict()[key], tensor), key


def test_double_precision_is_kept(quantizer):
    z = vectors(500, DIM).double()
    assert quantizer(z).z_q.dtype == torch.float64
    assert torch.equal(quantizer.double()(z).codes, quantizer.encode(z))


def test_usage_counts_every_code_and_adds_up_over_batches(quantizer):
    codes = quantizer.encode(vectors(700, DIM))
    whole = quantizer.usage(codes)
    assert whole.shape == (K,)
    assert int(whole.sum()) == 700
    np.testing.assert_array_equal(whole, np.bincount(codes, minlength=K))
    assert torch.equal(quantizer.usage(codes[:300]) + quantizer.usage(codes[300:]), whole)
    for counts, size, *halves in zip(
        quantizer.part_usage(codes),
        quantizer.part_sizes,
        quantizer.part_usage(codes[:300]),
        quantizer.part_usage(codes[300:]),
        strict=True,
    ):
        assert counts.shape == (size,)
        assert int(counts.sum()) % 700 == 0  # once a code, or as often as a code has tokens
        assert torch.equal(sum(halves), counts)


def test_evaluation_mode_changes_no_state(quantizer):
    before = copy.deepcopy(quantizer.state_dict())
    quantizer(vectors(500, DIM) * 10)
    for key, tensor in quantizer.state_dict().items():
        assert torch.equal(tensor, before[key]), key


def test_equal_builds_train_equally(quantizer, request):
    name = request.node.callspec.params["quantizer"]
    again = make(name)
    again(vectors(2048, DIM, seed=9))
    for key, tensor in again.state_dict().items():
        assert torch.equal(tensor, quantizer.state_dict()[key]), key


def test_the_global_generator_is_left_alone(quantizer, request):
    state = torch.get_rng_state()
    make(request.node.callspec.params["quantizer"])(vectors(600, DIM))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", sorted(QUANTIZERS))
def test_shared_behaviour_lives_in_the_base_class_alone(name):
    for kind in type(make(name)).__mro__[:-1]:
        if issubclass(kind, Quantizer) and kind is not Quantizer:
            own = set(vars(kind)) & {"forward", "encode", "decode", "project", "usage", "rate", "_rows"}
            assert not own, f"{kind.__name__} overrides {own}"


@pytest.mark.parametrize("name", sorted(QUANTIZERS))
@pytest.mark.parametrize("size", [0, -4, 2.0])
def test_bad_codebook_sizes_are_refused(name, size):
    with pytest.raises(DomainError, match="codebook_size must be"):
        build(name, DIM, size)


@pytest.mark.parametrize("name", sorted(QUANTIZERS))
def test_a_codebook_size_that_is_no_power_where_it_must_be_is_refused(name):
    if name in ANY_SIZE:
        assert build(name, DIM, 250).codebook_size == 250
    else:
        with pytest.raises(DomainError, match=r"codebook_size must be .* got (codebook_size=)?250"):
            build(name, DIM, 250)
