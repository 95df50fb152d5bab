"""Labelled image sets: what they hold, what they refuse, and that a damaged file moves no other."""

import sys

import pytest
import torch
import torchvision
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Image as ImageColumn
from PIL import Image

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.labelled import LabelledImages, labelled_dataset, labelled_scenes, open_labelled
from clip_tutor.data.labelled.names import from_open_clip, imagenet_names, read_lines, spelled_out
from clip_tutor.data.labelled.opening import KINDS
from clip_tutor.data.scenes import Scenes
from tests.data.labelled_files import (
    image_file,
    write_cifar,
    write_flowers,
    write_folders,
    write_food,
    write_mnist,
    write_pets,
)
from tests.data.photographs import encoded


def test_labels_must_match_classes_and_images():
    image = Image.new("RGB", (8, 8))
    with pytest.raises(ValueError, match="holds no image"):
        LabelledImages(("cat",), [], [])
    with pytest.raises(ValueError, match="2 images and 1 labels"):
        LabelledImages(("cat",), [0], [image, image])
    with pytest.raises(ValueError, match=r"1 labels do not match the 2 class names, the first is -1 in row 1"):
        LabelledImages(("cat", "dog"), [0, -1], [image, image])


def test_a_part_keeps_classes_and_titles(tmp_path):
    paths = [tmp_path / f"{n}.png" for n in range(4)]
    for n, path in enumerate(paths):
        Image.new("L", (10 + n, 10)).save(path)
    some = LabelledImages(("cat", "dog"), [0, 1, 0, 1], paths).take([3, 0])
    assert (len(some), some.labels, some.names) == (2, [1, 0], ("cat", "dog"))
    assert some.describe(0) == str(paths[3]) and some.open(0).size == (13, 10) and some.open(0).mode == "RGB"


def test_names_become_words():
    assert spelled_out("red_eft") == "red eft" and spelled_out("SeaLake") == "sea lake"
    assert spelled_out("Boxer") == "Boxer" and spelled_out("T-Shirt") == "T-Shirt" and spelled_out("BMW") == "BMW"


# ---- torchvision ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hundred", [False, True])
def test_cifar(tmp_path, monkeypatch, hundred):
    dataset_class = torchvision.datasets.CIFAR100 if hundred else torchvision.datasets.CIFAR10
    for name, value in write_cifar(tmp_path, hundred).items():
        monkeypatch.setattr(dataset_class, name, value)
    kind = "cifar100" if hundred else "cifar10"
    some = open_labelled(f"{kind}:{tmp_path}")
    assert some.names == ("apple", "aquarium fish") and some.labels == [1, 0, 1]
    theirs = dataset_class(tmp_path, train=False)
    assert all(some.open(n).tobytes() == theirs[n][0].tobytes() and some.labels[n] == theirs[n][1] for n in range(3))
    assert len(open_labelled(f"{kind}:{tmp_path}", split="train")) == (2 if hundred else 10)


def test_mnist_has_digits_as_names(tmp_path):
    write_mnist(tmp_path)
    some = open_labelled(f"mnist:{tmp_path}")
    assert some.names == tuple("0123456789") and some.labels == [0, 1, 2]
    assert (some.open(0).mode, some.open(0).getpixel((3, 3))) == ("RGB", (7, 7, 7))


def write_country(root):
    for split in ("train", "valid", "test"):
        write_folders(root / "country211" / split, ("AD", "FR"))


def write_sst(root):
    for split in ("train", "valid", "test"):
        write_folders(root / "rendered-sst2" / split, ("negative", "positive"), suffix="png")


FILES = {
    "food101": (write_food, "Food101", {"split": "test"}, ("apple pie", "baklava")),
    "oxfordiiitpet": (write_pets, "OxfordIIITPet", {"split": "test"}, ("Abyssinian", "American Bulldog")),
    "flowers102": (write_flowers, "Flowers102", {"split": "test"}, None),
    "eurosat": (
        lambda root: write_folders(root / "eurosat" / "2750", ("AnnualCrop", "Forest")),
        "EuroSAT",
        {},
        ("annual crop", "Forest"),
    ),
    "country211": (write_country, "Country211", {"split": "test"}, ("Andorra", "France")),
    "renderedsst2": (write_sst, "RenderedSST2", {"split": "test"}, ("negative", "positive")),
}


@pytest.mark.parametrize("kind", FILES)
def test_sets_of_files_are_torchvisions(tmp_path, monkeypatch, kind):
    """Every row has torchvision's image and label; a file that is cut off raises in its own row alone."""
    write, of, split, names = FILES[kind]
    dataset_class = getattr(torchvision.datasets, of)
    if kind == "flowers102" and not hasattr(dataset_class, "classes"):
        pytest.skip("this version of torchvision does not name its flowers")
    for name, value in (write(tmp_path) or {}).items():
        monkeypatch.setattr(dataset_class, name, value)
    given = ("Andorra", "France") if kind == "country211" else None
    some, theirs = open_labelled(f"{kind}:{tmp_path}", names=given), dataset_class(tmp_path, **split)
    assert names is None or some.names == names
    rows = [theirs[n] for n in range(len(theirs))]
    assert [label for _, label in rows] == some.labels and len(some) >= 3
    assert all(some.open(n).tobytes() == image.tobytes() for n, (image, _) in enumerate(rows))
    broken = some.images[1]
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(ValueError, match=broken.name):
        some.open(1)
    assert some.open(2).tobytes() == rows[2][0].tobytes()


def test_a_set_that_is_not_there_says_how_to_get_it(tmp_path):
    for kind in ("cifar10", "food101", "flowers102", "mnist", "country211"):
        with pytest.raises(FileNotFoundError, match=r"Download it with torchvision\.datasets\."):
            open_labelled(f"{kind}:{tmp_path}")
    with pytest.raises(ValueError, match="mnist has no split 'validation': take one of test, train"):
        open_labelled(f"mnist:{tmp_path}", split="validation")


def test_codes_of_countries_are_no_names(tmp_path):
    write_country(tmp_path)
    with pytest.raises(ValueError, match="country211 calls its classes AD, FR"):
        open_labelled(f"country211:{tmp_path}")
    with pytest.raises(ValueError, match="3 names and 2 classes"):
        open_labelled(f"country211:{tmp_path}", names=("Andorra", "France", "Spain"))


# ---- folders --------------------------------------------------------------------------------------------------------


def test_a_folder_of_folders(tmp_path):
    write_folders(tmp_path / "all" / "test", ("cat", "tabby_cat"))
    (tmp_path / "all" / "test" / "dog").mkdir()
    image_file(tmp_path / "all" / "test" / "cat" / "deep" / "9.png", 9)
    some = open_labelled(f"folder:{tmp_path / 'all'}", split="test")
    assert some.names == ("cat", "dog", "tabby cat") and some.labels == [0, 0, 0, 2, 2]
    assert open_labelled(f"folder:{tmp_path / 'all' / 'test'}", names=("a", "b", "c")).names == ("a", "b", "c")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        open_labelled(f"folder:{tmp_path / 'none'}")
    with pytest.raises(ValueError, match="holds no image in its 1 folders: dog"):
        (tmp_path / "empty" / "dog").mkdir(parents=True)
        open_labelled(f"folder:{tmp_path / 'empty'}")


@pytest.mark.slow
def test_imagenet_has_openais_names(tmp_path):
    for n in range(1000):
        (tmp_path / f"n{n:08d}").mkdir()
    image_file(tmp_path / "n00000001" / "a.JPEG")
    some = open_labelled(f"imagenet:{tmp_path}")
    assert some.names == imagenet_names() and some.labels == [1] and some.names[1] == "goldfish"
    with pytest.raises(ValueError, match=r"called n00000000 and so on, which a text encoder cannot read"):
        open_labelled(f"folder:{tmp_path}")


def test_openclips_lists_are_asked_for_where_they_are_missing(monkeypatch):
    assert len(from_open_clip("OPENAI_IMAGENET_TEMPLATES")) == 80
    monkeypatch.setitem(sys.modules, "open_clip.zero_shot_metadata", None)
    with pytest.raises(ModuleNotFoundError, match="pip install open_clip_torch"):
        imagenet_names()


def test_lines_of_a_file(tmp_path):
    (tmp_path / "names.txt").write_text("\ufeffcat\n\n  house cat \n", encoding="utf-8")
    assert read_lines(tmp_path / "names.txt") == ("cat", "house cat")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        read_lines(tmp_path / "empty.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match="is not text in UTF-8"):
        read_lines(tmp_path / "latin.txt")


# ---- datasets -------------------------------------------------------------------------------------------------------


def dataset(labels: list, feature: object, images: list | None = None) -> Dataset:
    images = images or [{"bytes": encoded(n), "path": f"{n}.jpg"} for n in range(len(labels))]
    return Dataset.from_dict(
        {"image": images, "label": labels}, features=Features({"image": ImageColumn(), "label": feature})
    )


def test_a_data_set_of_the_hub(tmp_path, monkeypatch):
    images = [{"bytes": encoded(0), "path": "0.jpg"}, {"bytes": b"broken", "path": "1.jpg"}, None]
    whole = dataset([1, 0, 1], ClassLabel(names=["cat", "wild_dog"]), images)
    asked = []

    def load_dataset(name, split):
        asked.append((name, split))
        return whole

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    some = open_labelled("hub:owner/name")
    assert asked == [("owner/name", "test")] and some.names == ("cat", "wild dog") and some.labels == [1, 0, 1]
    assert some.open(0).mode == "RGB" and [some.describe(n) for n in range(3)] == [
        "row 0 (0.jpg)",
        "row 1 (1.jpg)",
        "row 2",
    ]
    for row in (1, 2):
        with pytest.raises(ValueError, match="not an image"):
            some.open(row)
    whole.to_parquet(str(tmp_path / "test.parquet"))
    assert open_labelled(f"parquet:{tmp_path / 'test.parquet'}").names == ("cat", "wild dog")
    with pytest.raises(FileNotFoundError, match="there is no Parquet file"):
        open_labelled(f"parquet:{tmp_path / 'none.parquet'}")


def test_labels_may_be_texts_but_not_nameless_or_missing():
    some = labelled_dataset(dataset(["dog", "cat", "dog"], Value("string")))
    assert some.names == ("cat", "dog") and some.labels == [1, 0, 1]
    bare = dataset([0, 1], Value("int64"))
    assert labelled_dataset(bare, ("cat", "dog")).names == ("cat", "dog")
    with pytest.raises(ValueError, match="numbers without names"):
        labelled_dataset(bare)
    with pytest.raises(ValueError, match="1 labels are neither numbers nor texts, the first is None in row 1"):
        labelled_dataset(dataset([0, None], Value("int64")), ("cat", "dog"))
    with pytest.raises(ValueError, match="no column for labels"):
        labelled_dataset(bare.rename_column("label", "mood"))
    with pytest.raises(ValueError, match="first is -1"):
        labelled_dataset(dataset([0, -1], ClassLabel(names=["cat", "dog"])))
    with pytest.raises(ValueError, match="1 names and 2 classes"):
        labelled_dataset(dataset([0, 1], ClassLabel(names=["cat", "dog"])), ("cat",))


# ---- scenes and the texts that name a set ---------------------------------------------------------------------------


def test_scenes_have_their_object_as_class():
    some = labelled_scenes(size=48, count=30)
    objects = find_emoji(FIRST_WORDS)
    scenes = Scenes(objects, "test", 48, kinds=("one",))
    truth = scenes.batch(range(30))
    assert [objects[label] for label in some.labels] == [scene.objects[0] for scene in truth.scenes]
    pixels = torch.frombuffer(bytearray(some.open(7).tobytes()), dtype=torch.uint8).view(48, 48, 3)
    assert torch.equal(pixels, truth.pixels[7].permute(1, 2, 0))
    assert some.describe(7) == f"test scene 7: {truth.captions[7]}"


@pytest.mark.slow
def test_a_text_names_a_set():
    assert len(open_labelled("scenes:all", split="compositional").names) == 1870
    for text, message in (
        ("tigers:x", "there is no kind of set 'tigers'"),
        ("folder", "Write folder:PATH"),
        ("hub:", "Write hub:owner/name"),
        ("scenes:few", "'everyday' objects or 'all'"),
    ):
        with pytest.raises(ValueError, match=message):
            open_labelled(text)
    with pytest.raises(ValueError, match="scenes have no split 'dev'"):
        open_labelled("scenes", split="dev")
    with pytest.raises(ValueError, match="names of their own"):
        open_labelled("scenes", names=("cat",))
    assert len(KINDS) == 14
