"""Few-shot episodes: what an example tells, what it does not, and what the controls change."""

import numpy as np
import pytest
import torch

from clip_tutor.applications.flamingo.episodes import ASKED, NEVER_ASKED, EpisodeMaker
from clip_tutor.applications.flamingo.few_shot import few_shot_hits, order_effect, shots_gain
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.scenes import Scenes

COUNT, IMAGE = 3000, 700
ATTRIBUTES = (*ASKED, *NEVER_ASKED)


@pytest.fixture(scope="module")
def drawn(objects) -> Scenes:
    return Scenes(objects, "test")


@pytest.fixture(scope="module")
def maker(drawn, tokenizer) -> EpisodeMaker:
    return EpisodeMaker(drawn, COUNT, tokenizer, IMAGE)


def value(attribute: str, scene, plan_row) -> object:
    """What a scene shows of an attribute, read off the scene itself."""
    left, top, side = plan_row.tolist()
    return {
        "object": scene.objects[0].character,
        "family": scene.objects[0].group,
        "background": scene.background,
        "kind": scene.kind,
        "relation": scene.relation,
        "place": (left + side // 2 >= 32, top + side // 2 >= 32),
        "number": scene.count,
        "size": scene.size,
    }[attribute]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_a_letter_stands_for_a_value_of_the_attribute(attribute, drawn, maker):
    found = maker.episodes([attribute], 6, 40, (0,))
    scenes, places = drawn.scenes(range(COUNT)), drawn.plan(range(COUNT)).places[:, 0]
    meanings = set()
    for images, ids, answer in zip(found.scenes, found.token_ids.tolist(), found.answers.tolist(), strict=True):
        letters = [*ids[1::3], answer]
        assert ids[0::3] == [IMAGE] * 7 and len(ids) == 19
        of_letter = {letter: set() for letter in letters}
        for image, letter in zip(images, letters, strict=True):
            of_letter[letter].add(value(attribute, scenes[image], places[image]))
        assert len(of_letter) == 2 and all(len(values) == 1 for values in of_letter.values())
        assert len(set.union(*of_letter.values())) == 2
        assert len(set(images.tolist())) == 7, "no image is shown twice"
        assert sorted(letters[:6]) == sorted([*of_letter] * 3), "half of the examples show one value"
        meanings |= {(letter, *values) for letter, values in of_letter.items()}
    assert len({meaning[1:] for meaning in meanings}) < len(meanings), "a letter means something else in each episode"


def test_an_episode_is_a_function_of_the_seed(maker):
    one, again, other = (maker.episodes(ASKED, 4, 20, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    for a, b in zip(one, again, strict=True):
        assert (torch.as_tensor(a) == torch.as_tensor(b)).all()
    assert (one.scenes != other.scenes).any()


def test_controls_change_the_letters_of_the_examples_alone(maker):
    true, permuted, flipped = (maker.episodes(ASKED, 8, 60, (5,), labels) for labels in ("true", "permuted", "flipped"))
    for other in (permuted, flipped):
        assert (true.scenes == other.scenes).all() and torch.equal(true.answers, other.answers)
        assert torch.equal(true.token_ids[:, 0::3], other.token_ids[:, 0::3])
    letters = [found.token_ids[:, 1::3] for found in (true, permuted, flipped)]
    assert torch.equal(letters[0].sort(dim=1).values, letters[1].sort(dim=1).values)
    assert (letters[0] == letters[1]).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert (letters[0] != letters[2]).all() and torch.equal(letters[2].sum(dim=1), true.choices.sum(dim=1) * 4)


def test_repeated_episodes_show_two_images(maker):
    found = maker.episodes(ASKED, 4, 400, (0,), repeated=0.3)
    few = np.array([len(set(images)) == 2 for images in found.scenes.tolist()])
    assert few.mean() == pytest.approx(0.3, abs=0.08)
    for images, ids, answer in zip(found.scenes[few], found.token_ids[few], found.answers[few], strict=True):
        assert len({*zip(images.tolist(), [*ids[1::3].tolist(), answer.item()], strict=True)}) == 2


def test_what_cannot_be_asked_is_refused(drawn, maker, tokenizer):
    for shots in (3, -2):
        with pytest.raises(ValueError, match=f"{shots} shots: .* take an even number"):
            maker.episodes(ASKED, shots, 4, (0,))

    class Spelled:
        end_id = tokenizer.end_id

        def encode(self, text: str) -> list[int]:
            return [1, 2]

    with pytest.raises(ValueError, match="each has to be one token"):
        EpisodeMaker(drawn, 10, Spelled(), IMAGE)


class Reader:
    """Answers with the letter of an example whose features are those of the image asked about."""

    def __call__(self, features: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
        codes = features[:, :, 0, 0]  # (B, S + 1)
        like = (codes[:, :-1] == codes[:, -1:]).float()  # (B, S)
        last = torch.zeros(len(token_ids), 800).scatter_add(1, token_ids[:, 1::3], like)
        return last[:, None]  # (B, 1, V)


def test_who_reads_the_examples_gains_by_their_letters(drawn, maker):
    names = list(BACKGROUNDS)
    codes = torch.tensor([names.index(scene.background) for scene in drawn.scenes(range(COUNT))])[:, None, None]

    def right(labels: str) -> float:
        return few_shot_hits(Reader(), codes, maker, ["background"], 2, 300, labels=labels).float().mean().item()

    assert right("true") == 1 and right("flipped") == 0
    assert right("permuted") == pytest.approx(0.5, abs=0.1)
    gain = shots_gain(Reader(), codes, maker, ["background"], 2, 300)
    assert gain.decided and gain.difference == pytest.approx(0.5, abs=0.1)
    blind = shots_gain(Reader(), torch.zeros_like(codes), maker, ["background"], 2, 300)
    assert not blind.decided


class LastLetter(Reader):
    """Repeats the letter of the last example."""

    def __call__(self, features: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(token_ids[:, -3], 800).float()[:, None]


def test_the_order_counts_for_who_repeats_the_last_letter_alone(drawn, maker):
    names = list(BACKGROUNDS)
    codes = torch.tensor([names.index(scene.background) for scene in drawn.scenes(range(COUNT))])[:, None, None]
    assert order_effect(Reader(), codes, maker, ["background"], 4, 200) == (0, 1, 1)
    changed, right_last, wrong_last = order_effect(LastLetter(), codes, maker, ["background"], 4, 200)
    assert (right_last, wrong_last) == (1, 0) and changed > 0.5
