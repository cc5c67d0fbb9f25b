"""LPIPS: squared distance of unit-length network features, weighted by channel.

The paper's loss uses VGG16 (Appendix E, equation 11), its metric AlexNet. Backbones are torchvision's
files, which a user puts in place; the channel weights of version 0.1 come inside torchmetrics.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from empirical._pretrained import load_exactly, read_state
from empirical.pixels import check_crops
from qtheory import _check
from qtheory.errors import ShapeError
from qtheory.weights import find

# mean and deviation of ImageNet for images in [-1, 1], as rounded by the authors of LPIPS
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-8

NETWORKS = ("vgg", "alex")
BACKBONES = {"vgg": "vgg16-397923af.pth", "alex": "alexnet-owt-7be5be79.pth"}
# the files of LPIPS 0.1; that of VGG has the MD5 d507d7349b931f0638a25a48a722f98a, as in Taming Transformers
LINEAR_SHA256 = {
    "vgg": "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    "alex": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
}
_LINEAR_ORIGIN = "the package torchmetrics, functional/image/lpips_models (BSD-2)"
_TAPS = {"vgg": (3, 8, 15, 22, 29), "alex": (1, 4, 7, 9, 11)}  # the activations that are compared
_CHANNELS = {"vgg": (64, 128, 256, 512, 512), "alex": (64, 192, 384, 256, 256)}
_SMALLEST = {"vgg": 16, "alex": 31}  # side in pixels that leaves one position at the last tap


def _vgg_layers() -> list[nn.Module]:
    """Return the layers of VGG16 up to the last activation, at torchvision's indices."""
    layers: list[nn.Module] = []
    channels = 3
    for stage, (width, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        if stage:
            layers.append(nn.MaxPool2d(2))
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return layers


def _alex_layers() -> list[nn.Module]:
    """Return the layers of AlexNet (Krizhevsky 2014) up to the last activation."""
    return [
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    ]


def _unit_length(features: Tensor) -> Tensor:
    # epsilon stands inside the root: outside, a position without activation has a gradient of NaN
    return features * (features.square().sum(1, keepdim=True) + _EPSILON).rsqrt()


def linear_path(network: str) -> Path:
    """Return the file of channel weights inside the installed package torchmetrics.

    Parameters
    ----------
    network : str
        ``vgg`` or ``alex``.
    """
    import torchmetrics

    name = f"{_check.one_of('network', network, NETWORKS)}.pth"
    return Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / name


class LPIPS(nn.Module):
    """Learned perceptual image patch similarity, version 0.1; frozen.

    Weights are zero until they are loaded: see `from_files`.

    Parameters
    ----------
    network : str
        ``vgg`` (the loss) or ``alex`` (the metric).

    Notes
    -----
    The published code adds 1e-10 to the length of a feature vector; here 1e-8 is added under the
    root, as torchmetrics does, so that gradients exist where no channel is active.

    References
    ----------
    Zhang, Isola, Efros, Shechtman, Wang (2018), The Unreasonable Effectiveness of Deep Features as
    a Perceptual Metric.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, network: str) -> None:
        super().__init__()
        self.network = _check.one_of("network", network, NETWORKS)
        self.features = nn.Sequential(*(_vgg_layers() if network == "vgg" else _alex_layers()))
        self.linear = nn.ParameterList(torch.zeros(channels) for channels in _CHANNELS[network])
        self.register_buffer("shift", torch.tensor(_SHIFT)[:, None, None], persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE)[:, None, None], persistent=False)
        for parameter in self.features.parameters():
            nn.init.zeros_(parameter)
        self.requires_grad_(False)

    @classmethod
    def from_files(
        cls,
        network: str,
        backbone: Path | str,
        *,
        backbone_sha256: str | None = None,
        linear: Path | str | None = None,
        linear_sha256: str | None = None,
    ) -> "LPIPS":
        """Return LPIPS with weights from local files.

        Parameters
        ----------
        network : str
            ``vgg`` or ``alex``.
        backbone : pathlib.Path or str
            torchvision's classifier, the file named in `BACKBONES`; its fully connected layers are
            not used.
        backbone_sha256, linear_sha256 : str, optional
            Checksums; those of the published files by default.
        linear : pathlib.Path or str, optional
            The channel weights; the file inside torchmetrics by default.

        Raises
        ------
        FileNotFoundError
            If a file is missing.
        SchemaError
            If a checksum differs, or a file holds other tensors.
        DomainError
            If the network is unknown.
        """
        model = cls(network)
        published = find(BACKBONES[network])
        backbone, linear = Path(backbone), linear_path(network) if linear is None else Path(linear)
        state = read_state(backbone, backbone_sha256 or published.sha256, origin=published.source)
        heads = read_state(linear, linear_sha256 or LINEAR_SHA256[network], origin=_LINEAR_ORIGIN)
        names = {f"lin{i}.model.1.weight": f"linear.{i}" for i in range(len(model.linear))}
        tensors = {key: value for key, value in state.items() if not key.startswith("classifier.")}
        tensors |= {names.get(key, key): value.flatten() for key, value in heads.items()}
        load_exactly(model, tensors, path=backbone)
        return model

    def activations(self, x: Tensor) -> list[Tensor]:
        """Return the five compared activations of images in [-1, 1]."""
        h, taken = (x - self.shift) / self.scale, []
        for index, layer in enumerate(self.features):
            h = layer(h)
            if index in _TAPS[self.network]:
                taken.append(h)
        return taken

    def forward(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """Return the distance of each pair of images.

        Parameters
        ----------
        x, x_hat : (B, 3, H, W) tensor
            Images in [-1, 1]; sides of at least 16 pixels for VGG16, 31 for AlexNet. Gradients reach
            both.

        Returns
        -------
        (B,) tensor
            Sum over five layers of the mean over positions.

        Raises
        ------
        ShapeError
            If the shapes differ, or the images are too small.
        DomainError
            If a value is NaN or infinite.
        """
        check_crops("x", x)
        check_crops("x_hat", x_hat)
        smallest = _SMALLEST[self.network]
        if x.shape != x_hat.shape or min(x.shape[2:]) < smallest:
            raise ShapeError(
                f"x and x_hat must have one shape with sides of at least {smallest} for "
                f"{self.network}, got {tuple(x.shape)} and {tuple(x_hat.shape)}"
            )
        distance = x.new_zeros(len(x))
        pairs = zip(self.activations(x), self.activations(x_hat), self.linear, strict=True)
        for one, other, weights in pairs:
            squares = (_unit_length(one) - _unit_length(other)).square()
            distance = distance + torch.einsum("bchw,c->bhw", squares, weights).mean((1, 2))
        return distance
