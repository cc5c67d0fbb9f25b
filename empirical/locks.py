"""Locks between processes that share a file system: one is at it, the others wait."""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from empirical.runtime import Runtime, average

POLL = 2.0  # seconds between two looks at a lock that another process has


def _taken(path: Path, kind: int = fcntl.LOCK_EX) -> int | None:
    """Return the open file once this process has its lock, None where another one has it.

    The lock goes with the process that has it, however that ends, so that none is left behind. Network file
    systems must support flock between machines, as NFS since version 4, Lustre mounted with ``flock``, and
    GPFS do.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
        # a folder that was renamed or removed in the meantime took the file with it
        if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
            return file
    except BlockingIOError:
        pass
    except OSError as error:
        os.close(file)
        raise OSError(
            error.errno,
            "must be on a file system that locks files (flock), or two jobs would write the same ones; "
            f"take another --out ({error.strerror})",
            str(path),
        ) from error
    os.close(file)
    return None


def held(path: Path) -> bool:
    """Return whether a process has a lock; neither the file nor its folder is made.

    Parameters
    ----------
    path : pathlib.Path
        Its file.
    """
    if not path.exists():
        return False
    if (file := _taken(path, fcntl.LOCK_SH)) is None:  # which does not keep out others that only look
        return True
    os.close(file)
    return False


def _leave(file: int | None) -> None:
    """Give back a lock, where there is one."""
    if file is not None:
        fcntl.flock(file, fcntl.LOCK_UN)  # children that were forked have it open too
        os.close(file)


@contextmanager
def if_free(path: Path) -> Iterator[bool]:
    """Take a lock, unless a process has it: nobody is waited for.

    Parameters
    ----------
    path : pathlib.Path
        File of the lock, which stays.

    Yields
    ------
    bool
        Whether it was taken.
    """
    file = _taken(path)
    try:
        yield file is not None
    finally:
        _leave(file)


def of_first(found: bool, runtime: Runtime) -> bool:
    """Return what the first process found to all of them.

    Parameters
    ----------
    found : bool
        What this process found; it counts in the first one.
    runtime : Runtime
        Processes of a job.
    """
    return average(torch.tensor(float(found and runtime.first), device=runtime.device), runtime) > 0


@contextmanager
def alone(path: Path, runtime: Runtime | None = None, *, shared: bool = False) -> Iterator[None]:
    """Let one job after the other into what is done inside.

    Parameters
    ----------
    path : pathlib.Path
        File of the lock, which stays.
    runtime : Runtime, optional
        Processes of this job: the first takes the lock, and the others wait for it.
    shared : bool, optional
        Go in beside others that share it, and keep out those that want to be alone.

    Yields
    ------
    None
        Once no other job is inside. What others did until then must be looked at again.
    """
    runtime, told = runtime or Runtime(), False
    file: int | None = None
    try:
        while True:
            if runtime.first:
                file = _taken(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            # asked again and again, since a wait for the other processes may not last as long as a job
            if of_first(file is not None, runtime):
                break
            if runtime.first and not told:
                print(f"waits for another job, which has {path}", file=sys.stderr, flush=True)
                told = True
            time.sleep(POLL)
        yield
    finally:
        _leave(file)
