"""Where a training runs: device, precision, and its place among several processes."""

import math
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn

from qtheory import _check
from qtheory.errors import DomainError

FOLLOWS = "QTHEORY_FOLLOWS_STDIN"  # set for processes whose standard input closes with their launcher

# sums of what lies on the CPU, as features that NumPy computed, go where NCCL does not reach
_BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
# one that hangs would keep the cards of all; one that dies does not, torchrun ends them all
_USUAL_WAIT = timedelta(minutes=30)
# while others compute their share of the latents, or the first reads 40 GB of them for their checksums
_LONGEST_WAIT = timedelta(hours=24)
# torch has a class for its own allocator on cards; that on the CPU, CUDA itself, NCCL, cuBLAS and cuDNN say
# it in words
_MEMORY_WORDS = re.compile(r"allocate memory|out of memory|_ALLOC(ATION)?_FAILED")
# by the system, without shared memory, or unseen by the loader: not with an exit code or by another signal
_KILLED_WORKER = re.compile(r"is killed by signal: (Killed|Bus error)|exited unexpectedly\s*$")


@dataclass(frozen=True)
class Runtime:
    """Device and precision of a training, and its share of each batch.

    Attributes
    ----------
    device : str
        ``cpu`` or ``cuda``, with a number where there are several.
    bf16 : bool
        Compute convolutions and matrix products of tokenizer and heads in bfloat16. Weights,
        quantizers, LPIPS, discriminator and statistics stay in float32, and which of these a card may
        round to TF32 says `empirical.precision`.
    compiled : bool
        Compile encoder and decoder, this one up to its last layer, with ``torch.compile``.
    rank, world : int
        Number of this process, from 0, and how many there are.
    patient : torch.distributed.ProcessGroup or None
        The same processes, as a group in which they wait for each other for a day; where there is none
        they wait as long as everywhere else.
    """

    device: str = "cpu"
    bf16: bool = False
    compiled: bool = False
    rank: int = 0
    world: int = 1
    patient: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.rank < _check.integer("world", self.world):
            raise DomainError(f"rank must lie in [0, {self.world}), got {self.rank}")

    def autocast(self) -> Any:
        """Return the context in which losses are computed."""
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.bf16)

    def full_precision(self) -> Any:
        """Return the context in which networks that compare images are computed."""
        return torch.autocast(torch.device(self.device).type, enabled=False)

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's part of a batch, (B,) or (steps, B).

        Raises
        ------
        DomainError
            If the batch does not split evenly: the average of gradients would not be the batch's.

        Examples
        --------
        >>> Runtime(rank=1, world=2).share(torch.arange(6)).tolist()
        [3, 4, 5]
        """
        if batch.shape[-1] % self.world:
            raise DomainError(
                f"batch_size must be a multiple of the {self.world} processes, got {batch.shape[-1]}; take "
                f"--processes {math.gcd(self.world, batch.shape[-1])}, or another that divides it"
            )
        return batch.chunk(self.world, dim=-1)[self.rank]

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0


def average_gradients(parameters: Iterable[nn.Parameter], runtime: Runtime) -> None:
    """Replace gradients by their averages over all processes.

    All gradients travel as one vector, after the backward pass: it does not matter how a module was
    called, whereas a wrapper reduces only what goes through its own ``forward``.

    Parameters
    ----------
    parameters : iterable of torch.nn.Parameter
        The same in every process; those without a gradient are left out.
    runtime : Runtime
        Nothing happens for one process.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if runtime.world == 1 or not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= runtime.world
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))


def average(value: Tensor, runtime: Runtime) -> float:
    """Return a scalar's average over all processes, which all of them get."""
    total = value.detach().double().reshape(1).clone()
    if runtime.world > 1:
        torch.distributed.all_reduce(total)
    return float(total) / runtime.world


def memory_ran_out(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on a card or on the CPU.

    Examples
    --------
    >>> memory_ran_out(MemoryError()), memory_ran_out(RuntimeError("shapes differ"))
    (True, False)
    >>> memory_ran_out(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"))
    True
    """
    classes = MemoryError | torch.OutOfMemoryError
    return isinstance(error, classes) or _MEMORY_WORDS.search(str(error)) is not None


def worker_killed(error: BaseException | None) -> bool:
    """Return whether an error comes from a process that decodes images and that the system ended.

    That is what happens to it when the memory of the machine runs out, or what its processes share.

    Examples
    --------
    >>> worker_killed(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "))
    True
    >>> worker_killed(RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"))
    True
    >>> worker_killed(RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated. "))
    False
    """
    words = ""  # where batches are awaited, the loader says only that it ended, and the cause how
    while error is not None:
        words = str(error) if "DataLoader worker" in str(error) else words
        error = error.__cause__
    return _KILLED_WORKER.search(words) is not None


def how_to_save_memory(batch_size: int) -> str:
    """Return the settings of a launch that lower the memory of a process, as a clause."""
    return (
        f"turn on --recompute; more --processes, which share the batch of {batch_size}, lower it too "
        "but start interrupted trainings anew, and --bf16 and --accumulate 2 or more all trainings whose "
        "numbers they change"
    )


def how_to_decode_in_less(workers: int) -> str:
    """Return the setting of a launch that lowers the memory of processes that decode images, as a clause."""
    return f"lower --workers, of which each process that trains has {workers}"


def how_to_evaluate_in_less(batch: int, option: str = "--evaluation-batch") -> str:
    """Return how to encode and measure so many images at a time in less memory, as a clause.

    Examples
    --------
    >>> how_to_evaluate_in_less(32)
    'encode and measure fewer than 32 images at a time (--evaluation-batch)'
    """
    if batch == 1:
        return f"take a device with more memory: {option} is 1 already"
    return f"encode and measure fewer than {batch} images at a time ({option})"


class EvaluationMemoryError(MemoryError):
    """Memory ran out while images were encoded or measured, where the batch of a training has no part."""


@contextmanager
def evaluating() -> Iterator[None]:
    """Tell memory that runs out inside from that which a training takes.

    Raises
    ------
    EvaluationMemoryError
        If memory runs out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not memory_ran_out(error):
            raise
        raise EvaluationMemoryError(str(error) or type(error).__name__) from error


def wait(runtime: Runtime) -> None:
    """Wait until every process is here, which may take hours: the place for work of unequal length.

    All other sums and averages give up after half an hour, as when a process hangs.
    """
    if runtime.world > 1:
        torch.distributed.barrier(runtime.patient)


def end_with_launcher() -> None:
    """Let this process end when the one that launched it is gone, killed for example.

    It would train on, beside the one that the same command starts when it is given again. What it has
    stored is whole at any moment. Nothing happens in a process that nobody launched.
    """
    if FOLLOWS not in os.environ:
        return

    def watch() -> None:
        while os.read(0, 1):  # not through sys.stdin, whose lock would be held when the process ends
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def require_device(device: str) -> None:
    """Raise `DomainError` unless a device is ``cpu``, or ``cuda`` on a machine that has it.

    Examples
    --------
    >>> require_device("cpu")
    """
    _check.one_of("device", device, ("cpu", "cuda"))
    if device == "cuda" and not torch.cuda.is_available():
        raise DomainError("device must be available, got cuda on a machine without; use --device cpu")


@contextmanager
def processes(*, device: str, bf16: bool = False, compiled: bool = False) -> Iterator[Runtime]:
    """Join the processes that ``torchrun`` started, or run alone.

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda``; on CUDA each process of a machine takes the card of its number.
    bf16, compiled : bool
        As in `Runtime`.

    Yields
    ------
    Runtime
        Place of this process. The group is left at the end.

    Raises
    ------
    DomainError
        If CUDA is asked for and there is none.
    """
    require_device(device)
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    runtime = Runtime(device, bf16, compiled, rank, world)
    if world == 1:
        yield runtime
        return
    torch.distributed.init_process_group(_BACKENDS[torch.device(device).type], timeout=_USUAL_WAIT)
    try:
        yield replace(runtime, patient=torch.distributed.new_group(backend="gloo", timeout=_LONGEST_WAIT))
    finally:
        torch.distributed.destroy_process_group()
