"""Theory of vector, product and scalar quantization at equal rate.

Submodules are imported on first use, so that ``import qtheory`` stays light.
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_SUBMODULES = (
    "bounds",
    "claims",
    "codebooks",
    "entropy",
    "errors",
    "expected",
    "information",
    "limits",
    "optimal",
    "paper",
    "quantizers",
    "results",
    "sources",
)


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
