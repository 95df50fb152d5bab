"""The prompt lab without a browser: what is typed moves the grid, and what makes no sense is told."""

import re

import pytest
import torch
from ipywidgets import Text

from clip_tutor.data.emoji import find_emoji
from clip_tutor.data.labelled import labelled_scenes
from clip_tutor.lab import explore
from clip_tutor.lessons.nb09_zero_shot import prompt_lab, sets
from clip_tutor.weights import load


@pytest.fixture(scope="module")
def draw():
    model, tokenizer, _ = load("emoji")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prompt_lab, "EACH", 4)
        images = prompt_lab.draw_images(64)
    return prompt_lab.prompt_lab(images, {"the kit's model": prompt_lab.look(model, tokenizer, images)})


def told(html: str) -> tuple[int, int]:
    right, total = re.search(r"(\d+) of (\d+) right", html).groups()
    return int(right), int(total)


def test_typing_moves_the_grid(draw):
    lab = explore(
        draw, classes=Text(value="cat, dog, owl"), templates=Text(value="a {}"), things=list(prompt_lab.THINGS)
    )
    first = lab.draw("cat, dog, owl", "a {}", "everyday things")
    assert told(first)[1] == 12 and told(first)[0] >= 11 and first.count("<tr>") == 11
    lab.controls["classes"].value = "cat, dog, owl, pizza"
    assert lab.error is None
    second = lab.draw(lab.controls["classes"].value, "a {}", "everyday things")
    assert told(second)[1] == 16 and second != first


def test_words_of_ones_own_and_nonsense(draw):
    assert "none of the true words was typed" in draw("kitty, hound", "a {}", "everyday things")
    for classes, templates, message in (
        ("cat", "a {}", "leaves nothing to choose"),
        ("cat, cat", "a {}", "are all called &#x27;cat&#x27;"),
        ("", "a {}", "leaves nothing to choose"),
        ("cat, dog", "a photo", "has no {}"),
        ("cat, dog", "{a} {}", "only {} is replaced"),
        ("cat, dog", "", "there is no template"),
        ("cat, dog", "{} " * 60, "holds"),
    ):
        html = draw(classes, templates, "animals alike")
        assert "prompt-lab-message" in html and message in html, (classes, templates, html)
    assert "&lt;b&gt;" in draw("<b>, cat", "a {}", "animals alike")


def test_two_models_stand_side_by_side(draw):
    model, tokenizer, _ = load("emoji")
    images = {"few": prompt_lab.Images(["cat", "dog"], ["", ""], torch.tensor([0, 1]), _few())}
    looked = prompt_lab.look(model, tokenizer, images)
    html = prompt_lab.prompt_lab(images, {"the kit's": looked, "your own": looked})("cat, dog", "a {}", "few")
    assert html.count("prompt-lab-grid") == 2 and "your own" in html


def _few():
    every = labelled_scenes("everyday", count=400)
    rows = [next(row for row, label in enumerate(every.labels) if label == n) for n in (0, 1)]
    return every.take(rows)


def test_other_words_are_each_of_one_class_only():
    objects = sets.animals_and_dishes()
    words = sets.another_word(objects)
    assert len(set(words)) == len(words) == 285
    assert sum(word != one.noun.singular for word, one in zip(words, objects, strict=True)) > 40
    assert all("Animals" not in one.group and "Food" not in one.group for one in sets.other_things())


def test_classes_never_seen_are_withheld_pairs():
    model, _, _ = load("emoji")
    for seen in (False, True):
        names, pixels, labels = sets.never_seen(model, 60, seen)
        assert len(names) == len(set(names)) == 208 and pixels.shape == (60, 3, 64, 64) and len(labels) == 60
        assert ("cat on red" in names) is not seen  # the first object's withheld colors are the first two


def test_families_are_true_of_what_goes_by_them():
    cat, rocket = find_emoji("🐈🚀")
    assert sets.families([cat, rocket], ["pet", "animal"]).tolist() == [[True, True], [False, False]]
