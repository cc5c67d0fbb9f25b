"""The vision transformer of DINO, with the names of modules that its published files have."""

from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from empirical._pretrained import load_exactly, read_state
from qtheory import _check
from qtheory.errors import DomainError
from qtheory.weights import find

DINO = find("dino_deitsmall16_pretrain.pth")
_EPSILON = 1e-6
_MLP_RATIO = 4


class _Patches(nn.Module):
    def __init__(self, patch: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, stride=patch)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class _Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        split = self.qkv(x).view(n, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(split[0], split[1], split[2])
        return self.proj(mixed.transpose(1, 2).reshape(n, length, dim))


class _MLP(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, _MLP_RATIO * dim)
        self.fc2 = nn.Linear(_MLP_RATIO * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x), approximate="tanh"))


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=_EPSILON)
        self.attn = _Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=_EPSILON)
        self.mlp = _MLP(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """Vision transformer with a class token and learned positions; frozen, always in evaluation.

    The default sizes are those of DINO ViT-S/16: 21,665,664 parameters. Weights are random, from
    the generator, until they are loaded: see `from_file`.

    Parameters
    ----------
    side : int
        Side of the square images, a multiple of `patch`.
    patch : int
        Side of a patch.
    dim : int
        Channels, a multiple of `heads`.
    depth : int
        Blocks.
    heads : int
        Attention heads.
    generator : torch.Generator
        Initial weights N(0, 1/inputs); other parameters start at zero, those of norms at one.

    References
    ----------
    Caron, Touvron, Misra, Jégou, Mairal, Bojanowski, Joulin (2021), Emerging Properties in
    Self-Supervised Vision Transformers.
    """

    def __init__(
        self,
        side: int = 224,
        patch: int = 16,
        dim: int = 384,
        depth: int = 12,
        heads: int = 6,
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        _check.integer("depth", depth)
        if _check.integer("side", side) % _check.integer("patch", patch):
            raise DomainError(f"side must be a multiple of patch={patch}, got {side}")
        if _check.integer("dim", dim) % _check.integer("heads", heads):
            raise DomainError(f"dim must be a multiple of heads={heads}, got {dim}")
        self.side, self.dim, self.tokens = side, dim, (side // patch) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.tokens + 1, dim))
        self.patch_embed = _Patches(patch, dim)
        self.blocks = nn.ModuleList(_Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=_EPSILON)  # in the file; no read-out passes through it
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)  # not torch's draw from the global generator
            elif parameter.ndim > 1:
                deviation = parameter[0].numel() ** -0.5
                drawn = torch.randn(parameter.shape, generator=generator, device=generator.device)
                parameter.data = deviation * drawn
        self.requires_grad_(False)
        self.eval()

    @classmethod
    def from_file(cls, path: Path | str, sha256: str) -> "ViT":
        """Return DINO ViT-S/16 with published weights from a local file.

        Biases of keys are set to zero. They add the same number to all scores of a query, so they
        never had an effect.

        Parameters
        ----------
        path : pathlib.Path or str
            ``dino_deitsmall16_pretrain.pth``, a flat state dict of 150 tensors.
        sha256 : str
            Checksum of your copy; its publisher states none.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        SchemaError
            If the checksum differs, or the file holds other tensors.
        """
        tensors = read_state(Path(path), sha256, origin=DINO.source)
        model = cls(generator=torch.Generator().manual_seed(0))
        load_exactly(model, tensors, path=Path(path))
        for name, parameter in model.named_parameters():
            if name.endswith("qkv.bias"):
                parameter.data[model.dim : 2 * model.dim] = 0.0
        return model

    def read_outs(self, x: Tensor, taps: tuple[int, ...]) -> list[Tensor]:
        """Return patch tokens plus class token of the embedding, then behind the blocks in `taps`.

        Parameters
        ----------
        x : (B, 3, side, side) tensor
            Images, normalized with ImageNet's mean and deviation.
        taps : tuple of int
            Blocks, counted from 0.

        Returns
        -------
        list of (B, dim, tokens) tensor
            One more than there are taps.
        """
        h = torch.cat([self.cls_token.expand(len(x), -1, -1), self.patch_embed(x)], dim=1) + self.pos_embed
        hidden = [h]
        for index in range(max(taps) + 1):
            h = self.blocks[index](h)
            if index in taps:
                hidden.append(h)
        return [(h[:, 1:] + h[:, :1]).transpose(1, 2) for h in hidden]
