"""What a cell is and needs, whatever its preset: sizes and files, and what it trains and is measured on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from empirical.adversary import Adversary
from empirical.cells import CellSpec
from empirical.checkpoint import State
from empirical.evaluate import Evaluation
from empirical.head import Transplant
from empirical.launch_config import LaunchPreset
from empirical.tokenizers import Tokenizer
from empirical.training import Source


@dataclass(frozen=True)
class Start:
    """The transplant that a later phase starts from.

    Attributes
    ----------
    path : pathlib.Path
        Where it is stored.
    digest : str
        Of its configuration.
    name : str
        What makes it, for messages.
    """

    path: Path
    digest: str
    name: str


@dataclass(frozen=True)
class Plan:
    """A cell with its sizes and the places of its files.

    Attributes
    ----------
    cell : CellSpec
        What is trained.
    sizes : LaunchPreset
        Sizes and budgets.
    weights, best, log, epochs : pathlib.Path
        Files of what was trained, of the same after the best epoch where that is kept, of what the training
        told, and of what epochs measured.
    state : State
        Where the training keeps its state; its digest is that of the weights.
    start : Start or None
        What a later phase starts from, None where there is nothing to load.
    accumulate : int
        See `empirical.training.Objective`.
    tensorboard : bool
        Write TensorBoard's files beside the log.
    """

    cell: CellSpec
    sizes: LaunchPreset
    weights: Path
    best: Path
    log: Path
    epochs: Path
    state: State
    start: Start | None = None
    accumulate: int = 1
    tensorboard: bool = False


class Inputs(ABC):
    """Tokenizer, images and latents of cells, and what measures them: photographs in memory or a stream.

    Attributes
    ----------
    quality : str
        The column by which a protocol that keeps the best epoch chooses it, lower is better.
    """

    quality: str

    @abstractmethod
    def tokenizer(self, cell: CellSpec) -> Tokenizer:
        """Return the tokenizer as it is stored, one of the cell's own where the cell trains it."""

    @abstractmethod
    def placed(self, transplant: Transplant) -> Transplant:
        """Return a transplant where and in the layout in which it is computed."""

    @abstractmethod
    def weights(self, cell: CellSpec) -> torch.Generator:
        """Return the stream of a transplant's initial weights, the same in every phase."""

    @abstractmethod
    def batches(self, cell: CellSpec) -> Tensor:
        """Return the numbers of the images of each step, (steps, B), which do not depend on the method."""

    @abstractmethod
    def latents(self, tokenizer: Tokenizer) -> Source:
        """Return the latents of training images by the encoder as it is stored, computed once."""

    @abstractmethod
    def fitting_latents(self, tokenizer: Tokenizer) -> Tensor:
        """Return the latents (N, C, h, w) that references are fitted on."""

    @abstractmethod
    def images(self, cell: CellSpec) -> Source:
        """Return the training images."""

    @abstractmethod
    def encoded(self, cell: CellSpec, tokenizer: Tokenizer) -> Source:
        """Return the latents of the same images by an encoder that does not change."""

    @abstractmethod
    def ahead(self, batches: Tensor) -> None:
        """Have the images of coming steps read."""

    @abstractmethod
    def prepare(self, tokenizer: Tokenizer) -> None:
        """Compute once what later cells need."""

    def perceptual(self) -> nn.Module | None:
        """Return LPIPS as a loss, None where there are no networks."""
        return None

    def adversary(self, cell: CellSpec, tokenizer: Tokenizer) -> Adversary | None:
        """Return the perceptual and the adversarial term of a later phase, None without networks."""
        return None

    @abstractmethod
    def measured(self, cell: CellSpec, transplant: Transplant | None, tokenizer: Tokenizer) -> Evaluation:
        """Return the measurement of what lies between encoder and decoder, on held-out images."""

    @abstractmethod
    def keep(self, cell: CellSpec, transplant: Transplant | None, tokenizer: Tokenizer) -> None:
        """Write what a measurement leaves beside its row."""
