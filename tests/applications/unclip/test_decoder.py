"""The decoder: what it is told, and the ways from an embedding to an image and back."""

import diffusers
import pytest
import torch

from clip_tutor.applications.diffusion import diffusion_loss, sample
from clip_tutor.applications.unclip import decode, interpolate, invert, to_unit
from tests.applications.unclip.conftest import E

NOISY = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
TIMES = torch.tensor([0, 999])
EMBEDDINGS = to_unit(torch.randn(2, E, generator=torch.Generator().manual_seed(2)))


def seed(number: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("way", ["to_tokens", "to_time"])
@torch.no_grad()
def test_the_embedding_comes_in_on_two_ways(make_decoder, way):
    """As four tokens, and beside the time: either alone is enough to make a difference."""
    decoder = make_decoder()
    told = [decoder(NOISY, TIMES, states[:, None]) for states in (EMBEDDINGS, EMBEDDINGS.flip(0))]
    assert (told[0] - told[1]).abs().amax(dim=(1, 2, 3)).min() > 1e-3
    getattr(decoder, way).weight.zero_()
    one_way = [decoder(NOISY, TIMES, states[:, None]) for states in (EMBEDDINGS, EMBEDDINGS.flip(0))]
    assert (one_way[0] - one_way[1]).abs().amax(dim=(1, 2, 3)).min() > 1e-4
    for other in ("to_tokens", "to_time"):
        getattr(decoder, other).weight.zero_()
    assert torch.equal(decoder(NOISY, TIMES, EMBEDDINGS[:, None]), decoder(NOISY, TIMES, -EMBEDDINGS[:, None]))


@torch.no_grad()
def test_attention_chooses_among_four_tokens(make_decoder):
    maps = make_decoder().attention_maps(NOISY, TIMES, EMBEDDINGS[:, None])
    assert {each.shape[-1] for each in maps} == {4}
    assert all(each.std(dim=-1).max() > 1e-3 for each in maps), "with a single token there would be nothing to choose"


def test_every_weight_learns(make_decoder):
    decoder = make_decoder()
    loss = diffusion_loss(decoder, NOISY, EMBEDDINGS[:, None], torch.zeros(1, 1, E), seed(), dropped=0.0)
    loss.backward()
    assert [name for name, p in decoder.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_decoding_is_sampling_with_no_embedding_as_the_other_question(make_decoder):
    decoder = make_decoder()
    images = decode(decoder, EMBEDDINGS, 3, 2.0, seed())
    assert torch.equal(images, sample(decoder, EMBEDDINGS[:, None], torch.zeros(1, 1, E), 3, 2.0, seed()))
    noise = torch.randn(2, 3, 16, 16, generator=seed())
    assert torch.equal(decode(decoder, EMBEDDINGS, 3, 2.0, noise=noise), images)
    for other in (
        decode(decoder, EMBEDDINGS, 3, 2.0, seed(8)),
        decode(decoder, EMBEDDINGS, 3, 1.0, seed()),
        decode(decoder, interpolate(EMBEDDINGS, EMBEDDINGS.flip(0), 0.4), 3, 2.0, seed()),
    ):
        assert (other - images).abs().max() > 1e-3


@torch.no_grad()
def test_the_way_back_equals_diffusers_inverse_ddim(make_decoder):
    decoder = make_decoder(0.05).double()
    images, embeddings = 0.3 * NOISY.double(), EMBEDDINGS.double()
    scheduler = diffusers.DDIMInverseScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
    )
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    scheduler.set_timesteps(5)
    x = images
    for t in scheduler.timesteps:
        x = scheduler.step(decoder(x, t.expand(2), embeddings[:, None]), t, x).prev_sample
    torch.testing.assert_close(invert(decoder, images, embeddings, 5), x, atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_inverted_noise_makes_the_image_again(make_decoder):
    decoder = make_decoder(0.05)
    images = 0.5 * torch.rand(2, 3, 16, 16, generator=seed()) - 0.25
    errors = []
    for steps in (10, 40):
        again = decode(decoder, EMBEDDINGS, steps, 1.0, noise=invert(decoder, images, EMBEDDINGS, steps))
        errors.append((again - images).abs().mean())
    other = decode(decoder, EMBEDDINGS.flip(0), 40, 1.0, noise=invert(decoder, images, EMBEDDINGS, 40))
    assert errors[1] < 0.4 * errors[0] and errors[1] < 0.3 * (other - images).abs().mean()


def test_what_is_not_for_this_decoder_is_refused(make_decoder):
    decoder = make_decoder()
    with pytest.raises(ValueError, match=r"embeddings of shape \(2, 8\), and this model reads \(B, 16\)"):
        decode(decoder, EMBEDDINGS[:, :8], 3, 1.0, seed())
    with pytest.raises(ValueError, match="embeddings must have length 1"):
        decode(decoder, 4 * EMBEDDINGS, 3, 1.0, seed())
    with pytest.raises(ValueError, match="embeddings must have length 1"):
        invert(decoder, NOISY, 4 * EMBEDDINGS, 3)
    with pytest.raises(ValueError, match=r"states of shape \(2, 5, 16\), and this decoder reads \(B, 1, 16\)"):
        decoder(NOISY, TIMES, torch.zeros(2, 5, E))
    with pytest.raises(ValueError, match=r"give either a generator, .* or that noise itself"):
        decode(decoder, EMBEDDINGS, 3, 1.0)
    with pytest.raises(ValueError, match="0 steps, and a schedule has 1000"):
        decode(decoder, EMBEDDINGS, 0, 1.0, seed())
    with pytest.raises(ValueError, match="guidance is -1"):
        decode(decoder, EMBEDDINGS, 3, -1.0, noise=NOISY)
