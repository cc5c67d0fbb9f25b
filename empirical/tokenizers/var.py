"""The VAR tokenizer of Tian et al. (2024), into which the paper transplants its quantizers."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from empirical._pretrained import read_state
from empirical.tokenizers._var_checkpoint import ORIGIN, fitted, sizes
from empirical.tokenizers._var_layers import GROUPS, Stage, conv3x3
from empirical.tokenizers._var_multiscale import TOKENS, MultiScaleQuantizer
from empirical.tokenizers._var_networks import DOWNSAMPLING, Decoder, Encoder
from empirical.tokenizers.base import Tokenizer
from qtheory import _check
from qtheory.errors import DomainError, ShapeError
from qtheory.results import write_bytes_atomically
from qtheory.weights import file_sha256

_LARGEST = 2.0  # beyond any overshoot of a resized image in [-1, 1], far below one counted 0 to 255
_RECOMPUTED_STAGES = 2


def _images(name: str, value: Tensor, channels: int, multiple: int) -> Tensor:
    """Return `value` if it is a finite (B, channels, h, w) tensor with sides of that multiple."""
    sides = f"H and W multiples of {multiple}" if multiple > 1 else "H and W positive"
    if value.ndim != 4 or value.shape[1] != channels or any(n % multiple for n in value.shape[2:]):
        raise ShapeError(
            f"{name} must have shape (B, {channels}, H, W) with {sides}, got {tuple(value.shape)}"
        )
    if value.numel() == 0:
        raise ShapeError(f"{name} must not be empty, got shape {tuple(value.shape)}")
    if not value.is_floating_point():
        raise DomainError(f"{name} must be floating point, got {value.dtype}; images: use x / 127.5 - 1")
    bad = value.numel() - int(torch.isfinite(value.detach()).sum())
    if bad:
        raise DomainError(
            f"{name} must be finite, got {bad} NaN or infinite value(s) of {value.numel()}; "
            "look for the image or layer that they come from"
        )
    return value


class VARTokenizer(Tokenizer):
    """Convolutional encoder and decoder with 32 latent channels at a sixteenth of the resolution.

    Names of modules and parameters are the keys of the published checkpoint. With the default
    sizes encoder and decoder have 108,761,795 parameters, the convolutions before and behind the
    quantizer 18,496, and the native quantizer, which the paper replaces, 209,024 numbers. Encoder
    and decoder take images of any size whose sides are multiples of 16.

    Parameters
    ----------
    ch : int
        Channels at full resolution, a multiple of 32.
    z_channels : int
        Channels of the latents.
    codebook_size : int
        Codewords of the native quantizer.

    Attributes
    ----------
    sha256 : str or None
        Checksum of the file that the weights came from; None for weights from no file.

    Raises
    ------
    DomainError
        If a size is not positive, or `ch` no multiple of 32.

    References
    ----------
    Tian, Jiang, Yuan, Peng, Wang (2024), Visual Autoregressive Modeling: Scalable Image Generation
    via Next-Scale Prediction; architecture of Esser, Rombach, Ommer (2021), Taming Transformers.

    Examples
    --------
    >>> tokenizer = VARTokenizer(ch=32, z_channels=8, codebook_size=16).eval()
    >>> z_e = tokenizer.encode(torch.zeros(1, 3, 32, 48))
    >>> z_e.shape, tokenizer.decode(z_e).shape
    (torch.Size([1, 8, 2, 3]), torch.Size([1, 3, 32, 48]))
    """

    downsampling = DOWNSAMPLING

    def __init__(self, ch: int = 160, z_channels: int = 32, codebook_size: int = 4096) -> None:
        super().__init__()
        self.z_channels = self.latent_channels = _check.integer("z_channels", z_channels)
        self.sha256: str | None = None
        if _check.integer("ch", ch) % GROUPS:
            raise DomainError(f"ch must be a multiple of {GROUPS}, got {ch}")
        self.encoder = Encoder(ch, z_channels)
        self.decoder = Decoder(ch, z_channels)
        self.quantize = MultiScaleQuantizer(z_channels, _check.integer("codebook_size", codebook_size))
        self.quant_conv = conv3x3(z_channels, z_channels)
        self.post_quant_conv = conv3x3(z_channels, z_channels)

    def encode(self, x: Tensor) -> Tensor:
        """Return the latents of images.

        Parameters
        ----------
        x : (B, 3, H, W) tensor
            Images in [-1, 1]; H and W multiples of 16.

        Returns
        -------
        z_e : (B, z_channels, H/16, W/16) tensor
            Latents, behind the convolution that precedes the quantizer.

        Raises
        ------
        ShapeError
            If the images have other than 3 channels, or a side is no multiple of 16.
        DomainError
            If a value is NaN, infinite or far outside of [-1, 1], or the dtype is integer.
        """
        largest = float(_images("x", x, 3, DOWNSAMPLING).detach().abs().max())
        if largest > _LARGEST:
            raise DomainError(
                f"x must hold images in [-1, 1], got a largest absolute value of {largest:g}; "
                "use x / 127.5 - 1 for images in [0, 255]"
            )
        z_e: Tensor = self.quant_conv(self.encoder(x))
        return z_e

    def decode(self, z_q: Tensor) -> Tensor:
        """Return the images that belong to latents.

        Parameters
        ----------
        z_q : (B, z_channels, h, w) tensor
            Quantized latents.

        Returns
        -------
        x_hat : (B, 3, 16 h, 16 w) tensor
            Reconstructions. Not clamped: clamp to [-1, 1] before any metric.

        Raises
        ------
        ShapeError
            If the latents have another number of channels.
        DomainError
            If a value is NaN or infinite, or the dtype is integer.
        """
        x_hat: Tensor = self.decoder(self.post_quant_conv(_images("z_q", z_q, self.z_channels, 1)))
        return x_hat

    @property
    def last_layer(self) -> nn.Parameter:
        """Weight of the decoder's last convolution."""
        return self.decoder.get_parameter("conv_out.weight")

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction without quantization."""
        return self.decode(self.encode(x))

    @property
    def native_codebook_size(self) -> int:
        """Codewords of VAR's own multi-scale quantizer, which all scales share."""
        return self.quantize.embedding.num_embeddings

    @property
    def native_tokens(self) -> int:
        """Tokens that it spends on an image of 256x256 pixels."""
        return TOKENS

    def native_codes(self, z_e: Tensor) -> Tensor:
        """Return the codes that VAR's own multi-scale quantizer gives latents.

        Parameters
        ----------
        z_e : (B, z_channels, 16, 16) tensor
            Latents of images of 256x256 pixels.

        Returns
        -------
        (B, 680) tensor of int64
            Codes in [0, codebook_size): scales of 1, 2, 3, 4, 5, 6, 8, 10, 13 and 16 positions a
            side in this order, each row by row.

        Raises
        ------
        ShapeError
            If the latents have another shape.
        DomainError
            If a value is NaN or infinite, or the dtype is integer.
        """
        codes: Tensor = self.quantize(_images("z_e", z_e, self.z_channels, 1))[1]
        return codes

    def native_quantize(self, z_e: Tensor) -> Tensor:
        """Return latents as VAR's own multi-scale quantizer rounds them, (B, z_channels, 16, 16).

        No gradient flows through it. Parameters and errors are those of `native_codes`.
        """
        f_hat: Tensor = self.quantize(_images("z_e", z_e, self.z_channels, 1))[0]
        return f_hat

    def recompute(self, enabled: bool = True) -> None:
        """Let backward passes compute the insides of the blocks at full and half resolution again.

        Gradients stay the same. Of these blocks, which hold most of the activations, only the
        inputs are kept, for the price of a second forward pass through them. It has no effect
        where no gradient is recorded.
        """
        for stage in self._high_resolutions():
            stage.recompute = enabled

    def _high_resolutions(self) -> Iterator[Stage]:
        for stages in (self.encoder.down, self.decoder.up):
            for stage in stages[:_RECOMPUTED_STAGES]:
                if isinstance(stage, Stage):
                    yield stage

    def save(self, path: Path | str) -> str:
        """Write the weights in the published layout, for `from_checkpoint`; return their SHA-256."""
        content = io.BytesIO()
        torch.save({key: tensor.detach().cpu() for key, tensor in self.state_dict().items()}, content)
        write_bytes_atomically(Path(path), content.getvalue())
        return hashlib.sha256(content.getvalue()).hexdigest()

    @classmethod
    def from_checkpoint(cls, path: Path | str, sha256: str | None = None) -> "VARTokenizer":
        """Return a trained tokenizer, in evaluation mode, on the CPU and in float32.

        `ch`, `z_channels` and `codebook_size` follow from the shapes of the tensors.
        ``quantize.ema_vocab_hit_SV``, which nothing here uses, may be missing or have another
        number of scales; zeros then take its place.

        Parameters
        ----------
        path : pathlib.Path or str
            A flat dict of tensors, as the published ``vae_ch160v4096z32.pth`` is. It is read with
            ``weights_only=True``: no code of the file is run.
        sha256 : str, optional
            Expected checksum; `qtheory.weights.WEIGHTS` has that of the published file. Without
            it nothing is verified. Either way the checksum found is kept in `sha256` of the result.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        SchemaError
            If the checksum differs, the file holds other objects than tensors, or keys or shapes
            are not those of a VAR tokenizer.
        """
        path = Path(path)
        tensors = read_state(path, sha256, origin=ORIGIN)
        with torch.device("meta"):  # shapes only: the weights come from the file
            tokenizer = cls(**sizes(path, tensors))
        tokenizer.load_state_dict(fitted(path, tensors, tokenizer.state_dict()), assign=True)
        tokenizer.sha256 = file_sha256(path)
        return tokenizer.eval()
