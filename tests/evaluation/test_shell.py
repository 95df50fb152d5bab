"""`python -m clip_tutor.evaluation`: what it measures, and that nothing computed is lost."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from clip_tutor.evaluation import __main__ as shell
from clip_tutor.evaluation import encoding, tasks
from clip_tutor.evaluation.classifier import Classifier
from clip_tutor.weights import fingerprint, load, save
from tests.data.labelled_files import write_folders

COLORS = {"red": (200, 30, 30), "green": (20, 180, 40), "blue": (30, 40, 210)}


@pytest.fixture(scope="module")
def saved(make_model, tokenizer, tmp_path_factory) -> Path:
    """A fresh tiny model in a file of the kit."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save(path, make_model(), tokenizer)
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    """Twelve images of three classes in two splits, one of which is broken."""
    for split in ("train", "test"):
        write_folders(tmp_path / "photos" / split, tuple(COLORS), each=4)
        for name, color in COLORS.items():
            for n in range(4):
                Image.new("RGB", (40 + n, 40), color).save(tmp_path / "photos" / split / name / f"{n}.jpg")
    (tmp_path / "photos" / "test" / "red" / "1.jpg").write_bytes(b"broken")
    return tmp_path / "photos"


def arguments(saved: Path, data: Path, *more: str) -> list[str]:
    return [str(saved), "--data", f"folder:{data}", "--split", "test", "--device", "cpu", *more]


def test_every_task_is_written_as_json(saved, photos, tmp_path, capsys):
    out = tmp_path / "deep" / "found.json"
    classifier = tmp_path / "colors.safetensors"
    more = ("--task", "classify", "probe", "--temperature", "--save", str(out), "--save-classifier", str(classifier))
    shell.main(arguments(saved, photos, *more))
    found = json.loads(out.read_text())
    assert found["classify"]["images"] == 11 and found["classify"]["names"] == sorted(COLORS)
    assert list(found["classify"]["problems"]) == [str(photos / "test" / "red" / "1.jpg")]
    assert found["classify"]["calibration"]["temperature"] != 1 and found["probe"]["test_images"] == 11
    assert sorted(path.name for path in out.parent.iterdir()) == ["found.json"], "vectors are not kept any longer"
    printed = capsys.readouterr()
    assert "top-1" in printed.out and "linear probe" in printed.out and "image/s" in printed.err
    assert Classifier.open(classifier).prompts[0] == ("a photo of a blue.",)
    again = shell.main(arguments(saved, photos, "--classifier", str(classifier)))
    assert again["classify"]["top_1"] == found["classify"]["top_1"]


def test_scenes_are_asked_everything(saved, tmp_path):
    found = shell.main(
        [str(saved), "--task", "classify", "retrieval", "hard-negatives", "--limit", "60", "--device", "cpu"]
    )
    assert found["classify"]["images"] == 60 and found["templates"] == ("{}", "a {}")
    assert found["retrieval"]["captions"] == 60 and found["hard-negatives"]["kinds"]


def test_retrieval_reads_captioned_sets(saved, tmp_path):
    (tmp_path / "captions.csv").write_text("file_name,caption\n" + "".join(f"{n}.png,a cat on red\n" for n in (0, 1)))
    for n in (0, 1):
        Image.new("RGB", (30, 30), (n * 200, 0, 0)).save(tmp_path / f"{n}.png")
    found = shell.main([str(saved), "--data", f"folder:{tmp_path}", "--task", "retrieval", "--device", "cpu"])
    assert (found["retrieval"]["images"], found["retrieval"]["captions"]) == (2, 2)


def test_an_interrupted_run_goes_on_where_it_was(saved, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "CPU_BATCH", 2)
    whole = shell.main(arguments(saved, photos))
    real, batches = tasks.probe_features, []

    def interrupted(model, pixels):
        batches.append(len(pixels))
        if len(batches) == 4:
            raise KeyboardInterrupt
        return real(model, pixels)

    monkeypatch.setattr(tasks, "probe_features", interrupted)
    out = tmp_path / "found.json"
    with pytest.raises(SystemExit) as stopped:
        shell.from_shell(arguments(saved, photos, "--save", str(out)))
    assert stopped.value.code == 130 and (tmp_path / "found.json.vectors").is_dir()
    before = sum(batches[:3])
    again = shell.main(arguments(saved, photos, "--save", str(out)))
    assert sum(batches[4:]) == 11 - before and before >= 5
    assert again["classify"]["top_1"] == whole["classify"]["top_1"] and again["classify"]["images"] == 11
    assert not (tmp_path / "found.json.vectors").exists()


def test_vectors_of_another_model_are_not_taken(saved, photos, make_model, tokenizer, tmp_path, monkeypatch):
    other = tmp_path / "other.safetensors"
    save(other, make_model(seed=3), tokenizer)
    keys = []
    real = tasks.encode_keeping

    def keeping(model, labelled, path, key, *rest):
        keys.append(key)
        return real(model, labelled, path, key, *rest)

    monkeypatch.setattr(tasks, "encode_keeping", keeping)
    for model in (saved, other, saved):
        shell.main(arguments(model, photos))
    shell.main(arguments(saved, photos, "--limit", "6"))
    assert keys[0] == keys[2] and len(set(keys)) == 3


def test_a_task_that_fails_takes_nothing_from_the_one_before(saved, photos, tmp_path):
    out = tmp_path / "found.json"
    with pytest.raises(SystemExit, match="hard negatives are made from the truth of scenes"):
        shell.from_shell(arguments(saved, photos, "--task", "classify", "hard-negatives", "--save", str(out)))
    assert json.loads(out.read_text())["classify"]["images"] == 11


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--templates", "a photo"], "no file of templates 'a photo'"),
        (["--templates", "a {c}", "--data", "scenes"], r"no file of templates 'a \{c\}'"),
        (["--data", "folder:nowhere"], "there is no folder nowhere"),
        (["--data", "tigers"], "there is no kind of set 'tigers'"),
        (["--device", "cuda:9"], "--device: cuda:9 is not here"),
        (["--limit", "0"], "a limit of 0 images"),
        (["--names", "none.txt"], "none.txt"),
        (["--task", "retrieval", "--data", "cifar10:x"], "names no captioned set"),
    ],
)
def test_a_mistake_ends_in_one_sentence(saved, photos, more, message):
    with pytest.raises(SystemExit, match=message) as stopped:
        shell.from_shell([*arguments(saved, photos), *more])
    assert "\n" not in str(stopped.value) or "torch" in message


def test_a_classifier_for_other_classes_is_refused(saved, photos, tmp_path):
    classifier = tmp_path / "x.safetensors"
    model, _, _ = load(saved)
    weights = torch.nn.functional.normalize(torch.randn(2, 16), dim=1)
    Classifier(("cat", "dog"), (("cat",), ("dog",)), weights, 10.0, fingerprint(model)).save(classifier)
    with pytest.raises(SystemExit, match=r"\(cat, dog …\) do not match those of the set \(blue, green, red …\)"):
        shell.from_shell(arguments(saved, photos, "--classifier", str(classifier)))
