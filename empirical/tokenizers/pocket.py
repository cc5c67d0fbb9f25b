"""The pocket tokenizer: small enough to train and to run on two cores, and shipped with its weights."""

import json
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from empirical import checkpoint
from empirical.tokenizers.base import Tokenizer
from qtheory import _check
from qtheory.errors import DomainError, SchemaError, ShapeError

DOWNSAMPLING = 8
LATENT_CHANNELS = 16
WEIGHTS = Path(__file__).parents[1] / "pocket" / "tokenizer.safetensors"

_GROUPS = 8
_MOMENTUM = 0.01  # latent moments are averages over the last hundred or so batches
_norm = partial(nn.GroupNorm, _GROUPS, eps=1e-6)


class _Residual(nn.Module):
    """Two 3x3 convolutions, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _norm(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class _Decoder(nn.Sequential):
    """Layers of which the last two, a convolution and a shuffle, make the image."""

    def features(self, z: Tensor) -> Tensor:
        """Return what the last convolution gets."""
        for layer in list(self)[:-2]:
            z = layer(z)
        return z

    def forward(self, z: Tensor) -> Tensor:
        convolution, shuffle = list(self)[-2:]
        x_hat: Tensor = shuffle(convolution(self.features(z)))
        return x_hat


class PocketTokenizer(Tokenizer):
    """Convolutional encoder and decoder with 16 latent channels at an eighth of the resolution.

    The encoder takes 4x4 patches to `width` channels and 2x2 of those to twice as many; the
    decoder mirrors it. A BatchNorm without affine part ends the encoder, so that the latents of
    the training photographs have mean 0 and variance 1 in each channel. Fully convolutional: any
    image whose sides are multiples of 8 will do.

    Parameters
    ----------
    width : int
        Channels at a quarter of the resolution, a multiple of 8. 64 gives 1.5 million parameters.

    Raises
    ------
    DomainError
        If `width` is not a positive multiple of 8.

    Examples
    --------
    >>> import torch
    >>> tokenizer = PocketTokenizer(width=8).eval()
    >>> z_e = tokenizer.encode(torch.zeros(2, 3, 64, 64))
    >>> z_e.shape, tokenizer.decode(z_e).shape
    (torch.Size([2, 16, 8, 8]), torch.Size([2, 3, 64, 64]))
    """

    latent_channels = LATENT_CHANNELS
    downsampling = DOWNSAMPLING

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.width = _check.integer("width", width)
        if width % _GROUPS:
            raise DomainError(f"width must be a multiple of {_GROUPS}, got {width}")
        wide = 2 * width
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=4),
            _Residual(width),
            nn.Conv2d(width, wide, 2, stride=2),
            _Residual(wide),
            _Residual(wide),
            _norm(wide),
            nn.SiLU(),
            nn.Conv2d(wide, LATENT_CHANNELS, 1),
            nn.BatchNorm2d(LATENT_CHANNELS, momentum=_MOMENTUM, affine=False),
        )
        self.decoder = _Decoder(
            nn.Conv2d(LATENT_CHANNELS, wide, 3, padding=1),
            _Residual(wide),
            _Residual(wide),
            nn.ConvTranspose2d(wide, width, 2, stride=2),
            _Residual(width),
            _Residual(width),
            _norm(width),
            nn.SiLU(),
            nn.Conv2d(width, 3 * 4**2, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def encode(self, x: Tensor) -> Tensor:
        """Return the latents of images.

        Parameters
        ----------
        x : (B, 3, H, W) tensor
            Images in [-1, 1]; H and W multiples of 8.

        Returns
        -------
        z_e : (B, 16, H/8, W/8) tensor
            Latents of about unit variance in each channel.

        Raises
        ------
        ShapeError
            If the images have other than 3 channels, or a side is no multiple of 8.
        """
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[2] % DOWNSAMPLING or x.shape[3] % DOWNSAMPLING:
            raise ShapeError(
                f"x must have shape (B, 3, H, W) with H and W multiples of {DOWNSAMPLING}, "
                f"got {tuple(x.shape)}"
            )
        z_e: Tensor = self.encoder(x)
        return z_e

    def decode(self, z_q: Tensor) -> Tensor:
        """Return the images that belong to latents.

        Parameters
        ----------
        z_q : (B, 16, h, w) tensor
            Quantized latents.

        Returns
        -------
        x_hat : (B, 3, 8 h, 8 w) tensor
            Reconstructions. Not clamped: clamp to [-1, 1] before any metric.

        Raises
        ------
        ShapeError
            If the latents have other than 16 channels.
        """
        if z_q.ndim != 4 or z_q.shape[1] != LATENT_CHANNELS:
            raise ShapeError(f"z_q must have shape (B, {LATENT_CHANNELS}, h, w), got {tuple(z_q.shape)}")
        x_hat: Tensor = self.decoder(z_q)
        return x_hat

    @property
    def last_layer(self) -> nn.Parameter:
        """Weight of the last convolution, whose outputs are shuffled into pixels."""
        return self.decoder.get_parameter(f"{len(self.decoder) - 2}.weight")

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction without quantization."""
        return self.decode(self.encode(x))

    def save(self, path: Path | str) -> str:
        """Write weights and width to a safetensors file; return its SHA-256."""
        return checkpoint.save(path, self.state_dict(), {"kind": "pocket", "width": str(self.width)})

    @classmethod
    def from_checkpoint(cls, path: Path | str, sha256: str | None = None) -> "PocketTokenizer":
        """Return a trained tokenizer, in evaluation mode.

        Parameters
        ----------
        path : pathlib.Path or str
            Weights as `save` writes them.
        sha256 : str, optional
            Expected checksum of the file.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        SchemaError
            If the checksum differs or the file holds no pocket tokenizer.
        """
        source = "`python -m empirical pretrain --preset pocket`"
        tensors, metadata = checkpoint.load(path, sha256, source=source)
        if metadata.get("kind") != "pocket" or not metadata.get("width", "").isdecimal():
            raise SchemaError(
                f"{path} must hold a pocket tokenizer, got the header {metadata}; make it by {source}"
            )
        tokenizer = cls(int(metadata["width"]))
        shapes = {key: tensor.shape for key, tensor in tensors.items()}
        expected = {key: tensor.shape for key, tensor in tokenizer.state_dict().items()}
        if misfits := sorted({key for key, _ in shapes.items() ^ expected.items()}):
            raise SchemaError(
                f"{path} must hold the {len(expected)} tensors of a pocket tokenizer of width "
                f"{tokenizer.width}, but {len(misfits)} are missing, unexpected or of another shape, such as "
                f"{misfits[0]}; make it by {source}"
            )
        tokenizer.load_state_dict(tensors)
        return tokenizer.eval()


def default_pocket() -> PocketTokenizer:
    """Return the pocket tokenizer that comes with the package, verified against its manifest."""
    manifest = json.loads(WEIGHTS.with_suffix(".json").read_text())
    return PocketTokenizer.from_checkpoint(WEIGHTS, manifest["sha256"])
