"""The VAR tokenizer: published layout, numerics and native quantizer."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from empirical.tokenizers import VARTokenizer
from qtheory.errors import DomainError, ShapeError
from tests.empirical.var_network import decode, encode, native, nearest_ticks, small, uniform

HERE = Path(__file__).parent
KEYS = HERE / "fixtures" / "var_keys_ch160.txt"
FIXTURE = Path(
    os.environ.get("QTHEORY_VAR_FIXTURE") or HERE.parents[2] / "shared" / "fixtures" / "var_tokenizer"
)


@pytest.fixture(scope="module")
def full_size():
    with torch.device("meta"):
        return VARTokenizer()


def test_keys_and_shapes_are_those_of_the_published_checkpoint(full_size):
    published = [line.split(" ", 1) for line in KEYS.read_text().splitlines()]
    own = [[key, str(tuple(tensor.shape))] for key, tensor in full_size.state_dict().items()]
    assert len(own) == 324
    assert own == published


@pytest.mark.parametrize(
    ("part", "tensors", "numbers"),
    [
        ("encoder", 132, 44_107_872),
        ("decoder", 178, 64_653_923),
        ("quant_conv", 2, 9_248),
        ("post_quant_conv", 2, 9_248),
        ("quantize", 10, 209_024),
    ],
)
def test_parts_have_the_published_numbers_of_parameters(full_size, part, tensors, numbers):
    state = getattr(full_size, part).state_dict()
    assert (len(state), sum(tensor.numel() for tensor in state.values())) == (tensors, numbers)
    if part == "quantize":  # of which the counts are no parameters
        numbers -= 10 * 4096
    assert sum(p.numel() for p in getattr(full_size, part).parameters()) == numbers


def test_encoder_and_decoder_have_the_number_of_parameters_in_the_published_logs(full_size):
    networks = (full_size.encoder, full_size.decoder)
    assert sum(p.numel() for part in networks for p in part.parameters()) == 108_761_795


@torch.no_grad()
def test_encoder_and_decoder_compute_the_published_network():
    tokenizer = small()
    # norms start at weight 1 and bias 0, which would hide one that is left out or takes another's place
    for i, (key, parameter) in enumerate(tokenizer.named_parameters()):
        if "norm" in key:
            parameter += 0.3 * uniform(*parameter.shape, seed=i)
    state = tokenizer.state_dict()
    x, z = uniform(2, 3, 32, 48), uniform(2, 4, 2, 3, seed=1)
    assert torch.allclose(tokenizer.encode(x), encode(state, x), rtol=0, atol=1e-4)
    assert torch.allclose(tokenizer.decode(z), decode(state, z), rtol=0, atol=1e-4)
    assert torch.equal(tokenizer(x), tokenizer.decode(tokenizer.encode(x)))
    assert min(tokenizer.encode(x).std(), tokenizer.decode(z).std()) > 0.05  # against which 1e-4 is small


def test_the_native_quantizer_is_the_residual_loop_over_scales_and_positions():
    tokenizer = small().double()
    z = 2 * uniform(2, 4, 16, 16, seed=2, dtype=torch.float64)
    codes, f_hat = tokenizer.native_codes(z), tokenizer.native_quantize(z)
    assert codes.shape == (2, 680)
    assert codes.dtype == torch.int64
    assert len(codes.unique()) > 10
    for i in range(2):
        expected_f_hat, expected_codes = native(tokenizer.state_dict(), z[i])
        assert torch.equal(codes[i], expected_codes)
        assert torch.allclose(f_hat[i], expected_f_hat, atol=1e-12)


def test_each_scale_takes_the_phi_of_the_nearest_tick_and_the_upper_one_of_two():
    assert [nearest_ticks(s) for s in range(10)] == [[0], [0], [0, 1], [1], [1], [2], [2], [2, 3], [3], [3]]
    tokenizer = small(z_channels=1, codebook_size=1)
    used = []
    for i, phi in enumerate(tokenizer.quantize.quant_resi.qresi_ls):
        phi.register_forward_hook(lambda *_, i=i: used.append(i))
    tokenizer.native_codes(torch.zeros(1, 1, 16, 16))
    assert used == [nearest_ticks(s)[-1] for s in range(10)]


def test_the_native_quantizer_keeps_float32_under_autocast():
    tokenizer = small()
    z = uniform(1, 4, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        inside = tokenizer.native_quantize(z)
    assert torch.equal(inside, tokenizer.native_quantize(z))


def test_recomputing_keeps_the_gradients_and_runs_the_two_highest_resolutions_twice():
    tokenizer, x = small(), uniform(1, 3, 32, 32)
    calls = dict.fromkeys((f"{part}.{i}" for part in ("encoder.down", "decoder.up") for i in range(3)), 0)

    def count(name):
        calls[name] += 1

    for name in calls:
        first = tokenizer.get_submodule(f"{name}.block.0.conv1")
        first.register_forward_hook(lambda *_, name=name: count(name))

    def gradients():
        tokenizer.zero_grad()
        calls.update(dict.fromkeys(calls, 0))
        tokenizer(x).square().sum().backward()
        parts = (tokenizer.encoder, tokenizer.decoder)
        return [p.grad.clone() for part in parts for p in part.parameters()], list(calls.values())

    kept, once = gradients()
    tokenizer.recompute()
    again, twice = gradients()
    assert (once, twice) == ([1] * 6, [2, 2, 1, 2, 2, 1])
    assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-7) for a, b in zip(kept, again, strict=True))
    tokenizer.recompute(False)
    assert gradients()[1] == [1] * 6


@pytest.mark.parametrize(
    "shape", [(3, 32, 32), (1, 1, 32, 32), (1, 3, 32, 24), (1, 3, 24, 32), (0, 3, 32, 32)]
)
def test_images_of_other_shapes_are_refused(shape):
    with pytest.raises(ShapeError, match=r"^x must"):
        small().encode(torch.zeros(shape))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            torch.full((1, 3, 16, 16), 255.0),
            r"in \[-1, 1\], got a largest absolute value of 255; use x / 127.5",
        ),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), "floating point, got torch.uint8"),
    ],
)
def test_images_of_other_values_are_refused(x, message):
    with pytest.raises(DomainError, match=message):
        small().encode(x)


def test_the_message_counts_values_that_are_not_finite():
    x = torch.zeros(1, 3, 16, 16)
    x[0, 1, 2, :2], x[0, 0, 0, 0] = torch.inf, torch.nan
    with pytest.raises(DomainError, match=r"got 3 NaN or infinite value\(s\) of 768"):
        small().encode(x)


def test_latents_of_other_shapes_are_refused():
    for method in ("decode", "native_codes", "native_quantize"):
        with pytest.raises(ShapeError, match="4, "):
            getattr(small(), method)(torch.zeros(1, 5, 16, 16))
    with pytest.raises(ShapeError, match="256x256 pixels"):
        small().native_codes(torch.zeros(1, 4, 16, 32))


@pytest.mark.parametrize(
    "sizes", [{"ch": 0}, {"ch": 48}, {"ch": 32.0}, {"z_channels": 0}, {"codebook_size": 0}]
)
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(DomainError, match=f"^{next(iter(sizes))} must"):
        VARTokenizer(**sizes)


@pytest.fixture(scope="module")
def reference():
    if not FIXTURE.is_dir():
        pytest.skip(f"no reference data in {FIXTURE}; name their folder with QTHEORY_VAR_FIXTURE")
    return VARTokenizer.from_checkpoint(FIXTURE / "checkpoint.pth"), load_file(FIXTURE / "io.safetensors")


@torch.no_grad()
def test_the_reference_latents_and_reconstructions_are_reproduced(reference):
    tokenizer, data = reference
    close = {"rtol": 0, "atol": 1e-4}
    z_e = tokenizer.encode(data["x"])
    assert torch.allclose(z_e, data["z"], **close)
    assert torch.allclose(tokenizer.decode(data["z"]), data["dec_z"], **close)
    f_hat = tokenizer.native_quantize(z_e)
    assert torch.allclose(f_hat, data["fhat"], **close)
    assert torch.allclose(tokenizer.decode(f_hat).clamp(-1, 1), data["rec"], **close)


@torch.no_grad()
def test_the_reference_codes_are_reproduced_exactly(reference):
    tokenizer, data = reference
    assert torch.equal(tokenizer.native_codes(data["z"]), data["idx"])
    assert torch.equal(tokenizer.native_codes(tokenizer.encode(data["x"])), data["idx"])
