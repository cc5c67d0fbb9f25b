"""Commands: verify the ledger, evaluate the bounds, report on the installation."""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from qtheory import command


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
    """Print every bound, limit and known quantizer that applies to a problem."""
    from qtheory._calculate import main as calculate

    return calculate(argv)


def doctor(argv: Sequence[str]) -> int:
    """Report what is installed, what is wrong and how to mend it."""
    from qtheory.doctor import main as report

    return report(argv)


def tables(argv: Sequence[str]) -> int:
    """Compute the tables of theory that figures and report show."""
    from qtheory._theory_tables import main as write

    return write(argv)


COMMANDS = {"verify": verify, "bounds": bounds, "tables": tables, "doctor": doctor}


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
