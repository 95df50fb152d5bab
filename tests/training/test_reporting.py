"""What a run says about samples that it left out: no name, console or disk may end the run over that."""

import csv
import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clip_tutor.data.batches import Photos
from clip_tutor.data.pairs import Pair
from clip_tutor.training import TrainConfig, train
from clip_tutor.training.log import SKIPPED, RunLog, read_log
from tests.data.photographs import encoded

CONFIG = TrainConfig(batch_size=4, learning_rate=1e-3, steps=4, record_every=1)
STRANGE = "写真 caf\udce9.jpg"  # Japanese, and a byte that is no UTF-8


@pytest.fixture
def photos():
    """Eight pairs, one of which is damaged and has a name that few can write."""
    pairs = [Pair(f"{n}.jpg", encoded(n), (f"photo {n}",)) for n in range(8)]
    return Photos([*pairs[:3], Pair(STRANGE, b"damaged", ("a photo",)), *pairs[3:]], 32)


class FullDisk(io.StringIO):
    """A file on a disk without room."""

    def write(self, text):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8", "full disk", "closed"])
def test_a_skipped_image_is_reported_whatever_its_name_and_the_console(
    make_model, tokenizer, tmp_path, photos, monkeypatch, encoding
):
    shown = FullDisk() if encoding == "full disk" else io.StringIO()
    if encoding == "closed":
        shown.close()
    elif encoding != "full disk":
        shown = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", shown)
    history = train(make_model(), tokenizer, photos, CONFIG, run=tmp_path)
    monkeypatch.undo()
    assert len(history) == 4
    with (tmp_path / SKIPPED).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows and all(row["sample"].startswith(r"写真 caf\udce9.jpg: this file is not") for row in rows)
    if isinstance(shown, io.TextIOWrapper):
        shown.seek(0)
        name = "写真" if encoding == "utf-8" else r"\u5199\u771f"
        assert rf"left out {name} caf\udce9.jpg: this file is not" in shown.read()


def test_a_list_that_cannot_be_written_costs_neither_the_run_nor_the_log(make_model, tokenizer, tmp_path, photos):
    (tmp_path / SKIPPED).mkdir()  # in the way of the file
    with pytest.warns(UserWarning, match=rf"the run goes on, but its log in .*{SKIPPED} does not"):
        history = train(make_model(), tokenizer, photos, CONFIG, run=tmp_path)
    assert read_log(tmp_path) == history


def test_names_of_figures_and_folders_may_be_strange_too(tmp_path, monkeypatch):
    folder = Path(f"{tmp_path}/caf\udce9")
    with pytest.warns(UserWarning, match=r"caf\\udce9/tensorboard does not"):  # it insists on UTF-8
        log = RunLog(folder, [])
    log.add([{"step": 1, STRANGE: 0.5}])
    log.close()
    assert read_log(folder) == [{"step": 1, r"写真 caf\udce9.jpg": 0.5}]
    RunLog(tmp_path / "plain", []).add([{"step": 1, STRANGE: 0.5}])


def test_steps_that_are_skipped_are_reported_likewise(make_model, tokenizer, tmp_path, photos, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    model = make_model()
    model.log_logit_scale.data.fill_(float("nan"))
    named = Photos([pair._replace(name=f"写 {pair.name}") for pair in photos.pairs], 32)
    history = train(model, tokenizer, named, replace(CONFIG, steps=1))
    shown = sys.stdout
    monkeypatch.undo()
    shown.seek(0)
    assert history[-1]["skipped_steps"] == 1 and r"suspect: \u5199 " in shown.read()
