import pytest

from empirical.__main__ import main
from empirical.quantizers import build
from empirical.quirks import QUIRKS, table


def test_a_setting_is_listed_because_protocols_differ_in_it():
    frame = table()
    same = frame[frame[["as_run", "paper", "fair"]].nunique(axis=1) == 1]
    assert same.empty, same["setting"].tolist()
    assert (frame["reference"].str.len() > 20).all()
    assert not frame.duplicated(["setting", "methods"]).any()


@pytest.mark.parametrize(
    ("setting", "method", "read"),
    [
        ("anchor of unused codewords", "online", lambda q: q.anchor),
        ("commitment", "fsq", lambda q: f"{q.commitment:g}"),
        ("entropy term", "lfq", lambda q: f"{q.settings.entropy:g}"),
        ("entropy term", "bsq", lambda q: f"{q.settings.entropy:g}"),
        ("decay of the averages", "ema", lambda q: f"{q.settings.decay:g}"),
    ],
)
@pytest.mark.parametrize("protocol", ["as_run", "paper", "fair"])
def test_values_are_those_of_the_quantizers_that_are_built(setting, method, read, protocol):
    frame = table()
    (value,) = frame[(frame["setting"] == setting) & frame["methods"].str.startswith(method)][protocol]
    assert read(build(method, 4 if method == "fsq" else 8, 256, protocol)) == value


def test_the_command_prints_every_setting(capsys):
    assert main(["protocols"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert all(quirk.name in printed and quirk.reference in printed for quirk in QUIRKS)
