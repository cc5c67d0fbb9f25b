"""The vectors that simulation studies read come from the shipped photographs, byte for byte."""

import numpy as np
import pytest

from empirical import vectors
from empirical.data import load_images, split
from qtheory.errors import DomainError
from sims import _samples


@pytest.fixture(scope="module")
def images():
    return load_images()


@pytest.mark.parametrize(("name", "cut"), [("latents", vectors.latents), ("patches", vectors.patches)])
def test_the_stored_vectors_of_a_photograph_are_made_again_exactly(images, name, cut):
    train, held_out = split(images.names)
    with np.load(_samples.DATA / f"{name}.npz") as arrays:
        for part, which in (("train", train), ("held_out", held_out)):
            chosen = which[:2]
            found, photograph = cut([images.images[i] for i in chosen])
            stored = np.isin(arrays[f"{part}_photograph"], chosen)
            np.testing.assert_array_equal(found, arrays[part][stored])
            assert found.dtype == arrays[part].dtype
            np.testing.assert_array_equal(chosen[photograph], arrays[f"{part}_photograph"][stored])


def test_patches_are_cut_from_the_luma(images):
    ramp = np.arange(64 * 256, dtype=np.uint8).reshape(64, 256)
    found, _ = vectors.patches([np.repeat(ramp[..., None], 3, axis=2)])
    # 2048 patches of which every second is taken; grey pixels are their own luma
    np.testing.assert_array_equal(found[0], [*range(4), *range(4)])
    np.testing.assert_array_equal(found[1], [*range(8, 12), *range(8, 12)])
    assert found.shape == (1024, 8)


def test_a_photograph_too_small_for_the_patches_is_named():
    with pytest.raises(DomainError, match=r"number 1 measures 80 x 80; leave it out"):
        vectors.patches([np.zeros((128, 64, 3), np.uint8), np.zeros((80, 80, 3), np.uint8)])
