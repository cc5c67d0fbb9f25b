"""Report of the installation: what is there, what is wrong, and the remedy."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

from qtheory.errors import SchemaError
from qtheory.pins import PINS, expected, verify
from qtheory.weights import WEIGHTS, weights_folder

MINIMUM_PYTHON = (3, 11)
PROBE_SECONDS = 120.0
Status = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``wrong`` means that something needed does not work.

    Attributes
    ----------
    topic : str
        What was looked at.
    status : str
        ``ok``, ``note`` or ``wrong``.
    text : str
        What was found.
    remedy : str
        What to do about it.
    """

    topic: str
    status: Status
    text: str
    remedy: str = ""


def _probe(code: str) -> dict[str, Any]:
    """Run `code` in a fresh interpreter (a broken or hanging binary must not take the report with it)."""
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"not imported after {PROBE_SECONDS:g} s: a library hangs, or the disk is slow"}
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        return dict(json.loads(lines[-1]))
    reason = done.stderr.strip().splitlines()
    return {"error": reason[-1] if reason else f"the interpreter ended with status {done.returncode}"}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def check_python() -> Iterator[Finding]:
    """Python is new enough.

    Yields
    ------
    Finding
        One a topic, with its remedy where something is wrong.
    """
    version = platform.python_version()
    if sys.version_info[:2] < MINIMUM_PYTHON:
        yield Finding(
            "python", "wrong", f"{version} is older than 3.11", "make PYTHON=/path/to/python3.11 reproduce"
        )
    else:
        yield Finding("python", "ok", version)


def check_faiss() -> Iterator[Finding]:
    """Exactly one distribution provides a working ``faiss``.

    Yields
    ------
    Finding
        One a topic, with its remedy where something is wrong.
    """
    providers = [name for name in ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs") if _version(name)]
    again = "pip uninstall -y faiss-cpu faiss-gpu && pip install -e '.[cpu]'   (or '.[gpu]')"
    if not providers:
        yield Finding(
            "faiss", "wrong", "no distribution provides it", "pip install -e '.[cpu]'   (or '.[gpu]')"
        )
        return
    if len(providers) > 1:
        yield Finding("faiss", "wrong", f"{' and '.join(providers)} overwrite each other's files", again)
        return
    found = _probe(
        "import faiss, json; "
        "print(json.dumps({'file': faiss.__file__, 'index': hasattr(faiss, 'IndexFlatL2'), "
        "'gpus': faiss.get_num_gpus() if hasattr(faiss, 'get_num_gpus') else 0}))"
    )
    if found.get("error") or not found.get("file") or not found.get("index"):
        reason = found.get("error") or "the module is empty, as after removing one of two builds"
        yield Finding("faiss", "wrong", f"{providers[0]} is installed but does not work: {reason}", again)
        return
    yield Finding("faiss", "ok", f"{providers[0]} {_version(providers[0])}, {found['gpus']} GPU(s)")


def _required_torch() -> str | None:
    """Return the torch version that the installed torchvision was built against."""
    for requirement in metadata.requires("torchvision") or []:
        match = re.match(r"torch\s*==\s*([\w.]+)", requirement)
        if match:
            return match.group(1)
    return None


def check_torch() -> Iterator[Finding]:
    """The versions of torch and torchvision belong together and both import.

    Yields
    ------
    Finding
        One a topic, with its remedy where something is wrong.
    """
    torch, vision = _version("torch"), _version("torchvision")
    if torch is None or vision is None:
        lacking = " and ".join(
            name for name, version in (("torch", torch), ("torchvision", vision)) if not version
        )
        yield Finding(
            "torch", "note", f"{lacking} not installed; `empirical` needs it", "pip install -e '.[empirical]'"
        )
        return
    required = _required_torch()
    if required and torch.split("+")[0] != required:
        remedy = f"pip install torch=={required} torchvision=={vision}"
        yield Finding(
            "torch", "wrong", f"torchvision {vision} is built for torch {required}, found {torch}", remedy
        )
        return
    found = _probe("import torch, torchvision, json; print(json.dumps({'cuda': torch.cuda.is_available()}))")
    if found.get("error"):
        yield Finding("torch", "wrong", found["error"], f"pip install --force-reinstall torch=={torch}")
        return
    yield Finding(
        "torch", "ok", f"{torch} with torchvision {vision}, CUDA {'available' if found['cuda'] else 'absent'}"
    )


def check_gpu() -> Iterator[Finding]:
    """The driver's GPUs.

    Yields
    ------
    Finding
        One a topic, with its remedy where something is wrong.
    """
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        lines = subprocess.run(
            command, capture_output=True, text=True, timeout=30, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        lines = []
    if lines:
        yield Finding("gpu", "ok", "; ".join(line.strip() for line in lines))
    else:
        yield Finding(
            "gpu", "note", "no NVIDIA GPU answers; the pocket comparison and all studies run without one"
        )


def check_threads() -> Iterator[Finding]:
    """Cores and threads.

    Yields
    ------
    Finding
        One a topic, with its remedy where something is wrong.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    setting = os.environ.get("OMP_NUM_THREADS")
    if setting and setting.isdigit() and int(setting) > cores:
        text = f"OMP_NUM_THREADS={setting} exceeds the {cores} usable core(s)"
        yield Finding("threads", "note", text, f"export OMP_NUM_THREADS={cores}")
    else:
        yield Finding("threads", "ok", f"{cores} usable core(s), OMP_NUM_THREADS={setting or 'not set'}")


def check_weights() -> Iterator[Finding]:
    """Pretrained weights of others, which nothing that comes with the package needs.

    Yields
    ------
    Finding
        One a topic, with its remedy where something is wrong.
    """
    folder = weights_folder()
    for published in WEIGHTS:
        topic = f"weights: {published.file}"
        remedy = f"get it from {published.source} into the folder that QTHEORY_WEIGHTS names"
        if folder is None or not (folder / published.file).is_file():
            where = folder / published.file if folder else "QTHEORY_WEIGHTS is not set"
            use = f"only for {published.purpose}, not for the pocket comparison"
            yield Finding(topic, "note", f"absent ({where}); {use}; {published.checksum}", remedy)
            continue
        try:
            weights = expected(published, folder)
            found = f"{folder / weights.file} has sha256 {verify(folder, weights)}"
        except SchemaError as error:
            yield Finding(topic, "wrong", str(error), remedy)
            continue
        pin = f"where you trust this file: cd {folder} && sha256sum {weights.file} >> {PINS}"
        if not weights.sha256:
            yield Finding(topic, "note", f"{found}; {weights.checksum}", pin)
        elif weights == published:
            yield Finding(topic, "ok", f"{found}, which begins as published")
        else:
            yield Finding(topic, "ok", f"{found}, as pinned in {PINS}")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    check_python,
    check_faiss,
    check_torch,
    check_gpu,
    check_threads,
    check_weights,
)


def main(argv: Sequence[str] = ()) -> int:
    """Print the report; return 1 where something needed is wrong, else 0.

    Parameters
    ----------
    argv : sequence of str
        Arguments of the command; there are none but ``--help``.

    Returns
    -------
    int
        The exit status.
    """
    argparse.ArgumentParser(prog="python -m qtheory doctor", description=__doc__).parse_args(argv)
    findings = [finding for check in CHECKS for finding in check()]
    for finding in findings:
        print(f"{finding.status:6} {finding.topic}: {finding.text}")
        if finding.remedy:
            print(f"       remedy: {finding.remedy}")
    wrong = sum(finding.status == "wrong" for finding in findings)
    print(f"\n{wrong} problem(s)" if wrong else "\nAll that is needed works.")
    return int(wrong > 0)
