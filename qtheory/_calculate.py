"""The command ``python -m qtheory bounds``: the calculator as a table for people."""

import argparse
import math
from collections.abc import Iterator, Sequence

from qtheory import _check
from qtheory._bound import shown
from qtheory.claims.calculator import Calculation, calculate
from qtheory.errors import DomainError
from qtheory.sources import Gaussian, Laplace, Source, Subspace, Uniform

SOURCES = ("uniform", "gaussian", "laplace")

AS_PRINTED = {
    "holds": "",
    "refuted": "(as printed: refuted, false at large K for d >= 65; proved up to K = 2^(4.04 d)) ",
    "open": "(as printed: open for d from 47 to 64; proved up to K = 2^(4.04 d)) ",
}
"""What a row is marked with, by its verdict."""

MOST_BITS = 100_000
"""Bits of K that the command takes, as the report's page does."""

SECTIONS = {
    "limit": "No quantizer of K words is below",
    "high rate": "What optimal quantizers approach as K grows",
    "quantizer": "Quantizers of this law",
    "worst case": "Worst cases over laws on [-1, 1]^d, on its diagonal, on subspaces",
}


def main(argv: Sequence[str]) -> int:
    """Print the calculation and return 0."""
    options = _parser().parse_args(argv)
    source, law = _source(options.source, options.d, options.variance, options.support_dim)
    found = calculate(source, options.K, support_dim=options.support_dim, block_dims=options.block_dims)
    print("\n".join(_lines(found, law)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qtheory bounds",
        description="Evaluate all bounds, limits and known quantizers: distortion, distortion a dimension, "
        "and dB above Shannon's lower bound. The zero of dB is Shannon's bound of the source; for worst "
        "cases, of the uniform law on the cube, on its diagonal, or on its largest section, as the bound "
        "speaks of each.",
    )
    parser.add_argument("--d", type=int, required=True, help="dimension")
    parser.add_argument("--K", type=_size, required=True, help="number of codewords, such as 4096 or 2^12")
    parser.add_argument(
        "--source", choices=SOURCES, default="uniform",
        help="uniform: on [-1, 1]^d, with the worst cases over all laws there; gaussian, laplace: "
        "independent coordinates; uniform by default",
    )  # fmt: skip
    parser.add_argument(
        "--variance", type=float, help="of each coordinate, gaussian and laplace only; 1 by default"
    )
    parser.add_argument(
        "--support-dim", type=int,
        help="dimension of a supporting subspace; gaussian and laplace lie in it, with each coordinate "
        "along d / support_dim axes",
    )  # fmt: skip
    parser.add_argument(
        "--block-dims", type=int, nargs="+", help="dimensions of the blocks of a product quantizer"
    )
    return parser


def _size(text: str) -> int:
    """Read an integer, or a power such as 2^746."""
    first, sign, second = text.replace("**", "^").partition("^")
    try:
        base, exponent = int(first), _check.integer("exponent", int(second) if sign else 1)
    except ValueError:  # DomainError is one
        message = f"K must be an integer or a power such as 2^12, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None
    if sign and base < 1:
        message = f"K must be positive, got {text!r}; its base must be at least 1"
        raise argparse.ArgumentTypeError(message)
    # a power this large is never formed
    if (base.bit_length() - 1) * exponent > MOST_BITS or (size := base**exponent) > 1 << MOST_BITS:
        message = f"K must be at most 2^{MOST_BITS}, got {text!r}; bounds of larger K go on as K^(-2/d)"
        raise argparse.ArgumentTypeError(message)
    return size


def _source(name: str, d: int, variance: float | None, support_dim: int | None) -> tuple[Source, str]:
    """Return the law that the options describe, and its name for people."""
    d = _check.integer("d", d)
    if support_dim is not None and not 1 <= support_dim <= d:
        raise DomainError(
            f"support_dim must be from 1 to d={d}, got {support_dim}: it is the dimension of a subspace of "
            f"R^{d}; leave it out for laws that fill the space"
        )
    if name == "uniform":
        if variance is not None:
            raise DomainError(
                f"variance must be left out for the uniform law on [-1, 1]^d, whose variance is 1/3, got "
                f"{variance:g}; distortions are proportional to it"
            )
        return Uniform(d), f"uniform on [-1, 1]^{d}"
    variance = _check.real("variance", 1.0 if variance is None else variance, above=0.0)
    k = d if support_dim is None else support_dim
    if d % k:
        raise DomainError(
            f"support_dim must divide d={d} for source {name}, got {k}; each of its values fills d / "
            "support_dim coordinates"
        )
    inner = (Gaussian if name == "gaussian" else Laplace)(k, variance)
    law = f"{k} independent {name} coordinates of variance {variance:g}"
    if k == d:
        return inner, law
    return Subspace.replicated(inner, d), f"{law}, each along {d // k} axes of R^{d}"


def _lines(found: Calculation, law: str) -> Iterator[str]:
    d, K = found.d, found.K
    bits = math.log2(K)
    yield f"d={d}, K={shown(K)}: {bits:.6g} bits a vector, {bits / d:.6g} bits a dimension; {law}"
    yield f"{'':22} {'':8} {'distortion':>12} {'a dimension':>12} {'dB':>8}  {'claim':22}  of what, how"
    section = ""
    for row in found.rows:
        if row.section != section:
            section = row.section
            yield f"{SECTIONS[section]}:"
        decibel = "" if row.decibel is None else f"{round(row.decibel, 3) + 0.0:.3f}"  # no minus zero
        yield (
            f"{row.name:22} {row.side:8} {row.value:12.6g} {row.value / d:12.6g} {decibel:>8}  "
            f"{row.claim:22}  {AS_PRINTED[row.verdict]}{row.quantity}: {row.formula}"
        )
    if found.silent:
        yield "Not applicable:"
        yield from (f"  {name}: {reason}" for name, reason in found.silent)
