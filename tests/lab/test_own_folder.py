"""The image search of one's own folder, and the page that `make demo` serves: everything but the browser."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from clip_tutor.data.scenes import Scenes
from clip_tutor.lab import demo, search_my_photos
from clip_tutor.lab.widgets.image_search import own_folder
from clip_tutor.model import CLIP
from clip_tutor.search.__main__ import describe
from clip_tutor.search.store import MANIFEST
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.weights import Loaded, save


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(own_folder, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def photos(tmp_path: Path, scenes: Scenes) -> Path:
    folder = tmp_path / "my photos"
    folder.mkdir()
    for n, pixels in enumerate(scenes.batch(range(5)).pixels):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / f"{n}.png")
    (folder / "broken.jpg").write_bytes(b"none")
    return folder


@pytest.fixture
def own_model(tmp_path: Path, model: CLIP, tokenizer: BPETokenizer) -> Path:
    save(tmp_path / "mine.safetensors", model, tokenizer)
    return tmp_path / "mine.safetensors"


def test_a_folder_is_indexed_and_searched(photos: Path, own_model: Path, capsys: pytest.CaptureFixture[str]):
    widget = search_my_photos(photos, own_model)
    assert {Path(tile.hit.name).name for tile in widget.grid.children} == {f"{n}.png" for n in range(5)}
    assert widget.error is None
    said = capsys.readouterr()
    assert "5 added" in said.out
    assert "broken.jpg" in said.out
    assert "indexing" in said.err, "no progress was shown"


def test_the_next_time_only_what_is_new_is_read(photos: Path, own_model: Path, cache: Path, scenes: Scenes):
    own_folder.index_folder(photos, own_model)
    Image.fromarray(scenes.batch([9]).pixels[0].permute(1, 2, 0).numpy()).save(photos / "new.png")
    index, update = own_folder.index_folder(str(photos), str(own_model))
    assert (update.added, update.unchanged, len(index)) == (1, 5, 6)
    assert len(list(cache.iterdir())) == 1


def test_the_index_lies_in_the_cache_and_the_folder_stays_as_it_is(photos: Path, own_model: Path, cache: Path):
    before = sorted(photos.iterdir())
    own_folder.index_folder(photos, own_model)
    assert sorted(photos.iterdir()) == before
    (place,) = cache.iterdir()
    assert place.name.startswith("my photos-")


def test_each_model_has_an_index_of_its_own(photos: Path, own_model: Path, cache: Path):
    own_folder.index_folder(photos, own_model)
    index, _ = own_folder.index_folder(photos, "emoji")
    assert len(list(cache.iterdir())) == 2
    assert "encoded with emoji" in describe(index)


def test_the_index_can_be_searched_from_a_shell(photos: Path, own_model: Path, cache: Path):
    own_folder.index_folder(photos, own_model)
    (place,) = cache.iterdir()
    made_with = json.loads((place / MANIFEST).read_text())["made_with"]
    assert made_with == {"model": str(own_model), "weights": None}


def test_without_weights_and_network_it_says_what_to_do(photos: Path, monkeypatch: pytest.MonkeyPatch, cache: Path):
    monkeypatch.setattr("clip_tutor.weights.hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("clip_tutor.weights.hub.try_to_load_from_cache", lambda *_, **__: None)
    with pytest.raises(FileNotFoundError) as told:
        search_my_photos(photos)
    said = str(told.value)
    for words in ("ViT-B/32 knows photographs", "Where there is a network, run\n    hf download ", 'model="emoji"'):
        assert words in said
    assert not cache.exists(), "an index was begun"


def test_published_weights_are_taken_where_they_can_be_had(
    photos: Path, monkeypatch: pytest.MonkeyPatch, model: CLIP, tokenizer: BPETokenizer
):
    asked: list[tuple[str, str | None]] = []

    def load_published(name: str, weights: str | None) -> Loaded:
        asked.append((name, weights))
        return Loaded(model, tokenizer, {})

    monkeypatch.setattr(own_folder, "load", load_published)
    own_folder.index_folder(photos)
    own_folder.index_folder(photos, "SigLIP-B/16-224")
    assert asked == [("ViT-B/32", "openai"), ("SigLIP-B/16-224", "webli")]


@pytest.mark.parametrize(("there", "match"), [(True, "holds no image that can be read"), (False, "there is no folder")])
def test_a_folder_without_images_says_so(tmp_path: Path, own_model: Path, there: bool, match: str):
    if there:
        (tmp_path / "empty").mkdir()
    with pytest.raises((ValueError, FileNotFoundError), match=match):
        search_my_photos(tmp_path / "empty", own_model)


# ---- the page --------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_demo_of_the_folder(photos: Path, own_model: Path):
    own_folder.index_folder(photos, own_model)
    cells = json.loads(demo.notebook(str(photos), str(own_model)))["cells"]
    assert str(photos) in cells[0]["source"]
    names: dict[str, object] = {}
    *imports, last = cells[1]["source"].splitlines()
    exec("\n".join(imports), names)
    assert len(eval(last, names).grid.children) == 5


@pytest.mark.slow
def test_without_a_folder_the_page_shows_the_kits_own_scenes():
    widget = demo.demo()
    assert len(widget.index) == 2000
    assert "three cats" in widget.grid.children[0].hit.name
    assert widget.answer.fits


def test_a_folder_is_indexed_before_the_page_is_served(
    photos: Path, own_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    served: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(demo, "_serve", lambda source, options: served.append((source, options)) or 0)
    monkeypatch.chdir(photos.parent)
    assert demo.main(["my photos", "--model", own_model.name, "--no-browser", "--port=1234"]) == 0
    assert served == [(demo.notebook(str(photos), str(own_model)), ["--no-browser", "--port=1234"])]
    assert "5 added" in capsys.readouterr().out


def test_without_voila_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "voila", None)
    with pytest.raises(ImportError, match=r'not installed: pip install "clip-tutor\[demo\]"'):
        demo.main([])


def test_the_server_is_told_how_large_an_upload_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: dict[str, object] = {}

    class Process:
        def __init__(self, command: list[str], cwd: str) -> None:
            seen.update(command=command, settings=json.loads((Path(cwd) / "voila.json").read_text()))
            seen["page"] = Path(command[3]).read_text()

        def wait(self) -> int:
            return 3

    monkeypatch.setattr(demo.subprocess, "Popen", Process)
    monkeypatch.setattr(demo.signal, "signal", lambda *_: None)
    assert demo._serve("page", ["--port=1"]) == 3
    assert seen["page"] == "page"
    assert seen["command"][-1] == "--port=1"
    assert seen["settings"]["Voila"]["tornado_settings"]["websocket_max_message_size"] > 50e6
