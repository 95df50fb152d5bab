"""The widget: a search box, an image to search with, sliders, a history, and a grid of what was found.

Core ipywidgets that 7.7 and 8 share, so that it works in JupyterLab, Voila and Colab. All it shows lies in the traits
of these widgets: tests set a control, or click a button, and read the tiles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets

from clip_tutor.lab.errors import readers_line
from clip_tutor.lab.widgets.explore import end_points, sweep_if_tested
from clip_tutor.lab.widgets.image_search.look import STYLE
from clip_tutor.lab.widgets.image_search.query import Query, find, shortened
from clip_tutor.lab.widgets.image_search.thumbnails import Thumbnail, Thumbnails, thumbnail_of
from clip_tutor.lab.widgets.image_search.tiles import Tile, shown_name, tile_html
from clip_tutor.lab.widgets.image_search.uploads import forget_upload, uploaded
from clip_tutor.lab.widgets.screen import error_box
from clip_tutor.search import Answer, Hit, ImageIndex

MOST = 48  # images at once
REMEMBERED = 30  # queries
UPLOAD = -1  # the place of the uploaded image among the thumbnails


class ImageSearch(ipywidgets.VBox):
    """What `image_search` returns: the controls by name, and what they led to.

    `.query` and `.answer` are the latest; `.error` is what went wrong, None while all is well; `.history` holds each
    query, the oldest first.
    """

    error: Exception | None = None
    answer: Answer = Answer(())

    def __init__(self, index: ImageIndex, images: Sequence[Any] | None, k: int, to_try: Sequence[str]) -> None:
        self.index, self.thumbnails = index, Thumbnails(index, images)
        self.query, self.history = Query(k=k), list[Query]()
        self._image: tuple[bytes | int | None, str] = (None, "")
        self._restoring = False

        label = {"style": {"description_width": "initial"}}  # or labels are cut at 80 pixels
        self.words = ipywidgets.Text(description="Search for", continuous_update=False, **label)
        self.words.placeholder = "what the image shows, in a few words"
        self.without = ipywidgets.Text(description="Without", continuous_update=False, **label)
        self.without.placeholder = "what it should not show"
        self.k = ipywidgets.IntSlider(
            k, 1, max(MOST, k), description="How many images", continuous_update=False, **label
        )
        self.words_weight, self.image_weight = (
            ipywidgets.FloatSlider(1.0, min=0, max=1, step=0.05, description=text, continuous_update=False, **label)
            for text in ("Weight of the words", "Weight of the image")
        )
        self.controls = {
            "words": self.words,
            "without": self.without,
            "k": self.k,
            "words_weight": self.words_weight,
            "image_weight": self.image_weight,
        }
        self.go = _button("Search", self._on_change, button_style="primary", icon="search")
        self.upload = ipywidgets.FileUpload(
            accept="image/*,.heic,.heif", multiple=False, description="Search with an image", layout={"width": "auto"}
        )
        self.to_try = [_button(words, lambda button: self._try(button.description)) for words in to_try]
        self.no_image = _button("Remove the image", self._on_remove, icon="times")
        self.back = _button("Back", lambda _: self._go_back(), icon="arrow-left", disabled=True)
        self.earlier = ipywidgets.Dropdown(description="History", disabled=True, **label)
        self.image_shown, self.status, self.message = (ipywidgets.HTML() for _ in range(3))
        self._tiles: list[Tile] = []
        self._image_row = _row(self.image_shown, self.no_image)
        self._weights_row = _row(self.words_weight, self.image_weight)
        self.grid = ipywidgets.Box()
        self.grid.add_class("kit-grid")
        for control in (self.words, self.without):
            control.add_class("kit-words")
        for control in (self.k, self.words_weight, self.image_weight, self.earlier):
            control.add_class("kit-amount")
        for button in self.to_try:
            button.add_class("kit-to-try")
        super().__init__(
            [
                ipywidgets.HTML(STYLE),
                _row(self.words, self.go, self.upload),
                _row(*self.to_try),
                _row(self.without, self.k),
                self._image_row,
                self._weights_row,
                _row(self.back, self.earlier),
                self.message,
                self.status,
                self.grid,
            ]
        )
        self.add_class("kit-image-search")
        if to_try:
            self.words.value = to_try[0]
        if len(index):
            index.chance()  # takes a second the first time: no search should seem to
        self.refresh()
        for control in self.controls.values():
            control.observe(self._on_change, names="value")
        self.upload.observe(self._on_upload, names="value")
        self.earlier.observe(self._on_earlier, names="value")

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
        image, name = self._image
        weights = settings["words_weight"], settings["image_weight"]
        return Query(settings["words"], settings["without"], image, name, settings["k"], weights)

    def _found(self, query: Query) -> tuple[Answer, list[Thumbnail], str]:
        """Return what a query finds, with thumbnails, and what is said about it in HTML; the screen stays as it is."""
        start = time.perf_counter()
        answer = find(self.index, query)
        milliseconds = 1000 * (time.perf_counter() - start)
        thumbnails = self.thumbnails.of([hit.row for hit in answer])
        for hit, thumbnail in zip(answer, thumbnails, strict=True):
            tile_html(hit, thumbnail)
        return answer, thumbnails, status_html(query, answer, len(self.index), milliseconds)

    def _search(self, query: Query, remember: bool = True) -> None:
        answer, thumbnails, said = self._found(query)
        while len(self._tiles) < len(answer):
            self._tiles.append(Tile(self._on_more))
        for tile, hit, thumbnail in zip(self._tiles, answer, thumbnails, strict=False):
            tile.show(hit, thumbnail)
        self.grid.children = self._tiles[: len(answer)]
        self.status.value, self.message.value, self.error = said, "", None
        self._image_row.layout.display = "none" if query.image is None else None
        self._weights_row.layout.display = None if query.is_mixed else "none"
        self.query, self.answer = query, answer
        if remember and not query.is_empty:
            self._remember(query)

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something; where it fails, say why in place and leave the rest as it stands."""
        try:
            action()
        except Exception as error:
            self.error = error
            self.message.value = error_box(error, readers_line(error))

    def _on_change(self, _: Any) -> None:
        if not self._restoring:
            self._guarded(self.refresh)

    def _try(self, words: str) -> None:
        """Search for words alone, as a button offers it."""
        self._guarded(lambda: self._set(Query(words, k=self.k.value)))

    # ---- with an image -----------------------------------------------------------------------------------------------

    def _on_upload(self, change: Any) -> None:
        upload = uploaded(change["new"])
        if upload is not None:
            self._guarded(lambda: self._search_with(*upload))
            forget_upload(self.upload)

    def _on_remove(self, _: Any) -> None:
        self._guarded(lambda: self._set(replace(self._query(), image=None, image_name="")))

    def _on_more(self, hit: Hit) -> None:
        self._guarded(lambda: self._set(Query(image=hit.row, image_name=shown_name(hit.name), k=self.k.value)))

    def _search_with(self, name: str, content: bytes) -> None:
        """Put an image beside the words, if it can be read."""
        if problem := thumbnail_of(content).problem:
            raise ValueError(problem.replace("this file", name, 1))
        self._set(replace(self._query(), image=content, image_name=name))

    def _thumbnail_of(self, image: bytes | int | None) -> Thumbnail:
        return self.thumbnails.of([image])[0] if isinstance(image, int) else thumbnail_of(image)

    # ---- the history -------------------------------------------------------------------------------------------------

    def _set(self, query: Query, remember: bool = True) -> None:
        """Put a query into the controls, and search for it."""
        self._restoring = True
        try:
            self.words.value, self.without.value, self.k.value = query.words, query.without, query.k
            self.words_weight.value, self.image_weight.value = query.weights
        finally:
            self._restoring = False
        self._image = (query.image, query.image_name)
        if query.image is not None:
            self.image_shown.value = image_html(self._thumbnail_of(query.image), query.image_name)
        self._search(query, remember)

    def _remember(self, query: Query) -> None:
        """Add a query to the history; one that asks for the same, but for more or other weights, takes its place."""
        if self.history and not query.differs_in_more_than_amounts(self.history[-1]):
            self.history[-1] = query
        else:
            self.history = [*self.history, query][-REMEMBERED:]
        self._show_history(len(self.history) - 1)

    def _show_history(self, at: int) -> None:
        self._restoring = True
        try:
            places = range(len(self.history) - 1, -1, -1)  # the latest on top
            self.earlier.options = [(f"{place + 1}. {self.history[place].label}", place) for place in places]
            self.earlier.value = at
        finally:
            self._restoring = False
        self.earlier.disabled = len(self.history) < 2
        self.back.disabled = at < 1

    def _on_earlier(self, change: Any) -> None:
        if not self._restoring and change["new"] is not None:
            self._guarded(lambda: self._return_to(change["new"]))

    def _go_back(self) -> None:
        if self.earlier.value:
            self._guarded(lambda: self._return_to(self.earlier.value - 1))

    def _return_to(self, place: int) -> None:
        self._show_history(place)
        self._set(self.history[place], remember=False)


def image_search(
    index: ImageIndex, images: Sequence[Any] | None = None, k: int = 12, to_try: Sequence[str] = ()
) -> ImageSearch:
    """Return a widget that searches an index by words, by an uploaded image, by an image that was found, or by both.

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


def status_html(query: Query, answer: Answer, images: int, milliseconds: float) -> str:
    """Return in HTML what is said above the images: how many, whether they fit, what a high score is, notes."""
    if query.is_empty:
        return _lines("<p class='kit-quiet'>Type what an image should show, or search with an image of your own.</p>")
    said = f"{len(answer)} of {images:,} images for “{escape(query.label)}”, found in {milliseconds:.0f} ms"
    lines = [f"<p class='kit-quiet'>{said}</p>"]
    if len(answer) and not answer.fits:
        lines.append(f"<div class='kit-nothing'><b>{nothing_fits(query, answer)}</b></div>")
    lines += [f"<div class='kit-nothing'>{escape(note)}</div>" for note in answer.notes]
    if answer.explanation:
        lines.append(
            f"<details class='kit-quiet'><summary>What is a high score here?</summary>"
            f"<p>{escape(answer.explanation)} z says the same of each image: by how many standard deviations its score "
            "lies above chance.</p></details>"
        )
    return _lines(*lines)


def nothing_fits(query: Query, answer: Answer) -> str:
    """Return the sentence that says so."""
    if all(hit.is_query for hit in answer):
        return "There is no other image."
    if query.image is not None:
        return "Nothing here is much like it: two images taken at random are often as similar."
    return "Nothing here fits: random words find as much."


def image_html(thumbnail: Thumbnail, name: str) -> str:
    """Return the image that is searched with in HTML."""
    shown = escape(shortened(name))
    image = f'<img src="{thumbnail.address}" alt="{shown}">' if thumbnail.address else escape(thumbnail.problem)
    return f'<div class="kit-query">{image}<span>Searching with <b>{shown}</b></span></div>'


def _lines(*lines: str) -> str:
    return f'<div class="kit-line" role="status">{"".join(lines)}</div>'


def _button(label: str, on_click: Callable[[Any], None], **look: Any) -> ipywidgets.Button:
    button = ipywidgets.Button(description=label, layout={"width": "auto"}, **look)
    button.on_click(on_click)
    return button


def _row(*widgets: ipywidgets.Widget) -> ipywidgets.Box:
    row = ipywidgets.Box(list(widgets))
    row.add_class("kit-row")
    return row
