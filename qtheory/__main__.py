"""Commands: verify the ledger, evaluate the bounds, report on the installation."""

import argparse
import json
import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from qtheory import command
from qtheory.errors import DomainError


def verify(argv: Sequence[str]) -> int:
    """Check the ledger and print it; return 1 when a check failed, else 0."""
    from qtheory import claims
    from qtheory.claims import report
    from qtheory.results import write_bytes_atomically

    parser = argparse.ArgumentParser(
        prog="python -m qtheory verify", description="Check the ledger of claims."
    )
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="claims or groups, printed in full; all by default"
    )
    parser.add_argument("--slow", action="store_true", help="run the slow checks too")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the ledger with its evidence to FILE"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table of README, running nothing")
    options = parser.parse_args(argv)
    if options.markdown:
        print(report.markdown(claims.LEDGER))
        return 0
    if options.json is not None:
        command.output_file("--json", options.json)
    outcomes = claims.verify(options.ids or None, slow=options.slow)
    width = shutil.get_terminal_size((120, 24)).columns
    print(report.full(outcomes, width) if options.ids else report.table(outcomes, width))
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        print(f"FAILED {outcome.claim.id}: {outcome.check.name}: {outcome.error or 'relation violated'}")
    chosen = {outcome.claim for outcome in outcomes}
    left_out = sum(len(claim.checks) for claim in chosen) - len(outcomes)
    note = f", {left_out} slow left out (--slow)" if left_out else ""
    claimed, checked = command.counted(len(chosen), "claim"), command.counted(len(outcomes), "check")
    print(f"\n{claimed}, {checked}, {len(failed)} failed{note}")
    if options.json is not None:
        write_bytes_atomically(options.json, (json.dumps(report.as_json(outcomes), indent=1) + "\n").encode())
    return int(bool(failed))


def bounds(argv: Sequence[str]) -> int:
    """Print every bound and limit that applies to a problem."""
    parser = argparse.ArgumentParser(
        prog="python -m qtheory bounds",
        description="Evaluate the bounds on [-1, 1]^d: distortion, distortion a dimension, and dB above the "
        "Shannon lower bound of the uniform law. No dB for laws on a diagonal or subspace: their bound is 0.",
    )
    parser.add_argument("--d", type=int, required=True, help="dimension")
    parser.add_argument("--K", type=int, required=True, help="number of codewords")
    parser.add_argument("--support-dim", type=int, help="dimension of a supporting subspace")
    parser.add_argument(
        "--block-dims", type=int, nargs="+", help="dimensions of the blocks of a product quantizer"
    )
    options = parser.parse_args(argv)
    print("\n".join(_bound_lines(options.d, options.K, options.support_dim, options.block_dims)))
    return 0


def _bound_lines(d: int, K: int, support_dim: int | None, block_dims: list[int] | None) -> Iterator[str]:
    from qtheory.bounds import BOUNDS
    from qtheory.limits import shannon_lower_bound, zador, zador_constant
    from qtheory.sources import Uniform

    limit = shannon_lower_bound(Uniform(d), K)
    yield f"d={d}, K={K}: {math.log2(K):.6g} bits a vector, {math.log2(K) / d:.6g} bits a dimension"
    yield f"{'':22} {'':5} {'distortion':>12} {'a dimension':>12} {'dB':>8}  bounds"

    def line(name: str, side: str, value: float, quantity: str, singular: bool = False) -> str:
        above = round(10 * math.log10(value / limit), 3) + 0.0  # no minus zero
        decibel = "-" if singular else f"{above:.3f}"
        return f"{name:22} {side:5} {value:12.6g} {value / d:12.6g} {decibel:>8}  {quantity}"

    yield line("shannon", "lower", limit, "E*_VQ of the uniform law on [-1, 1]^d")
    attained = f"E*_VQ of the uniform law as K grows, at most; attained by: {zador_constant(d).source}"
    yield line("zador", "limit", zador(Uniform(d), K), attained)
    silent = []
    for bound in BOUNDS.values():
        if "K" not in bound.needs:
            continue
        try:
            value = bound(d=d, K=K, support_dim=support_dim, block_dims=block_dims)
        except DomainError as error:
            silent.append(f"{bound.id}: {error}")
            continue
        side = "equal" if bound.exact else bound.side
        yield line(bound.id, side, value, f"{bound.quantity}: {bound.formula}", bound.singular)
    if silent:
        yield "Not applicable:"
        yield from (f"  {reason}" for reason in silent)


def doctor(argv: Sequence[str]) -> int:
    """Report what is installed, what is wrong and how to mend it."""
    from qtheory.doctor import main as report

    return report(argv)


COMMANDS = {"verify": verify, "bounds": bounds, "doctor": doctor}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(prog="python -m qtheory", description=__doc__)
    parser.add_argument(
        "command", choices=COMMANDS, help="; ".join(f"{n}: {f.__doc__}" for n, f in COMMANDS.items())
    )
    options = parser.parse_args(arguments[:1])
    return command.run(
        f"python -m qtheory {options.command}",
        lambda: COMMANDS[options.command](arguments[1:]),
        kept="nothing was written",
    )


if __name__ == "__main__":
    sys.exit(main())
