"""Where the cells of a sweep run: in this process, in worker processes, or on a Dask cluster.

Each is a mapper of `qtheory.results.run_sweep`: it yields outcomes as they come, so that each is stored
before the next is read. The table does not depend on the choice.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import joblib

from qtheory import _check
from qtheory.command import interrupts_for_this_process_only
from qtheory.errors import DomainError
from qtheory.results import Cell
from qtheory.results.sweep import Outcome
from sims.assign import available_threads

# seconds in which a scheduler must answer, and then have a worker
_ANSWER = 5
_WORKER = 30


@dataclass(frozen=True)
class Processes:
    """Runs cells in this process, or in worker processes.

    Attributes
    ----------
    jobs : int
        Worker processes (loky: spawned, since forking after OpenMP hangs); 1 runs in this process. They
        share the cores between them.
    """

    jobs: int = 1

    def __post_init__(self) -> None:
        _check.integer("jobs", self.jobs)

    def __str__(self) -> str:
        return "this process" if self.jobs == 1 else f"{self.jobs} processes"

    def __call__(self, function: Callable[[Cell], Outcome], cells: Sequence[Cell]) -> Iterable[Outcome]:
        """Run `function` on all cells; yield the outcomes as they come."""
        if self.jobs == 1:
            return map(function, cells)
        jobs = min(self.jobs, max(1, len(cells)))
        threads = max(1, available_threads() // self.jobs)
        with joblib.parallel_config("loky", n_jobs=jobs, inner_max_num_threads=threads):
            parallel = joblib.Parallel(return_as="generator_unordered")
        with interrupts_for_this_process_only():  # the call starts the processes
            return parallel(joblib.delayed(function)(cell) for cell in cells)


@dataclass(frozen=True)
class DaskCluster:
    """Runs cells on the workers of a Dask scheduler; cells of a worker that dies go to the others.

    joblib's own Dask backend hands results over when all are there; an interruption would lose them.

    Attributes
    ----------
    address : str
        Of the scheduler, for example ``tcp://10.0.0.1:8786``. Its workers need this package in the same
        version, one thread each, and processors of one kind for tables equal to the last digit.
    """

    address: str

    def __str__(self) -> str:
        return "Dask cluster"

    def __call__(self, function: Callable[[Cell], Outcome], cells: Sequence[Cell]) -> Iterator[Outcome]:
        """Run `function` on all cells; yield the outcomes as they come.

        Raises
        ------
        DomainError
            If no scheduler answers within a few seconds, or it has no worker.
        ConnectionError
            If the scheduler is lost on the way.
        """
        if not cells:
            return
        with _client(self.address) as client:
            from distributed import as_completed

            futures = dict(zip(client.map(function, cells, pure=False), cells, strict=True))
            try:
                for future in as_completed(list(futures), loop=client.loop):
                    yield self._outcome(future, futures.pop(future))
            finally:
                client.cancel(list(futures))

    def _outcome(self, future: Any, cell: Cell) -> Outcome:
        try:
            if not future.cancelled():
                error = future.exception()  # not the cell's own: that is an outcome
                return (cell, f"{type(error).__name__}: {error}") if error else future.result()
            lost = None
        except OSError as error:
            lost = error
        raise ConnectionError(
            f"the Dask scheduler at {self.address} was lost; finished cells are kept: "
            "start it again and run the same command"
        ) from lost


async def _shake_hands(address: str) -> None:
    from distributed import Security
    from distributed.comm import connect

    comm = await connect(address, timeout=_ANSWER, **Security().get_connection_args("client"))
    await comm.close()


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """Connect to a scheduler that has workers; a client that waits for one in vain does not end in time."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("--dask needs distributed: pip install 'qtheory[distributed]'") from error
    remedy = "start one with `dask scheduler` and `dask worker ADDRESS`, or use --jobs"
    try:
        asyncio.run(asyncio.wait_for(_shake_hands(address), _ANSWER))
    except Exception as error:  # whatever answers there, it is no scheduler
        raise DomainError(
            f"dask must be the address of a running scheduler, got {address!r}, where none answers within "
            f"{_ANSWER} s ({type(error).__name__}: {error}); {remedy}"
        ) from error
    with Client(address, timeout=_ANSWER, set_as_default=False) as client:
        try:
            client.wait_for_workers(1, timeout=_WORKER)
        except TimeoutError as error:
            raise DomainError(
                f"the Dask scheduler at {address} has no worker after {_WORKER} s; {remedy}"
            ) from error
        yield client
