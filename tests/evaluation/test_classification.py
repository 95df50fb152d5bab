"""Zero-shot classification: equal to scikit-learn's, OpenCLIP's and CLIP_benchmark's figures on the same features."""

import json
import math

import numpy as np
import open_clip
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, top_k_accuracy_score

from clip_tutor.evaluation.calibration import calibration
from clip_tutor.evaluation.classification import classification
from clip_tutor.evaluation.classifier import Classifier, build_classifier
from clip_tutor.evaluation.encoding import Encoded
from clip_tutor.evaluation.prompts import SELECTED
from clip_tutor.weights import fingerprint, write_tensors

NAMES = tuple("abcdefgh")


def made_up(images: int = 400, classes: int = 8, seed: int = 0) -> tuple[Classifier, Encoded]:
    """A classifier and images around its classes, noisy enough to be confused; rows count from 1000."""
    generator = torch.Generator().manual_seed(seed)
    weights = F.normalize(torch.randn(classes, 12, generator=generator), dim=1)
    labels = torch.randint(classes, (images,), generator=generator)
    features = F.normalize(weights[labels] + 0.35 * torch.randn(images, 12, generator=generator), dim=1)
    prompts = tuple((name,) for name in NAMES[:classes])
    classifier = Classifier(NAMES[:classes], prompts, weights, 20.0, "made up")
    return classifier, Encoded(features, labels, torch.arange(images) + 1000, {})


def test_figures_are_scikit_learns():
    classifier, encoded = made_up()
    found = classification(classifier, encoded)
    scores, truth = classifier.logits(encoded.features).double().numpy(), encoded.labels.numpy()
    answers = scores.argmax(axis=1)
    assert found.top_1 == pytest.approx(top_k_accuracy_score(truth, scores, k=1), abs=1e-6)
    assert found.top_5 == pytest.approx(top_k_accuracy_score(truth, scores, k=5), abs=1e-6)
    assert found.mean_per_class == pytest.approx(balanced_accuracy_score(truth, answers), abs=1e-6)
    assert np.array_equal(found.confusion.numpy(), confusion_matrix(truth, answers, labels=range(8)))
    assert found.top_1_interval[0] < found.top_1 < found.top_1_interval[1] and 0.5 < found.top_1 < found.top_5 < 1


def test_a_class_without_images_is_left_out_of_the_mean_as_scikit_learn_does():
    classifier, encoded = made_up()
    kept = encoded.labels != 3
    some = Encoded(encoded.features[kept], encoded.labels[kept], encoded.rows[kept], {})
    found = classification(classifier, some)
    answers = classifier.logits(some.features).argmax(dim=1)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert found.mean_per_class == pytest.approx(balanced_accuracy_score(some.labels, answers), abs=1e-6)
    assert math.isnan(found.recall[3]) and found.as_json()["recall"]["d"] is None


def published_accuracy(output: torch.Tensor, target: torch.Tensor, topk: tuple[int, ...]) -> list[float]:
    """The formula of OpenCLIP's and CLIP_benchmark 1.6's zero-shot accuracy, written out."""
    answers = output.topk(max(topk), 1, True, True)[1].t()
    correct = answers.eq(target.view(1, -1).expand_as(answers))
    return [correct[:k].reshape(-1).float().sum().item() / len(target) for k in topk]


def test_accuracy_is_open_clips_and_clip_benchmarks():
    classifier, encoded = made_up(seed=1)
    found = classification(classifier, encoded)
    logits = 100.0 * encoded.features @ classifier.weights.T
    assert [found.top_1, found.top_5] == pytest.approx(published_accuracy(logits, encoded.labels, (1, 5)), abs=1e-6)
    # CLIP_benchmark calls it mean_per_class_recall.
    expected = balanced_accuracy_score(encoded.labels, logits.argmax(dim=1))
    assert found.mean_per_class == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("templates", [("a {}",), SELECTED])
def test_the_classifier_is_open_clips(model, tokenizer, templates):
    class Theirs:
        """Our text tower as OpenCLIP's function calls one."""

        def encode_text(self, ids: torch.Tensor, normalize: bool) -> torch.Tensor:
            assert normalize
            return F.normalize(model.encode_text(ids), dim=-1)

    names = ["cat", "dog", "great white shark", "owl", "rocket"]
    expected = open_clip.build_zero_shot_classifier(
        Theirs(), lambda texts: torch.tensor(tokenizer(texts, truncate=True)), names, templates, num_classes_per_batch=2
    )
    ours = build_classifier(model, tokenizer, names, templates)
    torch.testing.assert_close(ours.weights, expected.T, atol=1e-6, rtol=0)


def test_numbers_that_are_none_are_refused_and_other_sizes_too():
    classifier, encoded = made_up(20)
    features = encoded.features.clone()
    features[3] = math.nan
    with pytest.raises(ValueError, match="not all numbers"):
        classification(classifier, Encoded(features, encoded.labels, encoded.rows, {}))
    with pytest.raises(ValueError, match="length 5 and class vectors of length 12 cannot be compared"):
        classification(classifier, Encoded(torch.ones(20, 5), encoded.labels, encoded.rows, {}))
    with pytest.raises(ValueError, match="labels from 0 to 9 do not match 8 classes"):
        classification(classifier, Encoded(encoded.features[:10], torch.arange(10), encoded.rows, {}))
    with pytest.raises(ValueError, match="no image to measure on"):
        classification(classifier, Encoded(torch.empty(0, 12), torch.empty(0).long(), torch.empty(0).long(), {}))


def test_top_5_of_four_classes_is_not_told():
    found = classification(*made_up(classes=4))
    assert found.top_5 is None and "top-5           –" in str(found)


def test_the_most_confused_pair_is_named_with_its_images():
    classifier, encoded = made_up()
    found = classification(classifier, encoded)
    pair = found.confused[0]
    off = found.confusion.clone().fill_diagonal_(0)
    truth, answer = NAMES.index(pair.truth), NAMES.index(pair.answer)
    assert pair.images == off.max() == off[truth, answer] and pair.images >= found.confused[1].images
    assert pair.share == pytest.approx(pair.images / (encoded.labels == truth).sum().item())
    probabilities = classifier.probabilities(encoded.features)
    for row in pair.rows:
        assert encoded.labels[row - 1000] == truth and probabilities[row - 1000].argmax() == answer
    sure = [probabilities[row - 1000, answer].item() for row in pair.rows]
    assert sure == sorted(sure, reverse=True)
    perfect = Encoded(classifier.weights, torch.arange(8), torch.arange(8), {})
    assert classification(classifier, perfect).confused == []


def test_a_result_is_written_with_what_is_not_zero(tmp_path):
    classifier, encoded = made_up(30)
    broken = Encoded(encoded.features, encoded.labels, encoded.rows, {"a.jpg": "is cut off"})
    found = classification(classifier, broken)
    found.save(tmp_path / "found.json")
    read = json.loads((tmp_path / "found.json").read_text())
    again = torch.zeros(8, 8, dtype=torch.long)
    for truth, answer, count in read["confusion"]:
        again[truth, answer] = count
    assert torch.equal(again, found.confusion) and read["problems"] == {"a.jpg": "is cut off"}
    assert "left out        1, the first is a.jpg: is cut off" in str(found)
    assert read["calibration"]["ece"] == calibration(classifier.logits(encoded.features), encoded.labels).ece


# ---- the classifier -------------------------------------------------------------------------------------------------


def test_a_saved_classifier_is_the_same(tmp_path, model, make_model, tokenizer):
    made = build_classifier(model, tokenizer, ["cat", "dog", "owl {x}"], ("a {}", "{} on red"))
    made.save(tmp_path / "animals.safetensors")
    again = Classifier.open(tmp_path / "animals.safetensors", model)
    assert torch.equal(made.weights, again.weights) and made.logit_scale == again.logit_scale
    assert (again.names, again.prompts, again.model) == (made.names, made.prompts, fingerprint(model))
    assert again.prompts[2] == ("a owl {x}", "owl {x} on red")
    with pytest.raises(ValueError, match="was made by another model"):
        Classifier.open(tmp_path / "animals.safetensors", make_model(seed=5))
    torch.save(made.weights, tmp_path / "bad.pt")
    with pytest.raises(ValueError, match="is a pickle"):
        Classifier.open(tmp_path / "bad.pt")


def test_a_file_of_something_else_is_no_classifier(tmp_path):
    write_tensors(tmp_path / "x", {"weights": torch.eye(2)}, {"model": "?"})
    with pytest.raises(ValueError, match="is not a classifier"):
        Classifier.open(tmp_path / "x")


def test_prompts_may_be_written_out_and_must_fit(model, tokenizer):
    made = build_classifier(model, tokenizer, ["cat", "dog"], prompts=[["a cat"], ["a dog", "two dogs"]])
    assert made.prompts == (("a cat",), ("a dog", "two dogs"))
    with pytest.raises(ValueError, match="2 names, 1 lists of prompts and 1 vectors"):
        build_classifier(model, tokenizer, ["cat", "dog"], prompts=[["a cat"]])


def test_a_diverged_text_tower_is_refused(model, tokenizer):
    with torch.no_grad():
        model.text_tower.token_embedding.weight.fill_(math.nan)
    with pytest.raises(ValueError, match="text vectors are not numbers"):
        build_classifier(model, tokenizer, ["cat", "dog"])
