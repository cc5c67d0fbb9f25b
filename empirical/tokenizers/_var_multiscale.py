"""The multi-scale residual quantizer that the VAR tokenizer was trained with: the baseline to replace.

It codes a whole latent image with 680 tokens of one codebook, so that it is no `Quantizer` of
single vectors.
"""

import torch
from torch import Tensor, nn

from empirical.quantizers._nearest import tiled_nearest
from empirical.quantizers._scales import VAR_SCALES, coarser, finer
from qtheory.errors import ShapeError

TOKENS = sum(side**2 for side in VAR_SCALES)
SIDE = VAR_SCALES[-1]

_PHIS = 4
# Scale s uses the phi whose tick, of four from 1/12 to 11/12, is nearest to s/9. Ticks 0 and 1 are
# equally near to 2/9, ticks 2 and 3 to 7/9; the published weights were trained with the upper ones.
_PHI_OF_SCALE = (0, 0, 1, 1, 1, 2, 2, 3, 3, 3)


class _Phi(nn.Conv2d):
    """Half the input plus half of its 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x + 0.5 * super().forward(x)


class _Phis(nn.Module):
    """The four phis that ten scales share."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qresi_ls = nn.ModuleList(_Phi(channels) for _ in range(_PHIS))

    def forward(self, h: Tensor, scale: int) -> Tensor:
        smoothed: Tensor = self.qresi_ls[_PHI_OF_SCALE[scale]](h)
        return smoothed


class MultiScaleQuantizer(nn.Module):
    """Residual quantization from one vector a latent image up to one a position.

    At each scale the residual is averaged down to ``side x side``, every vector of it gets the
    nearest codeword, and these are interpolated (bicubic) to full size, smoothed by a phi and
    subtracted. The last scale is the full size: nothing is averaged or interpolated.

    Parameters
    ----------
    channels : int
        Channels C of the latents.
    codebook_size : int
        Codewords K, shared by all scales.
    """

    ema_vocab_hit_SV: Tensor  # noqa: N815  # a key of the published checkpoint

    def __init__(self, channels: int, codebook_size: int) -> None:
        super().__init__()
        self.quant_resi = _Phis(channels)
        self.embedding = nn.Embedding(codebook_size, channels)
        # running counts of codes while VAR was trained; not used, kept for the published layout
        self.register_buffer("ema_vocab_hit_SV", torch.zeros(len(VAR_SCALES), codebook_size))

    @torch.no_grad()
    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Quantize latents, in float32 whatever the autocast mode.

        Parameters
        ----------
        z : (B, C, 16, 16) tensor
            Latents.

        Returns
        -------
        f_hat, codes : (B, C, 16, 16) tensor, (B, 680) tensor of int64
            Quantized latents, and codes in [0, K): scale after scale, row by row.

        Raises
        ------
        ShapeError
            If the latents have another shape.
        """
        channels = self.embedding.embedding_dim
        if z.ndim != 4 or tuple(z.shape[1:]) != (channels, SIDE, SIDE):
            raise ShapeError(
                f"z_e must have shape (B, {channels}, {SIDE}, {SIDE}), got {tuple(z.shape)}: the native "
                f"quantizer codes images of {16 * SIDE}x{16 * SIDE} pixels only"
            )
        with torch.autocast(z.device.type, enabled=False):
            residual = z.to(self.embedding.weight.dtype)
            f_hat = torch.zeros_like(residual)
            codes = []
            for scale, side in enumerate(VAR_SCALES):
                found = self._assign(coarser(residual, side))
                h = self.quant_resi(finer(self.embedding(found).movedim(-1, 1), SIDE), scale)
                f_hat, residual = f_hat + h, residual - h
                codes.append(found.flatten(1))
        return f_hat, torch.cat(codes, dim=1)

    def _assign(self, z: Tensor) -> Tensor:
        """Return the codes (B, h, w) of latents (B, C, h, w)."""
        rows = z.movedim(1, -1)
        return tiled_nearest(rows.flatten(0, 2), self.embedding.weight).reshape(rows.shape[:3])
