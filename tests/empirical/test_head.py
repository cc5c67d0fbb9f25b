"""The frame: residual heads, halves, equal rate for every method."""

import pytest
import torch

from empirical.head import (
    HALVES,
    HEADS,
    MULTISCALE,
    REFERENCES,
    TRAINED,
    Head,
    Transplant,
    build_transplant,
)
from empirical.quantizers import build, channels_last
from empirical.quantizers._scales import sides
from empirical.training import fit_references
from qtheory.errors import DomainError, ShapeError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def latents(n=8, seed=0):
    return torch.randn(n, 16, 8, 8, generator=generator(seed))


def transplant(method, head, seed=0, **options):
    options = {"channels": 16, "codebook_size": 256, "side": 8} | options
    return build_transplant(method, head, width=8, protocol="fair", generator=generator(seed), **options)


PARTED = [name for name in REFERENCES if name != MULTISCALE]
CASES = [(m, h) for m in TRAINED for h in HEADS] + [(m, "none") for m in PARTED]
KERNELS = {"1x1": 1, "full": 9}


@pytest.mark.parametrize(("method", "head"), CASES)
def test_every_method_spends_the_same_bits_and_keeps_the_shape(method, head):
    built, z_e = transplant(method, head), latents()
    result = built(z_e)
    assert result.y.shape == z_e.shape
    assert [codes.shape for codes in result.codes] == [(8, 8, 8)] * HALVES
    assert [quantizer.rate for quantizer in built.quantizers] == [8.0, 8.0]
    assert built.bits(8) == 1024


@pytest.mark.parametrize(("method", "head"), CASES)
def test_equal_generators_give_equal_transplants(method, head):
    one, two = transplant(method, head, 3)(latents()), transplant(method, head, 3)(latents())
    assert torch.equal(one.y, two.y)


def test_published_heads_have_the_published_size():
    """32 -> 1024 -> 1024 -> 32: 10.03 million parameters; FSQ's 9.89 million."""
    sizes = {
        (a, b): sum(p.numel() for p in Head(a, b, 1024, generator=generator()).parameters())
        for a, b in ((32, 32), (32, 16), (16, 32))
    }
    assert sizes == {(32, 32): 10_033_184, (32, 16): 9_885_712, (16, 32): 9_885_728}


def test_a_head_is_residual_exactly_where_dimensions_agree():
    z = latents()
    for out, residual in ((16, True), (8, False)):
        head = Head(16, out, 8, generator=generator())
        for parameter in head.branch[-1].parameters():
            torch.nn.init.zeros_(parameter)
        assert torch.equal(head(z), z if residual else torch.zeros(8, 8, 8, 8))


def test_without_heads_the_halves_are_quantized_as_they_are():
    halves = [build("ema", 8, 16), build("ema", 8, 16, generator=generator(5))]
    built, z_e = Transplant(halves), latents()
    built(latents(seed=1))  # the codebooks start from vectors of the first batch
    result = built.eval()(z_e)
    for i, (quantizer, channels) in enumerate(zip(halves, z_e.chunk(2, dim=1), strict=True)):
        own = quantizer(channels.movedim(1, -1))
        assert torch.equal(result.codes[i], own.codes)
        assert torch.equal(result.y.chunk(2, dim=1)[i].movedim(1, -1), own.z_q)


def test_losses_are_averages_over_the_halves():
    built = transplant("ema", "none")
    built(latents())
    built.eval()
    result = built(latents(seed=1))
    errors = [(z - q).square().mean() for z, q in zip(result.z_p, result.z_q, strict=True)]
    torch.testing.assert_close(result.losses["commitment"], 0.25 * (errors[0] + errors[1]) / 2)


def test_gradients_reach_both_heads_through_the_quantizers():
    built = transplant("ema_vp2", "full")
    z_e = latents()
    (built(z_e).y - z_e).square().mean().backward()
    for head in (built.head_in, built.head_out):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())


def test_fsq_with_heads_rounds_half_of_the_channels_to_four_levels():
    with_heads, bare = transplant("fsq", "full"), transplant("fsq", "none")
    assert [quantizer.levels for quantizer in with_heads.quantizers] == [(4,) * 4] * 2
    assert [quantizer.levels for quantizer in bare.quantizers] == [(2,) * 8] * 2
    assert not with_heads.head_in.residual


def test_no_quantizers_pass_the_latents_on():
    built, z_e = transplant("unquantized", "none"), latents()
    result = built(z_e)
    assert torch.equal(result.y, z_e)
    assert result.codes == ()
    assert built.bits(8) == 0
    assert not result.losses
    assert not list(built.parameters())


@pytest.mark.parametrize(
    ("side", "chunks"), [(1, 1), (1, 3), (2, 2), (4, 2), (8, 2), (13, 2), (16, 2), (16, 4)]
)
def test_scales_have_exactly_the_tokens_of_the_other_quantizers_and_end_in_the_full_side(side, chunks):
    scales = sides(side, chunks)
    assert sum(scale**2 for scale in scales) == chunks * side**2
    assert scales[-1] == side
    assert list(scales) == sorted(scales)


def test_scales_spend_the_bits_of_two_tokens_a_position():
    built, z_e = transplant(MULTISCALE, "none"), latents(12)
    fit_references(built, z_e)
    result = built(z_e)
    assert built.sides == (1, 2, 3, 3, 4, 5, 8)
    assert [codes.shape for codes in result.codes] == [(12, side, side) for side in built.sides]
    bits = sum(codes[0].numel() * q.rate for codes, q in zip(result.codes, built.quantizers, strict=True))
    assert bits == built.bits(8) == 1024


def test_scales_are_the_multi_scale_quantizer_of_small_maps():
    """A map of 2 x 2 is one vector to `MultiScaleQuantizer`, whose code has all tokens as digits."""
    z_e = torch.randn(500, 3, 2, 2, generator=generator(1)).double()
    built = transplant(MULTISCALE, "none", channels=3, codebook_size=16, side=2)
    assert built.sides == (1, 1, 1, 1, 2)
    whole = build("var", 12, 16**8, generator=generator(), scales=built.sides, sizes=(16,) * 5)
    fit_references(built, z_e)
    maps = channels_last(z_e).flatten(1)
    whole.fit(maps)
    result, codes = built(z_e), whole.encode(maps)
    tokens = torch.cat([own.flatten(1) for own in result.codes], dim=1)
    assert torch.equal((tokens * 16 ** torch.arange(8)).sum(1), codes)
    found = channels_last(result.y).flatten(1)
    torch.testing.assert_close(found, whole.decode(codes).double(), rtol=0, atol=1e-5)  # float32 codewords


def test_gradients_pass_the_scales_unchanged():
    built, z_e = transplant(MULTISCALE, "none", side=4), torch.randn(20, 16, 4, 4, generator=generator(1))
    fit_references(built, z_e)
    z_e.requires_grad_()
    weights = torch.randn(z_e.shape, generator=generator(2))
    (built(z_e).y * weights).sum().backward()
    torch.testing.assert_close(z_e.grad, weights)


def test_a_scale_with_few_vectors_keeps_them():
    """Four maps have four averages, of which each gets a codeword: nothing else is left at that scale."""
    built, z_e = transplant(MULTISCALE, "none"), latents(4)
    fit_references(built, z_e)
    means, words = z_e.mean(dim=(2, 3)), built(z_e).codes[0].flatten()
    torch.testing.assert_close(built.quantizers[0].decode(words), means)
    assert sorted(words.tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("head", KERNELS)
def test_heads_differ_in_the_positions_that_they_see(head):
    built = transplant("ema", head)
    weights = built.head_in.branch[0].weight
    assert weights[0, 0].numel() == KERNELS[head]
    assert float(weights.detach().abs().max()) <= 1 / (16 * KERNELS[head]) ** 0.5


def test_narrow_heads_outweigh_the_codebooks_about_as_much_as_the_published_ones():
    """20.1 million parameters beside 2 x 65536 x 16 numbers; here width 32 beside 2 x 256 x 8."""
    ratios = []
    for channels, width, codebooks in ((32, 1024, 2 * 65536 * 16), (16, 32, 2 * 256 * 8)):
        head = Head(channels, channels, width, generator=generator())
        ratios.append(2 * sum(p.numel() for p in head.parameters()) / codebooks)
    assert ratios == pytest.approx([9.57, 9.10], abs=0.01)


def test_bad_frames_are_named():
    with pytest.raises(DomainError, match="method must be one of"):
        transplant("nothing", "none")
    with pytest.raises(DomainError, match="head must be one of none; got 'full'"):
        transplant("kmeans", "full")
    with pytest.raises(DomainError, match="width must be a multiple of 8, got 12"):
        Head(16, 16, 12, generator=generator())
    with pytest.raises(ShapeError, match="z_p must have 16 channels, got 15"):
        transplant("ema", "none")(torch.zeros(2, 15, 8, 8))
    with pytest.raises(DomainError, match="side must be"):
        transplant(MULTISCALE, "none", side=None)
    with pytest.raises(ShapeError, match=r"z_e must be maps of side 8, got shape \(2, 16, 4, 4\)"):
        transplant(MULTISCALE, "none")(torch.zeros(2, 16, 4, 4))
