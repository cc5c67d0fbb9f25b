"""The extractor of r-FID: against torch-fidelity's, bit for bit, on weights of the published shapes."""

import pytest
import torch

from empirical.inception import FILE, Inception, resize_tensorflow1
from empirical.pixels import to_uint8
from qtheory.errors import SchemaError, ShapeError
from qtheory.weights import file_sha256


@pytest.fixture(scope="module")
def network():
    """Random weights and statistics, so that no layer is the identity."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = Inception()
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
    return made


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / FILE
    state = {key: value for key, value in network.state_dict().items() if "num_batches" not in key}
    torch.save(state, path)
    return path


def images(side=96):
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_features_and_logits_are_those_of_torch_fidelity(network, file):
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    names = ["2048", "logits_unbiased"]
    other = module.FeatureExtractorInceptionV3("other", names, feature_extractor_weights_path=str(file))
    pixels = torch.from_numpy(to_uint8(images())).movedim(-1, 1)
    with torch.no_grad():
        for own, theirs in zip(network(pixels.float()), other(pixels), strict=True):
            assert own.std() > 1e-3
            torch.testing.assert_close(own, theirs, rtol=1e-6, atol=1e-7)


def test_a_file_gives_the_same_network_and_says_which_file_it_was(network, file):
    loaded = Inception.from_file(file, file_sha256(file))
    assert loaded.sha256 == file_sha256(file)
    features, probabilities = loaded.measure(images(48))
    expected, _ = network.measure(images(48))
    assert torch.equal(features, expected)
    assert (features.shape, probabilities.shape) == ((2, 2048), (2, 1008))
    assert features.dtype == probabilities.dtype == torch.float64
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2, dtype=torch.float64))


def test_another_or_missing_file_is_refused_with_its_source(file, tmp_path):
    with pytest.raises(SchemaError, match=r"must have sha256 6726825d, got .*torch-fidelity on GitHub"):
        Inception.from_file(file)
    with pytest.raises(FileNotFoundError, match=r"get it from .*torch-fidelity on GitHub.*sha256 6726825d"):
        Inception.from_file(tmp_path / FILE)
    torch.save({"fc.weight": torch.zeros(1008, 2048)}, tmp_path / "other.pth")
    with pytest.raises(SchemaError, match="that do not fit"):
        Inception.from_file(tmp_path / "other.pth", file_sha256(tmp_path / "other.pth"))
    with pytest.raises(ShapeError):
        Inception().measure(torch.zeros(2, 1, 8, 8))


def test_resizing_follows_tensorflow_1_pixel_by_pixel():
    x = torch.rand(1, 1, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = resize_tensorflow1(x, 9)
    for i in range(9):
        for j in range(9):
            # places in float32, as there
            places = [float(torch.tensor(float(k)) * (n / 9)) for k, n in ((i, 7), (j, 5))]
            (top, left), (down, right) = [int(p) for p in places], [p - int(p) for p in places]
            below, beside = min(top + 1, 6), min(left + 1, 4)
            upper = (1 - right) * x[0, 0, top, left] + right * x[0, 0, top, beside]
            lower = (1 - right) * x[0, 0, below, left] + right * x[0, 0, below, beside]
            assert float(found[0, 0, i, j]) == pytest.approx(float((1 - down) * upper + down * lower))
    assert torch.equal(resize_tensorflow1(x, 9)[..., 0, 0], x[..., 0, 0])  # no half-pixel centres
