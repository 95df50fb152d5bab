"""The featurizer: equal to scikit-learn's numbers, λ chosen without a test image, and errors that say what to do."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from clip_tutor import zoo
from clip_tutor.embedding import encode_images
from clip_tutor.evaluation.featurizer import (
    L2_GRID,
    FewShotCurve,
    Labelled,
    choose_l2,
    featurizer_report,
    few_of_each,
    few_shot_curve,
    fit_probe,
    joint_features,
    nearest_centroid,
    paired_difference,
    probe_features,
    read_from,
    split_off,
    zero_shot_head,
)
from clip_tutor.evaluation.retrieval import bootstrap_interval
from clip_tutor.model import CLIP
from clip_tutor.towers import ConvNeXtConfig, ResNetConfig, TextConfig, ViTConfig

D, M = 8, 4


def blobs(count: int, seed: int, spread: float = 1.5, classes: int = M) -> Labelled:
    """Gaussian classes that overlap; the centers are the same for every seed."""
    centers = torch.randn(classes, D, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    return Labelled(centers[labels] + spread * torch.randn(count, D, generator=generator), labels)


@pytest.fixture(scope="module")
def splits() -> tuple[Labelled, Labelled, Labelled]:
    return blobs(200, 0), blobs(120, 1), blobs(300, 2)


def model_with(vision) -> CLIP:
    torch.manual_seed(0)
    text = TextConfig(50, 8, width=16, layers=1, heads=2)
    return CLIP(zoo.CLIPConfig(embed_dim=12, vision=vision, text=text)).eval()


VIT = ViTConfig(32, 16, width=24, layers=2, heads=2)


# ------------------------------------------------------------------------------------------------ classifiers


@pytest.mark.parametrize("classes", [2, 3, M])
@pytest.mark.parametrize("l2", [1e-3, 1.0, 30.0])
def test_probe_equals_scikit_learn(classes: int, l2: float):
    train, test = blobs(120, 0, classes=classes), blobs(90, 1, classes=classes)
    theirs = LogisticRegression(C=1 / l2, max_iter=1000).fit(train.features.double().numpy(), train.labels.numpy())
    probe = fit_probe(train, l2)
    expected = theirs.predict_proba(test.features.double().numpy())
    np.testing.assert_allclose(probe.logits(test.features).softmax(dim=1).numpy(), expected, atol=1e-6)
    assert probe.hits(test).double().mean().item() == pytest.approx(
        theirs.score(test.features.double().numpy(), test.labels.numpy()), abs=1e-6
    )


def test_probe_minimizes_the_regularized_loss(splits):
    """λ stands before half the squared weights, against the sum of the losses, and leaves the biases alone."""
    train, l2 = splits[0], 3.0
    probe = fit_probe(train, l2)
    weight, bias = probe.weight.clone().requires_grad_(), probe.bias.clone().requires_grad_()
    logits = train.features.double() @ weight.T + bias
    loss = F.cross_entropy(logits, train.labels, reduction="sum") + l2 / 2 * weight.square().sum()
    loss.backward()
    assert weight.grad.abs().max() < 0.05 and bias.grad.abs().max() < 0.05


def test_nearest_centroid_equals_scikit_learn(splits):
    train, _, test = splits
    theirs = NearestCentroid().fit(train.features.double().numpy(), train.labels.numpy())
    ours = nearest_centroid(train)
    np.testing.assert_allclose(ours.weight.numpy(), theirs.centroids_, atol=1e-6)
    assert (ours.predict(test.features).numpy() == theirs.predict(test.features.double().numpy())).all()


def test_probe_that_was_stopped_says_so(monkeypatch, splits):
    assert fit_probe(splits[0], 1.0).converged
    monkeypatch.setattr("clip_tutor.evaluation.featurizer.classifiers.MAX_ITERATIONS", 2)
    assert not fit_probe(splits[0], 1.0).converged


def test_classifier_refuses_vectors_of_another_place(splits):
    with pytest.raises(ValueError, match="before or after the projection"):
        fit_probe(splits[0], 1.0).predict(torch.randn(3, D + 1))


def test_a_vector_that_is_no_number_is_never_right():
    head = zero_shot_head(torch.eye(2))
    assert head.predict(torch.tensor([[torch.nan, 0.0], [0.0, 1.0]])).tolist() == [-1, 1]


# ------------------------------------------------------------------------------------------------ sweep and splits


def test_grid_has_96_steps_from_a_millionth_to_a_million():
    assert len(L2_GRID) == 97
    assert L2_GRID[0] == pytest.approx(1e-6) and L2_GRID[-1] == pytest.approx(1e6)
    ratios = [b / a for a, b in itertools.pairwise(L2_GRID)]
    assert ratios == pytest.approx([10 ** (1 / 8)] * 96)


def test_sweep_tries_seven_then_narrows_down_to_a_step(splits):
    sweep = choose_l2(*splits[:2])
    places = [min(range(97), key=lambda place: abs(L2_GRID[place] - l2)) for l2 in sweep.l2]
    assert set(range(0, 97, 16)) <= set(places) and len(places) <= 15
    best = min(range(97), key=lambda place: abs(L2_GRID[place] - sweep.best))
    assert {best - 1, best + 1} & set(range(97)) <= set(places), "the neighbors of the chosen one were tried"
    assert max(sweep.accuracy) == dict(zip(sweep.l2, sweep.accuracy, strict=True))[sweep.best]
    assert list(sweep.l2) == sorted(sweep.l2)


def test_of_equally_good_ones_the_strongest_is_chosen():
    easy = blobs(80, 0, spread=0.01)
    sweep = choose_l2(easy, easy)
    equal = [l2 for l2, accuracy in zip(sweep.l2, sweep.accuracy, strict=True) if accuracy == max(sweep.accuracy)]
    assert sweep.best == max(equal) > 1.0


def test_the_test_split_never_chooses(splits):
    """Test labels that are all wrong change what is measured, and nothing that was fitted or chosen."""
    train, validation, test = splits
    model = model_with(VIT)
    honest = featurizer_report(model, train, validation, test, shots=(1, 4), draws=2)
    lied = featurizer_report(model, train, validation, Labelled(test.features, (test.labels + 1) % M), None, (1, 4), 2)
    assert lied.sweep == honest.sweep and lied.probe != honest.probe


def test_split_off_holds_back_a_share_of_each_class():
    labelled = Labelled(torch.arange(50.0)[:, None], torch.tensor([0] * 30 + [1] * 18 + [2] * 2))
    train, validation = split_off(labelled, 0.2, seed=1)
    assert validation.labels.bincount().tolist() == [6, 4, 1]
    assert sorted(torch.cat([train.features, validation.features]).flatten().tolist()) == list(range(50))
    assert all(labelled.labels[int(value)] == label for value, label in zip(*validation, strict=True))
    assert split_off(labelled, 0.2, seed=2)[1].features.tolist() != validation.features.tolist()


def test_few_of_each_draws_so_many_of_each():
    labels = torch.tensor([0, 1, 2, 1, 0, 2, 2, 1, 0, 0])
    rows = few_of_each(labels, 2, seed=3)
    assert labels[rows].bincount().tolist() == [2, 2, 2] and len(set(rows.tolist())) == 6
    assert {tuple(few_of_each(labels, 1, seed).tolist()) for seed in range(30)} != {
        tuple(few_of_each(labels, 1).tolist())
    }
    with pytest.raises(ValueError, match="class 1 has 3 images, and 4 of each"):
        few_of_each(labels, 4)


# ------------------------------------------------------------------------------------------------ few shots, pairs


def test_few_shot_curve_knows_more_with_more_shots(splits):
    curve = few_shot_curve(*splits, zero_shot=0.3, shots=(16, 1), draws=4)
    assert curve.shots == (1, 16) and [len(draws) for draws in curve.probe] == [4, 4]
    assert curve.mean()[1] > curve.mean()[0]
    assert len(set(curve.probe[0])) > 1, "another draw, other images"
    assert "1 a class" in str(curve) and "zero-shot" in str(curve)


def test_lambda_of_a_few_shots_sees_no_more_than_as_many_again(monkeypatch, splits):
    seen = []

    def spy(train: Labelled, validation: Labelled):
        seen.append((train.labels.bincount().tolist(), validation.labels.bincount().tolist()))
        return choose_l2(train, validation)

    monkeypatch.setattr("clip_tutor.evaluation.featurizer.few_shot.choose_l2", spy)
    few_shot_curve(*splits, shots=(2,), draws=2)
    assert seen == [([2] * M, [2] * M)] * 2


def test_shots_that_some_class_lacks_are_left_out_and_named(splits):
    train, validation, test = splits
    small = Labelled(validation.features[:8], validation.labels[:8])  # two of each
    curve = few_shot_curve(train, small, test, shots=(1, 2, 4), draws=1)
    assert curve.shots == (1, 2) and curve.left_out == (4,)
    assert "some class has fewer images" in str(curve)
    with pytest.raises(ValueError, match="some class has 2 images"):
        few_shot_curve(train, small, test, shots=(4,), draws=1)


def test_crossing_is_the_first_mean_above_zero_shot():
    curve = FewShotCurve((1, 2, 4), ((0.2, 0.4), (0.5, 0.6), (0.8, 0.8)), ((0.1,), (0.1,), (0.1,)), 0.55)
    assert curve.mean() == pytest.approx([0.3, 0.55, 0.8])
    assert curve.crossing() == 4 and curve.crossing("centroid") is None


def test_paired_interval_is_that_of_the_differences():
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(400, generator=generator) < 0.8
    second = first & (torch.rand(400, generator=generator) < 0.95)  # as good, but for one in twenty
    found = paired_difference(first, second)
    assert found.difference == pytest.approx(first.float().mean().item() - second.float().mean().item())
    assert found.decided and found.only_second == 0 and found.only_first == int((first & ~second).sum())
    of_first, of_second = bootstrap_interval(first), bootstrap_interval(second)
    assert of_first[0] < of_second[1], "the single intervals overlap, and the difference is decided all the same"


def test_paired_difference_wants_the_same_images():
    with pytest.raises(ValueError, match="same test images"):
        paired_difference(torch.ones(3, dtype=torch.bool), torch.ones(4, dtype=torch.bool))


# ------------------------------------------------------------------------------------------------ features


@pytest.mark.parametrize(
    ("vision", "place", "width"),
    [
        (VIT, "before the projection", 24),
        (ViTConfig(32, 16, width=12, layers=1, heads=2, pool="map", ln_pre=False), "after the projection", 12),
        (ResNetConfig(32, (1, 1, 1, 1), width=8, heads=4), "after the projection", 12),
        (ConvNeXtConfig(32, (1, 1, 1, 1), (8, 8, 8, 8)), "after the projection", 12),
    ],
    ids=["ViT", "SigLIP", "ResNet", "ConvNeXt"],
)
def test_one_pass_serves_both(vision, place: str, width: int):
    """The joint vectors that come of a probe's features are those of `encode_images`."""
    model = model_with(vision)
    pixels = torch.rand(5, 3, 32, 32)
    features = probe_features(model, pixels)
    assert read_from(model) == place and features.shape == (5, width)
    torch.testing.assert_close(joint_features(model, features), encode_images(model, pixels), atol=1e-6, rtol=0)


def test_features_before_the_projection_are_the_class_token_of_the_last_block():
    model, pixels = model_with(VIT), torch.rand(3, 3, 32, 32)
    tower = model.image_tower
    with torch.no_grad():
        states = tower.intermediates(model.config.preprocessing.normalize(pixels)).token_states
        expected = tower.ln_post(states[-1][:, 0])
    torch.testing.assert_close(probe_features(model, pixels), expected, atol=1e-5, rtol=0)


# ------------------------------------------------------------------------------------------------ report


def test_report_prints_and_saves(splits, tmp_path):
    train, validation, test = blobs_for_model()
    model = model_with(VIT)
    classes = F.normalize(torch.randn(M, 12), dim=-1)
    report = featurizer_report(model, train, validation, test, classes, shots=(1, 2), draws=2)
    text = str(report)
    for words in ("before the projection", "best of", "linear probe", "zero-shot", "2 a class", "passes zero-shot"):
        assert words in text
    report.save(tmp_path / "report.json")
    saved = json.loads((tmp_path / "report.json").read_text())
    assert saved["probe"]["value"] == pytest.approx(report.probe.value)
    zero_shot = zero_shot_head(classes).hits(Labelled(joint_features(model, test.features), test.labels))
    assert report.zero_shot.value == pytest.approx(zero_shot.double().mean().item())


def blobs_for_model() -> tuple[Labelled, Labelled, Labelled]:
    return tuple(Labelled(F.pad(b.features, (0, 24 - D)), b.labels) for b in (blobs(80, 0), blobs(40, 1), blobs(60, 2)))


def test_final_probe_is_fitted_to_training_and_validation_images(splits):
    train, validation, test = splits
    report = featurizer_report(model_with(VIT), train, validation, test, shots=(1,), draws=1)
    both = Labelled(*(torch.cat(pieces) for pieces in zip(train, validation, strict=True)))
    assert report.probe.value == fit_probe(both, report.sweep.best).hits(test).double().mean().item()


def test_copies_of_training_images_in_the_test_split_are_counted(splits):
    train, validation, test = splits
    with pytest.warns(UserWarning, match="3 of 300 test images"):
        copied = Labelled(torch.cat([train.features[:3], test.features[3:]]), test.labels)
        report = featurizer_report(model_with(VIT), train, validation, copied, shots=(1,), draws=1)
    assert report.test_images == 300, "they are measured all the same"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda f, y: (f[:0], y[:0]), "holds no image"),
        (lambda f, y: (f, y[:-1]), "N labels"),
        (lambda f, y: (f, y - 1), "whole numbers from 0"),
        (lambda f, y: (f, y.float()), "whole numbers from 0"),
        (lambda f, y: (f * math.nan, y), "not finite in rows"),
        (lambda f, y: (f, y * 2), "have no training image"),
        (lambda f, y: (f, y * 0), "one class"),
    ],
)
def test_bad_splits_are_told(splits, broken, message: str):
    with pytest.raises(ValueError, match=message):
        fit_probe(Labelled(*broken(*splits[0])), 1.0)


def test_other_mistakes_are_told(splits):
    train, validation, test = splits
    with pytest.raises(ValueError, match="λ is 0"):
        fit_probe(train, 0)
    with pytest.raises(ValueError, match="test split has label 4, and there are 4 classes"):
        few_shot_curve(train, validation, Labelled(test.features, test.labels + 1))
    with pytest.raises(ValueError, match="3 class vectors"):
        featurizer_report(model_with(VIT), train, validation, test, torch.eye(3))
    with pytest.raises(ValueError, match="share of 1"):
        split_off(train, 1.0)
    with pytest.raises(ValueError, match="one image only"):
        split_off(Labelled(torch.zeros(3, 2), torch.tensor([0, 0, 1])))
