"""What is really downloaded. Without a network these tests are skipped; hosted CI requires one, once a week."""

import os
import urllib.request
from collections.abc import Callable
from typing import TypeVar

import pytest
from PIL import Image

from clip_tutor.images import load_image

T = TypeVar("T")

REQUIRED = os.environ.get("CLIP_TUTOR_DOWNLOADS") == "required"
FIGURE = "https://raw.githubusercontent.com/openai/CLIP/main/CLIP.png"  # at the top of openai/CLIP's README


@pytest.fixture
def download() -> Callable[[Callable[[], T]], T]:
    """A function that calls another one, and skips the test where what it asks for cannot be had."""

    def call(get: Callable[[], T]) -> T:
        try:
            return get()
        except OSError as error:  # no file, no address, no connection
            if REQUIRED:
                raise
            pytest.skip(f"cannot be had here: {str(error).splitlines()[0]}")

    return call


@pytest.fixture
def figure(download: Callable[[Callable[[], bytes]], bytes]) -> Image.Image:
    """The figure of OpenAI's README: a diagram of how CLIP is trained and used."""

    def get() -> bytes:
        with urllib.request.urlopen(FIGURE, timeout=30) as answer:
            return answer.read()

    return load_image(download(get), convert=True)
