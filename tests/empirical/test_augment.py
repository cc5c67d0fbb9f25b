"""DiffAug: what each augmentation does to pixels, and how it is distributed."""

import math

import pytest
import torch

from empirical.augment import STRONG, WEAK, Policy, augment, colour, cut_out, translate
from qtheory.errors import DomainError, ShapeError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=4, height=16, width=24, seed=9):
    return torch.rand(n, 3, height, width, generator=generator(seed), dtype=torch.float64) * 2 - 1


def tolerance(n, width):
    """Hoeffding: a mean of n numbers from an interval is further off with probability 1e-9 at most."""
    return width * math.sqrt(math.log(2e9) / (2 * n))


def test_equal_generators_give_equal_views_and_others_differ():
    one, same, other = (augment(images(), STRONG, generator=generator(s)) for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_colour_adds_a_number_and_scales_two_deviations():
    """Recovered from the pixels of each image: brightness, saturation and contrast."""
    x = images(n=2000, height=4, width=4)
    y = colour(x, generator=generator())

    def parts(z):
        mean = z.mean((1, 2, 3), keepdim=True)
        grey = z.mean(1, keepdim=True)
        return mean, grey - mean, z - grey

    (mean_x, light_x, tint_x), (mean_y, light_y, tint_y) = parts(x), parts(y)
    brightness = (mean_y - mean_x).flatten()
    contrast = (light_y * light_x).sum((1, 2, 3)) / light_x.square().sum((1, 2, 3))
    both = (tint_y * tint_x).sum((1, 2, 3)) / tint_x.square().sum((1, 2, 3))
    # nothing but these three numbers changed
    torch.testing.assert_close(
        y,
        mean_x
        + brightness.view(-1, 1, 1, 1)
        + contrast.view(-1, 1, 1, 1) * light_x
        + both.view(-1, 1, 1, 1) * tint_x,
    )
    for values, low, high in ((brightness, -0.5, 0.5), (contrast, 0.5, 1.5), (both / contrast, 0.0, 2.0)):
        assert values.min() >= low - 1e-6
        assert values.max() <= high + 1e-6
        assert abs(float(values.mean()) - (low + high) / 2) < tolerance(2000, high - low)
        # the second moment tells a uniform law from a narrower one
        spread = (values - (low + high) / 2).square()
        bound = ((high - low) / 2) ** 2
        assert abs(float(spread.mean()) - (high - low) ** 2 / 12) < tolerance(2000, bound)


def test_translation_moves_whole_images_and_fills_with_zeros():
    x = images(n=200)
    shifts = []
    for before, after in zip(x, translate(x, generator=generator()), strict=True):
        found = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-3, 4)
            if torch.equal(after, moved(before, down, right))
        ]
        assert len(found) == 1
        shifts += found
    # all 5 x 7 shifts have probability 1/35: each one is missed by 200 with probability 0.003
    assert {down for down, _ in shifts} == {-2, -1, 0, 1, 2}
    assert {right for _, right in shifts} == {-3, -2, -1, 0, 1, 2, 3}


def moved(image, down, right):
    """The image moved by slices."""
    height, width = image.shape[1:]
    result = torch.zeros_like(image)
    target = result[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)]
    target.copy_(image[:, max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)])
    return result


@pytest.mark.parametrize("share", [0.2, 0.5])
@pytest.mark.parametrize("sides", [(16, 24), (20, 15)])
def test_cutout_zeroes_one_rectangle_of_the_expected_area(share, sides):
    n = 4000
    x = torch.ones(n, 3, *sides)
    hole = cut_out(x, share, generator=generator()) == 0
    assert torch.equal(hole[:, 0], hole[:, 1])
    assert torch.equal(hole[:, 0], hole[:, 2])
    rows, columns = hole[:, 0].any(2), hole[:, 0].any(1)
    assert torch.equal(hole[:, 0], rows[:, :, None] & columns[:, None])
    area, largest = 1.0, 1
    for side, covered in zip(sides, (rows, columns), strict=True):
        cut = int(side * share + 0.5)
        changes = (covered[:, 1:] != covered[:, :-1]).sum(1)
        assert changes.max() <= 2  # an interval
        assert covered.sum(1).max() == cut
        centres = range(side + 1 - cut % 2)
        lengths = [min(c - cut // 2 + cut, side) - max(c - cut // 2, 0) for c in centres]
        area *= sum(lengths) / len(lengths)
        largest *= cut
    assert abs(float(hole[:, 0].sum((1, 2)).double().mean()) - area) < tolerance(n, largest)


def test_each_augmentation_takes_part_with_its_probability():
    n = 2000
    x = images(n=1, height=8, width=8)

    def unchanged(policy, draws):
        views = (augment(x, policy, generator=generator(seed)) for seed in range(draws))
        return sum(torch.equal(view, x) for view in views) / draws

    assert unchanged(Policy(probability=0.0, cutout=0.5), 20) == 1
    # neither colour nor cutout, and no translation or one by nothing, one of nine
    expected = 1 / 4 * (1 / 2 + 1 / 2 / 9)
    found = unchanged(WEAK, n)
    assert abs(found - expected) < tolerance(n, 1)
    assert abs(found - 1 / 2) > tolerance(n, 1)  # tells three coins from one


def test_strong_views_are_always_coloured_moved_and_cut():
    x = images(n=64, height=32, width=32)
    for seed in range(10):
        view = augment(x, STRONG, generator=generator(seed))
        assert not any(torch.equal(a, b) for a, b in zip(x, view, strict=True))
        assert ((view == 0).sum((1, 2, 3)) >= 3 * 64).all()  # a quarter of the square lies inside


def test_gradients_are_those_of_the_kept_pixels():
    x = images().requires_grad_()
    cut_out(translate(x, generator=generator()), 0.5, generator=generator(1)).sum().backward()
    assert set(x.grad.unique().tolist()) == {0.0, 1.0}
    small = images(1, 4, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: augment(z, STRONG, generator=generator(3)), small)


def test_images_are_not_changed_in_place():
    x = images()
    before = x.clone()
    augment(x, STRONG, generator=generator())
    assert torch.equal(x, before)


def test_bad_arguments_are_refused():
    with pytest.raises(DomainError, match=r"probability must be at most 1, got 1\.5"):
        Policy(probability=1.5, cutout=0.2)
    with pytest.raises(DomainError, match="cutout must be at least 0"):
        Policy(probability=1.0, cutout=-0.2)
    with pytest.raises(ShapeError, match="x must have shape"):
        augment(torch.zeros(1, 1, 8, 8), WEAK, generator=generator())
    with pytest.raises(DomainError, match="x must be finite"):
        augment(torch.full((1, 3, 8, 8), torch.nan), WEAK, generator=generator())
