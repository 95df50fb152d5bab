"""The image search in a browser, in JupyterLab and under Voila: as people use it, by mouse, keyboard and telephone."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, expect

from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.lab.demo import notebook
from clip_tutor.lab.widgets.image_search.query import shortened
from tests.browser.conftest import SCREENSHOTS, NotebookPage

COUNT = 30
STEADY = 8  # looks in a row, a tenth of a second apart, that must see the same
PHONE = {"width": 390, "height": 844}
# Voila's template asks a content network for the icons' style sheet; where there is none, the icons are missing.
ICONS = "fontawesome-free"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of scenes as files, called as their captions say, and beside it one to upload."""
    folder = tmp_path_factory.mktemp("search") / "photos"
    folder.mkdir()
    batch = Scenes(load_emoji(), "test", 64).batch(range(COUNT + 1))
    for n, (pixels, caption) in enumerate(zip(batch.pixels, batch.captions, strict=True)):
        place = folder / f"{n:02} {caption}.png" if n < COUNT else folder.parent / "mine.png"
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(place)
    return folder


def alternative_texts(box: Locator) -> list[str]:
    """What the tiles show, once all of their images are drawn; a broken image counts as none."""
    drawn = "images => images.map(image => image.complete && image.naturalWidth ? image.alt : '')"
    return box.locator(".kit-tile img").evaluate_all(drawn)


def use(page: NotebookPage, box: Locator, own: Path, name: str) -> None:
    """Type, upload, click a thumbnail, go back, narrow the window, and do without a mouse."""

    def others_than(before: list[str], what: str) -> list[str]:
        """Tiles come one by one: wait until they are others and stay so for a moment."""
        seen: list[list[str]] = [before]

        def settled() -> bool:
            seen.append(alternative_texts(box))
            return all(seen[-1]) and seen[-1] != before and seen[-1:] * STEADY == seen[-STEADY:]

        page.wait_until(settled, what, 60)
        return seen[-1]

    def upload(file: Path | FilePayload) -> None:
        with page.page.expect_file_chooser() as chosen:
            box.get_by_role("button", name="Upload an image").click()
        chosen.value.set_files(file)

    first = others_than([], "images")
    assert len(first) == 12
    words = box.get_by_label("Search for")
    words.fill("an animal on a green background")
    words.press("Enter")
    second = others_than(first, "other images for other words")
    page.screenshot(f"{name}_words")

    upload(own)
    expect(box.locator(".kit-query")).to_contain_text("Searching with mine.png")
    others_than(second, "other images for words and an upload")
    weight = box.locator(".kit-amount", has_text="Weight of the words").get_by_role("slider")
    both = alternative_texts(box)
    weight.focus()
    weight.press("Home")
    others_than(both, "other images where words weigh nothing")
    page.screenshot(f"{name}_upload")

    third = alternative_texts(box)
    tile = box.locator(".kit-tile").nth(3)
    tile.hover()
    page.screenshot(f"{name}_hover")
    tile.click()
    expect(box.locator(".kit-tile").first).to_contain_text("the image you search with")
    assert others_than(third, "more like it")[0] == third[3]

    box.get_by_label("History").select_option("2. an animal on a green background")
    page.wait_until(lambda: alternative_texts(box) == second, "what was found before", 60)
    expect(words).to_have_value("an animal on a green background")
    box.get_by_role("button", name="← Back").click()
    page.wait_until(lambda: alternative_texts(box) == first, "what was found at first", 60)

    words.focus()
    for _ in range(30):
        page.page.keyboard.press("Tab")
        if "kit-more" in page.page.evaluate("document.activeElement.className"):
            break
    reached = page.page.evaluate("document.activeElement.textContent")
    assert reached == f"More like {shortened(first[0])}"
    page.page.keyboard.press("Enter")
    expect(box.locator(".kit-query")).to_contain_text(f"Searching with {shortened(first[0])}")

    wide = page.page.viewport_size
    page.page.set_viewport_size(PHONE)
    box.locator(".kit-tile").nth(1).scroll_into_view_if_needed()
    page.page.wait_for_timeout(500)
    page.screenshot(f"{name}_narrow")
    right = "parts => Math.max(...parts.map(part => part.getBoundingClientRect().right))"
    assert box.locator(".kit-tile, input, button, select").evaluate_all(right) <= PHONE["width"]
    assert wide is not None
    page.page.set_viewport_size(wide)

    upload({"name": "a.png", "mimeType": "image/png", "buffer": b"none"})
    expect(box.get_by_role("alert")).to_contain_text("a.png is not an image that can be read")
    page.screenshot(f"{name}_mishap")


def test_in_jupyterlab(open_notebook: Callable[..., NotebookPage], photos: Path, tmp_path: Path) -> None:
    written = json.loads(notebook(str(photos), "emoji"))
    index = (
        "from pathlib import Path\nfrom clip_tutor.lab.widgets.image_search import own_folder\n"
        f"own_folder.CACHE = Path('cache')\nown_folder.index_folder({str(photos)!r}, 'emoji');"
    )
    written["cells"][0] |= {"cell_type": "code", "source": index, "outputs": [], "execution_count": None}
    (tmp_path / "search.ipynb").write_text(json.dumps(written))
    opened = open_notebook("search", tmp_path)
    opened.run_all()
    use(opened, opened.panel.locator(".kit-image-search"), photos.parent / "mine.png", "image_search_lab")
    assert opened.problems() == []


@pytest.fixture
def voila(photos: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the demo, as `make demo` starts it, of the folder of scenes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "clip_tutor.lab.demo", str(photos), "--model", "emoji"]
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--no-browser", f"--port={port}"],
            env={**os.environ, "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(600):
            if "is running at" in log.read_text() or process.poll() is not None:
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)  # Voila ended with what started it


def test_under_voila(browser: Browser, voila: str, photos: Path) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    opened = NotebookPage(browser.new_page(viewport={"width": 1280, "height": 1000}), photos)
    opened.listen()
    opened.page.goto(voila, timeout=120_000)
    box = opened.page.locator(".kit-image-search")
    expect(box.locator(".kit-tile").first).to_be_visible(timeout=120_000)
    try:
        use(opened, box, photos.parent / "mine.png", "image_search_voila")
    finally:
        opened.page.close()
    icons = [heard for heard in opened.heard if ICONS in heard]
    missing = [heard for heard in opened.heard if heard.startswith("console: Failed to load resource: net::ERR_")]
    assert len(missing) <= len(icons)
    assert [heard for heard in opened.heard if heard not in (*icons, *missing)] == []
