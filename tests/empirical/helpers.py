"""What tests of trainings share: an interruption in mid-training, what a training leaves, and a wait."""

import time
from contextlib import contextmanager
from dataclasses import replace

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


def until(happened, seconds=300):
    """Wait until something has happened, and fail where it does not."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"nothing happened within {seconds} s"
        time.sleep(0.02)


def written(path):
    """Return whether a file is there and not empty."""
    return path.exists() and path.stat().st_size > 0


def contents(folder):
    """Return the bytes of tables, tensors and logs in a folder."""
    kinds = (".csv", ".safetensors", ".jsonl")
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.suffix in kinds}


def sized(preset, *, first=None, second=None, **sizes):
    """Return a preset with other sizes, and other steps of its budgets where they are given."""
    steps = {"first": first, "second": second}
    own = {name: replace(getattr(preset, name), steps=n) for name, n in steps.items() if n is not None}
    return replace(preset, **own, **sizes)
