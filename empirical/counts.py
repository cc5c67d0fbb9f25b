"""Operations and memory of one image, counted without computing anything.

The networks run on torch's meta device, which has shapes and no numbers, or on a card that is not there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from empirical.head import Head
from empirical.launch_config import LaunchPreset
from empirical.tokenizers import PocketTokenizer, Tokenizer, VARTokenizer

MIB = 2**20
_HIGH = ("Decoder.up.0", "Decoder.up.1")


@dataclass(frozen=True)
class Counts:
    """Operations and memory of one image.

    Attributes
    ----------
    encoder, decoder, head : float
        GFLOP of a forward pass, at 2 a multiplication with addition.
    high : float
        GFLOP of the decoder's two highest resolutions.
    encoder_kept, decoder_kept, head_kept : float
        MiB of activations that a backward pass needs on a card, in the precision of the training.
    encoder_peak, decoder_peak : float
        Most MiB of activations at the same time in a forward pass alone, in float32.
    encoder_parameters, decoder_parameters, head_parameters : int
        Numbers of parameters.
    copy_bytes : int
        Bytes of a trained parameter's copy in bfloat16, which autocast keeps until the backward pass.
    """

    encoder: float
    decoder: float
    head: float
    high: float
    encoder_kept: float
    decoder_kept: float
    head_kept: float
    encoder_peak: float
    decoder_peak: float
    encoder_parameters: int
    decoder_parameters: int
    head_parameters: int
    copy_bytes: int


def _flops(run: Callable[[], Tensor]) -> tuple[float, float]:
    """Return GFLOP of a pass, and of its decoder's two highest resolutions."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    high = [sum(counts.values()) for name, counts in counter.get_flop_counts().items() if name in _HIGH]
    return counter.get_total_flops() / 1e9, sum(high) / 1e9


def _saved(run: Callable[[], Tensor]) -> float:
    """Return MiB of all that a backward pass needs, weights and their copies in bfloat16 too."""
    storages: dict[int, int] = {}
    alive = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage.nbytes()
        alive.append(tensor)  # a storage that is freed could give its number to another
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        alive.append(run())
    return sum(storages.values()) / MIB


@contextmanager
def _autocast(enabled: bool) -> Iterator[None]:
    """Let networks compute in bfloat16 as on a card: `torch.autocast` does not where there is none."""
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    torch.set_autocast_enabled("cuda", enabled)
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])
        torch.clear_autocast_cache()


def _kept(network: nn.Module, one: Tensor, bf16: bool) -> float:
    """Return MiB of activations that a backward pass needs of an image, as a card would keep them.

    That is what a batch of 3 adds to one of 2: weights and their copies are of no image. On a card
    normalizations are computed in float32 under autocast too, on a processor they are not. Attention is that
    of plain products, whatever card or none is here: it keeps its weights, which a card's own does not.
    """
    with FakeTensorMode(), _autocast(bf16), sdpa_kernel(SDPBackend.MATH):
        state = {
            name: torch.zeros(own.shape, device="cuda", requires_grad=own.requires_grad)
            for name, own in [*network.named_parameters(), *network.named_buffers()]
        }
        batches = [torch.zeros(n, *one.shape[1:], device="cuda", requires_grad=True) for n in (2, 3)]
        two, three = (_saved(partial(functional_call, network, state, batch)) for batch in batches)
    return three - two


class _Live(TorchDispatchMode):
    """Follows how many bytes of results are there at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for result in tree_leaves(out):
            if isinstance(result, Tensor):
                storage = result.untyped_storage()
                self.alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self.alive = {number: one for number, one in self.alive.items() if not one[0].expired()}
        self.most = max(self.most, sum(size for _, size in self.alive.values()))
        return out


def _peak(run: Callable[[], Tensor]) -> float:
    """Return the most MiB of activations at the same time in a forward pass alone."""
    with _Live() as followed, torch.no_grad():
        run()
    return followed.most / MIB


def tokenizer_of(preset: LaunchPreset) -> Tokenizer:
    """Return a tokenizer of the preset's kind, on the device that is current."""
    return VARTokenizer(z_channels=preset.channels) if preset.networks else PocketTokenizer()


@cache
def counts(preset: LaunchPreset, recompute: bool = False, bf16: bool = False) -> Counts:
    """Return operations and memory of one image of a preset.

    Parameters
    ----------
    preset : LaunchPreset
        Sizes.
    recompute : bool, optional
        Compute the two highest resolutions again in backward passes.
    bf16 : bool, optional
        Train under autocast to bfloat16.
    """
    generator = torch.Generator().manual_seed(0)
    shape = preset.channels, preset.channels, preset.head_width, preset.head_groups
    head = Head(*shape, generator=generator).to("meta")
    with torch.device("meta"):
        tokenizer = tokenizer_of(preset)
        x = torch.zeros(1, 3, preset.size, preset.size)
        side = preset.size // tokenizer.downsampling
        z = torch.zeros(1, preset.channels, side, side)
    if isinstance(tokenizer, VARTokenizer):
        tokenizer.recompute(recompute)
    encoder, decoder = (tokenizer.get_submodule(name) for name in ("encoder", "decoder"))
    decoded, high = _flops(lambda: decoder(z))
    return Counts(
        encoder=_flops(lambda: encoder(x))[0],
        decoder=decoded,
        head=_flops(lambda: head(z))[0],
        high=high,
        encoder_kept=_kept(encoder, x, bf16),
        decoder_kept=_kept(decoder, z, bf16),
        head_kept=_kept(head, z, bf16),
        encoder_peak=_peak(lambda: encoder(x)),
        decoder_peak=_peak(lambda: decoder(z)),
        encoder_parameters=sum(p.numel() for p in encoder.parameters()),
        decoder_parameters=sum(p.numel() for p in decoder.parameters()),
        head_parameters=sum(p.numel() for p in head.parameters()),
        copy_bytes=2 if bf16 else 0,
    )


def latent_side(preset: LaunchPreset) -> int:
    """Return the latent vectors a side of a crop."""
    return preset.size // (VARTokenizer if preset.networks else PocketTokenizer).downsampling
