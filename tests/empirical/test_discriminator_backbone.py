"""The frozen network of the discriminator: its layout, its file, and what it computes."""

import copy
import math

import pytest
import torch

from empirical.discriminator import Discriminator, ViT
from qtheory.errors import SchemaError
from qtheory.weights import file_sha256
from tests.empirical.discriminators import generator, images, tiny


@pytest.fixture(scope="module")
def small():
    """DINO ViT-S/16 in size, with random weights."""
    return ViT(generator=generator())


def test_sizes_are_the_published_ones(small):
    discriminator = Discriminator(small, generator=generator())
    assert sum(parameter.numel() for parameter in small.parameters()) == 21_665_664
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 7_386_245
    discriminator.eval()
    with torch.no_grad():
        assert discriminator(torch.zeros(1, 3, 224, 224), generator=generator()).shape == (1, 980)


def test_layout_of_the_backbone_is_dinos(small):
    shapes = {key: tuple(value.shape) for key, value in small.state_dict().items()}
    block = {
        "norm1.weight": (384,),
        "norm1.bias": (384,),
        "attn.qkv.weight": (1152, 384),
        "attn.qkv.bias": (1152,),
        "attn.proj.weight": (384, 384),
        "attn.proj.bias": (384,),
        "norm2.weight": (384,),
        "norm2.bias": (384,),
        "mlp.fc1.weight": (1536, 384),
        "mlp.fc1.bias": (1536,),
        "mlp.fc2.weight": (384, 1536),
        "mlp.fc2.bias": (384,),
    }
    expected = {f"blocks.{i}.{key}": shape for i in range(12) for key, shape in block.items()}
    expected |= {"cls_token": (1, 1, 384), "pos_embed": (1, 197, 384)}
    expected |= {"patch_embed.proj.weight": (384, 3, 16, 16), "patch_embed.proj.bias": (384,)}
    expected |= {"norm.weight": (384,), "norm.bias": (384,)}
    assert shapes == expected
    assert len(shapes) == 150


def test_backbone_comes_from_a_verified_file_with_key_biases_at_zero(small, tmp_path):
    path = tmp_path / "dino.pth"
    state = {key: value.clone() for key, value in small.state_dict().items()}
    state["blocks.3.attn.qkv.bias"] = torch.ones(1152)
    torch.save(state, path)
    loaded = ViT.from_file(path, file_sha256(path)).state_dict()
    expected = torch.cat([torch.ones(384), torch.zeros(384), torch.ones(384)])
    assert torch.equal(loaded["blocks.3.attn.qkv.bias"], expected)
    assert torch.equal(loaded["blocks.3.attn.qkv.weight"], state["blocks.3.attn.qkv.weight"])
    for wrong in ("", "abcd"):
        with pytest.raises(SchemaError, match="must have sha256"):
            ViT.from_file(path, wrong)
    torch.save({"teacher": state}, path)
    with pytest.raises(SchemaError, match="flat dict of tensors"):
        ViT.from_file(path, file_sha256(path))
    torch.save({key: state[key] for key in list(state)[1:]}, path)
    with pytest.raises(SchemaError, match="cls_token is missing"):
        ViT.from_file(path, file_sha256(path))


def test_backbone_agrees_with_a_transformer_written_out():
    vit = tiny().backbone
    p = vit.state_dict()
    x = torch.randn(2, 3, 16, 16, generator=generator(1))

    def norm(h, name):
        centred = h - h.mean(-1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()
        return scaled * p[f"{name}.weight"] + p[f"{name}.bias"]

    def linear(h, name):
        return h @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    patches = x.view(2, 3, 4, 4, 4, 4).permute(0, 2, 4, 1, 3, 5).reshape(2, 16, 48)
    embedded = patches @ p["patch_embed.proj.weight"].view(16, 48).T + p["patch_embed.proj.bias"]
    h = torch.cat([p["cls_token"].repeat(2, 1, 1), embedded], 1) + p["pos_embed"]
    hidden = [h]
    for i in range(3):
        q, k, v = linear(norm(h, f"blocks.{i}.norm1"), f"blocks.{i}.attn.qkv").split(16, dim=-1)
        mixed = []
        for s in (slice(0, 8), slice(8, 16)):
            scores = torch.einsum("bqc,bkc->bqk", q[..., s], k[..., s]) / math.sqrt(8)
            mixed.append(scores.softmax(-1) @ v[..., s])
        h = h + linear(torch.cat(mixed, -1), f"blocks.{i}.attn.proj")
        u = linear(norm(h, f"blocks.{i}.norm2"), f"blocks.{i}.mlp.fc1")
        u = 0.5 * u * (1 + torch.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
        h = h + linear(u, f"blocks.{i}.mlp.fc2")
        hidden.append(h)
    read = vit.read_outs(x, (0, 2))
    assert len(read) == 3
    for found, index in zip(read, (0, 1, 3), strict=True):
        expected = (hidden[index][:, 1:] + hidden[index][:, :1]).mT
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_biases_of_keys_have_no_effect():
    vit = tiny().backbone
    other = copy.deepcopy(vit)
    for block in other.blocks:
        block.attn.qkv.bias.data[16:32] = 0.0
    one, two = (model.read_outs(images(side=16), (2,))[1] for model in (vit, other))
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
    for block in other.blocks:
        block.attn.qkv.bias.data[:16] = 0.0  # those of queries have one
    assert not torch.allclose(one, other.read_outs(images(side=16), (2,))[1], rtol=1e-3)


def test_backbone_is_frozen_and_in_no_state():
    discriminator = tiny()
    before = {key: value.clone() for key, value in discriminator.backbone.state_dict().items()}
    assert not any("blocks" in key for key in discriminator.state_dict())
    optimizer = torch.optim.AdamW(discriminator.parameters(), lr=0.1)
    discriminator.train()
    discriminator(images(), generator=generator()).sum().backward()
    optimizer.step()
    assert not discriminator.backbone.training
    assert all(torch.equal(value, before[key]) for key, value in discriminator.backbone.state_dict().items())
    assert discriminator.double().backbone.pos_embed.dtype == torch.float64  # it moves along
