"""The references of notebook 09 are the library's, and the solved notebook's classifier is its classifier."""

import torch
import torch.nn.functional as F
from sklearn.metrics import top_k_accuracy_score

from clip_tutor.evaluation.classifier import build_classifier
from clip_tutor.lessons.nb09_zero_shot.choosing_exercises import choose_templates, made_up, top_k_accuracy
from clip_tutor.lessons.nb09_zero_shot.classifier_exercises import ensemble, zero_shot
from clip_tutor.lessons.nb09_zero_shot.sets import text_encoder


def test_classifier_and_ensemble_are_the_librarys(model, tokenizer):
    encode, names = text_encoder(model, tokenizer), ["cat", "dog", "owl"]
    images = F.normalize(torch.randn(5, 16), dim=-1)
    for templates in (("a {}",), ("a {}", "{} on red", "the {}")):
        library = build_classifier(model, tokenizer, names, templates)
        torch.testing.assert_close(ensemble(encode, names, list(templates)), library.weights, rtol=0, atol=1e-5)
    library = build_classifier(model, tokenizer, names, ("a {}",))
    found = zero_shot(3 * images, encode, names, "a {}", library.logit_scale)
    torch.testing.assert_close(found, library.probabilities(images), rtol=0, atol=1e-5)


def test_top_k_with_one_label_is_scikit_learns():
    torch.manual_seed(0)
    logits, labels = torch.randn(50, 6), torch.arange(50) % 6
    truth = F.one_hot(labels, 6).bool()
    for k in (1, 3):
        assert abs(top_k_accuracy(logits, truth, k) - top_k_accuracy_score(labels, logits, k=k)) < 1e-6


def test_a_choice_never_depends_on_the_test_set():
    prompts, features, labels, test_features, test_labels = made_up(7)
    chosen, first = choose_templates(prompts, features, labels, test_features, test_labels, 3)
    again, second = choose_templates(prompts, features, labels, test_features.flip(0), test_labels, 3)
    assert chosen == again and first != second
