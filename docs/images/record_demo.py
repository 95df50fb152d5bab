"""Record the moving picture of the README: ``python docs/images/record_demo.py``.

`make demo` is started as it is. A Chromium without a window types two searches into its page and clicks an image, and
what it shows becomes the frames of docs/images/demo.webp, at most 2 MB. Needs Playwright and a Chromium, which may be
named in the variable CHROMIUM.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

HERE = Path(__file__).parent
MOST = 2_000_000  # bytes
VIEW = {"width": 860, "height": 900}
SEARCHES = ("a frog", "two hearts on a black background")
TYPING, SEEN, LAST = 60, 2200, 3000  # milliseconds that a frame is shown
STEADY = 5  # looks in a row, 200 ms apart, at the same tiles
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Film:
    """Frames of a page, each with the milliseconds that it is shown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.shown: list[int] = []

    def take(self, milliseconds: int) -> None:
        """Add what the page shows; if nothing has changed, show the last frame for longer."""
        frame = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        if self.frames and frame.tobytes() == self.frames[-1].tobytes():
            self.shown[-1] += milliseconds
        else:
            self.frames.append(frame)
            self.shown.append(milliseconds)

    def save(self, path: Path) -> None:
        """Write an animation that fits, at the best quality that does.

        Raises:
            ValueError: none does.
        """
        for quality in (80, 65, 50, 35):
            first, *others = self.frames
            first.save(
                path, save_all=True, append_images=others, duration=self.shown, loop=0, quality=quality, method=6
            )
            if path.stat().st_size <= MOST:
                return
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes: take fewer frames")


def tiles(box: Locator) -> list[str]:
    """What the images show, once all are drawn."""
    drawn = "images => images.map(image => image.complete && image.naturalWidth ? image.alt : '')"
    return box.locator(".kit-tile img").evaluate_all(drawn)


def wait_for_others(box: Locator, before: list[str]) -> list[str]:
    """Wait until the tiles are others than ``before``, and stay so."""
    seen: list[list[str]] = []
    for _ in range(600):
        seen.append(tiles(box))
        if seen[-1] and all(seen[-1]) and seen[-1] != before and seen[-STEADY:] == seen[-1:] * STEADY:
            return seen[-1]
        box.page.wait_for_timeout(200)
    raise TimeoutError("the demo shows nothing new after two minutes")


def record(page: Page, address: str) -> Film:
    """Type, look, and ask for more like an image."""
    page.goto(address, wait_until="commit", timeout=600_000)  # Voila runs its notebook before it answers
    box = page.locator(".kit-image-search")
    box.locator(".kit-tile").first.wait_for(timeout=600_000)
    shown = wait_for_others(box, [])
    film = Film(page)
    film.take(SEEN // 2)
    words = box.get_by_label("Search for")
    for search in SEARCHES:
        words.fill("")
        for letter in search:
            words.press_sequentially(letter)
            film.take(TYPING)
        words.press("Enter")
        shown = wait_for_others(box, shown)
        film.take(SEEN)
    tile = box.locator(".kit-tile").nth(2)
    tile.hover()
    film.take(SEEN // 3)
    tile.click()
    wait_for_others(box, shown)
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    film.take(LAST)
    return film


def main() -> None:
    """Start the demo, record it, end it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--out", type=Path, default=HERE / "demo.webp")
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        sys.exit("there is no Chromium: install one, or set CHROMIUM=/path/to/it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "clip_tutor.lab.demo", "--no-browser", f"--port={port}"]
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert demo.stderr is not None
        for line in demo.stderr:
            if "is running at" in line:
                break
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            film = record(browser.new_page(viewport=VIEW), f"http://127.0.0.1:{port}/")
            browser.close()
        film.save(options.out)
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(timeout=120)
    print(f"{options.out}: {len(film.frames)} frames, {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
