"""Adaptation and joint optimisation: what moves, what does not, and runs that were interrupted."""

import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from empirical.__main__ import main
from empirical.adapt import Adaptation, AdaptationObjective
from empirical.checkpoint import State, load, pack
from empirical.comparison import compare
from empirical.config import PRESETS, SECOND_STAGE, Budget
from empirical.head import TRAINED, build_transplant
from empirical.joint import Joint, JointObjective, set_commitment
from empirical.protocol import ADAPTATION, JOINT
from empirical.second_stage import SecondStage
from empirical.substitute import Substitution
from empirical.tokenizers import PocketTokenizer
from empirical.training import _Trainer, train
from qtheory.errors import DomainError, SchemaError
from tests.empirical.helpers import interrupted

BUDGET = Budget(steps=20, batch_size=8, learning_rate=1e-3, trials=1)


@pytest.fixture(scope="module")
def crops():
    """Smooth images, which a small decoder can learn something about in a few steps."""
    noise = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, size=(32, 32), mode="bilinear").clamp(-1, 1)


def parts(method="ema", protocol="fair"):
    generator = torch.Generator().manual_seed(0)
    transplant = build_transplant(
        method, "full", channels=16, codebook_size=256, width=8, protocol=protocol, generator=generator
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = PocketTokenizer(8)
    with torch.no_grad():  # codebooks on data, as after the first stage
        transplant.train()(torch.randn(64, 16, 4, 4, generator=generator))
    return transplant.eval(), tokenizer.eval()


def adaptation(crops, protocol="fair", method="ema"):
    transplant, tokenizer = parts(method, protocol)
    with torch.no_grad():
        z_e = tokenizer.encode(crops)
    return AdaptationObjective(transplant, tokenizer, crops, ADAPTATION[protocol], z_e)


def joint(crops, method="ema"):
    return JointObjective(*parts(method), crops, JOINT)


def changes(objective, budget=BUDGET):
    """Train, and return which tensors changed."""
    before = {key: value.clone() for key, value in pack(**objective.parts()).items()}
    train(objective, budget, rng=np.random.default_rng(0))
    after = pack(**objective.parts())
    return {key: not torch.equal(value, before[key]) for key, value in after.items()}


@pytest.mark.parametrize("method", ["ema", "mmd", "fsq"])
@pytest.mark.parametrize(
    ("protocol", "trained"),
    [
        ("paper", ("tokenizer.decoder",)),
        ("fair", ("tokenizer.decoder", "transplant.head_out")),
        ("as_run", ("tokenizer.decoder", "transplant.head_out")),
    ],
)
def test_adaptation_moves_what_its_protocol_names_and_nothing_else(crops, method, protocol, trained):
    changed = changes(adaptation(crops, protocol, method))
    assert all(moved == key.startswith(trained) for key, moved in changed.items())
    assert sum(changed.values()) > 10


@pytest.mark.parametrize("method", ["ema", "ema_vp2", "wasserstein", "fsq"])
def test_joint_optimisation_moves_every_parameter_and_the_codebooks_of_statistics(crops, method):
    objective = joint(crops, method)
    changed = changes(objective)
    learned = [
        f"{name}.{key}" for name, part in objective.parts().items() for key, _ in part.named_parameters()
    ]
    codebooks = [key for key in changed if key.endswith("codebook")]
    assert len(learned) > 40
    assert all(changed[key] for key in learned)
    assert (len(codebooks) > 0) == (method != "fsq")
    assert all(changed[key] for key in codebooks)
    # the last normalization of the encoder is a fixed map, else the latents could not change variance
    assert not any(moved for key, moved in changed.items() if "running" in key)


@pytest.mark.parametrize("make", [adaptation, joint])
def test_training_lowers_the_loss(crops, make):
    objective, everything = make(crops), torch.arange(16)

    def loss():
        return float(objective.loss(everything).detach())

    objective.train(False)
    start = loss()
    train(objective, replace(BUDGET, steps=60), rng=np.random.default_rng(0))
    assert loss() < 0.7 * start


def test_the_joint_loss_is_that_of_appendix_l(crops):
    objective, chosen = joint(crops, "vanilla"), torch.arange(4)
    x = crops[:4]
    z_e = objective.tokenizer.encode(x)
    result = objective.transplant(z_e)
    error = objective.tokenizer.decode(result.y) - x
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    z_q, z_p = torch.cat(result.z_q, -1), torch.cat(result.z_p, -1)
    gap = (z_q - z_p).square().mean()
    expected = error.square().mean() + 0.05 * edges + (result.y - z_e).square().mean() + 1.25 * gap
    torch.testing.assert_close(objective.loss(chosen), expected)
    assert JOINT.loss == "1 pixel + 0.05 gradient + 1 latent + vq (beta 0.25) (no lpips, no gan)"


def test_the_encoder_does_not_follow_the_latent_term(crops):
    gradients = {}
    for latent in (0.0, 1.0):
        objective = JointObjective(*parts(), crops, replace(JOINT, latent=latent))
        objective.loss(torch.arange(8)).backward()
        gradients[latent] = (
            torch.cat([p.grad.flatten() for p in objective.tokenizer.encoder.parameters()]),
            torch.cat([p.grad.flatten() for p in objective.transplant.head_in.parameters()]),
        )
    encoder, head_in = zip(*gradients.values(), strict=True)
    torch.testing.assert_close(encoder[0], encoder[1], rtol=1e-4, atol=1e-6)
    assert (head_in[0] - head_in[1]).norm() > 0.1 * head_in[0].norm()


@pytest.mark.parametrize("protocol", ["as_run", "fair"])
@pytest.mark.parametrize("method", TRAINED)
def test_commitment_is_set_where_there_is_one(method, protocol):
    transplant, _ = parts(method, protocol)
    z_e = torch.randn(4, 16, 4, 4, generator=torch.Generator().manual_seed(1))
    before = transplant(z_e).losses
    found = {}
    for beta in (0.25, 1.0):
        set_commitment(transplant, beta)
        found[beta] = transplant(z_e).losses
    assert set(found[0.25]) == set(before)
    for name in before:
        factor = 0.25 if name == "commitment" else 1
        torch.testing.assert_close(found[0.25][name], factor * found[1.0][name])
        assert name == "commitment" or torch.equal(found[1.0][name], before[name])


def test_recipes_that_train_nothing_are_refused(crops):
    with pytest.raises(DomainError, match="trainable must name a module with parameters"):
        JointObjective(*parts(), crops, replace(JOINT, trainable=("post_quant_conv",)))
    with pytest.raises(DomainError, match="commitment must be a number"):
        JointObjective(*parts(), crops, replace(JOINT, commitment=None))


@pytest.mark.parametrize("make", [adaptation, joint])
def test_a_training_stopped_at_any_step_resumes_to_the_same_bits(tmp_path, crops, make):
    budget = replace(BUDGET, steps=7)

    def run(state=None):
        objective = make(crops)
        for part in objective.parts().values():
            part.to(memory_format=torch.channels_last)
        train(objective, budget, rng=np.random.default_rng(0), state=state)
        return pack(**objective.parts())

    straight = run()
    state = State(tmp_path / "state.safetensors", "digest", every=2)
    with interrupted(before=5):
        run(state)
    resumed = run(state)
    assert all(torch.equal(resumed[key], straight[key]) for key in straight)


@pytest.fixture
def arguments(tiny, monkeypatch):
    """The small comparison with two methods."""
    monkeypatch.setitem(PRESETS, "smoke", replace(PRESETS["smoke"], methods=("ema", "fsq")))
    monkeypatch.setitem(SECOND_STAGE, "smoke", replace(SECOND_STAGE["smoke"], steps=3))
    # the references cost most of the time here
    points = tuple({"method": method, "head": "full"} for method in ("ema", "fsq"))
    for phase in (Substitution, SecondStage):
        monkeypatch.setattr(phase, "points", lambda preset: points)
    return tiny


def run(phase, out, arguments, **options):
    return compare(phase, "smoke", options.pop("protocol", "fair"), out=out, jobs=1, **arguments, **options)


def contents(folder):
    tables = {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}
    return tables | {path.name: path.read_bytes() for path in folder.rglob("*.safetensors")}


@pytest.mark.parametrize("phase", [Adaptation, Joint])
def test_an_interrupted_phase_resumes_to_the_same_bytes(tmp_path, arguments, monkeypatch, phase):
    run(Substitution, tmp_path, arguments)
    run(phase, tmp_path, arguments)
    straight = contents(tmp_path / phase.study)
    (tmp_path / phase.study).rename(tmp_path / "straight")
    step, calls = _Trainer.step, []

    def stopped(self, number, chosen):
        calls.append(number)
        if len(calls) == 6:  # in the second method's last step
            raise KeyboardInterrupt
        return step(self, number, chosen)

    monkeypatch.setattr(State.__init__, "__defaults__", (2,))
    monkeypatch.setattr(_Trainer, "step", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(phase, tmp_path, arguments)
    assert [path.name for path in (tmp_path / phase.study).rglob("*.state.safetensors")] == [
        "fsq-full-0.state.safetensors"
    ]
    run(phase, tmp_path, arguments)
    assert calls == [0, 1, 2, 0, 1, 2, 2]
    assert contents(tmp_path / phase.study) == straight


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from empirical.checkpoint import State
from empirical.comparison import compare
from empirical.config import PRESETS, SECOND_STAGE
from empirical.second_stage import SecondStage
from empirical.adapt import Adaptation
from empirical.joint import Joint
from empirical.training import _Trainer

PRESETS["smoke"] = replace(PRESETS["smoke"], methods=("ema", "fsq"), train_crops=8, steps=3)
SECOND_STAGE["smoke"] = replace(SECOND_STAGE["smoke"], steps=3)
SecondStage.points = lambda preset: tuple({"method": m, "head": "full"} for m in ("ema", "fsq"))
State.__init__.__defaults__ = (2,)
step, calls = _Trainer.step, []

def killed(self, number, chosen):
    calls.append(number)
    if len(calls) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, number, chosen)

_Trainer.step = killed
phase = {"adaptation": Adaptation, "joint": Joint}[sys.argv[1]]
folder, data, tokenizer = map(Path, sys.argv[2:])
compare(phase, "smoke", "fair", out=folder, data=data, tokenizer=tokenizer, jobs=1)
"""


@pytest.mark.parametrize("phase", [Adaptation, Joint])
def test_a_process_that_was_killed_resumes_to_the_same_bytes(tmp_path, arguments, monkeypatch, phase):
    run(Substitution, tmp_path, arguments)
    run(phase, tmp_path, arguments)
    straight = contents(tmp_path / phase.study)
    (tmp_path / phase.study).rename(tmp_path / "straight")
    command = [sys.executable, "-c", KILLED, phase.study, str(tmp_path), *map(str, arguments.values())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    steps = []
    step = _Trainer.step
    monkeypatch.setattr(_Trainer, "step", lambda self, *args: steps.append(args[0]) or step(self, *args))
    run(phase, tmp_path, arguments)
    assert steps == [2]
    assert contents(tmp_path / phase.study) == straight


@pytest.mark.parametrize("phase", [Adaptation, Joint])
def test_the_control_trains_the_tokenizer_without_a_quantizer(tmp_path, tiny, monkeypatch, phase):
    points = ({"method": "unquantized", "head": "none"},)
    for stage in (Substitution, SecondStage):
        monkeypatch.setattr(stage, "points", lambda preset: points)
    before = run(Substitution, tmp_path, tiny)[0].frame
    after = run(phase, tmp_path, tiny)[0].frame
    assert after["psnr"].iloc[0] != before["psnr"].iloc[0]
    assert after[["latent_nmse", "utilization"]].isna().all(axis=None) if "latent_nmse" in after else True
    stored = tmp_path / phase.study / "smoke" / "unquantized-none-0.safetensors"
    assert all(key.startswith("tokenizer.") for key in load(stored)[0])


def test_the_later_phases_have_a_control_the_references_and_all_methods():
    for phase in (Adaptation, Joint):
        points = [(point["method"], point["head"]) for point in phase.points(PRESETS["pocket"])]
        bare = [(method, "none") for method in ("unquantized", "kmeans", "lloyd_max")]
        assert points == [*bare, *((method, "full") for method in TRAINED)]
    assert PRESETS["pocket"].methods == TRAINED


def test_phases_share_their_columns_and_tell_what_changed(tmp_path, arguments):
    frames = {p: run(p, tmp_path, arguments)[0].frame for p in (Substitution, Adaptation, Joint)}
    first, adapted, moved = frames.values()
    assert set(first.columns) < set(adapted.columns) == set(moved.columns)
    assert set(adapted.columns) - set(first.columns) == {"start"}
    assert [set(frame["phase"]) for frame in frames.values()] == [{"substitution"}, {"adaptation"}, {"joint"}]
    frozen = ["quantizer_distortion", "quantizer_nmse", "quantizer_nmse_low", "latent_variance", "perplexity"]
    assert adapted[frozen].equals(first[frozen])
    assert not adapted["psnr"].equals(first["psnr"])
    assert (moved["latent_variance"] != first["latent_variance"]).all()
    implied = moved["latent_distortion_per_dim"] / moved["latent_variance"]
    np.testing.assert_allclose(moved["latent_nmse"], implied, rtol=1e-12)


@pytest.mark.parametrize("phase", [Adaptation, Joint])
def test_a_missing_transplant_names_the_command_to_run_first(tmp_path, arguments, phase):
    with pytest.raises(FileNotFoundError, match=r"ema-full-0.*run `python -m empirical substitute --preset"):
        run(phase, tmp_path, arguments)
    run(Substitution, tmp_path, arguments)
    with pytest.raises(SchemaError, match=r"of another; run `python .* --seed 1 --out "):
        run(phase, tmp_path, arguments, seed=1)
    assert not (tmp_path / phase.study).exists()


def test_more_trials_than_transplants_name_the_command_that_makes_them(tmp_path, arguments):
    run(Substitution, tmp_path, arguments)
    with pytest.raises(FileNotFoundError, match=r"ema-full-1.*substitute --preset smoke .*--trials 2`"):
        run(Adaptation, tmp_path, arguments, trials=2)


def test_commands_print_their_phase_and_the_table_prints_all(tmp_path, arguments, capsys):
    where = ["--preset", "smoke", "--out", str(tmp_path)]
    given = [*where, *(f"--{key}={value}" for key, value in arguments.items()), "--jobs", "1"]
    assert main(["adapt", *given]) == 1
    assert "run `python -m empirical substitute" in capsys.readouterr().err
    for command in ("substitute", "adapt", "joint"):
        assert main([command, *given]) == 0
    capsys.readouterr()
    main(["table", *where])
    comparison = capsys.readouterr().out.split("\n\n")[0]
    lines = [line.split()[:3] for line in comparison.splitlines()[1:]]
    assert lines == [
        [method, "full", phase]
        for method in ("ema", "fsq")
        for phase in ("substitution", "adaptation", "joint")
    ]
