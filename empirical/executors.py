"""How the cells of a comparison are run: on this machine, see `empirical.cluster` for jobs of a cluster."""

import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Event, Lock

import torch

from empirical.locks import POLL, held, if_free
from empirical.outcomes import belongs, keep_failure, log_lock
from empirical.runtime import FOLLOWS
from qtheory.errors import DomainError

_VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Task:
    """A command, where its output goes, and what it needs.

    Attributes
    ----------
    command : tuple of str
        Program and arguments.
    log : str
        File of its output.
    cards : int
        GPUs.
    cores : int
        Cores: one for each process that trains, and for each that decodes images.
    lock : str
        A lock that the command takes; while another job has it, the task does not begin.
    digest : str
        Digest of what the folder of the log must hold, where it holds something.
    """

    command: tuple[str, ...]
    log: str
    cards: int = 0
    cores: int = 1
    lock: str = ""
    digest: str = ""


def perform(task: Task, environment: Mapping[str, str] | None = None, stop: Event | None = None) -> int:
    """Run a task and return its exit status; it ends with this process, see `end_with_launcher`.

    Where it cannot begin, on a file system without locks for example, what the system says is kept as the
    cell's failure.

    Parameters
    ----------
    task : Task
        The task.
    environment : mapping of str to str, optional
        Variables beside those of this process.
    stop : threading.Event, optional
        Ends the task when it is set.
    """
    try:
        with _turn(task, stop or Event()) as ours:
            return _run(task, environment, stop) if ours else 1
    except OSError as error:
        keep_failure(Path(task.log).parent, task.digest, error)
        return 1


def _run(task: Task, environment: Mapping[str, str] | None, stop: Event | None) -> int:
    log = Path(task.log)
    # a new file: what is left of an earlier job, as torchrun may be, still writes to the one before
    log.unlink(missing_ok=True)
    with (
        log.open("a") as output,
        # the pipe is written to by nobody: it closes when this process is gone, killed for example
        subprocess.Popen(
            task.command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, FOLLOWS: "1", **(environment or {})},
        ) as process,
    ):
        if stop is None:
            return process.wait()
        while not stop.is_set():
            try:
                return process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                pass
    return -signal.SIGTERM


@contextmanager
def _turn(task: Task, stop: Event) -> Iterator[bool]:
    """Wait while another job has the log or the lock of a task; yield whether the task is still to be done.

    Inside, the log is this job's: a command takes its lock only after a while.
    """
    log, told = Path(task.log), False

    def taken() -> bool:
        return bool(task.digest) and not belongs(log.parent, task.digest)

    while not stop.is_set():
        if taken():
            print(f"a launch with other settings has {log.parent} by now, so nothing runs", file=sys.stderr)
            break
        with if_free(log_lock(log)) as free:
            if taken():  # until then the folder could be moved
                continue
            if free and not (task.lock and held(Path(task.lock))):
                yield True
                return
        if not told:
            print(f"waits for another job, which has {log}", file=sys.stderr, flush=True)
            told = True
        stop.wait(POLL)
    yield False


class Executor(ABC):
    """Runs tasks that do not depend on each other.

    Attributes
    ----------
    at_once : bool
        Whether all tasks get what they need at the same time, and keep it while they wait for each other.
    """

    at_once = False

    @abstractmethod
    def run(self, tasks: Sequence[Task]) -> Iterator[int]:
        """Yield the exit status of each task, in their order."""


class LocalExecutor(Executor):
    """On this machine: as many tasks side by side as there are cards for, without cards one after the other.

    Parameters
    ----------
    most : int, optional
        Most GPUs of a task, 0 where none needs any. The tasks share all that CUDA shows: those of the
        machine, or of ``CUDA_VISIBLE_DEVICES`` where it is set.

    Attributes
    ----------
    cards : tuple of str
        Those GPUs, as ``CUDA_VISIBLE_DEVICES`` names them.

    Raises
    ------
    DomainError
        If there are fewer.
    """

    def __init__(self, most: int = 0) -> None:
        shown, there = os.environ.get(_VISIBLE), torch.cuda.device_count() if most else 0
        if shown is None:
            names = [str(number) for number in range(there)]
            place, remedy = "this machine", "take fewer processes"
        else:
            # CUDA does not look beyond the first that the machine lacks
            names = [name.strip() for name in shown.split(",")][:there]
            place, remedy = f"{_VISIBLE}={shown}", "show more of them, or take fewer processes"
        if len(names) < most:
            raise DomainError(
                f"--processes must be at most the {len(names)} card(s) of {place}, got {most}; "
                f"{remedy if names else 'give --device cpu'}"
            )
        self.cards = tuple(names)

    def run(self, tasks: Sequence[Task]) -> Iterator[int]:
        """Yield the exit status of each task, in their order; where the walk ends early, they end with it."""
        most = max((task.cards for task in tasks), default=0)
        if not most:
            yield from map(perform, tasks)
            return
        if most > len(self.cards):
            raise DomainError(f"cards must be at least the {most} of a cell, got {len(self.cards)}")
        free: Queue[str] = Queue()
        for card in self.cards:
            free.put(card)
        turn, stop = Lock(), Event()

        def with_cards(task: Task) -> int:
            with turn:  # a task that needs all cards must not be passed by others again and again
                own = [free.get() for _ in range(task.cards)]
            try:
                visible = ",".join(sorted(own, key=self.cards.index))
                return 1 if stop.is_set() else perform(task, {_VISIBLE: visible}, stop)
            finally:
                for card in own:
                    free.put(card)

        with ThreadPoolExecutor(len(self.cards)) as pool:
            try:
                yield from pool.map(with_cards, tasks)
            finally:
                stop.set()
