"""Reference quantizers of Table 2: products after a rotation, residuals of vectors, residuals over scales."""

import numpy as np
import pytest
import torch

from empirical.quantizers import MultiScaleQuantizer, OPQQuantizer, ResidualQuantizer, build
from empirical.quantizers._scales import coarser, finer
from qtheory.errors import DomainError, ShapeError
from sims import kmeans


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fitted(name, dim, codebook_size, z, **options):
    quantizer = build(name, dim, codebook_size, **options)
    quantizer.fit(z)
    return quantizer


def error(quantizer, z):
    return float((z - quantizer.decode(quantizer.encode(z))).square().sum(1).mean())


@pytest.fixture(scope="module")
def turned():
    """Vectors of unequal variances along axes that no coordinate has: products lose by them."""
    rotation = torch.linalg.qr(vectors(4, 4, seed=5))[0]
    scales = torch.tensor([3.0, 2.0, 0.3, 0.1])
    return tuple((vectors(4000, 4, seed=seed) * scales) @ rotation for seed in (1, 2))


def test_the_rotation_lowers_the_held_out_error_of_a_product(turned):
    train, fresh = turned
    with_rotation, without = (error(fitted(name, 4, 256, train), fresh) for name in ("opq", "pq"))
    assert with_rotation < 0.8 * without


def test_the_rotation_is_orthonormal_and_the_error_is_that_of_the_turned_vectors(turned):
    train, fresh = turned
    quantizer = fitted("opq", 4, 256, train)
    rotation = quantizer.rotation.double()
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(4).double(), rtol=0, atol=1e-6)
    codes, y = quantizer.encode(fresh), fresh @ quantizer.rotation
    torch.testing.assert_close(quantizer.product.decode(codes), quantizer.decode(codes) @ quantizer.rotation)
    inside = (y - quantizer.product.decode(codes)).square().sum(1).mean()
    assert error(quantizer, fresh) == pytest.approx(float(inside), rel=1e-4)


def test_without_rotation_the_blocks_are_k_means_of_the_coordinates(turned):
    train, _ = turned
    quantizer = OPQQuantizer((1, 3), (4, 8), rotated=False, generator=torch.Generator().manual_seed(0))
    quantizer.fit(train)
    for part, block in zip(train.split((1, 3), dim=1), quantizer.product.blocks, strict=True):
        rng = np.random.default_rng(block._seed)
        found = kmeans.fit(part.double().numpy(), block.codebook_size, rng=rng, iterations=block.iterations)
        np.testing.assert_allclose(block.codebook, found.codebook, rtol=1e-6)


def test_each_stage_codes_what_the_stages_before_it_left():
    quantizer, z = (
        ResidualQuantizer(3, (4, 8, 2), generator=torch.Generator().manual_seed(0)),
        vectors(500, 3),
    )
    quantizer.fit(z)
    rest, codes, radix = z, torch.zeros(500, dtype=torch.int64), 1
    for book in quantizer.stages:
        digits = torch.cdist(rest, book.codebook).argmin(dim=1)
        rest, codes, radix = rest - book.codebook[digits], codes + radix * digits, radix * book.codebook_size
    assert torch.equal(quantizer.encode(z), codes)
    torch.testing.assert_close(z - quantizer.decode(codes), rest)


def test_every_stage_lowers_the_error():
    train, fresh = vectors(5000, 4), vectors(5000, 4, seed=1)
    errors = [error(fitted("rq", 4, 4**stages, train, stages=stages), fresh) for stages in (1, 2, 3)]
    assert errors[0] > 1.5 * errors[1] > 1.5**2 * errors[2]


def test_one_stage_is_k_means():
    z = vectors(1000, 4)
    one, other = fitted("rq", 4, 16, z, stages=1), fitted("kmeans", 4, 16, z)
    assert torch.equal(one.encode(z), other.encode(z))


def test_a_map_is_coded_scale_by_scale_as_the_formula_says():
    quantizer = MultiScaleQuantizer(3, (1, 2, 4), (4, 3, 2), generator=torch.Generator().manual_seed(0))
    maps = vectors(64, 4, 4, 3)
    quantizer.fit(maps.flatten(-3))
    codes, rest, expected, radix = quantizer.encode(maps.flatten(-3)), maps.movedim(-1, 1), 0, 1
    for side, book in zip((1, 2, 4), quantizer.stages, strict=True):
        means = coarser(rest, side).movedim(1, -1)
        digits = torch.cdist(means.flatten(0, 2), book.codebook).argmin(dim=1).reshape(64, side, side)
        rest = rest - finer(book.codebook[digits].movedim(-1, 1), 4)
        for digit in digits.flatten(1).T:
            expected, radix = expected + radix * digit, radix * book.codebook_size
    assert torch.equal(codes, expected)
    assert quantizer.codebook_size == radix == 4 * 3**4 * 2**16
    torch.testing.assert_close(
        maps.movedim(-1, 1) - rest, quantizer.decode(codes).unflatten(1, (4, 4, 3)).movedim(-1, 1)
    )


def test_coarse_scales_pay_where_neighbours_agree():
    """Maps that are constant but for little noise: at equal bits, tokens of the mean serve them better."""
    maps = (vectors(4000, 1, 1, 2, seed=1) + 0.2 * vectors(4000, 2, 2, 2, seed=2)).flatten(1)
    with_mean = error(fitted("var", 8, 256, maps, scales=(1, 2), sizes=(16, 2)), maps)
    without = error(fitted("var", 8, 256, maps, scales=(2,), sizes=(4,)), maps)
    assert with_mean < 0.7 * without


def test_equal_sizes_are_the_default_of_all_tokens():
    quantizer = build("var", 8, 4**5)
    assert [book.codebook_size for book in quantizer.stages] == [4, 4]
    assert quantizer.rate == 10


@pytest.mark.parametrize(
    ("name", "dim", "size", "options", "message"),
    [
        ("opq", 7, 256, {}, "dim must be even"),
        ("pq", 8, 250, {}, "take codebook_size=256"),
        ("rq", 8, 250, {}, "n\\^2 for 2 equal stages"),
        ("rq", 8, 256, {"stages": 0}, "stages must be at least 1"),
        ("var", 6, 256, {}, "multiple of 4"),
        ("var", 8, 256, {}, "n\\^5 for 5 equal tokens"),
        ("var", 8, 256, {"sizes": (4, 2)}, "sizes must multiply to codebook_size=256"),
        ("var", 64, 2**64, {"scales": (1, 4), "sizes": (2**48, 2)}, "below 2\\^62"),
    ],
)
def test_sizes_that_do_not_fit_are_named(name, dim, size, options, message):
    with pytest.raises(DomainError, match=message):
        build(name, dim, size, **options)


def test_each_block_of_a_product_must_have_one_size():
    for sizes in ((4,), (4, 4, 4)):
        with pytest.raises(ShapeError, match="block_sizes must have 2 numbers, one a block"):
            OPQQuantizer((2, 2), sizes, generator=torch.Generator())
    with pytest.raises(DomainError, match=r"block_dims\[1\] must be at least 1, got 0"):
        OPQQuantizer((2, 0), (4, 4), generator=torch.Generator())


def test_scales_must_not_decrease_and_have_sizes():
    for scales, sizes in (((2, 1), (2, 2)), ((1, 2), (2,)), ((), ())):
        with pytest.raises(ShapeError, match="scales must not decrease"):
            MultiScaleQuantizer(2, scales, sizes, generator=torch.Generator())
    with pytest.raises(ShapeError, match="sizes must not be empty"):
        ResidualQuantizer(2, (), generator=torch.Generator())
