"""What a card may round to TF32: the flags inside, which hold without a card too."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from empirical.distances import Statistics
from empirical.head import build_transplant
from empirical.images import index_folder
from empirical.measure import measure, measure_latents
from empirical.precision import exact_float32, rounded_products
from empirical.streaming import Crops
from empirical.tokenizers import PocketTokenizer
from tests.empirical.test_adversary import objective


def flags():
    """Return whether products and convolutions may be rounded."""
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


class Seen(dict):
    """Flags of a place, by its name, as something there calls."""

    def at(self, name, module, method):
        original = getattr(module, method)

        def seen(*given, **named):
            self.setdefault(name, set()).add(flags())
            return original(*given, **named)

        setattr(module, method, seen)


@pytest.fixture
def seen():
    before = flags()
    yield Seen()
    assert flags() == before


def test_flags_are_set_for_a_while_and_come_back_after_errors_too(seen):
    outside = flags()
    assert outside == (False, True)  # torch's: products exact, convolutions rounded
    with rounded_products():
        assert flags() == (True, True)
        with exact_float32():
            assert flags() == (False, False)
        assert flags() == (True, True)
    with pytest.raises(KeyError), exact_float32():
        raise KeyError
    assert flags() == outside


def test_in_a_step_the_discriminator_alone_has_rounded_products(seen):
    made = objective()
    seen.at("discriminator", made.adversary.discriminator, "forward")
    seen.at("decoder", made.tokenizer, "decode")
    for quantizer in made.transplant.quantizers:
        seen.at("quantizer", quantizer, "forward")
    for step in (1, 2):
        made.begin(step)
        made.loss(torch.arange(4)).backward()
        made.finish()
    assert seen == {"quantizer": {(False, True)}, "decoder": {(False, True)}, "discriminator": {(True, True)}}


def test_of_the_discriminator_the_backward_pass_that_quantizers_share_has_exact_products():
    made, found = objective(), []
    original = made.adversary.discriminator.forward

    def seen(*given, **named):
        logits = original(*given, **named)
        logits.register_hook(lambda _: found.append(flags()))
        return logits

    made.adversary.discriminator.forward = seen
    made.begin(1)
    loss = made.loss(torch.arange(4))
    assert found == [(True, True)]  # of the adaptive weight
    found.clear()
    loss.backward()
    assert found == [(False, True)]
    found.clear()
    made.finish()
    assert found == [(True, True)] * 2  # of the discriminator's own step, two views


class Distances(Statistics):
    """Statistics that nothing comes of."""

    def update(self, x, x_hat, numbers):
        pass

    def columns(self):
        return {}


@pytest.mark.parametrize("outside", [nullcontext, rounded_products])
def test_what_measures_is_exact_whatever_holds_outside(seen, tmp_path, outside):
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        PilImage.fromarray(pixels).save(tmp_path / f"{i}.png")
    crops, tokenizer, distances = (
        Crops(index_folder(tmp_path, 32), 32),
        PocketTokenizer(8).eval(),
        Distances(),
    )
    transplant = build_transplant(
        "fsq",
        "full",
        channels=16,
        codebook_size=256,
        width=8,
        protocol="fair",
        generator=torch.Generator().manual_seed(0),
    )
    seen.at("transplant", transplant, "forward")
    seen.at("statistics", distances, "update")
    seen.at("decoder", tokenizer, "decode")

    class Perceptual:
        def distance(self, x, x_hat):
            return (x - x_hat).square().mean((1, 2, 3))

    perceptual = Perceptual()
    seen.at("perceptual", perceptual, "distance")
    with outside():
        around = flags()
        measure(tokenizer, transplant, crops, distances, perceptual=perceptual.distance)
        measure_latents(tokenizer, transplant, crops)
    exact = {name: {(False, False)} for name in ("transplant", "statistics", "perceptual")}
    assert seen == exact | {"decoder": {around}}
