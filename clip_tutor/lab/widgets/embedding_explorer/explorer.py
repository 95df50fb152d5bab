"""The widget: one set of controls, tied to five pure functions."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from clip_tutor.lab.plots.layouts import LAYOUTS, pca_layout
from clip_tutor.lab.plots.style import FAINT, INK, canvas
from clip_tutor.lab.widgets.embedding_explorer.beside import draw_card, draw_list
from clip_tutor.lab.widgets.embedding_explorer.coloring import MODALITY, Coloring, by_attribute, by_modality
from clip_tutor.lab.widgets.embedding_explorer.page import (
    HEIGHT,
    SHOW,
    WHOLE,
    WIDTH,
    View,
    draw_overlay,
    draw_points,
    in_box,
    percent_of,
    shown_rows,
)
from clip_tutor.lab.widgets.embedding_explorer.points import Points, make_points
from clip_tutor.lab.widgets.embedding_explorer.script import read, with_mouse
from clip_tutor.lab.widgets.embedding_explorer.style_sheet import style_sheet
from clip_tutor.lab.widgets.explore import Explorer, explore

NOTHING, IMAGE, CAPTION = "no point", "image", "caption"
_numbers = count()  # of maps in this kernel: each has styles of its own


def embedding_explorer(
    images: Sequence[Any],
    captions: Sequence[str],
    image_features: Any,
    text_features: Any,
    layouts: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Sequence[Any]] | None = None,
    seed: int = 0,
) -> "EmbeddingExplorer":
    """Return a map of N images and their captions, at most 1,000 pairs, to look at closely.

    Hovering shows image and caption; a click shows the nearest neighbors in the space; a box, drawn with the mouse or
    moved with two sliders, lists what is in it and shows where these points lie in the other layouts.

    Args:
        images: as `as_image` takes them.
        image_features, text_features: (N, E) each, pair by pair.
        layouts: by name, places (2N, 2) of the images and then of the captions, see `lab.layouts`; without any, a PCA
            is computed. The button computes others.
        attributes: by name, a value for each pair: a number, or a word.
        seed: where the button's seed begins.

    Raises:
        ValueError: there are too many pairs, not equally many of everything, or something is not a number.
    """
    points = make_points(images, captions, image_features, text_features, attributes or {})
    given = layouts or {"PCA": pca_layout(points.vectors)}
    places = {name: _places(name, xy, points) for name, xy in given.items()}
    return EmbeddingExplorer(points, places, seed)


def _places(name: str, xy: Any, points: Points) -> np.ndarray:
    xy = np.asarray(xy.detach().cpu() if hasattr(xy, "detach") else xy)
    if len(xy) != 2 * len(points):
        raise ValueError(
            f"{name}: {len(points)} pairs need {2 * len(points)} places, the images' and then the captions', "
            f"not {len(xy)}"
        )
    return percent_of(xy)


class EmbeddingExplorer(ipywidgets.VBox):
    """A map with its controls; `.error` is None while all is well, and `.places` has the layouts by name."""

    def __init__(self, points: Points, places: dict[str, np.ndarray], seed: int) -> None:
        self.points, self.places = points, places
        self.coloring = _coloring(points)
        self._make_controls(seed)
        shown = {name: self.controls[name] for name in ("layout", "show")}
        box = {name: self.controls[name] for name in ("across", "down")}
        chosen = {name: self.controls[name] for name in ("pair", "of")}
        view = {"view": self._view}
        looks = {name: self.controls[name] for name in ("color_by", "size", "words")}
        self.parts: dict[str, Explorer] = {
            "map": explore(self.draw_map, **shown, **looks, **view),
            "overlay": explore(self.draw_over, layout=shown["layout"], **box, **chosen, **view),
            "list": explore(self.draw_box, **shown, **box),
            "card": explore(self.draw_chosen, **chosen),
            "elsewhere": explore(self.draw_elsewhere, **shown, **box),
        }
        name = f"kit-map-{next(_numbers)}"
        super().__init__(self._arrange(name))
        self.add_class("kit-map")
        self.add_class(name)

    def _make_controls(self, seed: int) -> None:
        named = {"style": {"description_width": "initial"}}
        percent = {"value": (35.0, 65.0), "min": 0.0, "max": 100.0, "step": 0.5, "readout_format": ".0f", **named}
        self.controls: dict[str, Any] = {
            "layout": ipywidgets.Dropdown(options=list(self.places), description="layout", **named),
            "color_by": ipywidgets.Dropdown(
                options=[MODALITY, *self.points.attributes], description="color by", **named
            ),
            "show": ipywidgets.Dropdown(options=SHOW, description="show", **named),
            "size": ipywidgets.IntSlider(26, min=8, max=64, description="thumbnail size", **named),
            "words": ipywidgets.Text(description="find in captions", placeholder="two cats", **named),
            "across": ipywidgets.FloatRangeSlider(description="box across (%)", **percent),
            "down": ipywidgets.FloatRangeSlider(description="box down (%)", **percent),
            "of": ipywidgets.Dropdown(options=[NOTHING, IMAGE, CAPTION], description="chosen:", **named),
            "pair": ipywidgets.BoundedIntText(
                1, min=1, max=len(self.points), description="of pair", layout={"width": "140px"}, **named
            ),
        }
        self._view = ipywidgets.Text("")  # the part of the map on the stage: "left,right,top,bottom" in percent
        self.said = ipywidgets.Text("")  # what the mouse did
        self.said.add_class("kit-unseen")
        self.said.observe(self._on_mouse, names="value")
        self.zoom = ipywidgets.Button(description="zoom into the box", tooltip="show only what lies in the box")
        self.whole = ipywidgets.Button(description="whole map", tooltip="show all points again")
        self.zoom.on_click(lambda _: self._zoom())
        self.whole.on_click(lambda _: setattr(self._view, "value", ""))
        self.method = ipywidgets.Dropdown(options=list(LAYOUTS), description="new layout", **named)
        self.seed = ipywidgets.BoundedIntText(
            seed, min=0, max=9_999, description="seed", layout={"width": "120px"}, **named
        )
        self.compute = ipywidgets.Button(description="compute", tooltip="compute this layout of the points and show it")
        self.compute.on_click(lambda _: self._compute())
        self.note = ipywidgets.HTML()

    def _arrange(self, name: str) -> list[ipywidgets.Widget]:
        c, parts = self.controls, self.parts
        screens = {part: explorer.screen for part, explorer in parts.items()}
        screens["overlay"].html.add_class("kit-above")
        stage = ipywidgets.Box([screens["map"].html, screens["overlay"].html], layout={"display": "block"})
        stage.add_class("kit-stage")
        left = ipywidgets.VBox([stage, screens["elsewhere"].image, screens["elsewhere"].html])
        left.add_class("kit-left")
        side = ipywidgets.VBox([screens["card"].html, screens["list"].html])
        side.add_class("kit-side")
        rows = [
            [c["layout"], c["color_by"], c["show"], c["size"]],
            [c["words"], c["of"], c["pair"]],
            [c["across"], c["down"], self.zoom, self.whole],
        ]
        wrap = {"flex_flow": "row wrap"}
        return [
            ipywidgets.HTML(style_sheet(name, self.points), layout={"display": "none"}),
            *(ipywidgets.HBox(row, layout=wrap) for row in rows),
            *(screen.message for screen in screens.values()),
            ipywidgets.HBox([left, side], layout={**wrap, "align_items": "flex-start"}),
            ipywidgets.HBox([self.method, self.seed, self.compute, self.note], layout=wrap),
            self.said,
        ]

    @property
    def error(self) -> Exception | None:
        """What a latest drawing raised, if anything."""
        return next((part.error for part in self.parts.values() if part.error), None)

    # ---- pure functions of the controls --------------------------------------------------------------------------

    def draw_map(self, layout: str, show: str, color_by: str, size: int, words: str, view: str = "") -> str:
        """Return the points; see `page.draw_points`."""
        drawn = draw_points(
            self.points, self.places[layout], self.coloring(color_by), show, size, words, _view_of(view)
        )
        return with_mouse(drawn)

    def draw_over(
        self,
        layout: str,
        across: tuple[float, float],
        down: tuple[float, float],
        pair: int = 1,
        of: str = NOTHING,
        view: str = "",
    ) -> str:
        """Return the box and the ring; see `page.draw_overlay`."""
        return draw_overlay(self.points, self.places[layout], across, down, self._row(pair, of), _view_of(view))

    def draw_box(self, layout: str, show: str, across: tuple[float, float], down: tuple[float, float]) -> str:
        """Return what lies in the box; see `page.draw_list`."""
        return draw_list(self.points, self.places[layout], across, down, show)

    def draw_chosen(self, pair: int = 1, of: str = NOTHING) -> str:
        """Return the chosen point; see `page.draw_card`."""
        return draw_card(self.points, self._row(pair, of))

    def draw_elsewhere(
        self, layout: str, show: str, across: tuple[float, float], down: tuple[float, float]
    ) -> Figure | str:
        """Draw where the points of the box lie in the other layouts: a group that is real stays together."""
        others = [name for name in self.places if name != layout][:4]
        if not others:
            return ""
        rows = list(shown_rows(len(self.points), show))
        inside = in_box(self.places[layout], across, down)[rows]
        figure, panels = canvas(2.6 * max(len(others), 2), 2.25, columns=max(len(others), 2), image=True)
        for axes, name in zip(panels, others, strict=False):
            x, y = self.places[name][rows].T
            axes.scatter(x[~inside], y[~inside], s=4, color=FAINT, linewidths=0)
            axes.scatter(x[inside], y[inside], s=9, color=INK, linewidths=0)
            axes.set(xlim=(0, 100), ylim=(100, 0), aspect=HEIGHT / WIDTH)
            axes.set_title(f"The box's points in {name}", size=9)
        return figure

    def _row(self, pair: int, of: str) -> int | None:
        return None if of == NOTHING else pair - 1 + (len(self.points) if of == CAPTION else 0)

    # ---- what buttons and the mouse do ---------------------------------------------------------------------------

    def _zoom(self) -> None:
        (left, right), (top, bottom) = self.controls["across"].value, self.controls["down"].value
        if right - left >= 1 and bottom - top >= 1:
            self._view.value = f"{left},{right},{top},{bottom}"

    def _on_mouse(self, change: Any) -> None:
        did = read(change["new"], 2 * len(self.points))
        if did.row is not None:
            self.controls["pair"].value = did.row % len(self.points) + 1
            self.controls["of"].value = IMAGE if did.row < len(self.points) else CAPTION
        if did.box is not None:
            view = _view_of(self._view.value)
            wide, high = (view.right - view.left) / 100, (view.bottom - view.top) / 100
            left, right, top, bottom = did.box
            self.controls["across"].value = (view.left + wide * left, view.left + wide * right)
            self.controls["down"].value = (view.top + high * top, view.top + high * bottom)

    def _compute(self) -> None:
        method, seed = self.method.value, self.seed.value
        name = method if method == "PCA" else f"{method}, seed {seed}"
        self.compute.disabled = True
        self.note.value = f"computing {name}: the first UMAP in a kernel takes some 15 s …"
        try:
            self.places[name] = percent_of(LAYOUTS[method](self.points.vectors, seed))
            self.controls["layout"].options = list(self.places)
            self.controls["layout"].value = name
        except Exception as error:  # whatever it is, it is shown where the map stands
            self.parts["map"].screen.fail(error)
        finally:
            self.compute.disabled = False
            self.note.value = ""


def _coloring(points: Points) -> Callable[[str], Coloring]:
    @cache
    def coloring(color_by: str) -> Coloring:
        if color_by == MODALITY and MODALITY not in points.attributes:
            return by_modality(len(points))
        return by_attribute(color_by, points.attributes[color_by])

    return coloring


def _view_of(words: str) -> View:
    """Return the view that a text names; of anything else, the whole map."""
    try:
        left, right, top, bottom = map(float, words.split(","))
    except ValueError:
        return WHOLE
    return View(left, right, top, bottom) if right > left and bottom > top else WHOLE
