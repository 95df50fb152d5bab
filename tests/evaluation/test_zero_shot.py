"""The text tower writes the classifier."""

import pytest
import torch

from clip_tutor.embedding import embed_captions
from clip_tutor.evaluation.zero_shot import class_features, classify


def test_a_class_is_the_mean_direction_of_its_prompts(model, tokenizer):
    prompts = [["a cat"], ["a dog", "a dog on a red background", "two dogs"]]
    features = class_features(model, tokenizer, prompts)
    assert features.shape == (2, 16)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(features[0], embed_captions(model, tokenizer, prompts[0])[0])
    mean = embed_captions(model, tokenizer, prompts[1]).mean(dim=0)
    assert mean.norm() < 0.999
    torch.testing.assert_close(features[1], mean / mean.norm())


@pytest.mark.parametrize("prompts", [[], [["a cat"], []]])
def test_each_class_needs_a_prompt(model, tokenizer, prompts):
    with pytest.raises(ValueError, match="each class needs at least one prompt"):
        class_features(model, tokenizer, prompts)


def test_the_nearest_class_is_the_likeliest():
    classes = torch.eye(3)
    pictures = torch.nn.functional.normalize(torch.tensor([[0.9, 0.3, 0.1], [0.1, 0.2, 0.9]]), dim=1)
    probabilities = classify(pictures, classes, logit_scale=10)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2))
    assert probabilities.argmax(dim=1).tolist() == [0, 2]
    odds = probabilities[0, 0] / probabilities[0, 1]
    torch.testing.assert_close(odds, (10 * (pictures[0, 0] - pictures[0, 1])).exp())
    assert classify(pictures, classes)[0, 0] > probabilities[0, 0], "a larger scale is surer"
