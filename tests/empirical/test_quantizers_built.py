"""Quantizers by name: the registry, options and protocols, and the lines of the README."""

import re
from pathlib import Path

import pytest
import torch

from empirical.quantizers import QUANTIZERS, REFERENCES, build, key_of
from figures.look import LOOKS
from qtheory.errors import DomainError
from qtheory.paper import table
from tests.empirical.conforming import DIM, OPTIONS, K, make, vectors

TABLE3 = sorted(set(table(3)["approach"]))


def test_the_gradient_is_an_option_of_every_build():
    assert build("ema", 4, 16).gradient == "straight_through"
    assert build("ema", 4, 16, gradient="rotation").gradient == "rotation"
    with pytest.raises(DomainError, match="gradient must be one of straight_through, rotation; got 'none'"):
        build("ema", 4, 16, gradient="none")


def test_the_registry_holds_the_thirteen_of_table_3_and_the_references_and_figures_draw_all():
    assert len(TABLE3) == 13
    assert set(QUANTIZERS) == {key_of(name) for name in TABLE3} | set(REFERENCES)
    assert set(QUANTIZERS) <= set(LOOKS)


@pytest.mark.parametrize("printed", TABLE3)
def test_names_as_the_paper_prints_them_are_accepted_in_any_case(printed):
    for name in (printed, printed.upper(), printed.lower()):
        quantizer = build(name, DIM, K, **OPTIONS.get(key_of(printed), {}))
        assert type(quantizer) is type(make(key_of(printed)))


def test_unknown_options_are_named_with_the_known_ones():
    with pytest.raises(
        DomainError, match=r"options of kmeans must be among: iterations, restarts; got restart$"
    ):
        build("kmeans", 4, 16, restart=3)
    with pytest.raises(DomainError, match="options of lfq must be among: none; got levels"):
        build("lfq", 4, 16, levels=[2])
    with pytest.raises(DomainError, match=r"generator must be a torch.Generator, got 0"):
        build("ema", 4, 16, generator=0)


@pytest.mark.parametrize("name", ["ema", "vanilla", "online", "wasserstein", "mmd", "ema_vp2"])
def test_a_codebook_that_starts_from_data_is_not_evaluated_before_it_saw_any(name):
    quantizer = build(name, 4, 16).eval()
    for use in (quantizer.encode, quantizer):
        with pytest.raises(DomainError, match="must have seen data before it is evaluated"):
            use(torch.zeros(3, 4))
    with pytest.raises(DomainError, match="must have seen data before it is evaluated"):
        quantizer.decode(torch.tensor([0]))
    quantizer.train()(torch.randn(64, 4, generator=torch.Generator().manual_seed(0)))
    quantizer.eval().encode(torch.zeros(3, 4))
    build(name, 4, 16, "paper").eval().encode(torch.zeros(3, 4))  # starts from noise


def test_unknown_names_and_protocols_are_named():
    with pytest.raises(DomainError, match=r"name must be one of .*ema.*; got 'vq'"):
        build("vq", DIM, K)
    with pytest.raises(DomainError, match="protocol must be one of as_run, paper, fair; got 'mine'"):
        build("ema", DIM, K, "mine")


def test_options_change_the_settings_of_learned_codebooks_and_unknown_ones_are_named():
    assert build("ema", 4, 16, decay=0.5).settings.decay == 0.5
    assert [block.rows for block in build("mmd_vp2", 4, 16, rows=7).blocks] == [7, 7]
    with pytest.raises(DomainError, match=r"options of ema must be among: .*decay.*; got rows"):
        build("ema", 4, 16, rows=7)


@pytest.mark.parametrize(
    ("name", "option", "value", "message"),
    [
        ("ema", "decay", 1.5, "decay must be less than 1, got 1.5"),
        ("ema", "decay", 0, "decay must be greater than 0, got 0"),
        ("ema", "epsilon", -1, "epsilon must be at least 0, got -1"),
        ("ema_vp2", "revive_below", 5, "revive_below must be less than 1, got 5"),
        ("ema", "commitment", float("inf"), "commitment must be finite, got inf"),
        ("vanilla", "commitment", float("nan"), "commitment must be finite, got nan"),
        ("vanilla", "commitment", "a", "commitment must be a real number, got 'a' of type str"),
        ("vanilla", "learning_rate_ratio", 0, "learning_rate_ratio must be greater than 0, got 0"),
        ("mmd", "gamma", -0.5, "gamma must be at least 0, got -0.5"),
        ("mmd", "rows", 1, "rows must be at least 2, got 1"),
        ("wasserstein", "queue", 1, "queue must be at least 2, got 1"),
        ("var", "scales", (), "scales must name at least 1 side of a map, got none"),
    ],
)
def test_settings_without_sense_are_refused_when_a_quantizer_is_built(name, option, value, message):
    with pytest.raises(DomainError, match=re.escape(message)):
        build(name, 4, 16, **{option: value})


def test_the_lines_of_the_readme_train_a_model():
    text = (Path(__file__).parents[2] / "README.md").read_text()
    section = text.split("## Quantizers in your own model")[1]
    code = section.split("```python")[1].split("```")[0]
    z_e = vectors(2, 16, 4, 4).requires_grad_()
    names = {"z_e": z_e, "decoder": torch.nn.Identity(), "reconstruction_loss": lambda x: x.square().mean()}
    exec(code, names)
    names["loss"].backward()
    assert z_e.grad.abs().sum() > 0
