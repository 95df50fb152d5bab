"""What a widget showed when its notebook was run, as HTML that needs no kernel.

The state of all widgets is kept in an executed notebook: a tree of boxes, whose leaves are texts, images and controls.
Texts and images are shown as they are, and each control as its label with its value.
"""

from collections.abc import Iterator
from html import escape
from typing import Any

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
NOTE = "A picture of a widget: in the notebook you can use it."

_TEXTS = {"HTMLModel", "HTMLMathModel", "LabelModel"}
_CHOICES = {"DropdownModel", "ToggleButtonsModel", "RadioButtonsModel", "SelectModel", "SelectionSliderModel"}
_VALUES = {"IntSliderModel", "FloatSliderModel", "TextModel", "BoundedIntTextModel", "CheckboxModel"}
_VALUES |= {"IntRangeSliderModel", "FloatRangeSliderModel", "TextareaModel"}


def picture(states: dict[str, Any], model_id: str) -> str:
    """Return what the widget of an id showed, and below it that it is a picture."""
    return f'<div class="widget-picture">{"".join(_shown(states, model_id))}<p class="note">{NOTE}</p></div>'


def _shown(states: dict[str, Any], model_id: str) -> Iterator[str]:
    """Yield a widget's text, image or control, or what lies in it; of what is hidden only a style sheet."""
    kind, state = states[model_id]["model_name"], states[model_id]["state"]
    layout = states[_id(state["layout"])]["state"] if state.get("layout") else {}
    if layout.get("display") == "none":
        if str(state.get("value")).startswith("<style>"):
            yield state["value"]
        return
    if "children" in state:
        inside = "".join(part for child in state["children"] for part in _shown(states, _id(child)))
        if inside:
            yield _placed(inside, state, layout, "widget-box", f"widget-{kind.removesuffix('Model').lower()}")
    elif kind in _TEXTS:
        text = f'<div class="widget-html-content tex2jax_process">{state.get("value", "")}</div>'
        yield _placed(text, state, layout, "widget-html")
    elif kind == "ImageModel":
        yield from _image(states[model_id])
    elif kind in _CHOICES | _VALUES:
        yield _control(kind, state)


def _id(reference: str) -> str:
    return reference.removeprefix("IPY_MODEL_")


def _placed(inside: str, state: dict[str, Any], layout: dict[str, Any], *classes: str) -> str:
    """Return an element with the classes and the layout of a widget: style sheets among the texts count on them."""
    named = " ".join([*classes, *state.get("_dom_classes", ())])
    style = ";".join(f"{key.replace('_', '-')}:{value}" for key, value in layout.items() if value and key[0] != "_")
    return f'<div class="{escape(named)}" style="{escape(style)}">{inside}</div>'


def _image(model: dict[str, Any]) -> Iterator[str]:
    state = model["state"]
    width = f' width="{escape(state["width"])}"' if state.get("width") else ""
    for buffer in model.get("buffers", ()):
        kind = state.get("format", "png")
        yield f'<img alt="What the widget shows" src="data:image/{kind};base64,{buffer["data"]}"{width}>'


def _control(kind: str, state: dict[str, Any]) -> str:
    """Return a control's label and value; where nothing is chosen yet, all that it offers."""
    if kind in _CHOICES:
        offered, chosen = [str(one) for one in state["_options_labels"]], state.get("index")
        value = " · ".join(offered) if chosen is None else offered[chosen]
    elif kind == "CheckboxModel":
        value = "yes" if state.get("value") else "no"
    else:
        value = str(state.get("value", "")) or str(state.get("placeholder") or "")
    return f'<span class="control">{escape(str(state.get("description") or ""))} <b>{escape(value)}</b></span>'
