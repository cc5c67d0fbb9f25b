"""What a launched comparison costs: operations and memory, counted without computing anything.

The networks run once on torch's meta device, which has shapes and no numbers. VGG16, DINO and
Inception are counted by the literature's sizes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from empirical.cells import CellSpec
from empirical.head import KERNELS, Head
from empirical.inception import Inception
from empirical.launch_config import SECOND_STAGE, LaunchPreset
from empirical.protocol import CONDUCT, RECIPES
from empirical.tokenizers import PocketTokenizer, Tokenizer, VARTokenizer

_VGG = 40.1  # GFLOP of VGG16 up to its last activation, for an image of 256 x 256
_ADVERSARY = 115.0  # of discriminator and generator step: DINO ViT-S/16 and heads, forward and backward
_INCEPTION = 11.4  # of an image's features
_VGG_KEPT, _ADVERSARY_KEPT = 91.0, 70.0  # MiB of activations an image
_BYTES_TRAINED, _BYTES_FROZEN = 16, 4  # a parameter: weight, gradient and two moments; weight
_MIB = 2**20
_EVALUATED, _CACHED = 32, 64  # images at the same time in measurements, and where latents are cached
_FEATURE_BYTES = 2 * 2 * 4 * Inception.FEATURES  # an image's features and its reconstruction's, and a copy
_FIXED = 1500.0  # MiB of CUDA's context, LPIPS, DINO and workspaces of convolutions

# what cards sustain in such networks, TFLOP/s: estimates, by device and precision
SUSTAINED = {"h100-bf16": 300.0, "h100-fp32": 150.0, "cpu": 0.05}


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
        MiB of activations that a backward pass needs, in float32.
    encoder_peak, decoder_peak : float
        Most MiB of activations at the same time in a forward pass alone, in float32.
    encoder_parameters, decoder_parameters, head_parameters : int
        Numbers of parameters.
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


def _flops(run: Callable[[], Tensor]) -> tuple[float, float]:
    """Return GFLOP of a pass, and of its decoder's two highest resolutions."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    high = [sum(counts.values()) for name, counts in counter.get_flop_counts().items() if name in _HIGH]
    return counter.get_total_flops() / 1e9, sum(high) / 1e9


_HIGH = ("Decoder.up.0", "Decoder.up.1")


def _kept(run: Callable[[], Tensor], module: nn.Module) -> float:
    """Return MiB of activations that a backward pass needs, without the weights."""
    storages: dict[int, int] = {}
    alive = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage.nbytes()
        alive.append(tensor)  # a storage that is freed could give its number to another
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        alive.append(run())
    own = {parameter.untyped_storage()._cdata for parameter in module.parameters()}
    return sum(size for number, size in storages.items() if number not in own) / _MIB


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
    return followed.most / _MIB


def tokenizer_of(preset: LaunchPreset) -> Tokenizer:
    """Return a tokenizer of the preset's kind, on the device that is current."""
    return VARTokenizer(z_channels=preset.channels) if preset.networks else PocketTokenizer()


def counts(preset: LaunchPreset, recompute: bool = False) -> Counts:
    """Return operations and memory of one image of a preset.

    Parameters
    ----------
    preset : LaunchPreset
        Sizes.
    recompute : bool, optional
        Compute the two highest resolutions again in backward passes.
    """
    generator = torch.Generator().manual_seed(0)
    shape = preset.channels, preset.channels, preset.head_width, preset.head_groups
    head = Head(*shape, generator=generator).to("meta")
    with torch.device("meta"):
        tokenizer = tokenizer_of(preset)
        x = torch.zeros(1, 3, preset.size, preset.size, requires_grad=True)
        side = preset.size // tokenizer.downsampling
        z = torch.zeros(1, preset.channels, side, side, requires_grad=True)
    if isinstance(tokenizer, VARTokenizer):
        tokenizer.recompute(recompute)
    encoder, decoder = (tokenizer.get_submodule(name) for name in ("encoder", "decoder"))
    decoded, high = _flops(lambda: decoder(z))
    return Counts(
        encoder=_flops(lambda: encoder(x))[0],
        decoder=decoded,
        head=_flops(lambda: head(z))[0],
        high=high,
        encoder_kept=_kept(lambda: encoder(x), encoder),
        decoder_kept=_kept(lambda: decoder(z), decoder),
        head_kept=_kept(lambda: head(z), head),
        encoder_peak=_peak(lambda: encoder(x)),
        decoder_peak=_peak(lambda: decoder(z)),
        encoder_parameters=sum(p.numel() for p in encoder.parameters()),
        decoder_parameters=sum(p.numel() for p in decoder.parameters()),
        head_parameters=sum(p.numel() for p in head.parameters()),
    )


@dataclass(frozen=True)
class Cost:
    """Cost of a cell.

    Attributes
    ----------
    training, evaluation : float
        EFLOP, of all processes.
    memory : float
        GiB of each process, about: of what takes more, a training or the measurement. References are
        fitted in the memory of the CPU, on latents that are encoded on the device.
    """

    training: float
    evaluation: float
    memory: float

    def hours(self, sustained: float) -> float:
        """Return hours on one device that sustains so many TFLOP/s."""
        return (self.training + self.evaluation) * 1e6 / sustained / 3600


def _heads(cell: CellSpec) -> float:
    """Return the size of both heads, over that of a full one."""
    return 2 * (KERNELS[cell.head] / KERNELS["full"]) ** 2 if cell.head in KERNELS else 0.0


def _image(cell: CellSpec, own: Counts, preset: LaunchPreset, recompute: bool) -> float:
    """Return GFLOP of training on one image; backward passes cost twice the forward one."""
    heads = _heads(cell)
    perceptual, adversary = (_VGG, _ADVERSARY) if preset.networks else (0.0, 0.0)
    side = preset.size // tokenizer_side(preset)
    nearest = 2e-9 * side**2 * preset.channels * cell.codebook_size * bool(cell.chunks)
    again = own.high if recompute else 0.0
    if cell.phase == "substitution":
        trained = 3 * heads * own.head + nearest
        if RECIPES[cell.protocol].pixel:  # through the frozen decoder: only its input gets a gradient
            trained += own.encoder + 2 * own.decoder + 3 * perceptual + again
        return trained
    passes = 3 * own.decoder + 4 * perceptual + adversary + again + nearest
    if cell.phase == "joint":
        return passes + 3 * own.encoder + 3 * heads * own.head
    return passes + own.encoder + (1 + 3) * heads / 2 * own.head


def tokenizer_side(preset: LaunchPreset) -> int:
    """Return the pixels a side of the patch of a latent vector."""
    return VARTokenizer.downsampling if preset.networks else PocketTokenizer.downsampling


def _weights(trained: int, own: Counts, heads: float) -> float:
    """Return MiB of all parameters, and of what the optimizer keeps of those that are trained."""
    total = own.encoder_parameters + own.decoder_parameters + int(heads * own.head_parameters)
    return (_BYTES_TRAINED * trained + _BYTES_FROZEN * (total - trained)) / _MIB


def _measured(cell: CellSpec, own: Counts, preset: LaunchPreset) -> float:
    """Return MiB of a process that measures, or that caches the latents of baselines and references."""
    images = _EVALUATED * max(own.encoder_peak, own.decoder_peak)
    if not cell.trained:
        images = max(images, _CACHED * own.encoder_peak)
    features = preset.heldout * _FEATURE_BYTES / _MIB if preset.networks else 0.0
    return images + features + _weights(0, own, _heads(cell))


def _memory(
    cell: CellSpec, own: Counts, preset: LaunchPreset, processes: int, bf16: bool, accumulate: int
) -> float:
    """Return GiB of a process: activations, parameters with what their optimizer keeps, and the rest.

    The discriminator has a step of its own, on the whole batch. Measurements are in float32.
    """
    measured = _measured(cell, own, preset)
    if not cell.trained:
        return (measured + _FIXED) / 1024
    heads = _heads(cell)
    kept, trained = heads * own.head_kept, int(heads * own.head_parameters)
    if cell.phase != "substitution" or RECIPES[cell.protocol].pixel:
        kept += (own.decoder_kept + (_VGG_KEPT if preset.networks else 0)) / accumulate
    if cell.phase != "substitution":
        trained += own.decoder_parameters
        kept += _ADVERSARY_KEPT if preset.networks else 0
    if cell.phase == "joint":
        trained += own.encoder_parameters
        kept += own.encoder_kept
    share = preset.budget(cell.phase, cell.protocol, cell.method).batch_size / processes
    training = share * kept * (0.5 if bf16 else 1.0) + _weights(trained, own, heads)
    return (max(training, measured) + _FIXED) / 1024


def cost(
    cell: CellSpec,
    preset: LaunchPreset,
    own: Counts,
    *,
    processes: int = 1,
    bf16: bool = False,
    recompute: bool = False,
    accumulate: int = 1,
) -> Cost:
    """Return the cost of a cell; of reading images and of fitting references nothing is counted.

    Fixed rules without heads, which have nothing to train, are counted as if they had.

    Parameters
    ----------
    cell : CellSpec
        The cell.
    preset : LaunchPreset
        Sizes and budgets.
    own : Counts
        Of one image, with or without recomputation.
    processes : int, optional
        Which share each batch.
    bf16, recompute, accumulate : bool, bool, int, optional
        As the cell is run.
    """
    passes = own.encoder + own.decoder + _heads(cell) * own.head + 2 * _INCEPTION * preset.networks
    evaluated = preset.heldout * passes
    budget = preset.budget(cell.phase, cell.protocol, cell.method)
    steps = budget.steps * budget.batch_size
    if CONDUCT[cell.protocol].best_epoch and cell.phase in SECOND_STAGE:
        evaluated *= preset.epochs  # it is measured after each, to choose the best
    return Cost(
        training=steps * _image(cell, own, preset, recompute) / 1e9 if cell.trained else 0.0,
        evaluation=evaluated / 1e9,
        memory=_memory(cell, own, preset, processes, bf16, accumulate),
    )


def cache_cost(preset: LaunchPreset, own: Counts) -> float:
    """Return EFLOP of encoding the training images once for all cells."""
    return preset.images * preset.views * own.encoder / 1e9
