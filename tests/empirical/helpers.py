"""What tests of trainings share: an interruption in mid-training, and what a training leaves."""

from contextlib import contextmanager

import pytest

from empirical.training import _Trainer


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


def contents(folder):
    """Return the bytes of tables, tensors and logs in a folder."""
    kinds = (".csv", ".safetensors", ".jsonl")
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.suffix in kinds}
