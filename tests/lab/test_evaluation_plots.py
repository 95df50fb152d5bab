"""Figures of an evaluation: they show what they are given, with names on every axis."""

import numpy as np
import pytest
import torch
from PIL import Image

from clip_tutor.evaluation.calibration import calibration
from clip_tutor.evaluation.classification import classification
from clip_tutor.evaluation.classifier import Classifier
from clip_tutor.evaluation.encoding import Encoded
from clip_tutor.lab.plots.evaluation_plots import (
    accuracy_by_templates,
    confused_pairs,
    confusion_grid,
    reliability_diagram,
)


def texts_of(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_a_confusion_grid_shows_shares_and_counts():
    figure = confusion_grid(["cat", "dog"], torch.tensor([[3, 1], [0, 4]]))
    axes = figure.axes[0]
    assert np.allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert texts_of(figure) == ["3", "1", "4"]
    assert "answer" in axes.get_xlabel() and "true class" in axes.get_ylabel()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]


def test_a_class_without_images_and_many_classes_are_drawn():
    assert np.allclose(confusion_grid(["a", "b"], np.zeros((2, 2))).axes[0].images[0].get_array(), 0)
    figure = confusion_grid([f"class {n}" for n in range(104)], np.eye(104))
    assert not texts_of(figure) and len(figure.axes[0].get_xticks()) == 0
    with pytest.raises(ValueError, match="2 names need a confusion matrix of 2 × 2"):
        confusion_grid(["a", "b"], np.eye(3))


def test_a_reliability_diagram_leaves_out_empty_bins():
    torch.manual_seed(0)
    logits, labels = torch.randn(50, 3), torch.randint(3, (50,))
    both = {"as it is": calibration(logits, labels), "too sure": calibration(logits, labels, 0.1)}
    figure = reliability_diagram(both)
    for axes, one in zip(figure.axes, both.values(), strict=True):
        assert len(axes.collections[0].get_offsets()) == int((one.images > 0).sum())
        assert f"{one.ece:.3f}" in (axes.get_title(loc="left") + axes.get_title()) and axes.get_xlabel() == "confidence"


def test_templates_are_counted_from_one():
    axes = accuracy_by_templates({"greedy": [0.5, 0.7, 0.6], "random": [0.4]}, {"the name alone": 0.65}).axes[0]
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3]
    assert "the name alone: 0.650" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_confused_pairs_show_their_images():
    classifier = Classifier(("cat", "dog"), (("cat",), ("dog",)), torch.eye(2), 10.0, "")
    labels, features = torch.tensor([0, 0, 1]), torch.eye(2)[[1, 0, 1]]
    found = classification(classifier, Encoded(features, labels, torch.tensor([4, 5, 6]), {}))
    opened = []

    def open_image(row: int) -> Image.Image:
        opened.append(row)
        return Image.new("RGB", (8, 8))

    figure = confused_pairs(found, open_image)
    assert opened == [4] and "cat\n→ dog\n1 images, 50%" in texts_of(figure)[0]
    right = classification(classifier, Encoded(torch.eye(2), torch.arange(2), torch.arange(2), {}))
    assert "nothing was confused" in texts_of(confused_pairs(right, open_image))
