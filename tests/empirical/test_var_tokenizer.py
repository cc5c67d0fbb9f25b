"""The VAR tokenizer: published layout, numerics, native quantizer, and what its loader refuses."""

import os
import pickle
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from empirical.tokenizers import PocketTokenizer, VARTokenizer
from qtheory.errors import DomainError, SchemaError, ShapeError
from qtheory.weights import WEIGHTS, file_sha256

HERE = Path(__file__).parent
KEYS = HERE / "fixtures" / "var_keys_ch160.txt"
FIXTURE = Path(
    os.environ.get("QTHEORY_VAR_FIXTURE") or HERE.parents[2] / "shared" / "fixtures" / "var_tokenizer"
)
HITS = "quantize.ema_vocab_hit_SV"
SIDES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)


def small(seed=0, **sizes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VARTokenizer(**{"ch": 32, "z_channels": 4, "codebook_size": 24, **sizes}).eval()


def uniform(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2 - 1


# The network once more, as functions of a state dict: P is the prefix of the keys


def conv(s, P, x, **options):
    return functional.conv2d(x, s[f"{P}.weight"], s[f"{P}.bias"], **options)


def norm(s, P, x):
    groups = x.unflatten(1, (32, -1))
    mean = groups.mean((2, 3, 4), keepdim=True)
    variance = (groups - mean).square().mean((2, 3, 4), keepdim=True)
    flat = ((groups - mean) / (variance + 1e-6).sqrt()).flatten(1, 2)
    return flat * s[f"{P}.weight"][:, None, None] + s[f"{P}.bias"][:, None, None]


def swish(x):
    return x / (1 + torch.exp(-x))


def res(s, P, x):
    h = conv(s, f"{P}.conv1", swish(norm(s, f"{P}.norm1", x)), padding=1)
    h = conv(s, f"{P}.conv2", swish(norm(s, f"{P}.norm2", h)), padding=1)
    return h + (conv(s, f"{P}.nin_shortcut", x) if f"{P}.nin_shortcut.weight" in s else x)


def attention(s, P, x):
    channels = x.shape[1]
    q, k, v = conv(s, f"{P}.qkv", norm(s, f"{P}.norm", x)).flatten(2).split(channels, dim=1)
    scores = torch.einsum("bci,bcj->bij", q, k) / channels**0.5
    weights = scores.exp() / scores.exp().sum(2, keepdim=True)
    mixed = torch.einsum("bij,bcj->bci", weights, v).reshape(x.shape)
    return x + conv(s, f"{P}.proj_out", mixed)


def middle(s, P, x):
    return res(s, f"{P}.block_2", attention(s, f"{P}.attn_1", res(s, f"{P}.block_1", x)))


def encode(s, x):
    h = conv(s, "encoder.conv_in", x, padding=1)
    for i in range(5):
        for j in range(2):
            h = res(s, f"encoder.down.{i}.block.{j}", h)
            if i == 4:
                h = attention(s, f"encoder.down.4.attn.{j}", h)
        if i < 4:
            h = functional.pad(h, (0, 1, 0, 1))
            h = conv(s, f"encoder.down.{i}.downsample.conv", h, stride=2)
    h = swish(norm(s, "encoder.norm_out", middle(s, "encoder.mid", h)))
    return conv(s, "quant_conv", conv(s, "encoder.conv_out", h, padding=1), padding=1)


def decode(s, z):
    h = conv(s, "decoder.conv_in", conv(s, "post_quant_conv", z, padding=1), padding=1)
    h = middle(s, "decoder.mid", h)
    for i in (4, 3, 2, 1, 0):
        for j in range(3):
            h = res(s, f"decoder.up.{i}.block.{j}", h)
            if i == 4:
                h = attention(s, f"decoder.up.4.attn.{j}", h)
        if i > 0:
            h = h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
            h = conv(s, f"decoder.up.{i}.upsample.conv", h, padding=1)
    return conv(s, "decoder.conv_out", swish(norm(s, "decoder.norm_out", h)), padding=1)


def nearest_ticks(scale):
    """The phis whose tick, of four from 1/12 to 11/12, is nearest to s/9; two where they tie."""
    ticks = [Fraction(1, 12) + k * Fraction(10, 36) for k in range(4)]
    distances = [abs(tick - Fraction(scale, 9)) for tick in ticks]
    return [k for k in range(4) if distances[k] == min(distances)]


def native(s, f):
    """Codes and quantized latents of one latent image (C, 16, 16), position by position."""
    book = s["quantize.embedding.weight"]
    f_hat, codes = torch.zeros_like(f), []
    for scale, side in enumerate(SIDES):
        grid = torch.zeros(len(f), side, side, dtype=f.dtype)
        for i in range(side):
            for j in range(side):
                rows = slice(i * 16 // side, -((i + 1) * -16 // side))
                columns = slice(j * 16 // side, -((j + 1) * -16 // side))
                average = (f - f_hat)[:, rows, columns].mean((1, 2))
                codes.append(min(range(len(book)), key=lambda k: float(((average - book[k]) ** 2).sum())))
                grid[:, i, j] = book[codes[-1]]
        h = functional.interpolate(grid[None], (16, 16), mode="bicubic")
        P = f"quantize.quant_resi.qresi_ls.{nearest_ticks(scale)[-1]}"
        f_hat = f_hat + (h / 2 + conv(s, P, h, padding=1) / 2)[0]
    return f_hat, torch.tensor(codes)


# Layout


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


# Numerics


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


# Inputs


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


# Checkpoints


@pytest.fixture
def saved(tmp_path):
    tokenizer = small(z_channels=8, codebook_size=40)
    path = tmp_path / "var.pth"
    return tokenizer, path, tokenizer.save(path)


def test_a_saved_tokenizer_comes_back_in_evaluation_mode_with_sizes_and_digest(saved):
    tokenizer, path, sha256 = saved
    for loaded in (VARTokenizer.from_checkpoint(path, sha256), VARTokenizer.from_checkpoint(path)):
        assert not loaded.training
        assert loaded.sha256 == sha256 == file_sha256(path)
        assert loaded.state_dict().keys() == tokenizer.state_dict().keys()
        assert all(torch.equal(t, tokenizer.state_dict()[key]) for key, t in loaded.state_dict().items())
        assert all(p.requires_grad and p.device.type == "cpu" for p in loaded.parameters())


def test_half_precision_files_are_computed_in_float32(saved):
    tokenizer, path, _ = saved
    torch.save(tokenizer.half().state_dict(), path)
    loaded = VARTokenizer.from_checkpoint(path)
    assert {t.dtype for t in loaded.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("hits", [None, torch.ones(7, 40), torch.ones(10, 40)])
def test_counts_of_codes_may_be_missing_or_of_other_scales(saved, hits):
    tokenizer, path, _ = saved
    state = tokenizer.state_dict()
    state.pop(HITS)
    torch.save(state if hits is None else state | {HITS: hits}, path)
    loaded = VARTokenizer.from_checkpoint(path).quantize.ema_vocab_hit_SV
    assert loaded.shape == (10, 40)
    assert loaded.unique().tolist() == [float(hits is not None and len(hits) == 10)]


def test_a_wrong_checksum_and_a_missing_file_are_refused(saved, tmp_path):
    _, path, sha256 = saved
    with pytest.raises(SchemaError, match=f"must have sha256 {WEIGHTS[0].sha256}, got {sha256}"):
        VARTokenizer.from_checkpoint(path, WEIGHTS[0].sha256)
    with pytest.raises(FileNotFoundError, match=r"vae_ch160v4096z32\.pth of FoundationVision/var"):
        VARTokenizer.from_checkpoint(tmp_path / "absent.pth")


def write_module(path):
    torch.save(small(), path)


def write_pickle(path):
    path.write_bytes(pickle.dumps({"encoder": Path("x")}))


def write_text(path):
    path.write_text("no checkpoint")


def write_nothing(path):
    path.write_bytes(b"")


def write_half(path):
    small().save(path)
    path.write_bytes(path.read_bytes()[:100_000])


def write_safetensors(path):
    save_file({"a": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    "write", [write_module, write_pickle, write_text, write_nothing, write_half, write_safetensors]
)
def test_pickled_objects_and_damaged_files_are_refused(tmp_path, write):
    path = tmp_path / "bad.pth"
    write(path)
    with pytest.raises(SchemaError, match=r"bad\.pth must hold tensors only.*weights_only=True"):
        VARTokenizer.from_checkpoint(path)


def test_no_code_of_a_pickle_is_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "bad.pth"
    for write in (torch.save, lambda payload, path: path.write_bytes(pickle.dumps(payload))):
        write({"encoder.conv_in.weight": Payload()}, path)
        with pytest.raises(SchemaError, match="refused because reading one can run code"):
            VARTokenizer.from_checkpoint(path)
        assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "must hold a dict of tensors, got list"),
        (
            {"model": {"a": torch.zeros(1)}},
            "flat dict of tensors, got dict under 'model'; take the state dict",
        ),
        ({"a": torch.zeros(1), "step": 3}, "flat dict of tensors, got int under 'step'"),
        (
            PocketTokenizer(8).state_dict(),
            "whose ch is the length of encoder.conv_in.weight: got .* without it",
        ),
    ],
)
def test_other_contents_are_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(SchemaError, match=message):
        VARTokenizer.from_checkpoint(tmp_path / "other.pth")


def test_misfits_are_named_with_what_was_expected_and_found(saved):
    tokenizer, path, _ = saved
    state = tokenizer.state_dict()
    for i in range(4):
        state[f"loss.{i}.weight"] = torch.zeros(1)
    state["vae.quant_conv.bias"] = state.pop("quant_conv.bias")
    state["post_quant_conv.bias"] = torch.zeros(9)
    state[HITS] = torch.zeros(10, 41)
    torch.save(state, path)
    with pytest.raises(SchemaError) as caught:
        VARTokenizer.from_checkpoint(path)
    assert (
        f"{path} must hold the 324 tensors of a VAR tokenizer, got 1 missing: quant_conv.bias; "
        "5 unexpected: loss.0.weight, loss.1.weight, loss.2.weight, ...; 2 of another shape: "
        f"{HITS} must be (10, 40), got (10, 41), post_quant_conv.bias must be (8,), got (9,); get"
    ) in str(caught.value)


def test_widths_that_no_tokenizer_has_are_refused(saved):
    tokenizer, path, _ = saved
    torch.save(tokenizer.state_dict() | {"encoder.conv_in.weight": torch.zeros(48, 3, 3, 3)}, path)
    with pytest.raises(SchemaError, match="ch is a multiple of 32: got 48"):
        VARTokenizer.from_checkpoint(path)


# The public reference model with random weights


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
