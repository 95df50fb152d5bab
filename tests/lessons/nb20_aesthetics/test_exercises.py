"""The references of notebook 20 are the library's."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from clip_tutor.applications import aesthetics
from clip_tutor.applications.aesthetics import FiveLayerHead, LinearHead, attribute_directions, pairs_of
from clip_tutor.lab import check
from clip_tutor.lab.exercises.attempt import ExerciseError
from clip_tutor.lessons.nb20_aesthetics.direction_exercises import nudge, remove
from clip_tutor.lessons.nb20_aesthetics.head_exercises import bradley_terry_loss, collapse
from clip_tutor.lessons.nb20_aesthetics.measure_exercises import agreement, explained_share

E, N = 9, 30


@pytest.fixture
def features() -> torch.Tensor:
    return F.normalize(torch.randn(N, E, generator=torch.Generator().manual_seed(0)), dim=1)


@pytest.fixture
def ratings() -> torch.Tensor:
    return torch.randint(1, 6, (N,), generator=torch.Generator().manual_seed(1))


def refusal(exercise_id: str, answer) -> ExerciseError:
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, answer)
    return caught.value


def test_the_collapse_is_the_librarys():
    head = FiveLayerHead(E)
    layers = [(one.weight.detach(), one.bias.detach()) for one in head.layers if isinstance(one, nn.Linear)]
    weight, bias = collapse(layers)
    one = aesthetics.collapse(head)
    torch.testing.assert_close(weight[0], one.weight, atol=1e-5, rtol=1e-5)
    assert bias.item() == pytest.approx(one.bias, abs=1e-5)


def test_the_loss_is_what_the_librarys_pairs_are_fitted_to(features, ratings):
    scores, pairs = features @ torch.ones(E), pairs_of(ratings)
    expected = F.softplus(scores[pairs[:, 1]] - scores[pairs[:, 0]]).mean()
    torch.testing.assert_close(bradley_terry_loss(scores, ratings), expected)


def test_the_agreement_is_the_librarys(features, ratings):
    scores = (features[:, 0] * 10).round()
    resamples = torch.randint(N, (1000, N), generator=torch.Generator().manual_seed(0))
    theirs = aesthetics.agreement(scores, ratings, seed=0)
    assert agreement(scores, ratings, resamples) == pytest.approx((theirs.share, theirs.low, theirs.high), abs=1e-4)


def test_the_explained_share_is_the_librarys(features, ratings):
    labels = [str(rating) for rating in ratings.tolist()]
    found = explained_share(features[:, 0], labels)
    assert found == pytest.approx(aesthetics.explained_share(features[:, 0], labels), abs=1e-5)


def test_the_nudge_is_the_librarys(features):
    head = LinearHead.of(3 * torch.arange(E).float())
    torch.testing.assert_close(nudge(features[0], head.weight, 0.7), aesthetics.nudge(features[0], head.direction, 0.7))


def test_what_is_removed_is_the_librarys(features, ratings):
    labels = [str(rating) for rating in ratings.tolist()]
    head = LinearHead.of(torch.linspace(-1, 2, E))
    theirs = aesthetics.without(head, attribute_directions(features, labels))
    torch.testing.assert_close(remove(head.weight, features, labels), theirs.weight, atol=1e-5, rtol=1e-5)


# ------------------------------------------------------------- wrong answers that are none of the known mistakes


def test_a_collapse_that_works_on_the_layers_themselves_is_refused():
    def answer(layers):
        weight, bias = layers[0]
        for step, shift in layers[1:]:
            weight, shift = step @ weight, shift.add_(step @ bias)
            bias = shift
        return weight, bias

    assert "layers that were given have changed" in refusal("20.1", answer).seen


def test_a_loss_that_cuts_the_way_back_is_refused():
    assert (
        "does not remember"
        in refusal("20.2", lambda scores, ratings: bradley_terry_loss(scores, ratings).detach()).seen
    )


def test_an_agreement_in_a_loop_is_taken():
    def answer(scores, ratings, resamples):
        def share(s, r):
            got = [
                0.5 if s[i] == s[j] else float((s[i] > s[j]) == (r[i] > r[j]))
                for i in range(len(s))
                for j in range(i)
                if r[i] != r[j]
            ]
            return sum(got) / len(got)

        drawn = torch.tensor([share(scores[row].tolist(), ratings[row].tolist()) for row in resamples])
        low, high = drawn.quantile(torch.tensor([0.025, 0.975])).tolist()
        return share(scores.tolist(), ratings.tolist()), low, high

    assert check("20.3", answer) is answer


def test_directions_by_qr_are_taken():
    def answer(taste, features, labels):
        names = sorted(set(labels))
        means = torch.stack([features[[n for n, own in enumerate(labels) if own == name]].mean(0) for name in names])
        basis = torch.linalg.qr((means[1:] - means[0]).T).Q
        return taste - basis @ (basis.T @ taste)

    assert check("20.6", answer) is answer
