import pytest

from empirical.__main__ import main
from empirical._quirk import SETTINGS, settings
from empirical.head import TRAINED
from empirical.quantizers import PROTOCOLS, ProductQuantizer, build
from empirical.quirks import COMMON, QUIRKS, table
from empirical.variants import VARIANTS


def test_a_setting_is_listed_because_protocols_differ_in_it():
    frame = table()
    same = frame[frame[["as_run", "paper", "fair"]].nunique(axis=1) == 1]
    assert same.empty, same["setting"].tolist()
    assert (frame["reference"].str.len() > 20).all()
    assert not frame.duplicated(["setting", "methods"]).any()


def test_every_setting_in_which_protocols_differ_is_listed_once():
    listed = [(subject, field) for quirk in QUIRKS for subject in quirk.subjects for field in quirk.fields]
    differing = [
        (subject, field)
        for subject in SETTINGS
        for field in settings(subject, "fair")
        if any(settings(subject, p)[field] != settings(subject, "fair")[field] for p in PROTOCOLS)
    ]
    assert sorted(listed) == sorted(differing)


def test_all_methods_and_stages_are_compared():
    assert set(SETTINGS) == {*TRAINED, "substitution", "adaptation", "joint", "adversary", "training"}
    assert all(tuple(found) == PROTOCOLS for found in SETTINGS.values())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_row_holds_for_all_that_it_names(protocol):
    for quirk in QUIRKS:
        values = [quirk.value(protocol, subject) for subject in quirk.subjects]
        assert values == values[:1] * len(values), (quirk.name, quirk.subjects, values)


@pytest.mark.parametrize("method", TRAINED)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_values_are_those_of_the_quantizers_that_are_built(method, protocol):
    quantizer = build(method, 4 if method == "fsq" else 8, 256, protocol)
    part = quantizer.blocks[0] if isinstance(quantizer, ProductQuantizer) else quantizer
    own = getattr(part, "settings", part)
    queue = getattr(part, "queue", None)  # a buffer, of whose settings nothing else is left
    seen = {} if queue is None else {"queue": len(queue), "noise_queue": bool(queue.any())}
    fields = settings(method, protocol).keys() - seen.keys()
    built = seen | {field: getattr(own if hasattr(own, field) else part, field) for field in fields}
    assert built == settings(method, protocol)


def test_the_command_prints_every_setting(capsys):
    assert main(["protocols"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert all(quirk.name in printed and quirk.reference in printed for quirk in QUIRKS)
    assert all(f"all protocols: {choice}" in printed for choice in COMMON)
    assert all(f"{name}: as fair, but {variant.words}" in printed for name, variant in VARIANTS.items())
