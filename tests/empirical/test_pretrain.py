import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from empirical import pretrain as module
from empirical.data import load_images
from empirical.pretrain import PRESETS, PretrainConfig, pretrain, reconstruction_loss
from empirical.tokenizers import PocketTokenizer
from qtheory.errors import DomainError, SchemaError


@pytest.fixture
def config(tmp_path):
    """Return a configuration of a second or so, on four small gradients with noise."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        ramp = np.linspace(0, 40 * (i + 1), 24)[:, None, None] + rng.uniform(0, 60, (24, 24, 3))
        PilImage.fromarray(ramp.astype(np.uint8)).save(folder / f"{i}.png")
    return PretrainConfig(
        steps=8,
        batch_size=3,
        crop=16,
        width=8,
        threads=1,
        checkpoint_every=3,
        data=folder,
        out=tmp_path / "straight",
    )


def stop_before(monkeypatch, last, error):
    """Let training raise at the step `last`, counted from 0."""
    original = module._step

    def step(*arguments):
        if arguments[-1] == last:
            return error()
        return original(*arguments)

    monkeypatch.setattr(module, "_step", step)


def interrupt():
    raise KeyboardInterrupt


def test_in_bfloat16_the_steps_are_nearly_those_in_float32_and_the_weights_stay_float32(config, tmp_path):
    def weights(bf16):
        made = pretrain(replace(config, steps=1, bf16=bf16, out=tmp_path / f"bf16={bf16}"))
        return PocketTokenizer.from_checkpoint(made).state_dict()

    coarse, fine = weights(True), weights(False)
    variance = "encoder.8.running_var"
    assert all(tensor.dtype == fine[name].dtype for name, tensor in coarse.items())
    assert not torch.equal(coarse[variance], fine[variance])
    torch.testing.assert_close(coarse[variance], fine[variance], rtol=0, atol=1e-3)


@pytest.mark.parametrize("last", [0, 2, 5, 7])
def test_a_resumed_run_equals_a_straight_one_bit_for_bit(config, tmp_path, monkeypatch, last):
    straight = pretrain(config)
    resumed = replace(config, out=tmp_path / "resumed")
    with monkeypatch.context() as patch:
        stop_before(patch, last, interrupt)
        with pytest.raises(KeyboardInterrupt):
            pretrain(resumed)
    assert not (resumed.out / "tokenizer.safetensors").exists()
    with (resumed.out / "log.jsonl").open("a") as file:
        file.write('{"step": 9, "lo')  # as a kill leaves it
    assert pretrain(resumed).read_bytes() == straight.read_bytes()
    logs = [(c.out / "log.jsonl").read_text() for c in (config, resumed)]
    assert logs[0] == logs[1]


def test_another_seed_gives_other_weights(config, tmp_path):
    other = replace(config, seed=1, out=tmp_path / "other")
    assert pretrain(config).read_bytes() != pretrain(other).read_bytes()


def test_the_global_random_state_is_neither_used_nor_changed(config, tmp_path):
    torch.manual_seed(1)
    first = pretrain(config).read_bytes()
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)
    assert pretrain(replace(config, out=tmp_path / "again")).read_bytes() == first


def test_training_reduces_the_error(config, tmp_path):
    def error(steps):
        trained = replace(config, steps=steps, batch_size=8, learning_rate=3e-3, out=tmp_path / f"{steps}")
        manifest = json.loads(pretrain(trained).with_suffix(".json").read_text())
        return manifest["measured"]["train"]["clean"]["mse"]

    # the running moments of the latents need some hundred steps
    assert error(300) < 0.5 * error(1)


def test_the_manifest_describes_and_vouches_for_the_weights(config):
    path = pretrain(config)
    manifest = json.loads(path.with_suffix(".json").read_text())
    tokenizer = PocketTokenizer.from_checkpoint(path, manifest["sha256"])
    assert manifest["parameters"] == sum(parameter.numel() for parameter in tokenizer.parameters())
    assert manifest["configuration"]["steps"] == 8
    assert manifest["device"] == "cpu"
    assert "data" not in manifest["configuration"]
    assert manifest["images"] == load_images(config.data).manifest
    assert len(manifest["heldout_photographs"]) == manifest["measured"]["heldout"]["photographs"] == 1
    assert len(manifest["measured"]["train"]["latent_variance"]) == 16


@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
def test_cuda_on_a_machine_without_it_is_refused_before_any_work(config):
    with pytest.raises(DomainError, match="device must be available, got cuda"):
        pretrain(replace(config, device="cuda"))
    assert not config.out.exists()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_the_first_step_is_nearly_that_of_the_cpu(config, tmp_path):
    def weights(device):
        made = pretrain(replace(config, steps=1, device=device, out=tmp_path / device))
        return PocketTokenizer.from_checkpoint(made).state_dict()

    cuda = weights("cuda")
    for name, tensor in weights("cpu").items():
        torch.testing.assert_close(cuda[name], tensor, rtol=0, atol=2e-3, msg=name)


def test_a_loss_that_is_not_finite_stops_training_and_keeps_the_last_good_state(config, monkeypatch):
    stop_before(monkeypatch, 7, lambda: float("nan"))
    with pytest.raises(FloatingPointError, match="step 8 is not finite"):
        pretrain(config)
    assert not (config.out / "tokenizer.safetensors").exists()
    tensors, metadata = module.checkpoint.load(config.out / "state.safetensors")
    assert metadata["step"] == "6"
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_a_step_whose_gradient_is_not_finite_changes_nothing(config):
    tokenizer = PocketTokenizer(8)
    with torch.no_grad():
        tokenizer.decoder[0].bias.fill_(torch.inf)
    before = {name: value.clone() for name, value in tokenizer.named_parameters()}
    optimizer = torch.optim.AdamW(tokenizer.parameters())
    assert np.isnan(module._step(tokenizer, optimizer, load_images(config.data).images, config, 0))
    assert all(torch.equal(value, before[name]) for name, value in tokenizer.named_parameters())


def test_the_state_of_another_configuration_or_other_photographs_is_refused(config):
    pretrain(config)
    with pytest.raises(SchemaError, match="another configuration"):
        pretrain(replace(config, learning_rate=1e-4))
    PilImage.new("RGB", (24, 24)).save(config.data / "0.png")
    with pytest.raises(SchemaError, match="other photographs"):
        pretrain(config)


@pytest.mark.parametrize(
    ("field", "value"), [("steps", 0), ("batch_size", 1.5), ("learning_rate", 0), ("noise_max", -1)]
)
def test_configurations_out_of_range_are_refused(field, value):
    with pytest.raises(DomainError, match=field):
        replace(PRESETS["smoke"], **{field: value})


def test_the_loss_is_zero_for_equal_images_and_as_computed_by_hand():
    x = torch.zeros(1, 3, 2, 2)
    assert reconstruction_loss(x, x, 1.0) == 0
    x_hat = x.clone()
    x_hat[:, :, 0, 0] = 2
    # squares: 4 of 4 pixels' mean is 1; differences: |2|, 0 along each of two axes
    assert reconstruction_loss(x_hat, x, 0.5) == pytest.approx(1 + 0.5 * (1 + 1))
