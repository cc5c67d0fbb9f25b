"""The tables behind the diagrams say what the modules are."""

from pathlib import Path

import pandas as pd
import pytest

from empirical import structure
from qtheory.results import read_table

STORED = Path(structure.__file__).parent / "results" / "structure"


@pytest.fixture(scope="module")
def modules():
    return pd.DataFrame(list(structure.modules())).set_index("module")


def test_the_stored_modules_are_those_of_the_code(modules):
    stored = read_table(STORED / "modules.csv").frame.set_index("module")
    pd.testing.assert_frame_equal(stored, modules, check_dtype=False)


def test_encoder_and_decoder_have_the_published_number_of_parameters(modules):
    assert modules.loc[["encoder", "decoder"], "parameters"].sum() == 108_761_795


def test_phases_train_what_they_say(modules):
    assert modules.index[modules["trained_substitution"]].tolist() == ["head_in", "halves", "head_out"]
    assert modules.index[modules["trained_adaptation_paper"]].tolist() == ["decoder"]
    assert not modules.loc["quantize", [c for c in modules if c.startswith("trained")]].any()


def test_all_methods_have_equal_rate_and_their_own_factors():
    stored = read_table(STORED / "methods.csv").frame.set_index("method")
    assert (stored["factor_size"] ** stored["factors"] == stored["codebook_size"]).all()
    assert set(stored["codebook_size"]) == {65536}
    assert stored.loc["ema_vp2", ["factors", "factor_dim", "factor_size"]].tolist() == [2, 8, 256]
    assert stored.loc["fsq", ["channels_at_quantizers", "factors", "factor_size"]].tolist() == [16, 8, 4]
