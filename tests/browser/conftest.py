"""Drive a notebook as a learner does: JupyterLab over a temporary copy, in a real Chromium, through Playwright.

    def test_something(open_notebook):
        notebook = open_notebook("00_start_here")
        notebook.run_all()
        notebook.panel.locator(".kit-search .widget-text input").fill("three cats")
        notebook.screenshot("three_cats")          # tests/browser/screenshots/three_cats.png
        assert notebook.problems() == []

Nothing is fetched: Playwright drives the Chromium of the system, and JupyterLab brings its own pages.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from tests.browser.excerpt import excerpt
from tests.notebooks.shorter import shorten

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SCREENSHOTS = Path(__file__).parent / "screenshots"

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_PLACES = (
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
CHROMIUM_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)

LAB_SETTINGS = {
    # No toast over the image, every cell in the page (not only those in view), no writing behind our back.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
# JupyterLab marks a traceback as it marks any output on stderr; the words tell it from a warning.
RED_OUTPUT = '[data-mime-type="application/vnd.jupyter.stderr"], [data-mime-type="application/vnd.jupyter.error"]'
ERROR_WORDS = re.compile(r"Traceback \(most recent call last\)|Cell In ?\[\d+\], line \d+")
CELLS_HEIGHT = "cells => cells.at(-1).getBoundingClientRect().bottom - cells[0].getBoundingClientRect().top"
IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'


@dataclass(frozen=True)
class LabServer:
    """A running JupyterLab."""

    address: str
    token: str
    root: Path
    log: Path

    def ask(self, path: str, method: str = "GET") -> Any:
        """Call the server's own interface and return its answer, read from JSON."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.address}/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def copy(self, folder: Path) -> Path:
        """Lay a fresh copy of a folder of notebooks where the server serves it; each has its own kernels."""
        place = self.root / secrets.token_hex(4) / folder.name
        shutil.copytree(folder, place, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"))
        return place

    def end_kernels(self) -> None:
        """A kernel outlives its page, and holds its memory: end them all."""
        for session in self.ask("api/sessions"):
            self.ask(f"api/sessions/{session['id']}", "DELETE")


@dataclass
class NotebookPage:
    """A notebook open in the browser."""

    page: Page
    path: Path
    heard: list[str] = field(default_factory=list)  # what the page complained about

    @property
    def panel(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def listen(self) -> None:
        """Keep the console's errors, uncaught exceptions, and requests that leave this machine."""

        def on_console(said: ConsoleMessage) -> None:
            if said.type == "error":
                self.heard.append(f"console: {said.text}")

        def on_request(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1":
                self.heard.append(f"request to another machine: {request.url}")

        self.page.on("console", on_console)
        self.page.on("pageerror", lambda error: self.heard.append(f"exception: {error}"))
        self.page.on("request", on_request)

    def run_all(self, timeout: float = 600) -> None:
        """Run every cell and wait until each has its number; stop at the first that fails. ``timeout`` in seconds."""
        # While no kernel is attached yet the status reads "idle" too, and Run All would be lost: first the name.
        expect(self.panel.locator(".jp-KernelName")).to_have_text("Python 3 (ipykernel)", timeout=60_000)
        expect(self.panel.locator(IDLE)).to_be_attached(timeout=60_000)
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        cells = [cell for cell in json.loads(self.path.read_text())["cells"] if cell["cell_type"] == "code"]
        # An empty cell gets no number, and a folded one does not show it.
        shown = [c for c in cells if c["source"] and not c["metadata"].get("jupyter", {}).get("source_hidden")]

        def finished() -> bool:
            prompts = self.panel.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()
            numbered = sum(bool(re.match(r"\[\d+\]:", prompt)) for prompt in prompts)
            return bool(self.errors()) or (numbered >= len(shown) and self.panel.locator(IDLE).count() == 1)

        self.wait_until(finished, "all cells have run", timeout)

    def type_over(self, text: Locator, words: str) -> None:
        """Put words in the place of those in a text box, key by key, and press Enter."""
        text.scroll_into_view_if_needed()
        text.click()
        text.press("ControlOrMeta+A")
        text.press_sequentially(words, delay=15)
        text.press("Enter")

    def wait_until(self, arrived: Callable[[], bool], what: str, timeout: float = 30) -> None:
        """Look again and again until something is so; after ``timeout`` seconds fail and say what was awaited."""
        end = time.monotonic() + timeout
        while not arrived():
            if time.monotonic() > end:
                self.screenshot("timeout")
                pytest.fail(f"after {timeout:.0f} s still not: {what} (see {SCREENSHOTS / 'timeout.png'})")
            self.page.wait_for_timeout(100)

    def errors(self) -> list[str]:
        """The tracebacks in the page, those in widgets included, which no cell reports."""
        return [text for text in self.panel.locator(RED_OUTPUT).all_text_contents() if ERROR_WORDS.search(text)]

    def problems(self) -> list[str]:
        """Everything that went wrong so far: tracebacks, and what the page complained about."""
        return self.errors() + self.heard

    def screenshot(self, name: str, whole: bool = False) -> Path:
        """Keep an image of what is in view, or of the ``whole`` notebook."""
        path = SCREENSHOTS / f"{name}.png"
        view = self.page.viewport_size
        if whole and view:
            cells = self.panel.locator(".jp-Cell").evaluate_all(CELLS_HEIGHT)
            self.page.set_viewport_size({"width": view["width"], "height": min(int(cells) + 200, 16_000)})
            self.panel.locator(".jp-Cell").first.scroll_into_view_if_needed()
            self.page.wait_for_timeout(500)
        self.page.screenshot(path=path)
        if whole and view:
            self.page.set_viewport_size(view)
        return path


def find_chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    found = [named, *map(shutil.which, CHROMIUM_NAMES), *filter(os.path.exists, CHROMIUM_PLACES)]
    return next(filter(None, found), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window. One a module: while Playwright runs, this thread's event loop is taken."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(
            "no Chromium found, so no notebook was opened in a browser. Debian, Ubuntu: sudo apt-get install chromium; "
            "macOS: brew install --cask google-chrome; or set CHROMIUM=/path/to/chromium"
        )
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A JupyterLab on a free port that knows nothing of this machine's Jupyter settings."""
    home = tmp_path_factory.mktemp("jupyter")
    settings = home / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(LAB_SETTINGS))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = LabServer(f"http://127.0.0.1:{port}", secrets.token_hex(16), home / "root", home / "server.log")
    server.root.mkdir()
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    environment = {**os.environ, **{name: str(home / folder) for name, folder in places.items()}}
    options = [
        *("--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={server.token}", f"--ServerApp.root_dir={server.root}"),
        *("--LabApp.extension_manager=readonly", "--LabApp.news_url="),
    ]
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_for_server(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)  # the server ends its kernels itself
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        process.kill()
        process.wait()


def _wait_for_server(server: LabServer, process: "subprocess.Popen[bytes]", timeout: float = 90) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            server.ask("api/status")
            return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{server.log.read_text()[-3000:]}")


@pytest.fixture
def open_notebook(browser: Browser, lab_server: LabServer) -> Iterator[Callable[..., NotebookPage]]:
    """``open_notebook("00_start_here")`` shows a fresh copy of that notebook in a fresh page.

    ``open_notebook("09_zero_shot", only=["prompt-lab"])`` shows only that cell and what it needs, trained for a moment:
    see `excerpt` and `shorten`.
    """
    SCREENSHOTS.mkdir(exist_ok=True)
    opened: list[NotebookPage] = []

    def open_one(name: str, folder: Path = NOTEBOOKS, only: Collection[str] = ()) -> NotebookPage:
        path = lab_server.copy(folder) / f"{name}.ipynb"
        assert path.exists(), f"there is no {name}.ipynb in {folder}"
        if only:
            whole = json.loads(path.read_text())
            shorten(whole["cells"], name[:2])
            path.write_text(json.dumps({**whole, "cells": excerpt(whole["cells"], only)}))
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        notebook = NotebookPage(page, path)
        opened.append(notebook)
        notebook.listen()
        place = path.relative_to(lab_server.root).as_posix()
        page.goto(f"{lab_server.address}/doc/tree/{place}?token={lab_server.token}")
        expect(notebook.panel).to_be_visible(timeout=60_000)
        return notebook

    yield open_one
    for notebook in opened:
        notebook.page.close()
    lab_server.end_kernels()
