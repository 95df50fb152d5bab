"""The text tower writes the classifier."""

import math

import pytest
import torch

from clip_tutor.embedding import encode_texts
from clip_tutor.evaluation.zero_shot import class_features, classify, likeliest


def test_a_class_is_the_mean_direction_of_its_prompts(model, tokenizer):
    prompts = [["a cat"], ["a dog", "a dog on a red background", "two dogs"]]
    features = class_features(model, tokenizer, prompts)
    assert features.shape == (2, 16)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(features[0], encode_texts(model, tokenizer, prompts[0])[0])
    mean = encode_texts(model, tokenizer, prompts[1]).mean(dim=0)
    assert mean.norm() < 0.999
    torch.testing.assert_close(features[1], mean / mean.norm())


@pytest.mark.parametrize("prompts", [[], [["a cat"], []]])
def test_each_class_needs_a_prompt(model, tokenizer, prompts):
    with pytest.raises(ValueError, match="each class needs at least one prompt"):
        class_features(model, tokenizer, prompts)


@pytest.mark.parametrize(
    ("prompts", "advice"),
    [
        ("cat", r"prompts is 'cat': pass one list of prompts a class"),
        (["cat", "dog"], r"the prompts of class 0 are 'cat': pass a list of them, .* such as \['cat'\]"),
        ([["a cat"], "a dog"], r"the prompts of class 1 are 'a dog'"),
        ({"cat": ["a cat"]}, r"prompts is a dictionary: pass its lists of prompts, list\(prompts.values\(\)\)"),
        (iter([["a cat"]]), "pass one list of prompts a class"),
        ([["a cat"], None], "the prompts of class 1 are None"),
        ([["a cat", 3]], "3"),
    ],
)
def test_a_text_is_no_list_of_letters(model, tokenizer, prompts, advice):
    with pytest.raises(TypeError, match=advice):
        class_features(model, tokenizer, prompts)


def test_vectors_that_cannot_be_compared(model):
    broken = torch.eye(3)
    broken[1, 2] = math.nan
    with pytest.raises(ValueError, match=r"image_features are not finite in rows \[1\]"):
        classify(broken, torch.eye(3))
    with pytest.raises(ValueError, match=r"classes are not finite in rows \[1\]"):
        classify(torch.eye(3), broken)
    with pytest.raises(ValueError, match=r"must be equally long: got \(3, 3\) and \(2, 4\)"):
        classify(torch.eye(3), torch.zeros(2, 4))


def test_nothing_is_likeliest_where_a_score_is_not_a_number():
    scores = torch.tensor([[0.1, 0.9, 0.2], [0.1, math.nan, 0.2], [math.nan] * 3])
    assert likeliest(scores).tolist() == [1, -1, -1]


def test_the_nearest_class_is_the_likeliest():
    classes = torch.eye(3)
    images = torch.nn.functional.normalize(torch.tensor([[0.9, 0.3, 0.1], [0.1, 0.2, 0.9]]), dim=1)
    probabilities = classify(images, classes, logit_scale=10)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2))
    assert probabilities.argmax(dim=1).tolist() == [0, 2]
    odds = probabilities[0, 0] / probabilities[0, 1]
    torch.testing.assert_close(odds, (10 * (images[0, 0] - images[0, 1])).exp())
    assert classify(images, classes)[0, 0] > probabilities[0, 0], "a larger scale is surer"
