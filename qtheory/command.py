"""What the commands of all rooms share: how an error ends them, how an interruption does, where files go."""

import multiprocessing
import os
import select
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from qtheory.errors import DomainError, SchemaError, ShapeError

USAGE = 2
"""Exit status where an argument asks for what does not exist or cannot be; `argparse` uses the same."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""

UNREAD = 141
"""Exit status where what reads the output has ended, as after ``| head``; shells give it for SIGPIPE."""


def run(prog: str, body: Callable[[], int], *, kept: str) -> int:
    """Run the body of a command; what its user can mend is one line and an exit status, no traceback.

    Parameters
    ----------
    prog : str
        The command, as the user gave it; each line begins with it.
    body : callable
        Takes nothing, returns the exit status.
    kept : str
        What an interruption leaves behind, as a clause.

    Returns
    -------
    int
        What `body` returned; 2 for an argument that cannot be; 1 for a file, a module, a process or a
        number that failed; 130 after an interruption; 141, without a word, where nobody reads the output.

    Examples
    --------
    >>> run("demo", lambda: 0, kept="nothing is kept")
    0
    """
    try:
        status = body()
        if sys.stdout is not None:  # as it is where it was closed before the start
            sys.stdout.flush()  # what fails here fails at the interpreter's end otherwise
        return status
    except KeyboardInterrupt:
        return _ended(INTERRUPTED, f"\n{prog}: interrupted: {kept}; run the same command again")
    except (DomainError, ShapeError) as error:
        return _ended(USAGE, f"{prog}: error: {error}")
    except BrokenExecutor as error:
        remedy = f"perhaps memory ran out: {kept}; run the same command again with --jobs 1"
        return _ended(1, f"{prog}: error: a worker process died ({error}); {remedy}")
    except ModuleNotFoundError as error:
        return _ended(1, f"{prog}: error: {error}; `python -m qtheory doctor` names the remedy")
    except MemoryError as error:
        return _ended(1, f"{prog}: error: memory ran out ({error}); {kept}; ask for less at once")
    except (SchemaError, OSError, FloatingPointError) as error:
        if isinstance(error, BrokenPipeError) and (_broken(sys.stdout) or _broken(sys.stderr)):
            return UNREAD
        return _ended(1, f"{prog}: error: {_described(error)}")
    finally:
        _drop_unwritable()


def _drop_unwritable() -> None:
    """Drop output that cannot be written, of which the interpreter complains at its end otherwise."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
        except ValueError:  # closed by the command itself: nothing is left in it
            continue


def _broken(stream: TextIO | None) -> bool:
    """Return whether a stream is a pipe without a reader."""
    try:
        states = select.poll()
        states.register(stream, 0)  # type: ignore[arg-type] # what is asked for beside errors
    except (AttributeError, OSError, TypeError, ValueError):
        return False  # of a system that has none; no file of the system; no stream, or a closed one
    return bool(states.poll(0))


@contextmanager
def interrupts_for_this_process_only() -> Iterator[None]:
    """Let processes that start inside ignore Ctrl-C, which a terminal sends to all of them.

    This process then ends them, and no other writes a traceback. It takes no notice of Ctrl-C itself
    while it starts them. Outside the main thread nothing changes.

    Yields
    ------
    None
        Start the processes.

    Examples
    --------
    >>> with interrupts_for_this_process_only():
    ...     signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    True
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # children inherit it
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end_with_parent() -> None:
    """Let a worker process end when the process that started it is gone, killed for example.

    The initializer of a pool: its workers would wait for work for ever.

    Examples
    --------
    >>> end_with_parent()  # of no effect in a process that nobody spawned
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _ended(status: int, line: str) -> int:
    """Say why a command ends, where somebody reads it, and return its status."""
    if sys.stderr is not None:  # `print` takes standard output then
        with suppress(OSError, ValueError):
            print(line, file=sys.stderr)
    return status


def _described(error: Exception) -> str:
    """Return the message of an error; those of the system say what they are about last, so turn them."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename or 'the file system'}: {error.strerror}"
    return str(error)


def counted(n: int, noun: str) -> str:
    """Return a number with its noun.

    Parameters
    ----------
    n : int
        How many.
    noun : str
        In the singular; it takes an s.

    Returns
    -------
    str
        For example ``2 rows``.

    Examples
    --------
    >>> counted(1, "claim"), counted(2, "claim")
    ('1 claim', '2 claims')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def output_folder(option: str, path: Path) -> Path:
    """Return a folder for results after a check, before any work, that it takes files.

    Parameters
    ----------
    option : str
        The option that names it, for the message.
    path : pathlib.Path
        The folder; it is made where only its last part is missing.

    Returns
    -------
    pathlib.Path
        The same.

    Raises
    ------
    DomainError
        If its parent does not exist, or nothing can be written there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> output_folder("--out", Path(tempfile.mkdtemp()) / "results").is_dir()
    True
    """
    _require_parent(option, path)
    try:
        path.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise DomainError(
            f"{option} must be a folder that takes files, got {path}: {error.strerror}; choose another"
        ) from error


def output_file(option: str, path: Path) -> Path:
    """Return a file to write after a check, before any work, that its folder takes files.

    Parameters
    ----------
    option : str
        The option that names it, for the message.
    path : pathlib.Path
        The file, in a folder that exists.

    Returns
    -------
    pathlib.Path
        The same.

    Raises
    ------
    DomainError
        If its folder does not exist or takes no files, or `path` is a folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> output_file("--json", Path(tempfile.mkdtemp()) / "ledger.json").name
    'ledger.json'
    """
    if path.is_dir():
        raise DomainError(f"{option} must be a file, got the folder {path}; name a file in it")
    _require_parent(option, path)
    output_folder(f"the folder of {option}", path.parent)
    return path


def _require_parent(option: str, path: Path) -> None:
    if not path.parent.is_dir():
        raise DomainError(
            f"{option} must lie in a folder that exists, got {path}; make {path.parent} first (mkdir -p)"
        )
