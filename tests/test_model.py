"""The whole model against the two implementations that people use, on the same weights; its size; its temperature."""

import math

import open_clip
import pytest
import torch
from transformers import CLIPConfig as TheirConfig
from transformers import CLIPModel

from clip_tutor.losses import contrastive_loss
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import TextConfig, ViTConfig

E, V, T, SIZE = 24, 600, 16, 32
CONFIG = CLIPConfig(
    embed_dim=E,
    vision=ViTConfig(image_size=SIZE, patch_size=8, width=64, layers=2, heads=4),
    text=TextConfig(vocab_size=V, context_length=T, width=48, layers=3, heads=4),
)

OPEN_CLIP_NAMES = {
    "image_tower.class_token": "visual.class_embedding",
    "image_tower.stem.embed": "visual.conv1",
    "image_tower.positions": "visual.positional_embedding",
    "image_tower.projection": "visual.proj",
    "image_tower.blocks": "visual.transformer.resblocks",
    "image_tower": "visual",
    "text_tower.token_embedding": "token_embedding",
    "text_tower.positions": "positional_embedding",
    "text_tower.projection": "text_projection",
    "text_tower.blocks": "transformer.resblocks",
    "text_tower.ln_final": "ln_final",
    "log_logit_scale": "logit_scale",
    "attention.qkv.": "attn.in_proj_",
    "attention.out": "attn.out_proj",
    "mlp.expand": "mlp.c_fc",
    "mlp.contract": "mlp.c_proj",
}
TRANSFORMERS_NAMES = {
    "image_tower.class_token": "vision_model.embeddings.class_embedding",
    "image_tower.stem.embed": "vision_model.embeddings.patch_embedding",
    "image_tower.positions": "vision_model.embeddings.position_embedding.weight",
    "image_tower.ln_pre": "vision_model.pre_layrnorm",
    "image_tower.ln_post": "vision_model.post_layernorm",
    "image_tower.projection": "visual_projection.weight",
    "image_tower.blocks": "vision_model.encoder.layers",
    "text_tower.token_embedding": "text_model.embeddings.token_embedding",
    "text_tower.positions": "text_model.embeddings.position_embedding.weight",
    "text_tower.projection": "text_projection.weight",
    "text_tower.blocks": "text_model.encoder.layers",
    "text_tower.ln_final": "text_model.final_layer_norm",
    "log_logit_scale": "logit_scale",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attention.out": "self_attn.out_proj",
    "mlp.expand": "mlp.fc1",
    "mlp.contract": "mlp.fc2",
}


def renamed(name: str, table: dict[str, str]) -> str:
    for ours, theirs in table.items():
        name = name.replace(ours, theirs)
    return name


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


def agrees(ours: CLIP, pixels: torch.Tensor, ids: torch.Tensor, images, texts, logits) -> None:
    close = {"atol": 1e-5, "rtol": 1e-5}
    torch.testing.assert_close(ours.encode_image(pixels), images, **close)
    torch.testing.assert_close(ours.encode_text(ids), texts, **close)
    image_features, text_features, scale = ours(pixels, ids)
    torch.testing.assert_close(scale * image_features @ text_features.T, logits, atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_equal_to_open_clip(ours, pixels, ids):
    theirs = open_clip.model.CLIP(
        embed_dim=E,
        vision_cfg=open_clip.CLIPVisionCfg(layers=2, width=64, head_width=16, patch_size=8, image_size=SIZE),
        text_cfg=open_clip.CLIPTextCfg(context_length=T, vocab_size=V, width=48, heads=4, layers=3),
        quick_gelu=True,
    ).eval()
    theirs.load_state_dict({renamed(name, OPEN_CLIP_NAMES): tensor for name, tensor in ours.state_dict().items()})
    logits, _ = theirs.get_logits(pixels, ids)
    agrees(ours, pixels, ids, theirs.encode_image(pixels), theirs.encode_text(ids), logits)


@torch.no_grad()
def test_equal_to_transformers(ours, pixels, ids):
    towers = {"projection_dim": E, "num_attention_heads": 4, "hidden_act": "quick_gelu"}
    text = {"vocab_size": V, "hidden_size": 48, "intermediate_size": 192, "num_hidden_layers": 3}
    text |= {"max_position_embeddings": T, "bos_token_id": V - 2, "eos_token_id": V - 1, "pad_token_id": 0}
    vision = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "image_size": SIZE, "patch_size": 8}
    theirs = CLIPModel(TheirConfig(text_config=towers | text, vision_config=towers | vision, projection_dim=E)).eval()
    weights = {}
    for name, tensor in ours.state_dict().items():
        if name.endswith("projection"):
            tensor = tensor.T  # kept as a Linear layer there
        parts = {"attention.qkv": tensor}
        if "attention.qkv" in name:
            parts = dict(
                zip(("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), tensor.chunk(3), strict=True)
            )
        for part, values in parts.items():
            weights[renamed(name.replace("attention.qkv", part), TRANSFORMERS_NAMES)] = values
    theirs.load_state_dict(weights)
    # Features before they are brought to unit length, as their two projections give them.
    images = theirs.visual_projection(theirs.vision_model(pixel_values=pixels).pooler_output)
    texts = theirs.text_projection(theirs.text_model(input_ids=ids).pooler_output)
    agrees(ours, pixels, ids, images, texts, theirs(input_ids=ids, pixel_values=pixels).logits_per_image)


@torch.no_grad()
def test_the_forward_pass_gives_unit_vectors(ours, pixels, ids):
    image_features, text_features, logit_scale = ours(pixels, ids)
    for features, raw in ((image_features, ours.encode_image(pixels)), (text_features, ours.encode_text(ids))):
        torch.testing.assert_close(features.norm(dim=1), torch.ones(5))
        torch.testing.assert_close(features * raw.norm(dim=1, keepdim=True), raw)
    torch.testing.assert_close(ours.encode_image(pixels, normalize=True), image_features)
    torch.testing.assert_close(ours.encode_text(ids, normalize=True), text_features)
    assert logit_scale == ours.log_logit_scale.exp()


@pytest.mark.parametrize(
    ("vision", "text", "embed_dim", "parameters"),
    [
        (ViTConfig(224, 32, 768, 12, 12), TextConfig(49_408, 77, 512, 12, 8), 512, 151_277_313),
        (ViTConfig(224, 16, 768, 12, 12), TextConfig(49_408, 77, 512, 12, 8), 512, 149_620_737),
        (ViTConfig(224, 14, 1024, 24, 16), TextConfig(49_408, 77, 768, 12, 12), 768, 427_616_513),
        (ViTConfig(336, 14, 1024, 24, 16), TextConfig(49_408, 77, 768, 12, 12), 768, 427_944_193),
    ],
    ids=["ViT-B/32", "ViT-B/16", "ViT-L/14", "ViT-L/14@336px"],
)
def test_parameter_counts_are_the_published_ones(vision, text, embed_dim, parameters):
    with torch.device("meta"):  # shapes without numbers
        model = CLIP(CLIPConfig(embed_dim, vision, text))
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


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
        contrastive_loss(*model(pixels, ids)).backward()
        assert model.log_logit_scale.grad.item() > 0.01, "a gradient of zero would hold it there for ever"
        optimizer.step()
        optimizer.zero_grad()
        assert model.log_logit_scale.item() < math.log(100) + above
