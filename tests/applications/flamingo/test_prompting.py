"""Prompts of examples, answers by their likelihood, and answers written out."""

import pytest
import torch

from clip_tutor.applications.flamingo import answer_log_likelihoods, few_shot_prompt, generate
from clip_tutor.applications.language_model import generate as generate_text
from tests.applications.flamingo.conftest import END, IMAGE, WIDE, N, V

PROMPT = torch.tensor([[IMAGE, 5, END, IMAGE], [IMAGE, 6, END, IMAGE]])
ANSWERS = [[7, END], [8, 9, END], [7, 8, 9, 5, END]]


def features(images: int = 2) -> torch.Tensor:
    return torch.randn(2, images, N, WIDE, generator=torch.Generator().manual_seed(1))


def test_examples_stand_ahead_of_the_image_that_is_asked_about():
    assert few_shot_prompt([[5], [6, 7]], IMAGE, END) == [IMAGE, 5, END, IMAGE, 6, 7, END, IMAGE]
    assert few_shot_prompt([], IMAGE, END) == [IMAGE]
    for wrong in ([6, END], [IMAGE, 6]):
        with pytest.raises(
            ValueError, match=r"answer 1, .* holds the mark \(12\) or the end token \(3\): give the words"
        ):
            few_shot_prompt([[5], wrong], IMAGE, END)


def test_an_answers_likelihood_is_the_product_of_its_tokens(make_flamingo):
    flamingo = make_flamingo(gates=0.8)
    found = answer_log_likelihoods(flamingo, features(), PROMPT, ANSWERS)
    assert found.shape == (2, 3) and not found.requires_grad
    for row in range(2):
        for number, answer in enumerate(ANSWERS):
            text, expected = PROMPT[row].tolist(), 1.0
            for token in answer:
                logits = flamingo(features()[row : row + 1], torch.tensor([text]))[0, -1]
                expected *= logits.softmax(dim=-1)[token].item()
                text.append(token)
            assert found[row, number].exp().item() == pytest.approx(expected, rel=1e-4)


def test_likelihoods_of_all_answers_add_up_to_one(make_flamingo):
    """All answers of one token, before any end: a distribution over the vocabulary."""
    found = answer_log_likelihoods(make_flamingo(gates=0.8), features(), PROMPT, [[token] for token in range(V)])
    torch.testing.assert_close(found.exp().sum(dim=1), torch.ones(2))


def test_an_empty_answer_is_refused(make_flamingo):
    with pytest.raises(ValueError, match="answer 1 is empty"):
        answer_log_likelihoods(make_flamingo(), features(), PROMPT, [[5], []])


def test_the_likeliest_tokens_are_written(make_flamingo):
    flamingo = make_flamingo(gates=0.8)
    never = V + 1
    rows = generate(flamingo, features(), PROMPT, end_id=never, max_tokens=9)
    for row, written in enumerate(rows):
        assert len(written) == 9
        text = PROMPT[row].tolist()
        for token in written:
            assert flamingo(features()[row : row + 1], torch.tensor([text]))[0, -1].argmax() == token
            text.append(token)


def test_each_answer_stops_at_its_own_end_token(make_flamingo):
    flamingo = make_flamingo(gates=0.8)
    free = generate(flamingo, features(), PROMPT, end_id=V + 1, max_tokens=9)
    end = free[1][0]
    assert end not in free[0]
    assert generate(flamingo, features(), PROMPT, end_id=end, max_tokens=9) == [free[0], [end]]


def test_with_closed_gates_the_language_model_writes_its_own_text(make_flamingo):
    flamingo = make_flamingo()
    model = flamingo.language_model
    expected = generate_text(model, flamingo.embed(PROMPT), end_id=END, max_tokens=9)
    assert generate(flamingo, features(), PROMPT, end_id=END, max_tokens=9) == expected


def test_what_has_no_room_is_refused(make_flamingo):
    flamingo = make_flamingo()
    with pytest.raises(ValueError, match="ask for at most 16"):
        generate(flamingo, features(), PROMPT, end_id=END, max_tokens=17)
    with pytest.raises(ValueError, match="row 0 has 1 images and 2 image marks"):
        generate(flamingo, features(images=1), PROMPT, end_id=END, max_tokens=1)
