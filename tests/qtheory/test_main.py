"""The commands ``python -m qtheory verify`` and ``bounds``."""

import json

import pytest

from qtheory import claims
from qtheory.__main__ import main
from qtheory.bounds import BOUNDS
from qtheory.claims import Check, Claim, Evidence, report
from qtheory.claims._claim import run_check
from qtheory.claims.calculator import calculate
from qtheory.errors import DomainError
from qtheory.sources import Gaussian


def broken(verdict="holds"):
    return Claim(
        id="test.broken",
        title="one is two",
        statement="1 = 2",
        source="nowhere",
        verdict=verdict,
        checks=(
            Check("equal", lambda: Evidence("exact", 1, "==", 2, detail="one and two")),
            Check("raises", lambda: 1 // 0),
        ),
        group="test",
    )


def test_the_whole_ledger_holds(tmp_path, capsys):
    path = tmp_path / "ledger.json"
    assert main(["verify", "--slow", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    written = json.loads(path.read_text())
    assert written["passed"]
    assert [entry["id"] for entry in written["claims"]] == [claim.id for claim in claims.LEDGER]
    for claim in claims.LEDGER:
        assert f"\n{claim.id} " in printed
    for entry in written["claims"]:
        assert all(check["kind"] and check["seconds"] >= 0 for check in entry["checks"])


def test_a_failed_check_gives_a_non_zero_status_and_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(claims, "LEDGER", (*claims.LEDGER[:1], broken()))
    path = tmp_path / "ledger.json"
    assert main(["verify", "--json", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "FAILED test.broken: equal: relation violated" in printed
    assert "FAILED test.broken: raises: ZeroDivisionError" in printed
    assert "2 failed" in printed
    entry = json.loads(path.read_text())["claims"][1]
    assert not entry["passed"]
    assert [check["error"] for check in entry["checks"]] == [
        "", "ZeroDivisionError: integer division or modulo by zero"
    ]  # fmt: skip


def test_a_named_claim_is_printed_in_full(capsys):
    assert main(["verify", "prop2.lower.proof"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    claim = claims.claim("prop2.lower.proof")
    for text in (claim.statement, claim.sharp, claim.proof, *(check.name for check in claim.checks)):
        assert " ".join(text.split()) in printed


def test_an_unknown_claim_is_an_error_that_lists_the_known(capsys):
    assert main(["verify", "prop99"]) == 2
    assert "prop2.lower" in capsys.readouterr().err


def test_markdown_has_a_row_for_each_claim(capsys):
    assert main(["verify", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(claims.LEDGER)
    assert all(line.count(" | ") == lines[0].count(" | ") for line in lines[2:])


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_statement_is_cut_to_a_few_words(width):
    claim = claims.claim("spearman.paramount")
    printed = report.table([run_check(claim, claim.checks[0])], width)
    assert claim.title in printed
    assert max(map(len, printed.splitlines())) <= width


def test_slow_checks_are_counted_when_left_out(monkeypatch, capsys):
    quick = Check("quick", lambda: Evidence("exact", 1, "==", 1))
    entry = Claim("a", "a", "a", "a", "holds", (quick, Check("slow", quick.function, slow=True)), "a")
    monkeypatch.setattr(claims, "LEDGER", (entry,))
    assert main(["verify"]) == 0
    assert "1 claim, 1 check, 0 failed, 1 slow left out" in capsys.readouterr().out


def test_reports_of_a_failure_show_both_sides():
    outcomes = [run_check(broken(), check) for check in broken().checks]
    assert "FAILED" in report.table(outcomes, 100)
    text = report.full(outcomes, 100)
    assert "exact: 1 == 2, margin -1" in text
    assert "ZeroDivisionError" in text


def test_bounds_prints_every_bound_that_applies_and_why_others_do_not(capsys):
    assert main(["bounds", "--d", "8", "--K", "4096", "--support-dim", "2", "--block-dims", "4", "4"]) == 0
    printed = capsys.readouterr().out
    applicable, silent = printed.split("Not applicable:")
    assert "prop2.two_levels: K=4096 is not 2^d=256 for d=8" in silent
    for name, bound in BOUNDS.items():
        if "K" in bound.needs and name != "prop2.two_levels":
            assert f"\n{name} " in applicable
    shannon = next(line for line in printed.splitlines() if line.startswith("shannon"))
    sharp = next(line for line in printed.splitlines() if line.startswith("prop2.lower.sharp"))
    assert float(shannon.split()[2]) == float(sharp.split()[2])
    assert float(sharp.split()[4]) == 0


def test_bounds_of_a_named_law_are_in_its_variance_and_its_subspace(capsys):
    assert main(["bounds", "--d", "8", "--K", "2^12", "--source", "gaussian", "--variance", "2"]) == 0
    printed = capsys.readouterr().out
    assert "d=8, K=4096: 12 bits a vector" in printed
    optimum = next(line for line in printed.splitlines() if line.startswith("optimal-sq"))
    assert float(optimum.split()[2]) == pytest.approx(2 * 1.79511, abs=1e-4)
    assert "levels 2 2 3 3 3 3 3 4" in optimum
    assert main(["bounds", "--d", "8", "--K", "16", "--source", "laplace", "--support-dim", "2"]) == 0
    printed = capsys.readouterr().out
    assert "2 independent laplace coordinates of variance 1, each along 4 axes of R^8" in printed
    assert "G of A2" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variance", "2"], "variance must be left out for the uniform law"),
        (["--source", "gaussian", "--variance", "0"], "variance must be greater than 0"),
        (["--source", "gaussian", "--support-dim", "3"], "support_dim must divide d=8"),
        (["--block-dims", "3", "4"], "block_dims must sum to 8"),
    ],
)
def test_bounds_of_no_problem_are_usage_errors(capsys, arguments, message):
    assert main(["bounds", "--d", "8", "--K", "4096", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("source", ["uniform", "gaussian", "laplace"])
@pytest.mark.parametrize("k", [9, 0, -1])
def test_a_support_that_no_subspace_has_is_a_usage_error(capsys, source, k):
    assert main(["bounds", "--d", "8", "--K", "4096", "--source", source, "--support-dim", str(k)]) == 2
    captured = capsys.readouterr()
    assert f"support_dim must be from 1 to d=8, got {k}" in captured.err
    assert "leave it out for laws that fill the space" in captured.err
    assert captured.out == ""


def test_the_calculator_itself_refuses_a_support_above_the_dimension():
    with pytest.raises(DomainError, match="support_dim must be at most d=8, got 9"):
        calculate(Gaussian(8), 16, support_dim=9)


@pytest.mark.parametrize("size", ["x", "2^x", "2^-1", "2^0.5"])
def test_sizes_are_integers_or_powers(capsys, size):
    with pytest.raises(SystemExit):
        main(["bounds", "--d", "8", "--K", size])
    assert "K must be an integer or a power such as 2^12" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["2^99999999999", "2^100001", "3^100000", "9**99999999999"])
def test_a_size_beyond_2_to_100000_is_refused_before_it_is_formed(capsys, size):
    with pytest.raises(SystemExit):
        main(["bounds", "--d", "8", "--K=" + size])
    assert f"K must be at most 2^100000, got '{size}'" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["-2^99999999999", "-2^2", "0^3"])
def test_a_power_of_no_positive_number_is_told_so(capsys, size):
    with pytest.raises(SystemExit):
        main(["bounds", "--d", "8", "--K=" + size])
    assert f"K must be positive, got '{size}'; its base must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("d", [1, 8])
def test_the_largest_size_is_calculated(capsys, d):
    assert main(["bounds", "--d", str(d), "--K", "2^100000"]) == 0
    assert f"here about 2^{100_000 // d} and {d}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("d", "bits", "mark"),
    [
        (1000, 8000, "(as printed: refuted, false at large K for d >= 65; proved up to K = 2^(4.04 d)) "),
        (64, 5000, "(as printed: open for d from 47 to 64; proved up to K = 2^(4.04 d)) "),
        (1000, 4000, ""), (64, 256, ""), (46, 5000, ""),
    ],
)  # fmt: skip
def test_a_printed_bound_that_is_not_proved_is_marked_in_its_row(capsys, d, bits, mark):
    assert main(["bounds", "--d", str(d), "--K", f"2^{bits}"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line and not line.startswith(" ")]
    printed = next(line for line in lines if line.startswith("prop2.lower.paper "))
    assert f"prop2.lower             {mark}sup over P of E*_VQ: d / (4 K^(2/d))" in printed
    assert not any("as printed" in line for line in lines if line != printed)


def test_a_row_whose_zero_of_decibels_float64_cannot_hold_has_a_value_and_none(capsys):
    assert main(["bounds", "--d", "64", "--K", "2^5000"]) == 0
    words = [line.split()[:5] for line in capsys.readouterr().out.splitlines()]
    assert ["prop3.sq.lower.sharp", "lower", "1.96391e-46", "3.06861e-48", "prop3.sq.lower"] in words


@pytest.mark.parametrize("source", ["gaussian", "laplace"])
def test_variances_at_the_ends_of_float64_have_their_way_out(capsys, source):
    problem = ["bounds", "--d", "8", "--K", "16", "--source", source, "--variance"]
    assert main([*problem, "1e308"]) == 2
    assert "take a smaller variance, or a larger K" in capsys.readouterr().err
    assert main([*problem, "1e-320"]) == 0
    printed = capsys.readouterr().out
    assert "  shannon: shannon must lie within" in printed
    assert printed.count("take the logarithm of the formula, a larger variance, or a smaller K") >= 6


def test_bounds_names_the_hypothesis_that_fails(capsys):
    assert main(["bounds", "--d", "3", "--K", "4"]) == 0
    printed = capsys.readouterr().out
    assert "K=4 is below 2^d=8 for d=3: prop2.upper.paper says nothing there" in printed
    assert "support_dim must be given: prop3.vq.upper.paper" in printed


@pytest.mark.parametrize("argv", [[], ["prove"], ["bounds", "--d", "x", "--K", "4"]])
def test_malformed_commands_exit_with_usage(argv):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--d", "8", "--K", "16", "--block-dims", "3", "4"], "must sum to 8"),
        (["--d", "0", "--K", "4"], "d"),
        (["--d", "2", "--K", "-4"], "K must be at least 1, got -4"),
    ],
)
def test_arguments_that_cannot_be_are_an_error(argv, message, capsys):
    assert main(["bounds", *argv]) == 2
    assert message in capsys.readouterr().err


def test_the_ledger_is_written_into_a_folder_that_exists_and_nothing_is_run_for_another(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(claims, "verify", None)
    assert main(["verify", "--json", str(tmp_path / "new" / "ledger.json")]) == 2
    assert f"make {tmp_path / 'new'} first" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_check_says_that_nothing_was_written(monkeypatch, capsys):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(claims, "verify", interrupted)
    assert main(["verify"]) == 130
    assert "nothing was written; run the same command again" in capsys.readouterr().err


def test_doctor_is_dispatched(monkeypatch):
    monkeypatch.setattr("qtheory.doctor.main", lambda argv: 7 if argv == ["--anything"] else 0)
    assert main(["doctor", "--anything"]) == 7
