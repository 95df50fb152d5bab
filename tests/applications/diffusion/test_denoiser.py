"""The U-Net: it reads the time, all token states and every size of the image, and refuses what is not for it."""

import pytest
import torch
from diffusers.models.embeddings import get_timestep_embedding

from clip_tutor.applications.diffusion import Denoiser, DenoiserConfig, alphas_cumprod, timestep_embedding
from clip_tutor.applications.diffusion.blocks import ResidualBlock, TextBlock
from tests.applications.diffusion.conftest import D, T

NOISY = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
STATES = torch.randn(2, T, D, generator=torch.Generator().manual_seed(2))
TIMES = torch.tensor([0, 999])


def test_the_timestep_embedding_equals_diffusers():
    t = torch.tensor([0, 1, 499, 999])
    expected = get_timestep_embedding(t, 32, flip_sin_to_cos=True, downscale_freq_shift=0)
    torch.testing.assert_close(timestep_embedding(t, 32), expected, atol=1e-6, rtol=1e-6)


def test_a_fresh_denoiser_says_zero(make_denoiser):
    denoiser = make_denoiser()
    assert denoiser(NOISY, TIMES, STATES).eq(0).all()


def test_time_and_every_token_make_a_difference(make_denoiser):
    denoiser = make_denoiser(moved=0.2)
    output = denoiser(NOISY, TIMES, STATES)
    assert output.shape == NOISY.shape
    others = [denoiser(NOISY, TIMES.flip(0), STATES)]
    for token in range(T):
        states = STATES.clone()
        states[:, token] += 1
        others.append(denoiser(NOISY, TIMES, states))
    for other in others:
        assert (other - output).abs().amax(dim=(1, 2, 3)).min() > 1e-4


def test_an_image_is_denoised_by_itself(make_denoiser):
    denoiser = make_denoiser(moved=0.2)
    torch.testing.assert_close(
        denoiser(NOISY, TIMES, STATES)[1:], denoiser(NOISY[1:], TIMES[1:], STATES[1:]), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize(("patch_size", "depth"), [(1, 1), (2, 3)])
def test_every_weight_learns(make_denoiser, patch_size, depth):
    denoiser = make_denoiser(moved=0.1, widths=(8, 16, 16), patch_size=patch_size, depth=depth)
    denoiser(NOISY, TIMES, STATES).square().sum().backward()
    assert [name for name, p in denoiser.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_patches_are_read_and_written_at_their_place(make_denoiser):
    """What changes a pixel changes the output most around it."""
    denoiser = make_denoiser(moved=0.2, patch_size=2)
    other = NOISY.clone()
    other[:, :, 10, 3] += 5
    moved = (denoiser(other, TIMES, STATES) - denoiser(NOISY, TIMES, STATES)).abs().sum(dim=(0, 1))  # (H, W)
    y, x = divmod(int(moved.argmax()), moved.shape[1])
    assert abs(y - 10) <= 3 and abs(x - 3) <= 3


def test_fresh_blocks_pass_their_input_on():
    x, time = torch.randn(2, 16, 4, 4), torch.randn(2, 8)
    torch.testing.assert_close(ResidualBlock(16, 16, 8)(x, time), x, atol=0, rtol=0)
    torch.testing.assert_close(TextBlock(16, D, 2)(x, STATES), x, atol=0, rtol=0)


def test_attention_maps_say_where_each_place_looks(make_denoiser):
    denoiser = make_denoiser(moved=0.2, widths=(8, 16, 16))
    maps = denoiser.attention_maps(NOISY, TIMES, STATES)
    assert [tuple(each.shape) for each in maps] == [(2, 2, 64, T), (2, 2, 16, T), (2, 2, 64, T)]
    for each in maps:
        torch.testing.assert_close(each.sum(dim=-1), torch.ones(each.shape[:-1]))


@pytest.mark.parametrize(
    ("noisy", "t", "states", "message"),
    [
        (torch.zeros(2, 3, 32, 32), TIMES, STATES, r"images of shape \(2, 3, 32, 32\), .* reads \(B, 3, 16, 16\)"),
        (NOISY, TIMES, STATES[..., :8], rf"states of shape \(2, 5, 8\), .* reads \(B, T, {D}\): all token states"),
        (NOISY, TIMES, STATES[:, 0], r"states of shape \(2, 12\), .* not the one vector of a caption"),
        (NOISY, TIMES, STATES[:1], r"2 images, 1 captions and timesteps of shape \(2,\): one of each an image"),
        (NOISY, torch.tensor(5), STATES, r"2 images, 2 captions and timesteps of shape \(\): one of each an image"),
    ],
)
def test_what_is_not_for_this_denoiser_is_refused(make_denoiser, noisy, t, states, message):
    with pytest.raises(ValueError, match=message):
        make_denoiser()(noisy, t, states)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_size": 30, "widths": (8, 16, 16)}, "3 levels halve an image 2 times, and 30 places a side do not"),
        ({"patch_size": 3}, "32 pixels cannot be cut into patches of 3: take a patch_size that divides"),
        ({"widths": (8,)}, "take two levels or more"),
        ({"depth": 0}, "depth is 0: at the smallest size stands one level at least"),
        ({"widths": (8, 20)}, "a level has 20 channels, which are shared out among 8 groups and 4 heads"),
        ({"prediction": "noise"}, "there is no prediction 'noise'"),
    ],
)
def test_shapes_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        DenoiserConfig(text_width=D, **fields)


def test_weights_of_another_schedule_are_refused(make_denoiser):
    """Their t means another amount of noise."""
    cosine, linear = make_denoiser(), make_denoiser(schedule="linear")
    with pytest.raises(
        ValueError, match=r"another noise schedule than 'linear': at t = \d+ they expect 0\.\d\d of the"
    ):
        linear.load_state_dict(cosine.state_dict())
    assert torch.equal(linear.alphas_cumprod, alphas_cumprod("linear")), "nothing was taken over"


def test_half_precision_leaves_the_schedule_exact(make_denoiser):
    half = {name: tensor.half() for name, tensor in make_denoiser(moved=0.2).state_dict().items()}
    assert half["alphas_cumprod"][-1] == 0, "from ε one would divide by this"
    denoiser = make_denoiser()
    denoiser.load_state_dict(half)
    assert torch.equal(denoiser.stem.weight.half(), half["stem.weight"])
    assert torch.equal(denoiser.alphas_cumprod, alphas_cumprod("cosine"))


def test_the_default_is_small():
    assert sum(p.numel() for p in Denoiser(DenoiserConfig(text_width=128)).parameters()) < 1_000_000
