"""The whole model against OpenCLIP on the same weights; its temperature and its bias. More in tests/weights."""

import math
from dataclasses import replace

import open_clip
import pytest
import torch

from clip_tutor.losses import contrastive_loss
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import BertConfig, TextConfig, ViTConfig
from clip_tutor.weights.loading import assemble

E, V, T, SIZE = 24, 600, 16, 32
CONFIG = CLIPConfig(
    embed_dim=E,
    vision=ViTConfig(image_size=SIZE, patch_size=8, width=64, layers=2, heads=4),
    text=TextConfig(vocab_size=V, context_length=T, width=48, layers=3, heads=4),
)


@pytest.fixture(scope="module")
def ours() -> CLIP:
    """A model none of whose weights is 0 or 1, as gains and biases are at first."""
    torch.manual_seed(0)
    model = CLIP(CONFIG).eval()
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn(5, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    """Captions of 1 to 14 words between the marks, the longest filling its row."""
    rows = torch.randint(1, V - 2, (5, T), generator=torch.Generator().manual_seed(2))
    rows[:, 0] = V - 2
    for row, length in zip(rows, (1, 3, 8, 13, 14), strict=True):
        row[length + 1] = V - 1
        row[length + 2 :] = 0
    return rows


@torch.no_grad()
def test_equal_to_open_clip(pixels, ids):
    torch.manual_seed(0)
    theirs = open_clip.model.CLIP(
        embed_dim=E,
        vision_cfg=open_clip.CLIPVisionCfg(layers=2, width=64, head_width=16, patch_size=8, image_size=SIZE),
        text_cfg=open_clip.CLIPTextCfg(context_length=T, vocab_size=V, width=48, heads=4, layers=3),
        quick_gelu=True,
    ).eval()
    ours = assemble(CONFIG, theirs.state_dict(), "OpenCLIP's")
    close = {"atol": 1e-5, "rtol": 1e-5}
    torch.testing.assert_close(ours.encode_image(pixels), theirs.encode_image(pixels), **close)
    torch.testing.assert_close(ours.encode_text(ids), theirs.encode_text(ids), **close)
    image_features, text_features, *_ = ours(pixels, ids)
    logits, _ = theirs.get_logits(pixels, ids)
    torch.testing.assert_close(ours.logits(image_features, text_features), logits, atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_the_forward_pass_gives_unit_vectors(ours, pixels, ids):
    image_features, text_features, logit_scale, logit_bias = ours(pixels, ids)
    for features, raw in ((image_features, ours.encode_image(pixels)), (text_features, ours.encode_text(ids))):
        torch.testing.assert_close(features.norm(dim=1), torch.ones(5))
        torch.testing.assert_close(features * raw.norm(dim=1, keepdim=True), raw)
    torch.testing.assert_close(ours.encode_image(pixels, normalize=True), image_features)
    torch.testing.assert_close(ours.encode_text(ids, normalize=True), text_features)
    assert logit_scale == ours.log_logit_scale.exp()
    assert logit_bias is None


def test_the_forward_pass_gives_the_bias_itself(pixels, ids):
    model = CLIP(replace(CONFIG, logit_bias=-10.0))
    assert model(pixels, ids).logit_bias is model.logit_bias


def test_a_bias_is_added_to_every_logit():
    model = CLIP(replace(CONFIG, logit_scale=10.0, logit_bias=-10.0))
    images, texts = torch.eye(E)[:3], torch.eye(E)[:2]
    expected = 10 * images @ texts.T - 10
    torch.testing.assert_close(model.logits(images, texts), expected)
    assert CLIP(CONFIG).logit_bias is None


def test_the_temperature_starts_at_the_published_value():
    assert CLIP(CONFIG).log_logit_scale.exp().item() == pytest.approx(1 / 0.07)


def test_the_scale_is_held_between_1_and_100():
    model = CLIP(CONFIG)
    for log_scale, held in ((9.0, 100.0), (-3.0, 1.0), (math.log(20), 20.0)):
        model.log_logit_scale.data.fill_(log_scale)
        model.clamp_logit_scale()
        assert model.log_logit_scale.exp().item() == pytest.approx(held)


def test_clamped_scale_can_come_back(pixels, ids):
    """Where sharp answers are wrong answers, the scale must fall from its ceiling, even from above it."""
    torch.manual_seed(0)
    model = CLIP(CONFIG)
    optimizer = torch.optim.SGD([model.log_logit_scale], lr=0.01)
    for above in (0.0, 1.0):
        model.log_logit_scale.data.fill_(math.log(100) + above)
        contrastive_loss(*model(pixels, ids)[:3]).backward()
        assert model.log_logit_scale.grad.item() > 0.01, "a gradient of zero would hold it there for ever"
        optimizer.step()
        optimizer.zero_grad()
        assert model.log_logit_scale.item() < math.log(100) + above


def test_token_states_are_the_text_towers(ours, ids):
    for layer in (-1, -2):
        assert torch.equal(ours.encode_text_states(ids, layer), ours.text_tower.encode_text_states(ids, layer))


def test_a_bert_has_no_states_for_stable_diffusion(ids):
    text = BertConfig(V, context_length=T, max_positions=T, width=48, layers=1, heads=4, mlp_width=96)
    with pytest.raises(ValueError, match=r"the text tower is a BertTower, which has no final LayerNorm .* take a CLIP"):
        CLIP(replace(CONFIG, text=text)).encode_text_states(ids)
