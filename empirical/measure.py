"""Measurement on many images: batch by batch, in one process or several, with the same figures.

Values of single images are kept by the image's number, and everything else as sums and counts in
float64, so that neither batches nor processes matter.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from empirical.columns import IMAGE_COLUMNS, LEVEL, Row, image_values, in_sample
from empirical.distances import Statistics
from empirical.head import Transplant
from empirical.latent_sums import LatentSums, NativeSums, TransplantSums, interval
from empirical.precision import exact_float32
from empirical.processes import summed_over_ranks
from empirical.runtime import Runtime
from empirical.streaming import Crops, to_float
from empirical.tokenizers import Tokenizer, VARTokenizer
from qtheory.errors import DomainError

Perceptual = Callable[[Tensor, Tensor], Tensor]
Encoded = tuple[Tensor, ...]  # numbers, images, latents


@torch.no_grad()
def reconstruct(
    tokenizer: Tokenizer,
    latents: LatentSums | None,
    batches: Iterable[Encoded],
    images: int,
    see: Callable[[Tensor, Tensor, Tensor], None],
    *,
    perceptual: Perceptual | None = None,
    device: str = "cpu",
) -> dict[str, NDArray[np.float64]]:
    """Decode images from what their latents become, and compare them with the originals.

    Parameters
    ----------
    tokenizer : Tokenizer
        Its decoder.
    latents : LatentSums or None
        What lies before the decoder; it gets all latents.
    batches : iterable of ((B,), (B, 3, H, W), (B, C, h, w)) tensors
        Numbers, images and latents of this process's share.
    images : int
        Images of all processes.
    see : callable
        Called with the originals, the reconstructions in [-1, 1] and the numbers of each batch.
    perceptual : callable, optional
        LPIPS as a metric.
    device : str, optional
        Where the values are kept.

    Returns
    -------
    dict of str to (N,) array
        Metrics of all single images, over all processes.
    """
    names = [*IMAGE_COLUMNS, *([] if perceptual is None else ["lpips"])]
    values = torch.zeros(images, len(names), dtype=torch.float64, device=device)
    for numbers, x, z_e in batches:
        with exact_float32():
            y = z_e if latents is None else latents.update(z_e, numbers)
        x_hat = tokenizer.decode(y).clamp(-1, 1)
        with exact_float32():
            own = image_values(x, x_hat)
            if perceptual is not None:
                own["lpips"] = perceptual(x, x_hat).double()
            see(x, x_hat, numbers)
        values[numbers.to(device)] = torch.stack([own[name] for name in names], dim=1)
    return dict(zip(names, summed_over_ranks(values).cpu().numpy().T, strict=True))


@torch.no_grad()
def _encoded(
    tokenizer: Tokenizer, crops: Crops, batch: int, workers: int, runtime: Runtime
) -> Iterator[Encoded]:
    """Yield numbers, images and latents of this process's share."""
    own = list(range(runtime.rank, len(crops), runtime.world))
    groups = [own[i : i + batch] for i in range(0, len(own), batch)]
    for numbers, images in zip(groups, crops.batches(groups, workers), strict=True):
        x = to_float(images, runtime.device)
        yield torch.tensor(numbers), x, tokenizer.encode(x)


def _between(
    tokenizer: Tokenizer, transplant: Transplant | None, native: bool, images: int, device: str
) -> LatentSums | None:
    """Return the sums of what lies between encoder and decoder, None where nothing does."""
    if transplant is not None:
        return TransplantSums(transplant, images, device)
    if not native:
        return None
    if not isinstance(tokenizer, VARTokenizer):
        raise DomainError(f"native needs a VAR tokenizer, got {type(tokenizer).__name__}")
    return NativeSums(tokenizer, images, device)


def measure(
    tokenizer: Tokenizer,
    transplant: Transplant | None,
    crops: Crops,
    statistics: Statistics,
    *,
    native: bool = False,
    perceptual: Perceptual | None = None,
    batch: int = 32,
    workers: int = 0,
    runtime: Runtime | None = None,
) -> Row:
    """Reconstruct images and compare them with the originals.

    Parameters
    ----------
    tokenizer : Tokenizer
        Encoder and decoder, in evaluation mode.
    transplant : Transplant or None
        What lies between them.
    crops : Crops
        Centre crops of photographs, at least 2, one a photograph.
    statistics : Statistics
        Of the whole set.
    native : bool, optional
        Use the quantizer that a VAR tokenizer was trained with, where there is no transplant.
    perceptual : callable, optional
        LPIPS as a metric.
    batch : int, optional
        Images at the same time.
    workers : int, optional
        Processes that decode images.
    runtime : Runtime, optional
        Device and processes. The computation is in float32, exact where it measures: see
        `empirical.precision`.

    Returns
    -------
    dict
        Columns of the table. Intervals are normal ones over photographs, see `empirical.columns`.

    Raises
    ------
    DomainError
        If the crops are random, or there is no native quantizer.
    """
    runtime = runtime or Runtime()
    if crops.seed is not None:
        raise DomainError(f"crops must be centre crops for a measurement, got those of seed {crops.seed}")
    latents = _between(tokenizer, transplant, native, len(crops), runtime.device)
    values = reconstruct(
        tokenizer,
        latents,
        _encoded(tokenizer, crops, batch, workers, runtime),
        len(crops),
        statistics.update,
        perceptual=perceptual,
        device=runtime.device,
    )
    row: Row = {} if latents is None else latents.columns()
    for name, column in values.items():
        row |= interval(name, column)
    return row | statistics.columns() | {"level": LEVEL, "photographs": len(crops)}


@torch.no_grad()
def measure_latents(
    tokenizer: Tokenizer,
    transplant: Transplant,
    crops: Crops,
    *,
    batch: int = 32,
    workers: int = 0,
    runtime: Runtime | None = None,
) -> Row:
    """Return the errors of a transplant on training images, columns that start with ``train_``."""
    runtime = runtime or Runtime()
    latents = TransplantSums(transplant, len(crops), runtime.device)
    for numbers, _, z_e in _encoded(tokenizer, crops, batch, workers, runtime):
        with exact_float32():
            latents.update(z_e, numbers)
    return in_sample(latents.columns())
