"""The budget of a phase, of which presets and protocols are made."""

from dataclasses import dataclass

from qtheory import _check


@dataclass(frozen=True)
class Budget:
    """Budget of a phase.

    Attributes
    ----------
    steps : int
        Optimizer steps.
    batch_size : int
        Crops a step.
    learning_rate : float
        First learning rate of AdamW.
    trials : int
        Independent trainings of a method.
    """

    steps: int
    batch_size: int
    learning_rate: float
    trials: int

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "trials"):
            _check.integer(name, getattr(self, name))
        _check.real("learning_rate", self.learning_rate, above=0)
