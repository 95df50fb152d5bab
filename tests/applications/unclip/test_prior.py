"""The prior: diffusers' transformer on the same weights, its tokens, its loss, and what it is sampled to."""

import diffusers
import pytest
import torch
from diffusers import PriorTransformer

from clip_tutor.applications.unclip import (
    Prior,
    as_condition,
    better_of_two,
    predict,
    prior_loss,
    to_unit,
    to_variance_1,
)
from tests.applications.unclip.conftest import D, E, T

STATES = torch.randn(3, T, D, generator=torch.Generator().manual_seed(1))
TEXTS, IMAGES = to_unit(torch.randn(2, 3, E, generator=torch.Generator().manual_seed(2)))
NOISY = torch.randn(3, E, generator=torch.Generator().manual_seed(3))
TIMES = torch.tensor([0, 499, 999])


def seed(number: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def in_diffusers(prior: Prior) -> PriorTransformer:
    """The same prior as diffusers builds it, for whom states and embeddings are of one width."""
    theirs = PriorTransformer(2, prior.config.width // 2, prior.config.layers, E, T).eval()
    names = {
        "proj_in": "image_in",
        "embedding_proj": "text_in",
        "encoder_hidden_states_proj": "states_in",
        "time_embedding.linear_1": "time.0",
        "time_embedding.linear_2": "time.2",
        "norm_out": "ln",
        "proj_to_clip_embeddings": "out",
    }
    ours = prior.state_dict()
    state = {f"{a}.{kind}": ours[f"{b}.{kind}"] for a, b in names.items() for kind in ("weight", "bias")}
    state |= {"positional_embedding": ours["pos_embed"][None], "prd_embedding": ours["query"][None, None]}
    for n in range(prior.config.layers):
        a, b = f"transformer_blocks.{n}", f"blocks.{n}"
        for kind in ("weight", "bias"):
            parts = ours[f"{b}.attention.qkv.{kind}"].chunk(3)
            state |= {f"{a}.attn1.to_{x}.{kind}": part for x, part in zip("qkv", parts, strict=True)}
            for x, y in (
                ("attn1.to_out.0", "attention.out"),
                ("norm1", "ln_1"),
                ("norm3", "ln_2"),
                ("ff.net.0.proj", "mlp.fc1"),
                ("ff.net.2", "mlp.fc2"),
            ):
                state[f"{a}.{x}.{kind}"] = ours[f"{b}.{y}.{kind}"]
    missing = theirs.load_state_dict(state, strict=False)
    assert missing.unexpected_keys == [] and set(missing.missing_keys) == {"clip_mean", "clip_std"}
    return theirs


@torch.no_grad()
def test_the_prior_equals_diffusers(make_prior):
    prior = make_prior(text_width=E)
    states = torch.randn(3, T, E, generator=seed())
    theirs = in_diffusers(prior)(NOISY, TIMES, TEXTS, states, torch.ones(3, T, dtype=torch.bool))
    torch.testing.assert_close(
        prior(NOISY, TIMES, states, TEXTS), theirs.predicted_image_embedding, atol=1e-5, rtol=1e-5
    )


@torch.no_grad()
def test_all_that_it_is_told_makes_a_difference(make_prior):
    prior = make_prior()
    told = prior(NOISY, TIMES, STATES, TEXTS)
    others = [prior(NOISY + 1, TIMES, STATES, TEXTS), prior(NOISY, TIMES.flip(0), STATES, TEXTS)[[0, 2]]]
    others.append(prior(NOISY, TIMES, STATES, TEXTS + 1))
    for token in range(T):
        states = STATES.clone()
        states[:, token] += 1
        others.append(prior(NOISY, TIMES, states, TEXTS))
    for other in others:
        assert (other - (told if len(other) == 3 else told[[0, 2]])).abs().amax(dim=1).min() > 1e-4


class Listener(torch.nn.Module):
    """Stands in for a prior, says one thing, and keeps what it was given."""

    def __init__(self, prior: Prior, answer: torch.Tensor) -> None:
        super().__init__()
        self.config, self.alphas_cumprod, self.answer = prior.config, prior.alphas_cumprod, answer

    def forward(self, noisy, t, states, texts):
        self.noisy, self.t, self.texts = noisy, t, texts
        return self.answer.expand_as(noisy)


def test_the_loss_is_the_mean_square_of_what_is_missed_of_the_embedding(make_prior):
    images, states, texts = IMAGES[:1].expand(4000, -1), STATES[:1].expand(4000, -1, -1), TEXTS[:1].expand(4000, -1)
    listener = Listener(make_prior(), to_variance_1(TEXTS[:1]))
    loss = prior_loss(listener, images, states, texts, seed())
    torch.testing.assert_close(loss, (to_variance_1(TEXTS[0]) - to_variance_1(IMAGES[0])).square().mean())
    torch.testing.assert_close(listener.texts, to_variance_1(texts))
    alpha_bar = listener.alphas_cumprod[listener.t][:, None]
    noise = (listener.noisy - alpha_bar.sqrt() * to_variance_1(images)) / (1 - alpha_bar).sqrt()
    assert 0.97 < noise.std() < 1.03 and abs(noise.mean()) < 0.03, "what is mixed in is normal noise"
    assert (listener.t.min(), listener.t.max()) == (0, 999)


def test_a_prior_learns_pairs(make_prior):
    prior = make_prior()
    optimizer = torch.optim.Adam(prior.parameters(), 3e-3)
    losses = []
    for step in range(60):
        rows = torch.arange(48) % 3
        loss = prior_loss(prior, IMAGES[rows], STATES[rows], TEXTS[rows], seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.3 * sum(losses[:5])
    predicted = predict(prior, STATES, TEXTS, 10, seed())
    assert (predicted @ IMAGES.T).argmax(dim=1).tolist() == [0, 1, 2]


def test_sampling_equals_diffusers_ddim(make_prior):
    prior = make_prior().double()
    states, texts = STATES.double(), TEXTS.double()
    scheduler = diffusers.DDIMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="sample", timestep_spacing="trailing", clip_sample=False
    )
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    scheduler.set_timesteps(5)
    both = []
    with torch.no_grad():
        for x in torch.randn(6, E, generator=seed()).double().chunk(2):
            for t in scheduler.timesteps:
                x = scheduler.step(prior(x, t.expand(3), states, to_variance_1(texts)), t, x).prev_sample
            both.append(to_unit(x))
    expected = better_of_two(*both, texts)
    torch.testing.assert_close(predict(prior, states, texts, 5, seed()), expected, atol=1e-5, rtol=1e-5)


def test_the_text_takes_the_nearer_of_two():
    near, far = to_unit(TEXTS + 0.1), to_unit(TEXTS - 0.5)
    mixed = torch.tensor([True, False, True])[:, None]
    first, second = torch.where(mixed, near, far), torch.where(mixed, far, near)
    assert torch.equal(better_of_two(first, second, TEXTS), near)


def test_what_is_told_of_captions_comes_from_one_clip(model, tokenizer):
    states, texts = as_condition(model, tokenizer, ["two cats", "a dog"])
    assert states.shape == (2, tokenizer.context_length, 16) and texts.shape == (2, E)
    torch.testing.assert_close(texts.norm(dim=1), torch.ones(2))


def test_bad_input_is_refused_before_anything_is_predicted(make_prior):
    prior = make_prior()
    with pytest.raises(ValueError, match=r"4 steps are too few: .* mean of all embeddings .* Take 5 or more"):
        predict(prior, STATES, TEXTS, 4, seed())
    with pytest.raises(ValueError, match="1001 steps, and a schedule has 1000 timesteps"):
        predict(prior, STATES, TEXTS, 1001, seed())
    with pytest.raises(ValueError, match="embeddings must have length 1"):
        predict(prior, STATES, 2 * TEXTS, 5, seed())
    with pytest.raises(ValueError, match="embeddings must have length 1"):
        prior_loss(prior, 2 * IMAGES, STATES, TEXTS, seed())
    with pytest.raises(
        ValueError, match=r"states of shape \(6, 4, 12\), and this prior reads \(B, 5, 12\): whole rows"
    ):
        predict(prior, STATES[:, 1:], TEXTS, 5, seed())
    with pytest.raises(ValueError, match=r"noisy embeddings \(2, 16\), text embeddings \(3, 16\) .* for 3 captions"):
        prior(NOISY[:2], TIMES, STATES, TEXTS)


def test_an_odd_width_is_refused(make_prior):
    with pytest.raises(ValueError, match="width 25 is odd"):
        make_prior(width=25, heads=5)
