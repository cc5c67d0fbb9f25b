"""What tests of trainings share: a small network to measure with, and an interruption in mid-training."""

from contextlib import contextmanager

import pytest
import torch

from empirical.training import _Trainer


class SmallNetwork:
    """Stands for Inception."""

    FEATURES, CLASSES = 3, 4
    sha256 = "ab" * 32

    def __init__(self):
        self.fc = torch.nn.Linear(1, 1)

    def measure(self, crops):
        means = crops.double().mean((2, 3))
        return means, torch.cat([means, means[:, :1]], 1).softmax(1)


@contextmanager
def interrupted(*, before):
    """Let the training inside be interrupted before the step of this number."""
    step = _Trainer.step

    def stopped(self, number, chosen):
        if number == before:
            raise KeyboardInterrupt
        return step(self, number, chosen)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Trainer, "step", stopped)
        with pytest.raises(KeyboardInterrupt):
            yield
