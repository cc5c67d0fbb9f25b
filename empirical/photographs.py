"""Inputs of cells on a few photographs: crops, latents and features are held in memory."""

import copy
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from empirical.cells import CellSpec
from empirical.data import ImageSet, eval_crops, load_images, split, train_crops
from empirical.evaluate import Evaluation, HeldOut, encode_in_batches, evaluate, pictures
from empirical.features import efflite0
from empirical.head import UNQUANTIZED, Transplant
from empirical.inputs import Inputs
from empirical.job import SUBSTITUTION, Job
from empirical.pixels import varied
from empirical.streams import torch_stream
from empirical.tokenizers import PocketTokenizer, Tokenizer, default_pocket
from empirical.tokenizers.pocket import WEIGHTS
from qtheory.results import Cell, stream

_IN_SAMPLE = 1024  # training crops behind the columns that start with train_
_SHOWN = 4  # held-out photographs of which one crop is kept as a picture


def spread_over_groups(groups: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return the numbers of at most `most` members of each group, evenly spread, in order.

    Examples
    --------
    >>> spread_over_groups(np.array([0, 0, 0, 0, 1]), 2).tolist()
    [0, 2, 4]
    """
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    picked = [own[np.arange(min(most, len(own))) * len(own) // min(most, len(own))] for own in members]
    return np.sort(np.concatenate(picked))


def load_tokenizer(job: Job) -> PocketTokenizer:
    """Return the tokenizer of a job."""
    packaged = job.tokenizer == WEIGHTS
    return (
        default_pocket() if packaged else PocketTokenizer.from_checkpoint(job.tokenizer, job.weights or None)
    )


def usable_images(job: Job) -> ImageSet:
    """Return the photographs that are large enough to cut crops from."""
    return load_images(job.data, job.sizes.size)


class Photographs(Inputs):
    """Inputs of all cells of a comparison on photographs; see `Inputs`.

    Parameters
    ----------
    job : Job
        The comparison.
    """

    quality = "kid_efflite0"

    def __init__(self, job: Job) -> None:
        self.job, self.sizes = job, job.sizes
        self.pretrained = load_tokenizer(job)
        self._images = usable_images(job)

    @cached_property
    def crops(self) -> Tensor:
        """Training crops, the same for every cell of every phase."""
        photographs = [self._images.images[i] for i in split(self._images.names)[0]]
        generator = torch_stream(self.job.seed, SUBSTITUTION, "train_crops")
        return train_crops(photographs, self.sizes.images, self.sizes.size, generator=generator)

    @cached_property
    def z_e(self) -> Tensor:
        """Latents of the training crops by the encoder as it was pretrained."""
        z_e = encode_in_batches(self.pretrained, self.crops)
        # the heads' convolutions run faster on channels last
        return z_e.contiguous(memory_format=torch.channels_last)

    @cached_property
    def held_out(self) -> HeldOut:
        """Crops of the held-out photographs, with latents and features."""
        sizes = self.sizes
        chosen = split(self._images.names)[1][: sizes.heldout]
        crops, photo_index = eval_crops([self._images.images[i] for i in chosen], sizes.size)
        kept = spread_over_groups(photo_index, sizes.heldout_crops)
        crops, photo_index = crops[torch.from_numpy(kept)], photo_index[kept]
        names = tuple(self._images.names[i] for i in chosen)
        shown = tuple(varied(crops, photo_index, _SHOWN))
        z_e, features = encode_in_batches(self.pretrained, crops), efflite0(crops)
        return HeldOut(names, crops, photo_index, z_e, features, shown)

    def _trial(self, cell: CellSpec) -> int:
        return cell.seed - self.job.seed

    def tokenizer(self, cell: CellSpec) -> Tokenizer:
        """Return the tokenizer, a copy where the cell trains it."""
        if cell.phase == SUBSTITUTION:
            return self.pretrained
        return copy.deepcopy(self.pretrained).to(memory_format=torch.channels_last)

    def placed(self, transplant: Transplant) -> Transplant:
        """Return a transplant in the layout on which convolutions run faster."""
        return transplant.to(memory_format=torch.channels_last)

    def weights(self, cell: CellSpec) -> torch.Generator:
        """Return the stream of a transplant's initial weights."""
        names = ("weights", cell.method, cell.head, f"trial={self._trial(cell)}")
        return torch_stream(self.job.seed, SUBSTITUTION, *names)

    def batches(self, cell: CellSpec) -> Tensor:
        """Return crops of each step, drawn with replacement; all at once, so that a resume changes none."""
        budget = self.sizes.budget(cell.phase, cell.protocol, cell.method)
        rng = Cell(cell.phase, self.job.seed, self._trial(cell), {}).rng("batches")
        drawn = rng.integers(len(self.crops), size=(budget.steps, budget.batch_size))
        return torch.from_numpy(drawn)

    def latents(self, tokenizer: Tokenizer) -> Tensor:
        """Return the latents of the training crops."""
        return self.z_e

    def fitting_latents(self, tokenizer: Tokenizer) -> Tensor:
        """Return the latents of all training crops."""
        return self.z_e

    def images(self, cell: CellSpec) -> Tensor:
        """Return the training crops."""
        return self.crops

    def encoded(self, cell: CellSpec, tokenizer: Tokenizer) -> Tensor:
        """Return the latents of the training crops."""
        return self.z_e

    def ahead(self, batches: Tensor) -> None:
        """Do nothing: all crops are there."""

    def prepare(self, tokenizer: Tokenizer) -> None:
        """Do nothing: latents are computed when first needed."""

    def keep(self, cell: CellSpec, transplant: Transplant | None, tokenizer: Tokenizer) -> None:
        """Do nothing: pictures are part of the measurement."""

    def measured(self, cell: CellSpec, transplant: Transplant | None, tokenizer: Tokenizer) -> Evaluation:
        """Measure on several crops of each held-out photograph, with its values and pictures."""
        # the same photographs are drawn in every phase: what did not change keeps its interval
        rng = stream(self.job.seed, SUBSTITUTION, "bootstrap", f"trial={self._trial(cell)}")
        held_out, z_e = self.held_out, self.z_e[:_IN_SAMPLE]
        if cell.phase == "joint":  # its encoder is its own
            held_out = replace(held_out, z_e=encode_in_batches(tokenizer, held_out.crops))
            z_e = encode_in_batches(tokenizer, self.crops[:_IN_SAMPLE])
        found = evaluate(transplant or Transplant([]), tokenizer, held_out, z_e, rng=rng)
        if cell.method == UNQUANTIZED and cell.phase == SUBSTITUTION:
            # what the reconstructions are of, kept once
            originals = [row | {"kind": "original"} for row in pictures(held_out.crops, held_out)]
            found.pictures.extend(originals)
        return found
