"""LPIPS against a plain recomputation and against torchmetrics, on random weights."""

import hashlib

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
import torchvision
from torchmetrics.functional.image.lpips import _LPIPS

from empirical.perceptual import _CHANNELS, BACKBONES, LINEAR_SHA256, LPIPS, NETWORKS, linear_path
from qtheory.errors import DomainError, SchemaError, ShapeError
from qtheory.weights import file_sha256, find

SIDE = {"vgg": 32, "alex": 64}
# convolutions as (torchvision index, stride, padding); None is a pooling layer
CONVOLUTIONS = {
    "vgg": [0, 2, None, 5, 7, None, 10, 12, 14, None, 17, 19, 21, None, 24, 26, 28],
    "alex": [0, None, 3, None, 6, 8, 10],
}
COMPARED = {"vgg": (2, 7, 14, 21, 28), "alex": (0, 3, 6, 8, 10)}
OPTIONS = {("alex", 0): (4, 2), ("alex", 3): (1, 2)}


def random_state(network, seed=0):
    """State of a backbone whose activations stay of order one, so that every layer counts."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in LPIPS(network).features.state_dict().items():
        fan_in = value[0].numel() if value.ndim > 1 else 100
        state[f"features.{key}"] = torch.randn(value.shape, generator=generator) * (2 / fan_in) ** 0.5
    return state


def channel_weights(network):
    state = torch.load(linear_path(network), map_location="cpu", weights_only=True)
    return [state[f"lin{i}.model.1.weight"].flatten() for i in range(5)]


def images(network, seed, n=3):
    side = SIDE[network]
    return torch.rand(n, 3, side, side + 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(params=NETWORKS)
def network(request):
    return request.param


@pytest.fixture
def files(network, tmp_path):
    """A file as torchvision publishes it, classifier included, and its checksum."""
    path = tmp_path / "backbone.pth"
    torch.save(random_state(network) | {"classifier.6.bias": torch.zeros(1000)}, path)
    return path, file_sha256(path)


@pytest.fixture
def lpips(network, files):
    return LPIPS.from_files(network, files[0], backbone_sha256=files[1])


def plain(network, state, linear, x, x_hat, normalise):
    """LPIPS written out with functional calls."""
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    features = []
    for image in (x, x_hat):
        h, taken = (image - shift) / scale, []
        for index in CONVOLUTIONS[network]:
            if index is None:
                h = F.max_pool2d(h, 2) if network == "vgg" else F.max_pool2d(h, 3, 2)
                continue
            stride, padding = OPTIONS.get((network, index), (1, 1))
            weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
            h = F.relu(F.conv2d(h, weight, bias, stride=stride, padding=padding))
            if index in COMPARED[network]:
                taken.append(normalise(h))
        features.append(taken)
    layers = [
        F.conv2d((a - b) ** 2, w.view(1, -1, 1, 1)).mean((1, 2, 3))
        for a, b, w in zip(*features, linear, strict=True)
    ]
    return torch.stack(layers)


def published_length(h):
    return h / (h.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)


def test_distance_agrees_with_the_published_formula_written_out(network, lpips):
    x, x_hat = images(network, 1), images(network, 2)
    layers = plain(network, random_state(network), channel_weights(network), x, x_hat, published_length)
    assert (layers > 0.01 * layers.sum(0)).all()  # a wrong layer would show
    torch.testing.assert_close(lpips(x, x_hat), layers.sum(0), rtol=1e-4, atol=0)


def test_distance_agrees_with_torchmetrics(network, lpips):
    other = _LPIPS(pretrained=False, net=network, pnet_rand=True)
    state = torch.load(linear_path(network), map_location="cpu", weights_only=True)
    assert not other.load_state_dict(state, strict=False).unexpected_keys
    own = random_state(network)
    other.net.load_state_dict(
        {key: own[f"features.{key.split('.', 1)[1]}"] for key in other.net.state_dict()}
    )
    x, x_hat = images(network, 1), images(network, 2)
    torch.testing.assert_close(lpips(x, x_hat), other(x, x_hat).flatten(), rtol=1e-5, atol=0)


def test_layout_is_torchvisions(network):
    with torch.device("meta"):
        name = "vgg16" if network == "vgg" else "alexnet"
        reference = getattr(torchvision.models, name)().features.state_dict()
        own = LPIPS(network).features.state_dict()
    assert {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in reference.items()}


def test_channel_weights_are_the_published_ones(network):
    assert file_sha256(linear_path(network)) == LINEAR_SHA256[network]
    assert [len(weights) for weights in channel_weights(network)] == list(_CHANNELS[network])
    assert all((weights >= 0).all() for weights in channel_weights(network))


def test_vgg_channel_weights_are_those_of_taming_transformers():
    digest = hashlib.md5(linear_path("vgg").read_bytes(), usedforsecurity=False).hexdigest()
    assert digest == "d507d7349b931f0638a25a48a722f98a"


def test_distance_is_a_symmetric_discrepancy(network, lpips):
    x, x_hat = images(network, 1), images(network, 2)
    assert torch.equal(lpips(x, x), torch.zeros(len(x)))
    assert (lpips(x, x_hat) > 0).all()
    torch.testing.assert_close(lpips(x, x_hat), lpips(x_hat, x))
    # one image at a time gives the same
    singly = torch.cat([lpips(a[None], b[None]) for a, b in zip(x, x_hat, strict=True)])
    torch.testing.assert_close(singly, lpips(x, x_hat))


def test_gradient_is_finite_where_nothing_is_active(network, lpips):
    for parameter in lpips.features[0].parameters():
        parameter.fill_(-1.0)
    # the first layer is dead for bright images
    x = torch.full((1, 3, SIDE[network], SIDE[network]), 1.0)
    x_hat = (x * 0.9).requires_grad_()
    lpips(x, x_hat).sum().backward()
    assert torch.isfinite(x_hat.grad).all()


def test_only_images_get_gradients(network, lpips):
    x_hat = images(network, 2).requires_grad_()
    lpips(images(network, 1), x_hat).mean().backward()
    assert float(x_hat.grad.abs().max()) > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in lpips.parameters())


def test_smallest_images_work_and_smaller_ones_are_refused(network, lpips):
    side = {"vgg": 16, "alex": 31}[network]
    assert lpips(torch.zeros(1, 3, side, side), torch.ones(1, 3, side, side)).shape == (1,)
    small = torch.zeros(1, 3, side, side - 1)
    with pytest.raises(ShapeError, match=f"sides of at least {side}"):
        lpips(small, small)


def test_bad_images_are_refused(network, lpips):
    x = images(network, 1)
    with pytest.raises(ShapeError, match="must have one shape"):
        lpips(x, x[:1])
    with pytest.raises(ShapeError, match="x_hat must have shape"):
        lpips(x, x[:, :1])
    with pytest.raises(DomainError, match="x must be finite"):
        lpips(x * torch.inf, x)


def test_unverified_weights_are_refused(network, files):
    with pytest.raises(SchemaError, match=f"must have sha256 {find(BACKBONES[network]).sha256}"):
        LPIPS.from_files(network, files[0])  # not torchvision's file
    with pytest.raises(SchemaError, match="must have sha256 abcd"):
        LPIPS.from_files(network, files[0], backbone_sha256=files[1], linear=files[0], linear_sha256="abcd")
    with pytest.raises(FileNotFoundError, match="does not exist; get it from"):
        LPIPS.from_files(network, files[0].with_name("none"))


def test_files_with_other_tensors_are_refused(network, files, tmp_path):
    other = {"vgg": "alex", "alex": "vgg"}[network]
    with pytest.raises(SchemaError, match="that do not fit"):
        LPIPS.from_files(other, files[0], backbone_sha256=files[1])
    nested = tmp_path / "nested.pth"
    torch.save({"state": {"a": torch.zeros(1)}}, nested)
    with pytest.raises(SchemaError, match="flat dict of tensors, got dict under 'state'"):
        LPIPS.from_files(network, nested, backbone_sha256=file_sha256(nested))


def test_code_in_a_file_is_never_run(network, tmp_path):
    path, flag = tmp_path / "evil.pth", tmp_path / "flag"
    path.write_bytes(b"cposix\nsystem\n(S'touch " + str(flag).encode() + b"'\ntR.")
    with pytest.raises(SchemaError, match="does not load with weights_only=True"):
        LPIPS.from_files(network, path, backbone_sha256=file_sha256(path))
    assert not flag.exists()


def test_unknown_network_is_refused():
    with pytest.raises(DomainError, match="network must be one of vgg, alex"):
        LPIPS("squeeze")
