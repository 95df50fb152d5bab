"""A widget is a plain function, called once for the reader and again for each turn of a control.

    draw(k=5, query="cat")  ── once, unguarded: a broken widget fails its cell
          ▲        │
     controls      └──▶ Screen: the image, or in red what went wrong beside the last good image

ipywidgets catches what a callback raises, so a widget that never worked passes every test that only runs the notebook.
That is why the first call is a plain one, and why, with CLIP_TUTOR_SWEEP=1 in the environment (the notebook tests set
it), `explore` calls ``draw`` at both ends of every control before it returns; and `sweep_again` does so once more after
the last cell, which may have given another value to a name that an earlier cell's ``draw`` reads.
"""

import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import ipywidgets

from clip_tutor.lab.widgets.screen import Screen

# What a reader may well type into a search box.
_WORDS_TO_TRY = ("", "   ", "zzqx 🦄 <b>&", "a photo of a cat " * 40)


class Sweepable(Protocol):
    """A widget that can try the ends of its controls by itself."""

    def sweep(self) -> None:
        """Draw at both ends of every control; whatever goes wrong is raised."""


_swept: list[Sweepable] = []  # while notebooks are tested


class Explorer(ipywidgets.VBox):
    """Controls above a screen: `.controls` by name, and `.screen.error`, None while all is well."""

    def __init__(self, draw: Callable[..., Any], controls: dict[str, ipywidgets.Widget]) -> None:
        self.draw = draw
        self.controls = controls
        self.screen = Screen()
        bar = ipywidgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"})
        super().__init__([bar, self.screen])
        self.add_class("explore")
        self.add_class(f"explore-{getattr(draw, '__name__', 'draw')}")

    @property
    def error(self) -> Exception | None:
        """What the latest drawing raised, if anything."""
        return self.screen.error

    def refresh(self) -> None:
        """Draw at the controls' present settings; whatever goes wrong is raised."""
        self.screen.show(self.draw(**{name: control.value for name, control in self.controls.items()}))

    def sweep(self) -> None:
        """Draw at both ends of every control; whatever goes wrong is raised."""
        for settings in end_points(self.controls):
            Screen().show(self.draw(**settings))

    def _on_change(self, _: Any) -> None:
        try:
            self.refresh()
        except Exception as error:
            self.screen.fail(error)


def explore(draw: Callable[..., Any], /, **controls: Any) -> Explorer:
    """Return a widget that shows ``draw(**settings)`` and draws it anew at each turn of a control.

    Args:
        draw: returns a matplotlib Figure or a string of HTML. Its default arguments are where sliders and menus start.
        controls: for each argument of ``draw`` an ipywidget, or in short: ``(1, 12)`` or ``(0.0, 1.0, 0.05)`` for a
            slider (low, high, step), a list for a menu, True or False for a box to tick, a string for a text box
            that answers on Enter. A search box that answers with each letter is ``ipywidgets.Text(value="cat")``.

    Raises:
        TypeError: a control is none of these, or is no argument of ``draw``.
        Exception: whatever ``draw`` raises at its first settings.
    """
    arguments = inspect.signature(draw).parameters
    built = {}
    for name, given in controls.items():
        if name not in arguments:
            raise TypeError(f"{draw.__name__} has no argument {name!r}, it has {', '.join(arguments)}")
        built[name] = _control(name, given, arguments[name].default)
    explorer = Explorer(draw, built)
    sweep_if_tested(explorer)
    explorer.refresh()
    for control in built.values():
        control.observe(explorer._on_change, names="value")
    return explorer


def sweep_if_tested(widget: Sweepable) -> None:
    """Sweep a widget where notebooks are tested, now and, by `sweep_again`, after the last cell."""
    if os.environ.get("CLIP_TUTOR_SWEEP") == "1":
        _swept.append(widget)
        widget.sweep()


def sweep_again() -> None:
    """Draw every widget of this notebook again at both ends of every control; whatever goes wrong is raised."""
    for widget in _swept:
        widget.sweep()


def end_points(controls: dict[str, ipywidgets.Widget]) -> Iterator[dict[str, Any]]:
    """Yield settings with one control at a time at each of its ends, the others as they stand."""
    now = {name: control.value for name, control in controls.items()}
    for name, control in controls.items():
        for end in _ends(control):
            yield {**now, name: end}


def _ends(control: ipywidgets.Widget) -> list[Any]:
    if isinstance(control, (ipywidgets.IntSlider, ipywidgets.FloatSlider)):
        return [control.min, control.max]
    if isinstance(control, (ipywidgets.Dropdown, ipywidgets.ToggleButtons)):
        options = control.options.values() if isinstance(control.options, dict) else control.options
        return [option[1] if isinstance(option, tuple) else option for option in options]
    if isinstance(control, ipywidgets.Checkbox):
        return [False, True]
    if isinstance(control, (ipywidgets.Text, ipywidgets.Textarea)):
        return list(_WORDS_TO_TRY)
    return []


def _control(name: str, given: Any, default: Any) -> ipywidgets.Widget:
    """Return the widget that a short form stands for; sliders and menus start at ``draw``'s own default, if any."""
    label = name.replace("_", " ")
    start = {} if default is inspect.Parameter.empty else {"value": default}
    look = {"description": label, "style": {"description_width": "initial"}}  # or labels are cut at 80 pixels
    if isinstance(given, ipywidgets.Widget):
        if not hasattr(given, "value"):
            raise TypeError(f"{name} is a {type(given).__name__}, which has no value to hand to the drawing function")
        if hasattr(given, "description"):  # a box of widgets has no label
            given.description = given.description or label
            given.style.description_width = "initial"
        return given
    if isinstance(given, bool):
        return ipywidgets.Checkbox(value=given, indent=False, description=label)
    if isinstance(given, str):
        return ipywidgets.Text(value=given, continuous_update=False, **look)
    if isinstance(given, list) and given:
        return ipywidgets.Dropdown(**{"value": given[0], **start}, options=given, **look)
    if isinstance(given, tuple) and len(given) in (2, 3) and all(isinstance(end, (int, float)) for end in given):
        kind = ipywidgets.IntSlider if all(isinstance(end, int) for end in given) else ipywidgets.FloatSlider
        low, high, *step = given
        middle = (low + high) // 2 if kind is ipywidgets.IntSlider else (low + high) / 2
        steps = {"step": step[0]} if step else {}
        return kind(**{"value": middle, **start}, min=low, max=high, **steps, **look)
    raise TypeError(
        f"{name}={given!r} is no control: give (low, high), (low, high, step), a list of options, True or False, a "
        "string, or an ipywidget"
    )
