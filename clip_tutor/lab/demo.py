"""The image search as a page of its own, served by Voila:

    python -m clip_tutor.lab.demo                                   2,000 scenes of emoji, with the model that ships
    python -m clip_tutor.lab.demo ~/Pictures                        your photographs, with published weights
    python -m clip_tutor.lab.demo ~/Pictures --model emoji          the same where there is no network
    python -m clip_tutor.lab.demo --no-browser --port=9000          the rest goes to Voila

A folder is indexed here first, where its progress can be seen. The page is for this machine alone; where others use it,
too, --token locks it, and the address that is printed holds the key.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from clip_tutor.lab.samples.collection import collection
from clip_tutor.lab.widgets.image_search import ImageSearch, image_search
from clip_tutor.lab.widgets.image_search.own_folder import TO_TRY, index_folder, open_index
from clip_tutor.search import ImageIndex
from clip_tutor.shell import run_from_shell
from clip_tutor.weights import load

SETTINGS = {
    "Voila": {"tornado_settings": {"websocket_max_message_size": 200_000_000}},  # bytes: 10 MB cut a photograph off
    "VoilaConfiguration": {"show_tracebacks": True},
}
SCENES_TO_TRY = ("three cats", "a tiny rocket on blue", "an apple left of a banana", "something to eat", "a bank")


def demo(folder: str | None = None, model: str | None = None) -> ImageSearch:
    """Return the image search of a folder that was indexed, None for the kit's own scenes: what the page shows."""
    if folder is not None:
        return image_search(open_index(folder, model), to_try=TO_TRY)
    clip, tokenizer, _ = load(model or "emoji")
    scenes = collection(clip.config.vision.image_size)
    index = ImageIndex(clip, tokenizer)
    index.add_pixels(scenes.pixels, scenes.captions)
    return image_search(index, scenes.pixels, to_try=SCENES_TO_TRY)


def notebook(folder: str | None, model: str | None) -> str:
    """Return the notebook that Voila serves, as JSON."""
    about = "Two thousand scenes of emoji; none of them was shown in training." if folder is None else f"`{folder}`"
    code = f"from clip_tutor.lab.demo import demo\n\ndemo({folder!r}, {model!r})"
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# Image search\n\n{about}"},
        {"cell_type": "code", "id": "demo", "metadata": {}, "source": code, "outputs": [], "execution_count": None},
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def main(arguments: list[str] | None = None) -> int:
    """Index the folder, if there is one, and serve the page until Ctrl-C.

    Raises:
        ImportError: Voila is not installed.
        FileNotFoundError, ValueError: the folder or the weights are not to be had.
    """
    parser = argparse.ArgumentParser(
        prog="python -m clip_tutor.lab.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", help="of images; without it, the kit's own scenes")
    parser.add_argument("--model", help="a published model, a file of one of your own, or emoji")
    options, rest = parser.parse_known_args(arguments)
    if importlib.util.find_spec("voila") is None:
        raise ImportError('the demo is served by Voila, which is not installed: pip install "clip-tutor[demo]"')
    folder, model = _absolute(options.folder), options.model
    if model is not None and Path(model).expanduser().is_file():
        model = _absolute(model)
    if folder is not None:
        _, update = index_folder(folder, model)
        print(update)
    return _serve(notebook(folder, model), rest)


def _absolute(path: str | None) -> str | None:
    """Return a path as it reads from any folder: the page is served from another one."""
    return None if path is None else str(Path(path).expanduser().resolve())


def _serve(source: str, options: list[str]) -> int:
    """Run Voila with a notebook until it ends."""
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "image_search.ipynb"
        page.write_text(source, "utf-8")
        (page.parent / "voila.json").write_text(json.dumps(SETTINGS), "utf-8")
        process = subprocess.Popen([sys.executable, "-m", "voila", str(page), *options], cwd=place)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # Voila hears it, too, and ends by itself
                continue


if __name__ == "__main__":
    run_from_shell(lambda: sys.exit(main()))
