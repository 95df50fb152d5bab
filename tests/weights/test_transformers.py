"""Checkpoints in the layout of transformers, written by transformers itself: CLIP, SigLIP, SigLIP 2 and ALIGN."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from torch import Tensor

from clip_tutor import zoo
from clip_tutor.images import SIGLIP_PREPROCESSING
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.patches import Patches
from clip_tutor.towers import BertConfig, EfficientNetConfig, TextConfig, ViTConfig
from clip_tutor.weights.files import read_tensors
from clip_tutor.weights.loading import assemble
from tests.towers.columns import PUBLISHED_ERRS, REASON
from tests.weights.conftest import shake, some_ids, some_pixels

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
V, T = 600, 12


def through_a_file(theirs: transformers.PreTrainedModel, config: CLIPConfig, folder: Path) -> CLIP:
    """Return our model from the file that theirs writes."""
    theirs.save_pretrained(folder)
    tensors, _ = read_tensors(folder / "model.safetensors")
    return assemble(config, tensors, folder)


@torch.no_grad()
def agree(theirs: transformers.PreTrainedModel, ours: CLIP, pixels: Tensor, ids: Tensor, **extra: Tensor) -> None:
    out = theirs(input_ids=ids, pixel_values=pixels, **extra)
    images, texts = ours.encode_image(pixels, normalize=True), ours.encode_text(ids, normalize=True)
    torch.testing.assert_close(images, out.image_embeds, **CLOSE)
    torch.testing.assert_close(texts, out.text_embeds, **CLOSE)
    torch.testing.assert_close(ours.logits(images, texts), out.logits_per_image, atol=1e-4, rtol=1e-5)


def test_clip(tmp_path: Path):
    towers = {"projection_dim": 24, "num_attention_heads": 4, "hidden_act": "quick_gelu", "num_hidden_layers": 2}
    text = {"vocab_size": V, "hidden_size": 48, "intermediate_size": 192, "max_position_embeddings": T}
    text |= {"eos_token_id": V - 1, "bos_token_id": V - 2, "pad_token_id": 0}
    vision = {"hidden_size": 64, "intermediate_size": 256, "image_size": 32, "patch_size": 8}
    theirs = transformers.CLIPModel(
        transformers.CLIPConfig(text_config=towers | text, vision_config=towers | vision, projection_dim=24)
    )
    config = CLIPConfig(24, ViTConfig(32, 8, 64, 2, 4), TextConfig(V, T, 48, 2, 4))
    ours = through_a_file(shake(theirs), config, tmp_path)
    agree(theirs, ours, some_pixels(config), some_ids(config))


def siglip(context_length: int = T) -> tuple[dict, dict, CLIPConfig]:
    """Return a small SigLIP: their text and vision settings, and our config."""
    towers = {"hidden_size": 48, "intermediate_size": 100, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = towers | {"vocab_size": V, "max_position_embeddings": context_length, "pad_token_id": 1}
    text |= {"bos_token_id": 2, "eos_token_id": 1}
    like_google = zoo.config("SigLIP-B/16-224")
    shape = {"width": 48, "layers": 2, "heads": 4, "mlp_width": 100}
    config = CLIPConfig(
        48,
        replace(like_google.vision, image_size=38, patch_size=8, **shape),  # 6 pixels are left over, as in SO400M/14
        replace(like_google.text, vocab_size=V, context_length=context_length, **shape),
        SIGLIP_PREPROCESSING,
        logit_scale=10.0,
        logit_bias=-10.0,
    )
    return text, towers | {"image_size": 38, "patch_size": 8}, config


def test_siglip(tmp_path: Path):
    text, vision, config = siglip()
    theirs = transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision))
    ours = through_a_file(shake(theirs), config, tmp_path)
    agree(theirs, ours, some_pixels(config), torch.randint(0, V, (2, T)))


@pytest.mark.skipif(PUBLISHED_ERRS, reason=REASON)
def test_siglip_2_naflex(tmp_path: Path):
    text, vision, config = siglip()
    vision = vision | {"num_patches": 16, "patch_size": 8}
    theirs = transformers.Siglip2Model(transformers.Siglip2Config(text_config=text, vision_config=vision))
    naflex = replace(
        zoo.config("SigLIP2-B/16-NaFlex").vision, patch_size=8, grid_size=4, width=48, layers=2, heads=4, mlp_width=100
    )
    config = replace(config, vision=naflex)
    ours = through_a_file(shake(theirs), config, tmp_path)
    ids = torch.randint(0, V, (3, T))
    patches = torch.randn(3, 16, 3 * 8 * 8)
    shapes = torch.tensor([[4, 4], [2, 7], [5, 1]])
    mask = torch.arange(16) < shapes.prod(dim=1)[:, None]
    with torch.no_grad():
        out = theirs(ids, pixel_values=patches, pixel_attention_mask=mask, spatial_shapes=shapes)
        images = ours.encode_image(Patches(patches, mask, shapes), normalize=True)
        texts = ours.encode_text(ids, normalize=True)
        torch.testing.assert_close(images, out.image_embeds, **CLOSE)
        torch.testing.assert_close(texts, out.text_embeds, **CLOSE)
        torch.testing.assert_close(ours.logits(images, texts), out.logits_per_image, atol=1e-4, rtol=1e-5)


@pytest.mark.slow
def test_align(tmp_path: Path):
    text = {"vocab_size": V, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    text |= {"intermediate_size": 100, "max_position_embeddings": 40}
    vision = {"width_coefficient": 0.5, "depth_coefficient": 0.5, "image_size": 64}
    theirs = transformers.AlignModel(
        transformers.AlignConfig(text_config=text, vision_config=vision, projection_dim=160, temperature_init_value=0.3)
    )
    config = CLIPConfig(
        160,
        EfficientNetConfig(64, width=0.5, depth=0.5),
        BertConfig(V, context_length=T, max_positions=40, width=48, layers=2, heads=4, mlp_width=100),
    )
    # Let BatchNorm see a batch first: with its first figures, all images fade to nearly one vector.
    theirs.train().vision_model(some_pixels(config, count=8))
    ours = through_a_file(shake(theirs), config, tmp_path)
    ids = torch.randint(1, V, (2, T))
    ids[0, 5:] = 0
    agree(theirs, ours, some_pixels(config), ids, attention_mask=(ids != 0).long())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SigLIP-B/16-224", "SigLIP-SO400M/14-224"])
def test_parameter_counts_of_siglip(name: str):
    config = zoo.config(name)
    shape = {
        "hidden_size": config.embed_dim,
        "intermediate_size": config.vision.mlp_width,
        "num_hidden_layers": config.vision.layers,
        "num_attention_heads": config.vision.heads,
    }
    text = shape | {"vocab_size": 32_000, "max_position_embeddings": config.text.context_length}
    vision = shape | {"image_size": 224, "patch_size": config.vision.patch_size}
    with torch.device("meta"):
        theirs = transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision))
    assert zoo.parameter_counts(name).total == sum(p.numel() for p in theirs.parameters())


def test_parameter_count_of_align():
    with torch.device("meta"):
        theirs = transformers.AlignModel(transformers.AlignConfig())
    pooler = sum(p.numel() for p in theirs.text_model.pooler.parameters())  # which ALIGN never reads
    assert zoo.parameter_counts("ALIGN-base").total == sum(p.numel() for p in theirs.parameters()) - pooler
