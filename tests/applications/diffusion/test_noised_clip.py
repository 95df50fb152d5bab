"""A CLIP that reads noisy images, and how its gradient steers DDIM."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.applications.diffusion import (
    NoisedCLIPConfig,
    NoisedImageTower,
    clip_gradient,
    load_noised_clip,
    move,
    noised_clip_loss,
    sample,
    sample_with_clip,
    save_noised_clip,
    text_origin,
    timestep_embedding,
    unnoised,
)
from clip_tutor.losses import contrastive_loss
from clip_tutor.weights import save
from tests.applications.diffusion.conftest import D, T

E = 16
NOISY = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
STATES = torch.randn(3, T, D, generator=torch.Generator().manual_seed(2))
TEXTS = F.normalize(torch.randn(3, E, generator=torch.Generator().manual_seed(3)), dim=-1)
TIMES = torch.tensor([0, 499, 999])


def seed(number: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.fixture
def tower() -> NoisedImageTower:
    """A small one, with weights that say something."""
    torch.manual_seed(0)
    return NoisedImageTower(NoisedCLIPConfig(E, image_size=16, width=24, layers=2, heads=2)).eval()


@torch.no_grad()
def test_at_one_timestep_it_is_the_kits_vit_with_the_time_as_class_token(tower):
    vit = NoisedImageTower(tower.config).vit
    tokens = tower.time(timestep_embedding(TIMES, 24))  # (B, D)
    state = tower.vit.state_dict()
    vit.load_state_dict(state)
    for image, t, token, vector in zip(NOISY, TIMES, tokens, tower(NOISY, TIMES), strict=True):
        vit.cls_token = torch.nn.Parameter(token)
        torch.testing.assert_close(F.normalize(vit(image[None])[0], dim=0), vector, atol=1e-5, rtol=1e-5)
        assert 0 <= t <= 999


def test_every_weight_learns_and_there_is_no_class_token(tower):
    noised_clip_loss(tower, NOISY, TEXTS, 10.0, seed()).backward()
    assert [name for name, p in tower.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert "vit.cls_token" not in tower.state_dict()


def test_the_loss_is_the_contrastive_one_of_images_with_noise_in_them(tower):
    heard = []
    handle = tower.register_forward_hook(lambda _, arguments, output: heard.append((*arguments, output)))
    x0 = torch.ones(2000, 3, 16, 16)
    loss = noised_clip_loss(tower, x0[:3], TEXTS, 10.0, seed())
    torch.testing.assert_close(loss, contrastive_loss(heard[0][2], TEXTS, 10.0))
    handle.remove()
    tower.register_forward_pre_hook(lambda _, arguments: heard.append(arguments))
    with torch.no_grad():
        noised_clip_loss(tower, x0, F.normalize(torch.randn(2000, E), dim=1), 10.0, seed())
    noisy, t = heard[-1]
    assert t.min() < 5 and t.max() > 995
    alpha_bar = tower.alphas_cumprod[t][:, None, None, None]
    noise = (noisy - alpha_bar.sqrt()) / (1 - alpha_bar).sqrt()
    assert 0.98 < noise.std() < 1.02 and abs(noise.mean()) < 0.02


def test_the_gradient_is_that_of_the_logit(tower):
    """As many small steps in two directions say: each image's own logit, and no other's."""
    tower.double()
    noisy, texts = NOISY.double(), TEXTS.double()
    gradient = clip_gradient(tower, noisy, TIMES, texts, 20.0)
    direction = torch.randn(NOISY.shape, generator=seed(4)).double()
    with torch.no_grad():
        ahead, behind = (20 * (tower(noisy + by * direction, TIMES) * texts).sum(dim=1) for by in (1e-5, -1e-5))
    torch.testing.assert_close((gradient * direction).sum(dim=(1, 2, 3)), (ahead - behind) / 2e-5, atol=1e-5, rtol=1e-5)


def test_an_ordinary_clip_sees_the_noisy_image_at_its_own_size(make_model):
    clip = make_model().eval()  # reads 32 × 32
    flat = torch.full((2, 3, 16, 16), 0.5)
    expected = clip.encode_image(clip.config.preprocessing.normalize(torch.full((2, 3, 32, 32), 0.75)), normalize=True)
    torch.testing.assert_close(unnoised(clip)(flat, TIMES[:2]), expected, atol=1e-5, rtol=1e-5)
    assert clip_gradient(unnoised(clip), NOISY, TIMES, TEXTS, 20.0).abs().amax(dim=(1, 2, 3)).min() > 1e-6


def test_the_image_moves_as_in_glide():
    """Its rule for the noise and its formulas between noise and x_0, written out."""
    alpha_bar = torch.tensor(0.6)
    x0, gradient = 0.1 * NOISY.clamp(-1, 1), 0.05 * torch.randn(NOISY.shape, generator=seed())
    recip, recip_minus_1 = (1 / alpha_bar).sqrt(), (1 / alpha_bar - 1).sqrt()
    epsilon = (recip * NOISY - x0) / recip_minus_1
    epsilon = epsilon - (1 - alpha_bar).sqrt() * 3.0 * gradient
    expected = (recip * NOISY - recip_minus_1 * epsilon).clamp(-1, 1)
    torch.testing.assert_close(move(x0, gradient, alpha_bar, 3.0), expected, atol=1e-5, rtol=1e-5)
    assert move(x0, 1e4 * gradient, alpha_bar, 3.0).abs().max() == 1


def test_guidance_leads_to_the_text_and_none_leaves_the_denoiser_alone(tower, make_denoiser):
    """What leads there is a tower that likes images the brighter the text asks for it."""
    denoiser = make_denoiser(moved=0.05)

    def brightness(noisy, t):
        mean = noisy.mean(dim=(1, 2, 3))
        return torch.stack([mean, torch.zeros_like(mean)], dim=1)

    texts = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    plain = sample(denoiser, STATES, STATES[:1], 5, 1.0, seed())
    torch.testing.assert_close(
        sample_with_clip(denoiser, STATES, brightness, texts, 50.0, 5, 0.0, seed()), plain, atol=1e-5, rtol=1e-5
    )
    guided = sample_with_clip(denoiser, STATES, brightness, texts, 50.0, 5, 10.0, seed())
    change = (guided - plain).mean(dim=(1, 2, 3))
    assert change[0] > 0.05 and change[1] < -0.05 and abs(change[2]) < 1e-5
    assert not guided.requires_grad and guided.abs().max() <= 1


def test_what_does_not_go_together_is_refused(tower, make_denoiser):
    denoiser = make_denoiser()
    with pytest.raises(ValueError, match="trained with the schedule 'cosine' and the denoiser with 'linear'"):
        sample_with_clip(make_denoiser(schedule="linear"), STATES, tower, TEXTS, 1.0, 5, 1.0, seed())
    with pytest.raises(ValueError, match="2 texts for the CLIP and states of 3 captions: one of each"):
        sample_with_clip(denoiser, STATES, tower, TEXTS[:2], 1.0, 5, 1.0, seed())
    with pytest.raises(ValueError, match=r"a scale of -1.0 leads away from the text"):
        sample_with_clip(denoiser, STATES, tower, TEXTS, 1.0, 5, -1.0, seed())
    with pytest.raises(ValueError, match="0 steps, and a schedule has 1000"):
        sample_with_clip(denoiser, STATES, tower, TEXTS, 1.0, 0, 1.0, seed())
    with pytest.raises(ValueError, match=r"this tower reads images of shape \(B, 3, 16, 16\)"):
        tower(torch.zeros(1, 3, 32, 32), TIMES[:1])


def test_a_noised_clip_in_a_file_belongs_to_one_clip(tower, tmp_path: Path, make_model, tokenizer):
    clip, path = tmp_path / "clip.safetensors", tmp_path / "noised.safetensors"
    save(clip, make_model(), tokenizer)
    save_noised_clip(path, tower.half().float(), text_origin(str(clip), make_model()), {"made": "today"})
    loaded = load_noised_clip(path)
    assert loaded.notes == {"made": "today"} and not loaded.tower.training
    tower.alphas_cumprod = loaded.tower.alphas_cumprod
    with torch.no_grad():
        torch.testing.assert_close(loaded.tower(NOISY, TIMES), tower(NOISY, TIMES))
    save_noised_clip(path, tower, text_origin(str(clip), make_model(seed=1)))
    with pytest.raises(ValueError, match="trained on what another CLIP says"):
        load_noised_clip(path)
