"""Training: one loop for all phases, which resumes to the same bits."""

import math
import multiprocessing
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from empirical.checkpoint import Part, State
from empirical.config import Budget
from empirical.head import Transplant
from empirical.protocol import Optimization
from empirical.quantizers.reference import ReferenceQuantizer
from empirical.runtime import Runtime, average, average_gradients
from qtheory.errors import DomainError


class Source(Protocol):
    """Images or latents by number: a tensor, or what reads or computes them when they are asked for."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, chosen: Tensor) -> Tensor:
        """Return those with the given numbers, (B,) int64."""


def fit_references(transplant: Transplant, z_e: Tensor) -> None:
    """Fit those quantizers that are fitted once, on all training latents (N, C, h, w)."""
    with torch.no_grad():
        # the inputs of a scale are there once the scales before it are fitted
        for quantizer, inputs in zip(transplant.quantizers, transplant.quantizer_inputs(z_e), strict=True):
            if isinstance(quantizer, ReferenceQuantizer):
                quantizer.fit(inputs)


class Objective(ABC):
    """What a phase trains, and the loss of a batch.

    Attributes
    ----------
    optimization : Optimization
        Settings of the optimizer.
    size : int
        Training crops, from which batches are chosen.
    step : int
        Number of the step, from 0.
    accumulate : int
        Parts in which a batch goes through decoder, LPIPS and discriminator, see `in_parts`.
    """

    optimization: Optimization
    size: int
    step: int = 0
    accumulate: int = 1

    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """Return the modules that may change, under the names that a checkpoint gives them."""

    @abstractmethod
    def groups(self) -> list[dict[str, Any]]:
        """Return groups of trained parameters, with their learning-rate ratios and decays."""

    @abstractmethod
    def train(self, mode: bool) -> None:
        """Set the modules to training mode, or all of them to evaluation mode."""

    def companions(self) -> dict[str, Part]:
        """Return what else a step changes: part of a checkpoint, not of the result."""
        return {}

    def begin(self, step: int) -> None:
        """Get ready for a step, counted from 0."""
        self.step = step

    def finish(self) -> dict[str, float]:
        """Do what follows the optimizer's step, and return what to log beside the loss."""
        return {}

    @abstractmethod
    def loss(self, chosen: Tensor) -> Tensor:
        """Return the loss of the crops with the given numbers, (B,) int64; of parts, see `in_parts`."""


class _Trainer:
    """One optimizer step after another."""

    def __init__(self, objective: Objective, budget: Budget, runtime: Runtime) -> None:
        self.objective, self.budget, self.runtime = objective, budget, runtime
        self.logged: dict[str, float] = {}
        groups = objective.groups()
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        settings = objective.optimization
        # codebooks of statistics have nothing to optimize, and neither have fixed rules without heads
        self.optimizer = (
            torch.optim.AdamW(groups, betas=settings.betas, weight_decay=settings.weight_decay)
            if groups
            else None
        )

    def parts(self) -> dict[str, Part]:
        """Return all that a step changes."""
        optimizer = {} if self.optimizer is None else {"optimizer": self.optimizer}
        return {**self.objective.parts(), **self.objective.companions(), **optimizer}

    def set_learning_rates(self, step: int) -> None:
        """Set the rates of a step: a linear decay over the whole phase, where a group decays."""
        if self.optimizer is not None:
            progress = step / max(1, self.budget.steps - 1)
            decay = 1 + (self.objective.optimization.final_learning_rate - 1) * progress
            for group in self.optimizer.param_groups:
                group["lr"] = self.budget.learning_rate * group["ratio"] * (decay if group["decays"] else 1)

    def step(self, step: int, chosen: Tensor) -> float:
        """Do one step and return its loss, averaged over all processes.

        What is not finite is told before the optimizer moves a parameter.
        """
        name = f"step {step + 1} of {self.budget.steps}"
        self.objective.begin(step)
        if self.optimizer is not None:
            self.optimizer.zero_grad()  # a loss in parts leaves gradients as it goes
        try:
            with self.runtime.autocast():
                loss = self.objective.loss(chosen)
        except DomainError as error:  # latents that are not finite, found by a quantizer
            raise FloatingPointError(f"{name}: {error}") from error
        value = average(loss, self.runtime)
        if not math.isfinite(value):
            raise FloatingPointError(f"loss of {name} is {value}; lower learning_rate in the preset")
        if self.optimizer is not None:
            if loss.requires_grad:
                loss.backward()
            average_gradients(self.parameters, self.runtime)
            clip_norm = self.objective.optimization.clip_norm
            norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, clip_norm))
            if not math.isfinite(norm):
                raise FloatingPointError(
                    f"norm of the gradient of {name} is {norm}; lower learning_rate in the preset"
                )
            self.set_learning_rates(step)
            self.optimizer.step()
        self.logged = self.objective.finish()
        return value


Log = Callable[[int, dict[str, float]], None]


def train(
    objective: Objective,
    budget: Budget,
    *,
    rng: np.random.Generator,
    state: State | None = None,
    log: Log | None = None,
) -> None:
    """Train, or continue where an interrupted training stopped.

    Parameters
    ----------
    objective : Objective
        Its modules are changed in place, and left in evaluation mode.
    budget : Budget
        Steps, batch size and learning rate.
    rng : numpy.random.Generator
        Choice of the batches; the same generator must be given to a resumed training.
    state : State, optional
        Where to keep the state of the training; the caller clears it once the result is stored.
    log : callable, optional
        As in `train_on`.

    Raises
    ------
    FloatingPointError
        If the loss or a gradient is not finite; the last state that was kept stands.
    """
    # all at once, so that a step's batch does not depend on where the training was resumed
    batches = torch.from_numpy(rng.integers(objective.size, size=(budget.steps, budget.batch_size)))
    train_on(batches, objective, budget, state=state, log=log)


def train_on(
    batches: Tensor,
    objective: Objective,
    budget: Budget,
    *,
    state: State | None = None,
    runtime: Runtime | None = None,
    log: Log | None = None,
) -> None:
    """Train on given batches, in one of several processes or alone; see `train`.

    Parameters
    ----------
    batches : (steps, B) tensor of int64
        Crops of each step; each process takes its share.
    objective, budget, state
        As in `train`. The first process writes the state, and all of them read it.
    runtime : Runtime, optional
        Device, precision and processes; by default float32 in this process.
    log : callable, optional
        Called after each step with its number, from 1, and what it measured.

    Raises
    ------
    DomainError
        If a batch does not split evenly over the processes.
    FloatingPointError
        If the loss or a gradient is not finite; the last state that was kept stands.
    """
    runtime = runtime or Runtime()
    shares = runtime.share(batches)
    trainer = _Trainer(objective, budget, runtime)
    start = 0 if state is None else state.resume(**trainer.parts())
    objective.train(True)
    hidden = not runtime.first or multiprocessing.parent_process() is not None  # several bars would mix
    with tqdm(total=budget.steps, initial=start, desc="train", leave=False, disable=hidden) as bar:
        for step in range(start, budget.steps):
            loss = trainer.step(step, shares[step])
            if log is not None:
                log(step + 1, {"loss": loss, **trainer.logged})
            if state is not None and runtime.first:
                state.save(step + 1, **trainer.parts())
            bar.update()
            if step % 50 == 0:
                bar.set_postfix(loss=f"{loss:.4f}")
    objective.train(False)
