"""The references of notebook 19 are the library's, and answers of another make are taken."""

import pytest
import torch

from clip_tutor.applications.flamingo import GatedCrossAttention, ResamplerConfig
from clip_tutor.applications.flamingo.loss import IGNORED, answer_targets
from clip_tutor.applications.flamingo.masks import image_mask
from clip_tutor.applications.flamingo.resampler import ResamplerLayer
from clip_tutor.lab import check
from clip_tutor.lab.exercises.attempt import ExerciseError
from clip_tutor.lessons.nb19_flamingo.control_exercise import label_gain
from clip_tutor.lessons.nb19_flamingo.counting_exercise import my_counted_tokens
from clip_tutor.lessons.nb19_flamingo.gated_exercise import MyGatedBlock, mask_of
from clip_tutor.lessons.nb19_flamingo.gradient_exercise import gate_gradients
from clip_tutor.lessons.nb19_flamingo.mask_exercise import my_image_mask
from clip_tutor.lessons.nb19_flamingo.resampler_exercise import MyResamplerLayer, disturb

MARK, END = 9, 0


def refusal(exercise_id: str, answer) -> ExerciseError:
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, answer)
    return caught.value


def test_the_resampler_layer_is_the_librarys():
    mine, theirs = MyResamplerLayer(8, 2, 4, 2), ResamplerLayer(ResamplerConfig(8, 3, 1, 2, 4, 2))
    disturb(theirs, 0)
    mine.load_state_dict(theirs.state_dict())
    latents, features = torch.randn(2, 2, 3, 8), torch.randn(2, 2, 5, 8)
    torch.testing.assert_close(mine(latents, features), theirs(latents, features), rtol=0, atol=1e-5)


def test_the_gated_block_is_the_librarys():
    mine, theirs = MyGatedBlock(8, 6, 2, 4, 2), GatedCrossAttention(8, 6, 2, 4, 2)
    disturb(theirs, 0)
    mine.load_state_dict(theirs.state_dict())
    inputs = torch.randn(2, 5, 8), torch.randn(2, 3, 4, 6), mask_of(2, 5, 3)
    torch.testing.assert_close(mine(*inputs), theirs(*inputs), rtol=0, atol=1e-5)


@pytest.mark.parametrize("attend", ["preceding", "all"])
def test_the_mask_is_the_librarys(attend: str):
    ids = torch.tensor([[1, MARK, 2, MARK, MARK, 3], [MARK, 1, MARK, 2, 3, MARK]])
    assert torch.equal(my_image_mask(ids, MARK, 3, attend), image_mask(ids, MARK, 3, attend))


def test_what_counts_is_the_librarys():
    ids = torch.randint(6, (200, 12), generator=torch.Generator().manual_seed(0)) % 6
    counts = my_counted_tokens(ids, 5, END)
    assert torch.equal(counts, answer_targets(ids, 5, END) != IGNORED)
    assert counts.any() and not counts.all()


@pytest.mark.parametrize("gate", [0.0, 0.4, -2.0])
def test_the_gradients_are_those_of_autograd(gate: float):
    x, found, gradient = torch.randn(3, 2, 4, 5).unbind()
    leaves = [one.clone().requires_grad_() for one in (x, found, torch.tensor(gate))]
    expected = torch.autograd.grad(leaves[0] + leaves[2].tanh() * leaves[1], leaves, gradient)
    torch.testing.assert_close(gate_gradients(gradient, found, torch.tensor(gate)), expected)


def test_labels_that_are_never_read_are_worth_nothing():
    labels, orders = torch.randint(2, (30, 4)), torch.rand(30, 4).argsort(dim=1)
    resamples = torch.randint(30, (100, 30))
    assert label_gain(lambda given: torch.ones(30), labels, orders, resamples) == (0.0, 0.0, 0.0)
    gain, low, high = label_gain(lambda given: (given == labels).all(dim=1).float(), labels, orders, resamples)
    changed = (labels.gather(1, orders) != labels).any(dim=1).float().mean().item()
    assert gain == pytest.approx(changed) and low <= gain <= high


# ------------------------------------------------------------------------- answers that are none of the known mistakes


def test_latents_ahead_of_the_places_are_taken():
    class Turned(MyResamplerLayer):
        def forward(self, latents, features):
            query = self.ln_latents(latents)
            latents = latents + self.attention(query, torch.cat([query, self.ln_image(features)], dim=-2))
            return latents + self.mlp(latents)

    assert check("19.1", Turned) is Turned


def test_a_mask_by_a_loop_over_images_is_taken():
    def answer(token_ids, image_id, images, attend):
        seen = (token_ids == image_id).cumsum(1)
        columns = [seen == n if attend == "preceding" else seen >= n for n in range(1, images + 1)]
        return torch.stack(columns, dim=2) if columns else torch.empty(*token_ids.shape, 0, dtype=torch.bool)

    assert check("19.3", answer) is answer


def test_a_mask_of_numbers_is_refused():
    said = refusal("19.3", lambda *arguments: my_image_mask(*arguments).float())
    assert "torch.bool" in said.expected


def test_the_librarys_way_to_count_is_taken():
    def answer(token_ids, image_id, end_id):
        return answer_targets(token_ids, image_id, end_id) != IGNORED

    assert check("19.4", answer) is answer


def test_an_interval_of_hits_drawn_together_is_taken():
    def answer(hits_of, labels, orders, resamples):
        own, other = hits_of(labels), hits_of(labels.gather(1, orders))
        drawn = own[resamples].mean(1) - other[resamples].mean(1)
        low, high = drawn.quantile(torch.tensor([0.025, 0.975])).tolist()
        return float(own.mean() - other.mean()), low, high

    assert check("19.5", answer) is answer


def test_gradients_by_autograd_at_a_closed_gate_alone_are_refused():
    said = refusal("19.6", lambda gradient, found, gate: (gradient, 0 * gradient, (gradient * found).sum()))
    assert "found" in said.seen or "gate" in said.seen
