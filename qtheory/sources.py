"""Sources: laws on R^d with what is known of them exactly.

Every source has ``dim``, ``mean``, ``covariance``, ``variance`` (per coordinate), ``support_dim`` and
``sample(n, *, rng)``. Where they are known exactly it has ``marginal(j)``, ``differential_entropy`` (nats)
and ``density_norm`` (Zador's ``(int f^p)^(1/p)`` with ``p = d / (d + 2)``); elsewhere these raise
`DomainError`.
"""

from qtheory._derived_sources import Diagonal, FiniteSource, Mixture, Subspace
from qtheory._source import Source
from qtheory._standard_sources import Gaussian, Laplace, LogConcave, Uniform

__all__ = [
    "Diagonal",
    "FiniteSource",
    "Gaussian",
    "Laplace",
    "LogConcave",
    "Mixture",
    "Source",
    "Subspace",
    "Uniform",
]
