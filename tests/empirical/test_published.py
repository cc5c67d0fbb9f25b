"""The published VAR tokenizer with its own quantizer has the published figures on images of ImageNet.

It needs files that cannot come with this package: ``QTHEORY_WEIGHTS`` names the folder of the published
networks, ``QTHEORY_IMAGENET`` that of ImageNet, whose ``val`` holds the validation images. Then
``pytest -m paper tests/empirical/test_published.py`` takes an hour or two on two cores, and about half an
hour with a GPU, which measures all images and not 2000 alone (both times are estimates).

The figures are those that the authors report for this tokenizer, under the evaluation of the paper's
tables: E 0.283, utilization 100 %, r-FID 0.92.
"""

import os
from pathlib import Path

import pytest
import torch

from empirical import inception
from empirical.distances import InceptionStatistics
from empirical.images import Folder
from empirical.inception import Inception
from empirical.latent_sums import NativeSums
from empirical.listing import listed
from empirical.measure import measure
from empirical.runtime import Runtime
from empirical.setup import VAR_FILE
from empirical.streaming import Crops, to_float
from empirical.tokenizers import VARTokenizer
from qtheory.weights import find

PLACES = ("QTHEORY_WEIGHTS", "QTHEORY_IMAGENET")
MISSING = [name for name in PLACES if not os.environ.get(name)]
pytestmark = [
    pytest.mark.paper,
    pytest.mark.skipif(bool(MISSING), reason=f"needs the published files: set {' and '.join(MISSING)}"),
]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
E, R_FID = 0.283, 0.92
IMAGES, SOME = 50_000, 2000
# on some images: more than six standard errors, should single ones scatter by 0.1; otherwise rounding of the
# figures, and differences between decoders of JPEG and in the order of sums
CLOSE_ON_SOME, CLOSE, CLOSE_R_FID = 0.015, 0.002, 0.05


def weights(file):
    return Path(os.environ["QTHEORY_WEIGHTS"]) / file


@pytest.fixture(scope="module")
def tokenizer():
    return VARTokenizer.from_checkpoint(weights(VAR_FILE), sha256=find(VAR_FILE).sha256).to(DEVICE)


def centre_crops(most):
    """Return the centre crops of so many validation images, from all classes."""
    root = Path(os.environ["QTHEORY_IMAGENET"]) / "val"
    names = tuple(listed(root))
    assert len(names) == IMAGES
    # files are sorted by class where each class has a folder
    return Crops(Folder(names[:: IMAGES // most], {}, "", root), 256)


@torch.no_grad()
def native_errors(tokenizer, crops):
    """Return what the native quantizer does to the latents of the crops; nothing is decoded."""
    sums = NativeSums(tokenizer, len(crops), DEVICE)
    batches = torch.arange(len(crops)).split(16)
    images = crops.batches([batch.tolist() for batch in batches])
    for numbers, pixels in zip(batches, images, strict=True):
        sums.update(tokenizer.encode(to_float(pixels, DEVICE)), numbers)
    return sums.columns()


def test_the_published_file_is_the_tokenizer_of_the_paper(tokenizer):
    sizes = [sum(p.numel() for p in part.parameters()) for part in (tokenizer.encoder, tokenizer.decoder)]
    assert sizes == [44_107_872, 64_653_923]
    assert tuple(tokenizer.quantize.embedding.weight.shape) == (4096, 32)


@pytest.mark.slow
def test_the_native_quantizer_has_the_published_error_on_images_of_all_classes(tokenizer):
    row = native_errors(tokenizer, centre_crops(SOME))
    assert row["tokens"] == SOME * 680
    assert row["latent_distortion_per_dim"] == pytest.approx(E, abs=CLOSE_ON_SOME)
    assert row["utilization"] > 0.99


@pytest.mark.slow
@pytest.mark.gpu
@pytest.mark.skipif(DEVICE == "cpu", reason="needs a CUDA device: the images take days without one")
def test_the_native_quantizer_has_the_published_error_and_r_fid_on_all_images(tokenizer):
    network = Inception.from_file(weights(inception.FILE)).to(DEVICE)
    crops, statistics = centre_crops(IMAGES), InceptionStatistics(network, IMAGES)
    row = measure(tokenizer, None, crops, statistics, native=True, runtime=Runtime(device=DEVICE))
    assert row["fid_images"] == IMAGES
    assert row["latent_distortion_per_dim"] == pytest.approx(E, abs=CLOSE)
    assert row["utilization"] > 0.995
    assert row["r_fid"] == pytest.approx(R_FID, abs=CLOSE_R_FID)
