"""The widget: a search box, an image to search with, sliders, a history, and a grid of what was found.

Core ipywidgets that 7.7 and 8 share, so that it works in JupyterLab, Voila and Colab. All it shows lies in the traits
of these widgets: tests set a control, or click a button, and read the tiles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets
from torch import Tensor

from clip_tutor.lab.errors import readers_line
from clip_tutor.lab.widgets.explore import end_points, sweep_if_tested
from clip_tutor.lab.widgets.image_search.history import HistoryBar
from clip_tutor.lab.widgets.image_search.look import STYLE
from clip_tutor.lab.widgets.image_search.query import Query, find
from clip_tutor.lab.widgets.image_search.remarks import image_html, status_html
from clip_tutor.lab.widgets.image_search.thumbnails import Thumbnail, Thumbnails, thumbnail_of
from clip_tutor.lab.widgets.image_search.tiles import Tile, shown_name, tile_html
from clip_tutor.lab.widgets.image_search.uploads import forget_upload, uploaded
from clip_tutor.lab.widgets.screen import error_box
from clip_tutor.search import Answer, Hit, ImageIndex

MOST = 48  # images at once
LABEL = {"description_width": "initial"}  # or labels are cut at 80 pixels


class ImageSearch(ipywidgets.VBox):
    """What `image_search` returns: the controls by name, and what they led to.

    `.query` and `.answer` are the latest; `.error` is what went wrong, None while all is well; `.history.queries` holds
    each query, the oldest first.
    """

    error: Exception | None = None
    answer: Answer = Answer(())

    def __init__(self, index: ImageIndex, images: Sequence[Any] | Tensor | None, k: int, to_try: Sequence[str]) -> None:
        self.index, self.thumbnails = index, Thumbnails(index, images)
        self.query = Query(k=k)
        self._image: tuple[bytes | int | None, str] = (None, "")
        self._tiles: list[Tile] = []
        self._setting = False

        self.words = _text("Search for", "what the image shows, in a few words")
        self.without = _text("Without", "what it should not show")
        self.k = _slider(ipywidgets.IntSlider, "How many images", value=k, min=1, max=max(MOST, k))
        share = {"value": 1.0, "min": 0.0, "max": 1.0, "step": 0.05}
        self.words_weight = _slider(ipywidgets.FloatSlider, "Weight of the words", **share)
        self.image_weight = _slider(ipywidgets.FloatSlider, "Weight of the image", **share)
        names = ("words", "without", "k", "words_weight", "image_weight")
        self.controls: dict[str, ipywidgets.Widget] = {name: getattr(self, name) for name in names}
        self.go = _button("Search", self._on_change)
        self.go.button_style = "primary"
        self.upload = ipywidgets.FileUpload(
            accept="image/*,.heic,.heif", multiple=False, description="Upload an image", layout={"width": "auto"}
        )
        self.to_try = [_button(words, lambda button: self._try(button.description)) for words in to_try]
        for button in self.to_try:
            button.add_class("kit-to-try")
        self.no_image = _button("Remove the image", self._on_remove)
        self.history = HistoryBar(lambda query: self._guarded(lambda: self._set(query, remember=False)))
        self.image_shown, self.status, self.message = (ipywidgets.HTML() for _ in range(3))
        self.image_row = _row(self.image_shown, self.no_image)
        self.weights_row = _row(self.words_weight, self.image_weight)
        self.grid = ipywidgets.Box()
        self.grid.add_class("kit-grid")
        super().__init__(
            [
                ipywidgets.HTML(STYLE),
                _row(self.words, self.go, self.upload),
                _row(*self.to_try),
                _row(self.without, self.k),
                self.image_row,
                self.weights_row,
                self.history,
                self.message,
                self.status,
                self.grid,
            ]
        )
        self.add_class("kit-image-search")
        if len(index):
            index.chance()  # takes a second the first time: no search should seem to
        self._set(Query(next(iter(to_try), ""), k=k))
        for control in self.controls.values():
            control.observe(self._on_change, names="value")
        self.upload.observe(self._on_upload, names="value")

    # ---- searching ---------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Search for what the controls say; whatever goes wrong is raised."""
        self._search(self._query())

    def sweep(self) -> None:
        """Search at both ends of every control, without and with an image; whatever goes wrong is raised."""
        for settings in end_points(self.controls):
            query = self._query_at(settings)
            for one in (query, replace(query, image=0, image_name="the first")) if len(self.index) else (query,):
                self._found(one)

    def _query(self) -> Query:
        return self._query_at({name: control.value for name, control in self.controls.items()})

    def _query_at(self, settings: dict[str, Any]) -> Query:
        weights = settings["words_weight"], settings["image_weight"]
        return Query(settings["words"], settings["without"], *self._image, settings["k"], weights)

    def _set(self, query: Query, remember: bool = True) -> None:
        """Put a query into the controls, and search for it."""
        self._setting = True
        try:
            self.words.value, self.without.value, self.k.value = query.words, query.without, query.k
            self.words_weight.value, self.image_weight.value = query.weights
        finally:
            self._setting = False
        self._image = (query.image, query.image_name)
        if isinstance(query.image, int):
            self.image_shown.value = image_html(self.thumbnails.of([query.image])[0], query.image_name)
        elif query.image is not None:
            self.image_shown.value = image_html(thumbnail_of(query.image), query.image_name)
        self._search(query, remember)

    def _search(self, query: Query, remember: bool = True) -> None:
        answer, thumbnails, said = self._found(query)
        while len(self._tiles) < len(answer):
            self._tiles.append(Tile(self._on_more))
        for tile, hit, thumbnail in zip(self._tiles, answer, thumbnails, strict=False):
            tile.show(hit, thumbnail)
        self.grid.children = self._tiles[: len(answer)]
        self.status.value, self.message.value, self.error = said, "", None
        self.image_row.layout.display = "none" if query.image is None else None
        self.weights_row.layout.display = None if query.is_mixed else "none"
        self.query, self.answer = query, answer
        if remember and not query.is_empty:
            self.history.remember(query)

    def _found(self, query: Query) -> tuple[Answer, list[Thumbnail], str]:
        """Return what a query finds, with thumbnails, and what is said about it in HTML; the screen stays as it is."""
        start = time.perf_counter()
        answer = find(self.index, query)
        milliseconds = 1000 * (time.perf_counter() - start)
        thumbnails = self.thumbnails.of([hit.row for hit in answer])
        for hit, thumbnail in zip(answer, thumbnails, strict=True):
            tile_html(hit, thumbnail)
        return answer, thumbnails, status_html(query, answer, len(self.index), milliseconds)

    # ---- what the reader does ----------------------------------------------------------------------------------------

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something; where it fails, say why in place and leave the images as they are."""
        try:
            action()
        except Exception as error:
            self.error = error
            self.message.value = error_box(error, readers_line(error))

    def _on_change(self, _: Any) -> None:
        if not self._setting:
            self._guarded(self.refresh)

    def _try(self, words: str) -> None:
        self._guarded(lambda: self._set(Query(words, k=self.k.value)))

    def _on_more(self, hit: Hit) -> None:
        self._guarded(lambda: self._set(Query(image=hit.row, image_name=shown_name(hit.name), k=self.k.value)))

    def _on_remove(self, _: Any) -> None:
        self._guarded(lambda: self._set(replace(self._query(), image=None, image_name="")))

    def _on_upload(self, change: Any) -> None:
        upload = uploaded(change["new"])
        if upload is not None:
            self._guarded(lambda: self._search_with(*upload))
            forget_upload(self.upload)

    def _search_with(self, name: str, content: bytes) -> None:
        """Put an uploaded image beside the words, if it can be read."""
        if problem := thumbnail_of(content).problem:
            raise ValueError(problem.replace("this file", name, 1))
        self._set(replace(self._query(), image=content, image_name=name))


def image_search(
    index: ImageIndex, images: Sequence[Any] | Tensor | None = None, k: int = 12, to_try: Sequence[str] = ()
) -> ImageSearch:
    """Return a widget that searches an index by words, by an uploaded image, by an image that was found, or by both.

    JupyterLab takes uploads of up to 10 MB; the page that `clip_tutor.lab.demo` serves, of 200.

    Args:
        index: of images. Where they are files, it holds them under their paths, as ``add_files`` and ``update`` do.
        images: where they are not: the images themselves, one for each row, in the index's order; see `as_image`.
        k: how many images it shows at first.
        to_try: searches that buttons offer; the first one is made at once.

    Raises:
        ValueError: these are not as many images as the index has rows, or names are no files and images are missing.
    """
    demo = ImageSearch(index, images, k, to_try)
    sweep_if_tested(demo)
    return demo


def _text(label: str, placeholder: str) -> ipywidgets.Text:
    text = ipywidgets.Text(description=label, placeholder=placeholder, continuous_update=False, style=LABEL)
    text.add_class("kit-words")
    return text


def _slider(kind: type[ipywidgets.Widget], label: str, **limits: float) -> ipywidgets.Widget:
    slider = kind(description=label, continuous_update=False, style=LABEL, **limits)
    slider.add_class("kit-amount")
    return slider


def _button(label: str, on_click: Callable[[Any], None]) -> ipywidgets.Button:
    button = ipywidgets.Button(description=label, layout={"width": "auto"})
    button.on_click(on_click)
    return button


def _row(*widgets: ipywidgets.Widget) -> ipywidgets.Box:
    row = ipywidgets.Box(list(widgets))
    row.add_class("kit-row")
    return row
