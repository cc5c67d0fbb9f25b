"""How commands end: errors and interruptions are one line and an exit status, and files go where one said."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from qtheory import command
from qtheory.errors import DomainError, SchemaError, ShapeError

# a folder in which nobody, not even root, can make a file
UNWRITABLE = Path("/proc/nothing")


def ending(error):
    def body():
        raise error

    return command.run("demo", body, kept="half is kept")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (DomainError("n must be positive"), 2, "n must be positive"),
        (ShapeError("x must be a matrix"), 2, "x must be a matrix"),
        (SchemaError("t.csv was changed"), 1, "t.csv was changed"),
        (FileNotFoundError("t.csv does not exist"), 1, "t.csv does not exist"),
        (PermissionError(13, "Permission denied", "t.csv"), 1, "t.csv: Permission denied"),
        (MemoryError("1 TiB"), 1, "memory ran out (1 TiB); half is kept"),
        (FloatingPointError("loss is nan"), 1, "loss is nan"),
        (ModuleNotFoundError("No module named 'faiss'"), 1, "doctor"),
        (BrokenProcessPool("it ended"), 1, "half is kept; run the same command again with --jobs 1"),
        (KeyboardInterrupt(), 130, "interrupted: half is kept; run the same command again"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_a_status(error, status, words, capsys):
    assert ending(error) == status
    printed = capsys.readouterr().err.strip()
    assert printed.startswith("demo: ")
    assert words in printed
    assert "\n" not in printed


PRINTS = """
import sys
from qtheory import command
def body():
    print("x" * int(sys.argv[1]), file=getattr(sys, sys.argv[2]))
    return 0
sys.exit(command.run("demo", body, kept="all is kept"))
"""


def unread(arguments, closed="stdout"):
    """Run Python with a pipe that nobody reads; return its status and what it says elsewhere."""
    read, write = os.pipe()
    os.close(read)
    other = {"stdout": "stderr", "stderr": "stdout"}[closed]
    streams = {closed: write, other: subprocess.PIPE}
    own = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ended = subprocess.run([sys.executable, *arguments], text=True, check=False, env=own, **streams)
    os.close(write)
    return ended.returncode, getattr(ended, other)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
@pytest.mark.parametrize("length", ["10", "100000"])  # less than a buffer, and more
def test_a_command_whose_output_nobody_reads_ends_without_a_word(closed, length):
    assert unread(["-c", PRINTS, length, closed], closed) == (128 + signal.SIGPIPE, "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("room", ["empirical protocols", "figures --list", "qtheory verify --markdown"])
def test_commands_of_all_rooms_end_so(room):
    assert unread(["-m", *room.split()]) == (128 + signal.SIGPIPE, "")


FAILS = """
import sys
from qtheory import command, errors
def body():
    print("begun")
    raise eval(sys.argv[1])
sys.exit(command.run("demo", body, kept="half is kept"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        ("errors.SchemaError('t.csv was changed')", 1, "demo: error: t.csv was changed"),
        ("KeyboardInterrupt()", 130, "\ndemo: interrupted: half is kept; run the same command again"),
    ],
)
def test_an_error_is_told_where_nobody_reads_the_output(error, status, words):
    assert unread(["-c", FAILS, error]) == (status, f"{words}\n")
    assert unread(["-c", FAILS, error], "stderr") == (status, "begun\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_fault_of_the_program_keeps_its_traceback_where_nobody_reads_the_output():
    status, told = unread(["-c", FAILS, "TypeError('unsupported operand')"])
    assert (status, told.splitlines()[-1]) == (1, "TypeError: unsupported operand")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
@pytest.mark.parametrize("room", ["empirical protocols", "figures --list", "qtheory verify --markdown"])
def test_commands_of_all_rooms_do_without_an_output(room):
    closed = ["sh", "-c", f'exec "$0" -m {room} >&-', sys.executable]
    ended = subprocess.run(closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_command_may_close_its_output(monkeypatch, tmp_path):
    with (tmp_path / "output").open("w") as output:
        monkeypatch.setattr("sys.stdout", output)
    assert ending(BrokenPipeError(32, "Broken pipe", "fifo")) == 1


def test_a_pipe_to_another_process_that_breaks_is_an_error_like_others(capsys):
    assert ending(BrokenPipeError(32, "Broken pipe", "fifo")) == 1
    assert capsys.readouterr().err == "demo: error: fifo: Broken pipe\n"


def test_a_fault_of_the_program_keeps_its_traceback():
    with pytest.raises(TypeError):
        ending(TypeError("unsupported operand"))


def test_results_go_into_a_folder_that_is_made_where_its_parent_exists(tmp_path):
    assert command.output_folder("--out", tmp_path / "new").is_dir()
    with pytest.raises(DomainError, match=r"--out must lie in a folder that exists.*mkdir -p"):
        command.output_folder("--out", tmp_path / "no" / "such")
    assert not (tmp_path / "no").exists()


def test_a_file_is_written_where_its_folder_exists(tmp_path):
    path = command.output_file("--json", tmp_path / "x.json")
    assert not path.exists()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DomainError, match="--json must lie in a folder that exists"):
        command.output_file("--json", tmp_path / "no" / "x.json")
    with pytest.raises(DomainError, match="--json must be a file, got the folder"):
        command.output_file("--json", tmp_path)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no file system that refuses everybody")
def test_a_place_where_nothing_can_be_written_is_named_before_any_work():
    with pytest.raises(DomainError, match=r"--out must be a folder that takes files, got /proc/nothing"):
        command.output_folder("--out", UNWRITABLE)
    with pytest.raises(DomainError, match=r"folder of --json must be a folder that takes files, got /proc"):
        command.output_file("--json", UNWRITABLE)


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DomainError, match="--out must be a folder that takes files"):
        command.output_folder("--out", tmp_path / "file")
    with pytest.raises(DomainError, match="must lie in a folder that exists"):
        command.output_folder("--out", tmp_path / "file" / "below")


POOL = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from qtheory import command
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, context, initializer=command.end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(600)
"""


def alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads the state of a process")
def test_workers_end_with_a_process_that_is_killed(tmp_path):
    (tmp_path / "pool.py").write_text(POOL)
    running = subprocess.Popen([sys.executable, tmp_path / "pool.py"], stdout=subprocess.PIPE, text=True)
    worker = int(running.stdout.readline())
    assert alive(worker)
    running.kill()
    running.wait()
    running.stdout.close()
    until = time.monotonic() + 60
    while alive(worker) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(worker)


def cells(out):
    return list(out.glob("variance-scaling/.paper.*.cells/*.json"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_a_run_in_several_processes_with_one_line_and_keeps_its_finished_cells(tmp_path):
    arguments = ["variance-scaling", "--preset", "paper", "--out", str(tmp_path), "--jobs", "2"]
    running = subprocess.Popen(
        [sys.executable, "-m", "sims", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell's background job, as this test may be one, ignores Ctrl-C, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while running.poll() is None and not cells(tmp_path):
            time.sleep(0.02)
        # as a terminal does: to the command and all of its worker processes
        os.killpg(running.pid, signal.SIGINT)
        _, printed = running.communicate(timeout=60)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 128 + signal.SIGINT
    # the tracker of shared memory may have a word after it
    line = "python -m sims: interrupted: finished cells are kept; run the same command again"
    assert line in printed.splitlines()
    assert "Traceback" not in printed
    assert cells(tmp_path)
