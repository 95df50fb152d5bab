"""Names and templates become prompts, and what makes no sense is refused before anything is computed."""

import sys

import pytest
from open_clip import OPENAI_IMAGENET_TEMPLATES

from clip_tutor.evaluation.prompts import SELECTED, TEMPLATES, openai_templates, prompts_for, read_templates


def test_nothing_but_the_place_of_the_name_is_replaced():
    assert prompts_for(["a{b}", "{}"], ["x {} y", "{} {}"]) == [["x a{b} y", "a{b} a{b}"], ["x {} y", "{} {}"]]


@pytest.mark.parametrize(
    ("names", "kind", "message"),
    [
        (["cat"], ValueError, "cat leaves nothing to choose, for the softmax over a single class is always 1"),
        ([], ValueError, "no class leaves nothing to choose"),
        (["cat", "dog", "cat"], ValueError, "classes 0, 2 are all called 'cat'"),
        (["cat", "  "], ValueError, "the name of class 1 is empty"),
        ("cat", TypeError, "names of classes are a list of texts, not 'cat'"),
        (["cat", 3], TypeError, "3 among these is not"),
    ],
)
def test_names_that_cannot_be_told_apart(names, kind, message):
    with pytest.raises(kind, match=message):
        prompts_for(names, ["{}"])


@pytest.mark.parametrize(
    ("templates", "kind", "message"),
    [
        (["a photo"], ValueError, r"'a photo' has no \{\}, so that all classes would have the same prompt"),
        (["a {c}"], ValueError, r"'a \{c\}' has \{c\}, and only \{\} is replaced"),
        (["{} on {color}"], ValueError, r"has \{color\}"),
        (["{"], ValueError, r"has no \{\}"),
        ([], ValueError, "there is no template"),
        ("a {}", TypeError, "templates are a list of texts"),
    ],
)
def test_templates_that_say_nothing_of_the_name(templates, kind, message):
    with pytest.raises(kind, match=message):
        prompts_for(["cat", "dog"], templates)


def test_one_text_names_a_set_a_template_or_a_file(tmp_path):
    assert read_templates("scenes") == TEMPLATES["scenes"]
    assert read_templates("an {}") == ("an {}",)
    (tmp_path / "mine.txt").write_text("a {}\n\nthe {}.\n")
    assert read_templates(str(tmp_path / "mine.txt")) == ("a {}", "the {}.")
    (tmp_path / "bad.txt").write_text("a {}\nthe\n")
    with pytest.raises(ValueError, match="'the' has no"):
        read_templates(str(tmp_path / "bad.txt"))
    with pytest.raises(FileNotFoundError, match="no file of templates 'photos': name one, a set"):
        read_templates("photos")


def test_openais_eighty_hold_the_seven(monkeypatch):
    ours = read_templates("openai")
    assert len(ours) == 80 and set(SELECTED) <= set(ours)
    assert [t.replace("{}", "x") for t in ours] == [function("x") for function in OPENAI_IMAGENET_TEMPLATES]
    monkeypatch.setitem(sys.modules, "open_clip.zero_shot_metadata", None)
    with pytest.raises(ModuleNotFoundError, match="pip install open_clip_torch"):
        openai_templates()
