"""What a number depends on besides its configuration: versions, hardware, threads, revision."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

_DISTRIBUTIONS = ("qtheory", "numpy", "scipy", "pandas", "faiss-cpu", "faiss-gpu", "torch", "torchvision")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


@cache
def _revision() -> str | None:
    """Git revision of the source tree, with ``+`` where it has uncommitted changes."""
    root = Path(__file__).resolve().parents[2]
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _gpus() -> list[str]:
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def code_digest(*folders: Path, suffixes: tuple[str, ...] = (".py", ".csv")) -> str:
    """Return the SHA-256 of the code and the data in folders, to tell whether a result is of this code.

    Parameters
    ----------
    *folders : pathlib.Path
        Searched with all folders in them.
    suffixes : tuple of str
        Files with these suffixes count.

    Returns
    -------
    str
        Hexadecimal digest of names and contents; where the folders lie does not count.

    Examples
    --------
    >>> here = Path(__file__).parent
    >>> code_digest(here) == code_digest(here), code_digest(here) == code_digest(here.parent)
    (True, False)
    """
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in suffixes):
            digest.update(f"{folder.name}/{path.relative_to(folder).as_posix()}".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def configuration_digest(configuration: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a configuration, the key under which results of it are kept.

    Parameters
    ----------
    configuration : mapping
        What JSON can hold; the order of keys does not count.

    Returns
    -------
    str
        Hexadecimal digest.

    Examples
    --------
    >>> configuration_digest({"a": 1, "b": 2}) == configuration_digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


def provenance() -> dict[str, Any]:
    """Return versions, hardware and threads of the running process.

    Returns
    -------
    dict
        ``python``, ``versions`` (installed distributions only), ``revision`` (git, or None outside
        a checkout), ``platform``, ``cpu``, ``cores`` (usable by this process), ``gpus`` (names; only
        where torch is loaded) and ``omp_num_threads`` (None where it is not set).

    Examples
    --------
    >>> sorted(provenance())
    ['cores', 'cpu', 'gpus', 'omp_num_threads', 'platform', 'python', 'revision', 'versions']
    """
    versions = {name: _version(name) for name in _DISTRIBUTIONS}
    return {
        "python": platform.python_version(),
        "versions": {name: version for name, version in versions.items() if version is not None},
        "revision": _revision(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpus": _gpus(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
    }
