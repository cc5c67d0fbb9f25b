"""Counts of codes: of composite codebooks and of their sub-codebooks."""

import numpy as np
import pytest
import torch

from empirical.quantizers import (
    BSQQuantizer,
    FSQQuantizer,
    MultiScaleQuantizer,
    OPQQuantizer,
    ResidualQuantizer,
    Usage,
    build,
)
from empirical.quantizers.bsq import SETTINGS
from qtheory.entropy import perplexity, utilization
from qtheory.errors import DomainError


def fitted(quantizer):
    quantizer.fit(torch.randn(500, quantizer.dim, generator=torch.Generator().manual_seed(0)))
    return quantizer


def generator():
    return torch.Generator().manual_seed(1)


# each with the sizes of its sub-codebooks, the lowest digit of a code first
CASES = {
    "one codebook": (lambda: build("vanilla", 4, 30), (30,)),
    "blocks": (lambda: build("ema_vp2", 4, 36), (6, 6)),
    "blocks after a rotation": (lambda: OPQQuantizer((1, 2), (3, 5), generator=generator()), (3, 5)),
    "coordinates of FSQ": (lambda: FSQQuantizer([5, 3, 4]), (5, 3, 4)),
    "bits of LFQ": (lambda: build("lfq", 5, 32), (2,) * 5),
    "bits of BSQ": (lambda: build("bsq", 3, 8), (2,) * 3),
    "stages": (lambda: ResidualQuantizer(2, (7, 4), generator=generator()), (7, 4)),
}


@pytest.mark.parametrize("case", CASES)
def test_sub_codebooks_are_counted_as_numpy_counts_the_digits_of_codes(case):
    make, sizes = CASES[case]
    quantizer = make()
    assert quantizer.part_sizes == sizes
    assert np.prod(sizes) == quantizer.codebook_size
    codes = np.random.default_rng(0).integers(0, quantizer.codebook_size, size=(20, 11))
    digits = np.unravel_index(codes.ravel(), sizes, order="F")
    counts = quantizer.part_usage(torch.from_numpy(codes))
    for found, digit, size in zip(counts, digits, sizes, strict=True):
        np.testing.assert_array_equal(found, np.bincount(digit, minlength=size))


def test_the_tokens_of_a_scale_are_counted_together():
    quantizer = MultiScaleQuantizer(2, (1, 2), (5, 3), generator=generator())
    assert quantizer.part_sizes == (5, 3)
    codes = np.random.default_rng(0).integers(0, quantizer.codebook_size, size=50)
    first, *second = np.unravel_index(codes, (5, 3, 3, 3, 3), order="F")
    counts = quantizer.part_usage(torch.from_numpy(codes))
    np.testing.assert_array_equal(counts[0], np.bincount(first, minlength=5))
    np.testing.assert_array_equal(counts[1], np.bincount(np.concatenate(second), minlength=3))


def test_levels_of_optimal_scalars_are_counted_as_they_are_decoded():
    quantizer = fitted(build("lloyd_max", 2, 8))
    sizes = quantizer.part_sizes
    codes = torch.arange(8)
    decoded = quantizer.decode(codes)
    for j, counts in enumerate(quantizer.part_usage(codes)):
        levels, expected = decoded[:, j].unique(return_counts=True)
        assert len(levels) == sizes[j]
        assert torch.equal(counts, expected)
    with pytest.raises(DomainError, match="must be fitted before it is used"):
        build("lloyd_max", 2, 8).part_usage(codes)


def test_unassigned_codes_of_optimal_scalars_count_for_the_level_that_they_decode_to():
    quantizer = fitted(build("lloyd_max", 2, 5))  # of 5 codewords 2 x 2 are used
    assert quantizer.part_sizes == (2, 2)
    first, last = quantizer.part_usage(torch.tensor([4]))
    assert torch.equal(quantizer.decode(torch.tensor(4)), quantizer.levels[[0, 1], [0, 1]])
    assert (first.tolist(), last.tolist()) == ([1, 0], [0, 1])


def test_a_composite_codebook_too_large_to_list_is_counted_by_parts():
    quantizer = BSQQuantizer(40, SETTINGS["fair"])
    counts = quantizer.part_usage(torch.tensor([0, 2**40 - 1, 2**39]))
    assert [part.tolist() for part in counts] == [[2, 1]] * 39 + [[1, 2]]
    for count in (quantizer.usage, quantizer.all_usage, lambda codes: Usage(quantizer)):
        with pytest.raises(DomainError, match=r"at most 2147483648 .* got 1099511627776; use part_usage"):
            count(torch.tensor([0]))


def test_use_adds_up_over_batches_with_utilization_and_perplexity_of_whole_and_parts():
    quantizer = build("vanilla_vp2", 4, 16)
    codes = np.array([[0, 1, 5], [5, 5, 13]])
    usage = Usage(quantizer)
    for row in codes:
        usage.update(torch.from_numpy(row))
    whole, parts = usage.merged()
    assert whole.counts.tolist() == np.bincount(codes.ravel(), minlength=16).tolist()
    assert (whole.utilization, whole.perplexity) == (4 / 16, perplexity([1 / 6, 1 / 6, 3 / 6, 1 / 6]))
    for part, digit in zip(parts, np.unravel_index(codes.ravel(), (4, 4), order="F"), strict=True):
        counts = np.bincount(digit, minlength=4)
        assert part.counts.tolist() == counts.tolist()
        assert (part.utilization, part.perplexity) == (utilization(counts), perplexity(counts / 6))
    assert usage.merged()[0].counts.tolist() == whole.counts.tolist()


def test_codes_that_no_codeword_has_are_refused_and_none_are_no_use():
    quantizer = build("fsq", 2, 16)
    for count in (quantizer.usage, quantizer.part_usage, Usage(quantizer).update):
        with pytest.raises(DomainError, match=r"codes must lie in \[0, 16\), got -1 to 16"):
            count(torch.tensor([-1, 16]))
        with pytest.raises(DomainError, match=r"codes must be integers, got torch.float32"):
            count(torch.tensor([1.0]))
    with pytest.raises(DomainError, match=r"usage needs at least 1 code, got none; update it"):
        Usage(quantizer).merged()


def test_codes_of_a_batch_are_checked_once(monkeypatch):
    quantizer, checked = build("lfq", 2, 4), []
    original = quantizer._checked
    monkeypatch.setattr(quantizer, "_checked", lambda codes: checked.append(codes) or original(codes))
    Usage(quantizer).update(torch.tensor([0, 3]))
    assert len(checked) == 1
