"""Errors raised at public boundaries.

Each message gives the name of the argument, what is required of it, the value
received, and a way out.
"""


class ShapeError(ValueError):
    """An array has the wrong number of dimensions or the wrong length."""


class DomainError(ValueError):
    """A value lies outside the set on which a statement or algorithm is defined."""


class SchemaError(ValueError):
    """A file does not hold what its manifest, checksum or schema says it holds."""
