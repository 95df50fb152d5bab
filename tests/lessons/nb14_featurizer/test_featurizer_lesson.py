"""Notebook 14: tasks without a shared image, a board whose every control shows, and what erasing takes out."""

import itertools

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression

from clip_tutor import zoo
from clip_tutor.evaluation.featurizer import Labelled, fit_probe
from clip_tutor.lessons.nb14_featurizer import erasing, photographs, plots, subjects, tasks
from clip_tutor.lessons.nb14_featurizer.exercises.checks import overlapping
from clip_tutor.lessons.nb14_featurizer.exercises.logistic import fit_logistic
from clip_tutor.lessons.nb14_featurizer.subjects import BEFORE, JOINT, UNTRAINED, Subject
from clip_tutor.model import CLIP
from clip_tutor.weights import Loaded, load


@pytest.fixture(scope="module")
def made() -> dict[str, tasks.Task]:
    return {"cat faces": tasks.cat_faces(), "quarters": tasks.quarters()}


@pytest.fixture(scope="module")
def read(made: dict[str, tasks.Task]) -> dict[str, Subject]:
    """Both tasks with a few images of each class, so that nothing here takes long."""
    model, tokenizer, _ = load("emoji")
    small = {}
    for name, task in made.items():
        some = [_first(split, 12) for split in task[3:]]
        small[name] = subjects.read(
            name, model, tokenizer, task._replace(train=some[0], validation=some[1], test=some[2])
        )
    return small


def _first(split: tasks.Split, count: int) -> tasks.Split:
    rows = torch.cat([(split.labels == m).nonzero().flatten()[:count] for m in range(int(split.labels.max()) + 1)])
    return tasks.Split(split.pixels[rows], split.labels[rows])


def test_the_splits_share_no_image(made: dict[str, tasks.Task]):
    for task in made.values():
        images = [{image.numpy().tobytes() for image in split.pixels} for split in task[3:]]
        assert not any(one & other for one, other in itertools.combinations(images, 2))
        for split in task[3:]:
            assert len(set(split.labels.bincount().tolist())) == 1, "as many of each class"
            assert len(split.labels.unique()) == len(task.classes) == len(task.prompts)


def test_a_quarter_is_where_the_drawing_is(made: dict[str, tasks.Task]):
    pixels, labels = made["quarters"].test
    background = pixels[:, :, :1, :1].float()
    drawn = (pixels.float() - background).abs().amax(dim=1) > 40  # (N, H, W)
    place = torch.arange(64.0)
    x = (drawn.sum(dim=1) * place).sum(dim=1) / drawn.sum(dim=(1, 2))
    y = (drawn.sum(dim=2) * place).sum(dim=1) / drawn.sum(dim=(1, 2))
    agrees = ((x > 31.5) + 2 * (y > 31.5)) == labels
    assert agrees.float().mean() > 0.85, "a drawing's ink need not lie in its middle"


def test_zero_shot_knows_faces_and_no_quarters(read: dict[str, Subject]):
    assert read["cat faces"].zero_shot.float().mean() > 0.45
    assert read["quarters"].zero_shot.float().mean() < 0.4


def test_the_board_draws_at_every_setting(read: dict[str, Subject]):
    for task, vectors, shuffled in itertools.product(read, (BEFORE, JOINT, UNTRAINED), (False, True)):
        assert isinstance(plots.probe_board(read, task, vectors, 4, 1.0, shuffled), Figure)


def test_every_control_of_the_board_changes_what_is_drawn(read: dict[str, Subject]):
    at_first = {"task": "cat faces", "vectors": BEFORE, "images_a_class": 8, "log10_λ": 0.0, "shuffled_labels": False}
    others = {"task": "quarters", "vectors": UNTRAINED, "images_a_class": 2, "log10_λ": 5.0, "shuffled_labels": True}

    def drawn(**settings: object) -> bytes:
        figure = plots.probe_board(read, **settings)
        figure.suptitle("")  # it repeats the settings
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return bytes(canvas.buffer_rgba())

    before = drawn(**at_first)
    assert drawn(**at_first) == before
    assert [name for name, value in others.items() if drawn(**at_first | {name: value}) == before] == []


def test_shuffled_labels_are_the_same_labels_in_another_order(read: dict[str, Subject]):
    train = read["cat faces"].vectors[BEFORE].train
    dealt = tasks.shuffled(train)
    assert dealt.labels.bincount().tolist() == train.labels.bincount().tolist()
    assert (dealt.labels != train.labels).any() and dealt.features is train.features


def test_what_was_taken_out_cannot_be_read_any_more():
    features, labels = overlapping((60, 60, 60), 0, width=12, spread=0.8)
    train = Labelled(features, labels)
    gone = erasing.directions_of(train, l2=1.0, rounds=3)
    torch.testing.assert_close(gone @ gone.T, torch.eye(6, dtype=torch.float64), atol=1e-8, rtol=0)
    left = Labelled(erasing.without(features, gone), labels)
    assert (left.features @ gone.T).abs().max() < 1e-8
    assert (
        fit_probe(train, 1.0).hits(train).float().mean() > 0.85 > 0.6 > fit_probe(left, 1.0).hits(left).float().mean()
    )


def test_own_l_bfgs_gives_scikit_learns_probabilities():
    features, labels = overlapping((20, 30, 25), 1)
    weight, bias = fit_logistic(features, labels, 0.7, 3)
    theirs = LogisticRegression(C=1 / 0.7, max_iter=1000, tol=1e-10).fit(features.double().numpy(), labels.numpy())
    ours = (features.double() @ weight.T + bias).softmax(dim=1).numpy()
    np.testing.assert_allclose(ours, theirs.predict_proba(features.double().numpy()), atol=1e-5)


def test_without_published_weights_a_line_says_how_to_get_them(monkeypatch, capsys):
    def nothing(*_: object) -> None:
        raise FileNotFoundError("not here")

    monkeypatch.setattr(photographs, "load", nothing)
    assert subjects.on_photographs() == []
    assert 'load("ViT-B/32", weights="openai")' in capsys.readouterr().out


def test_with_published_weights_photographs_are_read(monkeypatch, capsys):
    """A small model in the place of ViT-B/32; CIFAR-10 is not to be had, so scikit-image's photographs are cut."""
    _, tokenizer, _ = load("emoji")
    torch.manual_seed(0)
    model = CLIP(zoo.config("emoji")).eval()
    monkeypatch.setattr(photographs, "load", lambda *_: Loaded(model, tokenizer, {}))

    def refused(_: CLIP) -> tasks.Task:
        raise OSError("no network")

    monkeypatch.setattr(photographs, "_cifar", refused)
    monkeypatch.setattr(photographs, "TRAIN", 2)
    monkeypatch.setattr(photographs, "VALIDATION", 2)
    monkeypatch.setattr(photographs, "TEST", 3)
    (subject,) = subjects.on_photographs()
    assert subject.vectors[BEFORE].train.labels.bincount().tolist() == [2] * 8
    assert len(subject.zero_shot) == 24 and "photographs" in subject.name
    assert "no network" in capsys.readouterr().out


def test_cifar_becomes_a_task(monkeypatch):
    class Small:
        def __init__(self, folder: object, train: bool, download: bool) -> None:
            self.targets = list(range(10)) * 6
            self.data = np.random.default_rng(train).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)

    monkeypatch.setattr("torchvision.datasets.CIFAR10", Small)
    for name in ("TRAIN", "VALIDATION", "TEST"):
        monkeypatch.setattr(photographs, name, 2)
    task = photographs._cifar(load("emoji").model)
    assert task.prompts[0] == "a photo of an airplane" and task.test.pixels.shape == (20, 3, 64, 64)
    assert [split.labels.bincount().tolist() for split in task[3:]] == [[2] * 10] * 3
