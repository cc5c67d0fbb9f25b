"""What a launched comparison costs, in counted operations and memory.

VGG16, DINO and Inception are counted by the literature's sizes, pairs of MMD by an estimate; all
else comes from `empirical.counts`.
"""

from dataclasses import dataclass

from empirical.cells import CellSpec
from empirical.counts import MIB, Counts, latent_side
from empirical.head import KERNELS
from empirical.inception import Inception
from empirical.launch_config import LaunchPreset
from empirical.quantizers.mmd import SETTINGS as MMD
from empirical.quantizers.registry import BLOCKS
from empirical.variants import adversarial_recipe, base, chooses_epoch, substitution_recipe

_VGG = 40.1  # GFLOP of VGG16 up to its last activation, for an image of 256 x 256
_ADVERSARY = 115.0  # of discriminator and generator step: DINO ViT-S/16 and heads, forward and backward
_INCEPTION = 11.4  # of an image's features
_PAIR = 275e-9  # of a pair of vectors in MMD: 5.5 ns of a core, an estimate
_VGG_KEPT, _ADVERSARY_KEPT = 91.0, 70.0  # MiB of activations an image
_BYTES_TRAINED, _BYTES_FROZEN = 16, 4  # a parameter: weight, gradient and two moments; weight
_FEATURE_BYTES = 2 * 2 * 4 * Inception.FEATURES  # an image's features and its reconstruction's, and a copy
_FIXED = 1500.0  # MiB of CUDA's context, LPIPS, DINO and workspaces of convolutions

# what cards sustain in such networks, TFLOP/s: estimates, by device and precision
SUSTAINED = {"h100-bf16": 300.0, "h100-fp32": 150.0, "cpu": 0.05}
# how near the hours of the desk preset on one core, with these, came to what it took there
STORED_RUN = "0.8 times of what is counted for it on a core, single cells 0.5 to 4.0 times"


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


def head_share(cell: CellSpec) -> float:
    """Return the size of both heads, over that of a full one."""
    return 2 * (KERNELS[cell.head] / KERNELS["full"]) ** 2 if cell.head in KERNELS else 0.0


def _adversarial(cell: CellSpec, preset: LaunchPreset) -> bool:
    """Return whether a cell of the later phases trains a discriminator."""
    return preset.networks and adversarial_recipe(cell.protocol).adversarial > 0


def _discrepancy(cell: CellSpec, preset: LaunchPreset, processes: int) -> float:
    """Return GFLOP of a step for MMD: the pairs of vectors, of codewords, and of both, each once."""
    if not cell.method.startswith("mmd") or cell.phase == "adaptation":
        return 0.0
    batch = preset.budget(cell.phase, cell.protocol, cell.method).batch_size
    vectors = latent_side(preset) ** 2 * batch // processes
    blocks = BLOCKS if cell.method == "mmd_vp2" else 1
    codewords = round(cell.codebook_size ** (1 / blocks))
    n, k, rows = vectors, codewords, MMD[base(cell.protocol)].rows
    if rows is not None:
        n, k = min(n, max(1, rows // processes)), min(k, rows)
    return _PAIR * processes * cell.chunks * blocks * (n * n / 2 + n * k + k * k / 2)


def _image(cell: CellSpec, own: Counts, preset: LaunchPreset, recompute: bool) -> float:
    """Return GFLOP of training on one image; backward passes cost twice the forward one."""
    heads = head_share(cell)
    perceptual = _VGG if preset.networks else 0.0
    adversary = _ADVERSARY if _adversarial(cell, preset) else 0.0
    side = latent_side(preset)
    nearest = 2e-9 * side**2 * preset.channels * cell.codebook_size * bool(cell.chunks)
    again = own.high if recompute else 0.0
    if cell.phase == "substitution":
        trained = 3 * heads * own.head + nearest
        if substitution_recipe(
            cell.protocol
        ).pixel:  # through the frozen decoder: only its input gets a gradient
            trained += own.encoder + 2 * own.decoder + 3 * perceptual + again
        return trained
    passes = 3 * own.decoder + 4 * perceptual + adversary + again + nearest
    if cell.phase == "joint":
        return passes + 3 * own.encoder + 3 * heads * own.head
    return passes + own.encoder + (1 + 3) * heads / 2 * own.head


def _evaluation(cell: CellSpec, own: Counts, preset: LaunchPreset) -> float:
    """Return GFLOP of all measurements of a cell."""
    latents = own.encoder + head_share(cell) * own.head
    found = preset.heldout * (latents + own.decoder + 2 * _INCEPTION * preset.networks)
    if cell.chunks:  # errors in sample, of as many training images, which are not decoded
        found += min(preset.heldout, preset.images) * latents
    if chooses_epoch(cell.phase, cell.protocol):
        found *= preset.epochs + 1  # it is measured after each, and as the best one left it
    return found


def _weights(trained: int, own: Counts, heads: float) -> float:
    """Return MiB of all parameters, and of what optimizer and autocast keep of those that are trained."""
    total = own.encoder_parameters + own.decoder_parameters + int(heads * own.head_parameters)
    return ((_BYTES_TRAINED + own.copy_bytes) * trained + _BYTES_FROZEN * (total - trained)) / MIB


def _measured(cell: CellSpec, own: Counts, preset: LaunchPreset, batch: int) -> float:
    """Return MiB of a process that measures, or caches latents, so many images at a time."""
    images = batch * max(own.encoder_peak, own.decoder_peak)
    features = preset.heldout * _FEATURE_BYTES / MIB if preset.networks else 0.0
    return images + features + _weights(0, own, head_share(cell))


def _memory(
    cell: CellSpec,
    own: Counts,
    preset: LaunchPreset,
    processes: int,
    accumulate: int,
    evaluation_batch: int,
) -> float:
    """Return GiB of a process: activations, parameters with what their optimizer keeps, and the rest.

    The discriminator has a step of its own, on the whole batch. VGG and discriminator, and what measures,
    are in float32 in any case.
    """
    measured = _measured(cell, own, preset, evaluation_batch)
    if not cell.trained:
        return (measured + _FIXED) / 1024
    heads = head_share(cell)
    kept, trained = heads * own.head_kept, int(heads * own.head_parameters)
    if cell.decodes:
        kept += (own.decoder_kept + (_VGG_KEPT if preset.networks else 0)) / accumulate
    if cell.phase != "substitution":
        trained += own.decoder_parameters
        kept += _ADVERSARY_KEPT if _adversarial(cell, preset) else 0
    if cell.phase == "joint":
        trained += own.encoder_parameters
        kept += own.encoder_kept
    share = preset.budget(cell.phase, cell.protocol, cell.method).batch_size / processes
    training = share * kept + _weights(trained, own, heads)
    return (max(training, measured) + _FIXED) / 1024


def cost(
    cell: CellSpec,
    preset: LaunchPreset,
    own: Counts,
    *,
    processes: int = 1,
    recompute: bool = False,
    accumulate: int = 1,
    evaluation_batch: int = 32,
) -> Cost:
    """Return the cost of a cell; of reading images and of fitting references nothing is counted.

    Parameters
    ----------
    cell : CellSpec
        The cell.
    preset : LaunchPreset
        Sizes and budgets.
    own : Counts
        Of one image, with or without recomputation, in float32 or bfloat16.
    processes : int, optional
        Which share each batch.
    recompute, accumulate, evaluation_batch : bool, int, int, optional
        As the cell is run.
    """
    budget = preset.budget(cell.phase, cell.protocol, cell.method)
    step = budget.batch_size * _image(cell, own, preset, recompute) + _discrepancy(cell, preset, processes)
    return Cost(
        training=budget.steps * step / 1e9 if cell.trained else 0.0,
        evaluation=_evaluation(cell, own, preset) / 1e9,
        memory=_memory(cell, own, preset, processes, accumulate, evaluation_batch),
    )


def cache_cost(preset: LaunchPreset, own: Counts) -> float:
    """Return EFLOP of encoding the training images once for all cells."""
    return preset.images * preset.views * own.encoder / 1e9
