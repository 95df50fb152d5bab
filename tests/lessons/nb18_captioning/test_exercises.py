"""The references of notebook 18 are the library's, and its detector tells who looks."""

import math

import pytest
import torch
from torch import nn

from clip_tutor.applications.captioning import (
    Captioner,
    CaptionerConfig,
    MLPMapper,
    MLPMapperConfig,
    TransformerMapper,
    TransformerMapperConfig,
)
from clip_tutor.applications.captioning.captioner import prefix_loss as library_loss
from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig, next_token_loss, top_p
from clip_tutor.applications.language_model.choosing import keep_top_p
from clip_tutor.lab import check
from clip_tutor.lab.exercises.attempt import ExerciseError
from clip_tutor.lessons.nb18_captioning.constants_exercise import ConstantsMapper
from clip_tutor.lessons.nb18_captioning.information_exercise import Toy, image_nats
from clip_tutor.lessons.nb18_captioning.loss_exercise import captions_of, prefix_loss
from clip_tutor.lessons.nb18_captioning.mapper_exercise import Mapper
from clip_tutor.lessons.nb18_captioning.prior_exercise import beyond_the_prior
from clip_tutor.lessons.nb18_captioning.sampling_exercise import top_p_probabilities
from clip_tutor.towers.attention import Block

E, D, N, V = 6, 8, 3, 11


def captioner() -> Captioner:
    torch.manual_seed(0)
    return Captioner(CaptionerConfig(E, N), LanguageModel(LanguageModelConfig(V, 16, D, 1, 2)))


def refusal(exercise_id: str, answer) -> ExerciseError:
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, answer)
    return caught.value


def test_the_mapper_is_the_librarys():
    mine, theirs = Mapper(E, D, N), MLPMapper(MLPMapperConfig(), E, D, N)
    theirs.load_state_dict(mine.state_dict())
    images = torch.randn(4, E)
    torch.testing.assert_close(mine(images), theirs(images))


def test_the_mapper_with_constants_is_the_librarys():
    config = TransformerMapperConfig(layers=2, heads=2, image_tokens=4)
    theirs = TransformerMapper(config, E, D, N)
    mine = ConstantsMapper(nn.Sequential(*(Block(D, 2, "relu", False, 2 * D) for _ in range(2))), E, D, N, 4)
    mine.load_state_dict(theirs.state_dict())
    images = torch.randn(4, E)
    torch.testing.assert_close(mine(images), theirs(images))


def test_the_loss_is_the_librarys():
    ids = captions_of((4, 1, 3), V, seed=2)
    images = torch.randn(3, E)
    logits = captioner()(images, ids)
    torch.testing.assert_close(prefix_loss(logits, ids, 0), next_token_loss(logits, ids, 0))
    torch.testing.assert_close(prefix_loss(logits, ids, 0), library_loss(captioner(), images, ids, 0))


@pytest.mark.parametrize(("p", "temperature"), [(0.5, 1.0), (0.9, 0.7), (0.9, 3.0), (1.0, 1.0)])
def test_top_p_is_the_librarys(p: float, temperature: float):
    torch.manual_seed(1)
    logits = torch.randn(40, 60)
    expected = keep_top_p(logits / temperature, p).softmax(dim=-1)
    torch.testing.assert_close(top_p_probabilities(logits, p, temperature), expected)


def test_with_p_of_1_every_token_can_be_drawn_and_with_a_tiny_one_a_single_token():
    logits = 12 * torch.randn(4, 2000, generator=torch.Generator().manual_seed(0))
    logits = logits.clamp(min=-60)  # e to the power of -100 would be 0 by itself
    assert ((top_p_probabilities(logits, 1.0, 1.0) > 0) == (logits.softmax(-1) > 0)).all()
    assert (top_p_probabilities(logits, 1e-12, 1.0) > 0).sum(dim=1).tolist() == [1] * 4


def test_what_is_drawn_has_these_probabilities():
    logits = torch.tensor([[0.1, 2.0, 1.0, -1.0]])
    choose = top_p(0.9, 1.5, torch.Generator().manual_seed(0))
    drawn = choose(logits.expand(20_000, -1)).bincount(minlength=4) / 20_000
    torch.testing.assert_close(drawn, top_p_probabilities(logits, 0.9, 1.5)[0], rtol=0, atol=0.02)


def test_a_captioner_that_never_looks_adds_nothing():
    ids = captions_of((3, 5), 7, seed=1)
    nats = image_nats(Toy(4, 2, 7, looks=False), torch.randn(6, 4), ids, 0)
    assert nats.abs().max() < 1e-5


def test_an_image_adds_at_most_what_tells_it_from_the_others():
    ids = torch.tensor([[1, 0]])

    def certain(images, ids):  # says token 1 of image 0 alone, and an end behind it
        logits = torch.zeros(len(images), 3, V)
        logits[torch.arange(len(images)), 0, 2] = 50.0
        logits[images[:, 0] > 0, 0] = torch.eye(V)[1] * 50
        logits[:, 1, 0] = 50.0
        return logits

    images = -torch.ones(5, 1)
    images[0] = 1.0
    nats = image_nats(certain, images, ids, 0)
    torch.testing.assert_close(nats, torch.tensor([[math.log(5), 0.0]]), rtol=0, atol=1e-4)


def test_the_prior_is_taken_off():
    own, shuffled = torch.tensor([1.0, 1, 1, 0]), torch.tensor([0.0, 1, 0, 0])
    resamples = torch.arange(4).expand(10, -1)
    assert beyond_the_prior(own, shuffled, resamples) == pytest.approx(((0.75 - 0.25) / 0.75,) * 3)
    assert beyond_the_prior(shuffled, shuffled, resamples) == pytest.approx((0.0,) * 3)


# ------------------------------------------------------------- wrong answers that are none of the known mistakes


def test_a_slice_by_the_whole_length_is_refused():
    def loss(logits, ids, end_id):  # forgets that the prefix may have another length than 10
        T = ids.shape[1]
        ends = ids == end_id
        counts = ends.cumsum(1) <= ends.long()
        return nn.functional.cross_entropy(logits[:, 9 : 9 + T][:, : counts.shape[1]][counts], ids[counts])

    assert refusal("18.2", loss)


def test_a_padding_of_zeros_alone_is_refused():
    def loss(logits, ids, end_id):  # ClipCap's own choice: id 0 is ignored wherever it stands
        predictions = logits[:, -ids.shape[1] - 1 : -1].flatten(0, 1)
        return nn.functional.cross_entropy(predictions, ids.flatten(), ignore_index=end_id)

    assert "never learn to stop" in refusal("18.2", loss).think


def test_a_loop_over_captions_is_taken():
    def loss(logits, ids, end_id):
        costs = []
        for row, words in zip(logits[:, -ids.shape[1] - 1 :], ids.tolist(), strict=True):
            costs += [-row[t].log_softmax(0)[words[t]] for t in range(words.index(end_id) + 1)]
        return torch.stack(costs).mean()

    assert check("18.2", loss) is loss


def test_top_p_by_masking_logits_is_taken():
    def answer(logits, p, temperature):
        z = logits / temperature
        values, places = z.sort(dim=-1, descending=True)
        drop = values.softmax(-1).cumsum(-1) >= p
        drop = torch.cat([torch.zeros_like(drop[:, :1]), drop[:, :-1]], dim=1)
        return z.masked_fill(torch.zeros_like(drop).scatter(1, places, drop), -torch.inf).softmax(-1)

    assert check("18.3", answer) is answer


def test_top_p_with_strictly_more_than_p_is_refused():
    def answer(logits, p, temperature):  # one token too many
        z = (logits / temperature).softmax(-1)
        values, places = z.sort(-1, descending=True)
        before = values.cumsum(-1) - values
        before = torch.cat([torch.zeros_like(before[:, :1]), before[:, :-1]], dim=1)
        kept = torch.zeros_like(z).scatter(1, places, values * (before < p))
        return kept / kept.sum(-1, keepdim=True)

    assert refusal("18.3", answer)


def test_a_table_of_all_pairs_at_once_is_taken():
    def nats(captioner, images, ids, end_id):
        (M, _), (B, T) = images.shape, ids.shape
        logits = captioner(images.repeat(B, 1), ids.repeat_interleave(M, dim=0))[:, -T - 1 : -1]
        log_p = logits.log_softmax(-1).gather(2, ids.repeat_interleave(M, dim=0)[..., None])[..., 0].view(B, M, T)
        gain = log_p[torch.arange(B), torch.arange(B)] - log_p.logsumexp(1) + math.log(M)
        ends = ids == end_id
        return gain * (ends.cumsum(1) <= ends.long())

    assert check("18.4", nats) is nats


def test_constants_of_ones_stay_alike_and_are_refused():
    class Ones(ConstantsMapper):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.constants = nn.Parameter(torch.ones_like(self.constants))

    assert "same one" in refusal("18.5", Ones).seen


def test_a_mapper_that_uses_the_wrong_number_of_hidden_units_is_refused():
    class Narrow(Mapper):
        def __init__(self, embed_dim, width, prefix_length):
            super().__init__(embed_dim, width, prefix_length)
            self.layers = nn.Sequential(
                nn.Linear(embed_dim, embed_dim), nn.Tanh(), nn.Linear(embed_dim, prefix_length * width)
            )

    assert "layers.0.weight" in refusal("18.1", Narrow).seen
