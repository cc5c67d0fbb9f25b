"""What bfloat16 of tokenizer and heads spares in all phases: quantizers, latents and their errors."""

from dataclasses import replace

import pytest
import torch

from empirical.adapt import AdaptationObjective
from empirical.head import Transplant, build_transplant
from empirical.joint import JointObjective
from empirical.protocol import ADAPTATION, JOINT, RECIPES
from empirical.quantizers import Quantizer
from empirical.runtime import Runtime
from empirical.substitute import SubstitutionObjective
from empirical.tokenizers import PocketTokenizer

PHASES = ("substitution", "adaptation", "joint")


def made(phase, method, crops):
    """Return the objective of a phase, on latents that are there or, if joint, made in the step."""
    transplant = build_transplant(
        method,
        "full",
        channels=16,
        codebook_size=256,
        width=8,
        protocol="fair",
        generator=torch.Generator().manual_seed(0),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = PocketTokenizer(8).eval()
    with torch.no_grad():
        z_e = tokenizer.encode(crops)
        transplant.train()(z_e)  # codebooks on data
    if phase == "substitution":
        return SubstitutionObjective(transplant, tokenizer, z_e, crops, replace(RECIPES["fair"], pixel=1.0))
    if phase == "adaptation":
        return AdaptationObjective(transplant, tokenizer, crops, ADAPTATION["fair"], z_e)
    return JointObjective(transplant, tokenizer, crops, JOINT)


def watched(objective, monkeypatch):
    """Return a list to which each place adds its name and the tensors that go in and come out."""
    seen = []

    def at(name, module, method, out):
        original = getattr(module, method)

        def called(z):
            result = original(z)
            seen.append((name, z.detach(), out(result).detach()))
            return result

        monkeypatch.setattr(module, method, called)

    at("transplant", objective.transplant, "forward", lambda result: result.y)
    for quantizer in objective.transplant.quantizers:
        at("quantizer", quantizer, "forward", lambda result: result.z_q)
    at("decoder", objective.tokenizer, "decode", lambda x_hat: x_hat)
    return seen


@pytest.mark.parametrize("method", ["vanilla", "fsq"])
@pytest.mark.parametrize("phase", PHASES)
def test_quantizers_latent_terms_and_the_decoder_get_float32(phase, method, monkeypatch):
    objective = made(phase, method, torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert isinstance(objective.transplant, Transplant)
    assert all(isinstance(quantizer, Quantizer) for quantizer in objective.transplant.quantizers)
    objective.train(True)
    seen = watched(objective, monkeypatch)
    with Runtime(bf16=True).autocast():
        loss = objective.loss(torch.arange(4))
    assert loss.dtype == torch.float32
    loss.backward()
    # a latent term compares what goes into the transplant with what comes out
    found = {(name, z.dtype, out.dtype) for name, z, out in seen if name != "decoder"}
    assert found == {(name, torch.float32, torch.float32) for name in ("transplant", "quantizer")}
    decoded = [(z.dtype, x_hat.dtype) for name, z, x_hat in seen if name == "decoder"]
    assert decoded == [(torch.float32, torch.bfloat16)]  # its convolutions are in bfloat16 all the same
    if method == "vanilla":  # latents plus a residual, and codewords, are not rounded to bfloat16
        for z, out in ((z, out) for name, z, out in seen if name == "quantizer"):
            assert not torch.equal(z, z.bfloat16().float())
            assert not torch.equal(out, out.bfloat16().float())
