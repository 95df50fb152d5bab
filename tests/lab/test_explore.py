"""Widgets without a browser: outside a kernel, setting a control's value calls what hangs on it at once."""

import io

import ipywidgets
import matplotlib.pyplot as plt
import pandas
import pytest
from matplotlib.figure import Figure
from PIL import Image

from clip_tutor.lab import Screen, explore
from clip_tutor.lab.widgets.explore import end_points
from clip_tutor.lab.widgets.screen import ERROR_MARK


def say(k: int = 4, words: str = "", shout: bool = False, animal: str = "cat") -> str:
    return f"{k} {animal} {words}".upper() if shout else f"{k} {animal} {words}"


def test_it_draws_once_before_anything_is_touched():
    box = explore(say, k=(1, 10), words="here")
    assert box.screen.html.value == "4 cat here"
    assert box.error is None


def test_every_control_changes_what_is_shown():
    box = explore(say, k=(1, 10), words="here", shout=False, animal=["cat", "dog"])
    box.controls["k"].value = 7
    assert box.screen.html.value == "7 cat here"
    box.controls["words"].value = "there"
    assert box.screen.html.value == "7 cat there"
    box.controls["animal"].value = "dog"
    assert box.screen.html.value == "7 dog there"
    box.controls["shout"].value = True
    assert box.screen.html.value == "7 DOG THERE"


def test_a_message_from_the_browser_changes_what_is_shown():
    box = explore(say, k=(1, 10))
    box.controls["k"].set_state({"value": 9})
    assert box.screen.html.value.startswith("9 cat")


def test_short_forms_become_the_controls_they_stand_for():
    def draw(count, share, step, on, words, menu):
        return ""

    box = explore(draw, count=(1, 9), share=(0.0, 1.0), step=(0, 10, 5), on=True, words="cat", menu=["a", "b"])
    kinds = {name: type(control).__name__ for name, control in box.controls.items()}
    assert kinds == {"count": "IntSlider", "share": "FloatSlider", "step": "IntSlider", "on": "Checkbox",
                     "words": "Text", "menu": "Dropdown"}  # fmt: skip
    values = {name: control.value for name, control in box.controls.items()}
    assert values == {"count": 5, "share": 0.5, "step": 5, "on": True, "words": "cat", "menu": "a"}
    assert box.controls["step"].step == 5
    assert box.controls["words"].continuous_update is False


def test_sliders_and_menus_start_at_the_functions_own_defaults():
    def draw(k=3, menu="b"):
        return f"{k}{menu}"

    assert explore(draw, k=(1, 9), menu=["a", "b"]).screen.html.value == "3b"


def test_a_control_of_ones_own_is_taken_as_it_is():
    search = ipywidgets.Text(value="cat", continuous_update=True)
    box = explore(say, words=search)
    assert box.controls["words"] is search
    assert search.continuous_update is True
    assert search.description == "words"


def test_labels_are_not_cut_off():
    def draw(number_of_neighbors, words):
        return ""

    box = explore(draw, number_of_neighbors=(1, 5), words=ipywidgets.Text(description="what to look for"))
    assert box.controls["number_of_neighbors"].description == "number of neighbors"
    assert box.controls["words"].description == "what to look for"
    assert all(control.style.description_width == "initial" for control in box.controls.values())


def test_a_test_in_the_browser_can_find_it():
    box = explore(say, k=(1, 2))
    assert {"explore", "explore-say"} <= set(box._dom_classes)


def test_a_broken_widget_fails_its_cell():
    with pytest.raises(ZeroDivisionError):
        explore(lambda k: str(1 / k), k=(0, 1))


def test_an_error_of_a_later_draw_is_shown_and_kept_beside_the_last_good_image():
    def draw(k):
        return str(12 // (3 - k))

    box = explore(draw, k=(0, 3))
    assert box.screen.html.value == "6"
    box.controls["k"].value = 3
    assert isinstance(box.error, ZeroDivisionError)
    assert ERROR_MARK in box.screen.message.value
    assert "<b>ZeroDivisionError</b>" in box.screen.message.value
    assert "12 // (3 - k)" in box.screen.message.value
    assert box.screen.html.value == "6"
    box.controls["k"].value = 2
    assert box.error is None
    assert box.screen.message.value == ""
    assert box.screen.html.value == "12"


def test_an_errors_message_is_no_markup():
    screen = Screen()
    screen.fail(ValueError("<script>"))
    assert "<script>" not in screen.message.value


@pytest.mark.parametrize("given", [(), (1,), ("a", "b"), [], None, 3, {"a": 1}])
def test_what_is_no_control_says_what_would_be(given: object):
    with pytest.raises(TypeError, match=r"is no control: give \(low, high\)"):
        explore(say, k=given)


def test_a_button_has_no_value_to_draw_with():
    with pytest.raises(TypeError, match="k is a Button, which has no value"):
        explore(say, k=ipywidgets.Button())


def test_a_control_must_be_an_argument_of_the_function():
    with pytest.raises(TypeError, match="say has no argument 'temperature', it has k, words, shout, animal"):
        explore(say, temperature=(0, 1))


def test_the_ends_of_every_control_are_swept():
    menu = ipywidgets.ToggleButtons(options=[("one", 1), ("two", 2)])
    controls = explore(lambda **_: "", **{}).controls | {
        "k": ipywidgets.IntSlider(value=4, min=1, max=9),
        "share": ipywidgets.FloatSlider(value=0.5, min=0, max=1),
        "on": ipywidgets.Checkbox(value=True),
        "words": ipywidgets.Text("cat"),
        "menu": menu,
        "animal": ipywidgets.Dropdown(options={"a cat": "cat", "a dog": "dog"}),
    }
    swept = list(end_points(controls))
    assert {settings["k"] for settings in swept} == {1, 4, 9}
    assert {settings["share"] for settings in swept} == {0, 0.5, 1}
    assert {settings["on"] for settings in swept} == {True, False}
    assert {"", "cat"} < {settings["words"] for settings in swept}
    assert {settings["menu"] for settings in swept} == {1, 2}
    assert {settings["animal"] for settings in swept} == {"cat", "dog"}
    assert controls["k"].value == 4


def test_where_notebooks_are_tested_a_broken_end_fails_the_cell(monkeypatch: pytest.MonkeyPatch):
    def draw(k):
        return str(1 / k)

    assert explore(draw, k=(0, 12)).error is None
    monkeypatch.setenv("CLIP_TUTOR_SWEEP", "1")
    with pytest.raises(ZeroDivisionError):
        explore(draw, k=(0, 12))
    with pytest.raises(IndexError):
        explore(lambda words: words.split()[0], words="cat")


def test_a_figure_is_shown_as_an_image_and_is_not_shown_twice():
    def draw(k=2):
        figure, axes = plt.subplots(figsize=(k, 1))
        axes.plot([1, k])
        return figure

    box = explore(draw, k=(1, 4))
    assert Image.open(io.BytesIO(box.screen.image.value)).size == (300, 150)
    assert box.screen.image.width == "200"
    box.controls["k"].value = 4
    assert Image.open(io.BytesIO(box.screen.image.value)).size == (600, 150)
    assert plt.get_fignums() == []


def test_a_screen_shows_figures_html_and_tables_in_turn():
    screen = Screen()
    screen.show(Figure(figsize=(1, 1)))
    assert (screen.image.layout.display, screen.html.layout.display) == (None, "none")
    screen.show("<b>a word</b>")
    assert (screen.image.layout.display, screen.html.layout.display) == ("none", None)
    assert screen.html.value == "<b>a word</b>"
    screen.show(pandas.DataFrame({"recall": [0.5]}))
    assert "<table" in screen.html.value


@pytest.mark.parametrize(("drawn", "message"), [(None, "is its `return` missing"), (3.5, "returned a float")])
def test_what_cannot_be_shown_says_what_can(drawn: object, message: str):
    with pytest.raises(TypeError, match=f"returns a matplotlib Figure or a string of HTML.*{message}"):
        explore(lambda k: drawn, k=(0, 1))


def test_boxes_of_numbers_and_ranges_are_swept_to_their_ends():
    controls = {
        "count": ipywidgets.BoundedIntText(3, min=1, max=9),
        "span": ipywidgets.FloatRangeSlider(value=(2.0, 4.0), min=0.0, max=8.0),
    }
    settings = [(one["count"], one["span"]) for one in end_points(controls)]
    assert settings == [(1, (2, 4)), (9, (2, 4)), (3, (0, 0)), (3, (8, 8)), (3, (0, 8))]
