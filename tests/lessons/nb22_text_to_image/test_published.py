"""States handed to a U-Net of diffusers are drawn as its own pipeline draws them."""

from pathlib import Path

import diffusers
import pytest
import torch

from clip_tutor.lessons.nb22_text_to_image.published import draw_published, weights_at_hand

T, D = 6, 16


@pytest.mark.slow
def test_what_is_drawn_equals_diffusers_pipeline():
    """With random weights; the pipeline is told the states in the place of a prompt."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        cross_attention_dim=D,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).eval()
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
    ).eval()
    scheduler = diffusers.DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)
    states, null = torch.randn(2, T, D), torch.randn(1, T, D)
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        prompt_embeds=states,
        negative_prompt_embeds=null.expand_as(states),
        num_inference_steps=4,
        guidance_scale=5.0,
        height=16,
        width=16,
        generator=torch.Generator().manual_seed(1),
        output_type="pt",
    ).images
    found = draw_published(unet, vae, scheduler, states, null, 4, 5.0, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_weights_are_looked_for_on_this_machine_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--somebody--something"
    assert not weights_at_hand("somebody/something")
    (folder / "snapshots" / "abc" / "unet").mkdir(parents=True)
    (folder / "snapshots" / "abc" / "unet" / "config.json").write_text("{}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    assert weights_at_hand("somebody/something")
