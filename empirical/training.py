"""Training: one loop for all phases, which resumes to the same bits."""

import multiprocessing
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from empirical.checkpoint import Part, State
from empirical.config import Budget
from empirical.head import Transplant
from empirical.protocol import Optimization
from empirical.quantizers.reference import ReferenceQuantizer


def fit_references(transplant: Transplant, z_e: Tensor) -> None:
    """Fit those quantizers that are fitted once, on all training latents (N, C, h, w)."""
    with torch.no_grad():
        inputs = transplant.quantizer_inputs(z_e)
    for quantizer, half in zip(transplant.quantizers, inputs, strict=True):
        if isinstance(quantizer, ReferenceQuantizer):
            quantizer.fit(half)


class Objective(ABC):
    """What a phase trains, and the loss of a batch.

    Attributes
    ----------
    optimization : Optimization
        Settings of the optimizer.
    size : int
        Training crops, from which batches are chosen.
    """

    optimization: Optimization
    size: int

    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """Return the modules that may change, under the names that a checkpoint gives them."""

    @abstractmethod
    def groups(self) -> list[dict[str, Any]]:
        """Return groups of trained parameters, with their learning-rate ratios and decays."""

    @abstractmethod
    def train(self, mode: bool) -> None:
        """Set the modules to training mode, or all of them to evaluation mode."""

    @abstractmethod
    def loss(self, chosen: Tensor) -> Tensor:
        """Return the loss of the crops with the given numbers, (B,) int64."""


class _Trainer:
    """One optimizer step after another."""

    def __init__(self, objective: Objective, budget: Budget) -> None:
        self.objective, self.budget = objective, budget
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
        return {**self.objective.parts(), **optimizer}

    def set_learning_rates(self, step: int) -> None:
        """Set the rates of a step: a linear decay over the whole phase, where a group decays."""
        if self.optimizer is not None:
            progress = step / max(1, self.budget.steps - 1)
            decay = 1 + (self.objective.optimization.final_learning_rate - 1) * progress
            for group in self.optimizer.param_groups:
                group["lr"] = self.budget.learning_rate * group["ratio"] * (decay if group["decays"] else 1)

    def step(self, step: int, chosen: Tensor) -> float:
        """Do one step and return its loss."""
        loss = self.objective.loss(chosen)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"loss of step {step + 1} of {self.budget.steps} is {loss.item()}; "
                "lower learning_rate in the preset"
            )
        if self.optimizer is not None:
            self.optimizer.zero_grad()
            loss.backward()
            clip_norm = self.objective.optimization.clip_norm
            torch.nn.utils.clip_grad_norm_(self.parameters, clip_norm, error_if_nonfinite=True)
            self.set_learning_rates(step)
            self.optimizer.step()
        return loss.item()


def train(
    objective: Objective, budget: Budget, *, rng: np.random.Generator, state: State | None = None
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

    Raises
    ------
    FloatingPointError
        If the loss is not finite.
    RuntimeError
        If a gradient is not finite.
    """
    # all at once, so that a step's batch does not depend on where the training was resumed
    batches = torch.from_numpy(rng.integers(objective.size, size=(budget.steps, budget.batch_size)))
    trainer = _Trainer(objective, budget)
    start = 0 if state is None else state.resume(**trainer.parts())
    objective.train(True)
    in_worker = multiprocessing.parent_process() is not None  # bars of several processes would mix
    with tqdm(total=budget.steps, initial=start, desc="train", leave=False, disable=in_worker) as bar:
        for step in range(start, budget.steps):
            loss = trainer.step(step, batches[step])
            if state is not None:
                state.save(step + 1, **trainer.parts())
            bar.update()
            if step % 50 == 0:
                bar.set_postfix(loss=f"{loss:.4f}")
    objective.train(False)
