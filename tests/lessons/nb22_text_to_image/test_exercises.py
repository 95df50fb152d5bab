"""The references of notebook 22 are the library's, and answers of another make are taken."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from clip_tutor.applications.diffusion import (
    Denoiser,
    DenoiserConfig,
    NoisedCLIPConfig,
    NoisedImageTower,
    add_noise,
    alphas_cumprod,
    at_timesteps,
    clip_gradient,
    ddim_step,
    guide,
    guide_by_weight,
    move,
    target,
    to_x0,
)
from clip_tutor.applications.diffusion.guidance import guided_output
from clip_tutor.applications.unclip import Prior, PriorConfig, better_of_two, interpolate, prior_loss, to_unit
from clip_tutor.lab import check
from clip_tutor.lessons.nb22_text_to_image.attention_exercise import MyCrossAttention
from clip_tutor.lessons.nb22_text_to_image.best_exercise import my_best_of
from clip_tutor.lessons.nb22_text_to_image.clip_gradient_exercise import my_clip_guided_x0
from clip_tutor.lessons.nb22_text_to_image.guidance_exercise import my_guided_output
from clip_tutor.lessons.nb22_text_to_image.loss_exercise import my_v_loss
from clip_tutor.lessons.nb22_text_to_image.prior_exercise import my_prior_loss
from clip_tutor.lessons.nb22_text_to_image.schedule_exercise import my_alphas_cumprod
from clip_tutor.lessons.nb22_text_to_image.sphere_exercise import my_interpolate
from clip_tutor.lessons.nb22_text_to_image.step_exercise import my_ddim_step
from clip_tutor.lessons.nb22_text_to_image.toys import ToyDenoiser, ToyEncoder, ToyPrior
from clip_tutor.lessons.nb22_text_to_image.word_exercise import maps_of, my_word_maps
from clip_tutor.towers.cross_attention import CrossAttention
from tests.lessons.conftest import refusal

CLOSE = {"rtol": 0, "atol": 1e-5}
T, D = 5, 12


def some(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def denoiser() -> Denoiser:
    torch.manual_seed(0)
    denoiser = Denoiser(DenoiserConfig(D, image_size=8, widths=(8, 16), heads=2)).eval()
    for parameter in denoiser.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return denoiser


def test_the_schedule_is_the_librarys():
    torch.testing.assert_close(my_alphas_cumprod(1000), alphas_cumprod("cosine"), rtol=5e-3, atol=1e-10)


def test_the_loss_is_made_of_the_librarys_parts(denoiser: Denoiser):
    x0, noise, t = some(3, 3, 8, 8), some(3, 3, 8, 8, seed=1), torch.tensor([3, 500, 990])
    states, null, dropped = some(3, T, D, seed=2), some(1, T, D, seed=3), torch.tensor([False, True, False])
    table = denoiser.alphas_cumprod
    alpha_bar = at_timesteps(table, t)
    told = torch.cat([states[:1], null, states[2:]])
    with torch.no_grad():
        output = denoiser(add_noise(x0, noise, alpha_bar), t, told)
        expected = F.mse_loss(output, target(x0, noise, alpha_bar, "v"))
        torch.testing.assert_close(my_v_loss(denoiser, x0, noise, t, states, null, dropped, table), expected)


def test_the_cross_attention_is_the_librarys():
    mine, theirs = MyCrossAttention(8, 6, 2, 4), CrossAttention(8, 6, 2, 4)
    mine.load_state_dict(theirs.state_dict())
    places, states = some(2, 9, 8), some(2, T, 6, seed=1)
    torch.testing.assert_close(mine(places, states), theirs(places, states), **CLOSE)
    torch.testing.assert_close(mine.weights(places, states), theirs.weights(places, states), **CLOSE)


@pytest.mark.parametrize(("alpha_bar", "before"), [(0.001, 0.1), (0.3, 0.6), (0.9, 1.0)])
def test_the_step_is_the_librarys(alpha_bar: float, before: float):
    noisy, output = 2 * some(2, 3, 4, 4), 2 * some(2, 3, 4, 4, seed=1)
    t, s = torch.tensor(alpha_bar), torch.tensor(before)
    x0 = to_x0(output, noisy, t, "v").clamp(-1, 1)
    torch.testing.assert_close(my_ddim_step(noisy, output, t, s), ddim_step(noisy, x0, t, s), **CLOSE)


def test_the_guidance_is_the_librarys(denoiser: Denoiser):
    given = denoiser, some(2, 3, 8, 8), torch.tensor([5, 800]), some(2, T, D, seed=1)
    null = some(1, T, D, seed=2)
    with torch.no_grad():
        expected = guided_output(*given, null.expand(2, -1, -1), 3.0)
        torch.testing.assert_close(my_guided_output(*given, null, 3.0, "imagen"), expected, **CLOSE)
        torch.testing.assert_close(my_guided_output(*given, null, 2.0, "ho_salimans"), expected, **CLOSE)


def test_a_word_gets_the_shares_of_its_tokens():
    maps = maps_of([(4, 2), (2, 3)])
    found = my_word_maps(maps, [(0, 1, 2), (3, 4, 5)], 4)
    torch.testing.assert_close(found.sum(dim=0), torch.ones(4, 4))
    torch.testing.assert_close(my_word_maps(maps[:1], [(2,)], 4)[0], maps[0].mean(dim=0)[:, 2].view(4, 4))


def test_the_image_that_a_clip_leads_to_is_the_librarys():
    torch.manual_seed(0)
    tower = NoisedImageTower(NoisedCLIPConfig(16, image_size=8, width=16, layers=1, heads=2)).eval()
    noisy, t, x0, texts = (
        some(3, 3, 8, 8),
        torch.full((3,), 400),
        some(3, 3, 8, 8, seed=1),
        to_unit(some(3, 16, seed=2)),
    )
    alpha_bar = tower.alphas_cumprod[400]
    with torch.no_grad():
        found = my_clip_guided_x0(tower, noisy, t, 0.3 * x0, texts, alpha_bar, 20.0, 2.0)
        expected = move(0.3 * x0, clip_gradient(tower, noisy, t, texts, 20.0), alpha_bar, 2.0)
    torch.testing.assert_close(found, expected, **CLOSE)


def test_the_loss_of_a_prior_is_the_librarys():
    torch.manual_seed(0)
    prior = Prior(PriorConfig(embed_dim=16, text_width=D, context_length=T, width=16, layers=1, heads=2)).eval()
    images, texts, states = to_unit(some(3, 16)), to_unit(some(3, 16, seed=1)), some(3, T, D, seed=2)
    random = torch.Generator().manual_seed(5)
    t, noise = torch.randint(1000, (3,), generator=random), torch.randn(3, 16, generator=random)
    found = my_prior_loss(prior, images, states, texts, noise, t, prior.alphas_cumprod)
    expected = prior_loss(prior, images, states, texts, torch.Generator().manual_seed(5))
    torch.testing.assert_close(found, expected, **CLOSE)


def test_the_best_of_two_is_the_librarys_better_one():
    first, second, texts = to_unit(some(20, 8)), to_unit(some(20, 8, seed=1)), to_unit(some(20, 8, seed=2))
    found = my_best_of(torch.stack([first, second]), texts)
    torch.testing.assert_close(found, better_of_two(first, second, texts), **CLOSE)


def test_the_arc_is_the_librarys():
    start, end = to_unit(some(20, 8)), to_unit(some(20, 8, seed=1))
    end[0] = start[0]
    torch.testing.assert_close(my_interpolate(start, end, 0.3), interpolate(start, end, 0.3), **CLOSE)


# ------------------------------------------------------------------------- answers that are none of the known mistakes


def test_a_schedule_by_a_loop_is_taken():
    def answer(timesteps):
        f = [math.cos((t / timesteps + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(timesteps + 1)]
        found, left = [], 1.0
        for t in range(timesteps):
            left *= 1 - min(1 - f[t + 1] / f[t], 0.999)
            found.append(left)
        return torch.tensor(found)

    assert check("22.1", answer) is answer


def test_a_schedule_of_another_type_is_refused():
    def answer(timesteps):
        f = np.cos((np.arange(timesteps + 1) / timesteps + 0.008) / 1.008 * np.pi / 2) ** 2
        return torch.from_numpy(np.cumprod(1 - np.minimum(1 - f[1:] / f[:-1], 0.999)))

    refused = refusal("22.1", answer)
    assert "torch.float64" in refused.seen and "torch.float32" in refused.expected


def test_a_loss_image_by_image_is_taken():
    def answer(denoiser, x0, noise, t, states, null_states, is_dropped, alpha_bars):
        told = torch.stack([null_states[0] if gone else one for gone, one in zip(is_dropped, states, strict=True)])
        losses = []
        for b in range(len(x0)):
            a, s = alpha_bars[t[b]].sqrt(), (1 - alpha_bars[t[b]]).sqrt()
            said = denoiser((a * x0[b] + s * noise[b])[None], t[b : b + 1], told[b : b + 1])[0]
            losses.append((said - (a * noise[b] - s * x0[b])).square().mean())
        return torch.stack(losses).mean()

    assert check("22.2", answer) is answer


def test_a_mean_of_the_losses_with_and_without_a_caption_is_refused():
    def answer(denoiser, x0, noise, t, states, null_states, is_dropped, alpha_bars):
        losses = []
        for part in (is_dropped, ~is_dropped):
            if part.any():
                given = x0[part], noise[part], t[part], states[part], null_states, is_dropped[part], alpha_bars
                losses.append(my_v_loss(denoiser, *given))
        return torch.stack(losses).mean()

    assert "1 of 4 captions dropped" in refusal("22.2", answer).seen


def test_attention_by_einsum_is_taken():
    class Einsum(MyCrossAttention):
        def weights(self, places, states):
            d = self.out.in_features // self.heads
            query = self.to_query(places).view(*places.shape[:2], self.heads, d)
            key = self.to_key_value(states)[..., : self.heads * d].view(*states.shape[:2], self.heads, d)
            return (torch.einsum("bnkd,btkd->bknt", query, key) * d**-0.5).softmax(-1)

    assert check("22.3", Einsum) is Einsum


@pytest.mark.parametrize(
    ("cut", "name"),
    [
        (lambda places, states: (places.detach(), states), "the places that"),
        (lambda places, states: (places, states.detach()), "the states that"),
    ],
)
def test_attention_that_cuts_the_way_back_to_what_it_is_given_is_refused(cut, name):
    class Cut(MyCrossAttention):
        def weights(self, places, states):
            return super().weights(*cut(places, states))

        def forward(self, places, states):
            return super().forward(*cut(places, states))

    assert name in refusal("22.3", Cut).seen


def test_attention_whose_result_was_cut_off_is_refused():
    class Cut(MyCrossAttention):
        def forward(self, places, states):
            return super().forward(places, states).detach()

    assert "no gradient reaches out.weight" in refusal("22.3", Cut).seen


def test_attention_without_its_last_layer_is_refused():
    class Bare(MyCrossAttention):
        def __init__(self, width, source_width, heads, head_width):
            super().__init__(width, source_width, heads, head_width)
            self.out = nn.Identity()

    assert "out.weight" in refusal("22.3", Bare).seen


def test_a_step_by_the_difference_of_two_mixtures_is_taken():
    def answer(noisy, output, alpha_bar, alpha_bar_prev):
        x0 = torch.clip(alpha_bar**0.5 * noisy - (1 - alpha_bar) ** 0.5 * output, -1, 1)
        ratio = ((1 - alpha_bar_prev) / (1 - alpha_bar)) ** 0.5
        return ratio * noisy + (alpha_bar_prev**0.5 - ratio * alpha_bar**0.5) * x0

    assert check("22.4", answer) is answer


def test_asking_twice_is_taken():
    def answer(denoiser, noisy, t, states, null_states, w, convention):
        u, c = denoiser(noisy, t, null_states.expand_as(states)), denoiser(noisy, t, states)
        return guide(u, c, w) if convention == "imagen" else guide_by_weight(u, c, w)

    assert check("22.5", answer) is answer


def test_null_states_that_were_not_expanded_are_refused():
    def answer(denoiser, noisy, t, states, null_states, w, convention):
        u, c = denoiser(noisy, t, null_states), denoiser(noisy, t, states)
        return guide(u, c, w) if convention == "imagen" else guide_by_weight(u, c, w)

    assert "one of each an image" in refusal("22.5", answer).seen


def test_a_toy_denoiser_wants_one_of_each():
    with pytest.raises(ValueError, match="2 images, 1 timesteps and 2 captions"):
        ToyDenoiser("all")(some(2, 3, 2, 2), torch.tensor([1]), some(2, 3, 4))


def test_word_maps_by_repeating_places_are_taken():
    def answer(maps, words, side):
        found = []
        for each in maps:
            H = math.isqrt(each.shape[1])
            of_all = each.mean(0).T.view(-1, H, H)
            grown = of_all.repeat_interleave(side // H, 1).repeat_interleave(side // H, 2)
            found.append(torch.stack([grown[list(word)].sum(0) for word in words]))
        return sum(found) / len(found)

    assert check("22.10", answer) is answer


def test_a_gradient_by_backward_is_taken():
    def answer(encode, noisy, t, x0, texts, alpha_bar, logit_scale, scale):
        with torch.enable_grad():
            leaf = noisy.clone().requires_grad_()
            (logit_scale * torch.einsum("be,be->b", encode(leaf, t), texts)).sum().backward()
        return torch.clip(x0 + scale * (1 - alpha_bar) * alpha_bar**-0.5 * leaf.grad, -1, 1)

    assert check("22.6", answer) is answer


def test_a_toy_encoder_and_a_toy_prior_want_one_of_each():
    with pytest.raises(ValueError, match="2 images and 1 timesteps"):
        ToyEncoder()(some(2, 3, 2, 2), torch.tensor([1]))
    with pytest.raises(ValueError, match="2 noisy embeddings, 2 timesteps, 1 rows of states and 2 texts"):
        ToyPrior("texts")(some(2, 4), torch.tensor([1, 2]), some(1, 3, 5), some(2, 4))


def test_a_loss_embedding_by_embedding_is_taken():
    def answer(prior, images, states, texts, noise, t, alpha_bars):
        losses, long = [], images.shape[1] ** 0.5
        for b in range(len(images)):
            a, s = alpha_bars[t[b]].sqrt(), (1 - alpha_bars[t[b]]).sqrt()
            noisy, told = (a * long * images[b] + s * noise[b])[None], long * texts[b : b + 1]
            losses.append((prior(noisy, t[b : b + 1], states[b : b + 1], told)[0] - long * images[b]).square().mean())
        return torch.stack(losses).mean()

    assert check("22.7", answer) is answer


def test_a_choice_text_by_text_is_taken():
    def answer(candidates, texts):
        best = []
        for b, text in enumerate(texts):
            units = [one[b] / one[b].norm() for one in candidates]
            best.append(max(units, key=lambda unit: float(unit @ text)))
        return torch.stack(best)

    assert check("22.8", answer) is answer


def test_an_arc_by_a_turn_in_its_plane_is_taken():
    def answer(start, end, share):
        cosine = (start * end).sum(dim=1, keepdim=True).clamp(-1, 1)
        across = F.normalize(end - cosine * start, dim=1)  # zero where the two are the same
        angle = share * cosine.acos()
        return F.normalize(angle.cos() * start + angle.sin() * across, dim=1)

    assert check("22.9", answer) is answer


def test_an_arc_that_is_straight_where_it_is_short_is_refused():
    def answer(start, end, share):
        cosine = (start * end).sum(dim=1, keepdim=True)
        return torch.where(cosine > 0.9, (1 - share) * start + share * end, my_interpolate(start, end, share))

    assert "arc of 10 degrees" in refusal("22.9", answer).seen


def test_two_tensors_in_the_place_of_one_are_told_by_their_shapes():
    refused = refusal("22.8", lambda candidates, texts: (F.normalize(candidates, dim=-1) * texts).sum(dim=-1).max(0))
    assert "a tuple of a tensor (3,) and a tensor (3,)" in refused.seen


def test_maps_that_were_changed_in_their_list_are_noticed():
    def answer(maps, words, side):
        for weights in maps:
            weights /= len(weights)
        return my_word_maps([weights.sum(dim=0, keepdim=True) for weights in maps], words, side)

    assert "changed the values that it was given" in refusal("22.10", answer).seen


@pytest.mark.parametrize(("number", "loss"), [("22.2", my_v_loss), ("22.7", my_prior_loss)])
def test_a_loss_whose_gradient_was_cut_is_refused(number, loss):
    assert ".detach()" in refusal(number, lambda *given: loss(*given).detach()).think
    assert ".detach()" in refusal(number, torch.no_grad()(loss)).think

    def cut(network):
        return lambda *told: network(*told).detach().requires_grad_()

    assert ".detach()" in refusal(number, lambda network, *given: loss(cut(network), *given)).think
