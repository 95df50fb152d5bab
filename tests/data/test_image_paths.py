"""Names of images as other systems write them."""

from unicodedata import normalize

import pytest

from clip_tutor.data.image_paths import ImageFinder


@pytest.fixture
def finder(tmp_path):
    root = tmp_path / "photos"
    names = ["1.jpg", "a dog.jpg", "B.JPG", "sub/1.jpg", normalize("NFC", "é/ñ.jpg"), normalize("NFD", "ü/ö.jpg")]
    for name in [*names, "100%.jpg", "a\\b.jpg", "../beside/2.jpg"]:
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).touch()
    return ImageFinder(root)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("1.jpg", "1.jpg"),
        ("./1.jpg", "1.jpg"),
        (".\\sub\\1.jpg", "sub/1.jpg"),
        ("sub\\..\\1.jpg", "sub/../1.jpg"),
        ("../beside/2.jpg", "../beside/2.jpg"),
        ("a%20dog.jpg", "a dog.jpg"),
        (" a dog.jpg ", "a dog.jpg"),
        ("100%.jpg", "100%.jpg"),
        ("a\\b.jpg", "a\\b.jpg"),
        (normalize("NFD", "é/ñ.jpg"), normalize("NFC", "é/ñ.jpg")),
        (normalize("NFC", "ü/ö.jpg"), normalize("NFD", "ü/ö.jpg")),
        (normalize("NFC", "ü\\ö.jpg"), normalize("NFD", "ü/ö.jpg")),
    ],
)
def test_a_name_finds_its_file(finder, name, found):
    assert finder.find(name) == finder.root / found
    assert (finder.root / found).is_file()


def test_an_absolute_path_is_a_path(finder):
    assert finder.find(str(finder.root / "1.jpg")) == finder.root / "1.jpg"


def test_the_spelling_as_written_comes_first(finder):
    (finder.root / "a%20dog.jpg").touch()
    (finder.root / normalize("NFD", "é/ñ.jpg")).parent.mkdir()
    (finder.root / normalize("NFD", "é/ñ.jpg")).touch()
    for name in ("a%20dog.jpg", normalize("NFD", "é/ñ.jpg")):
        assert str(finder.find(name)) == str(finder.root / name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("b.jpg", "there is 'B.JPG': capitals and endings must agree"),
        ("sub/1.png", "there is '1.jpg': capitals"),
        ("C:\\photos\\1.jpg", "absolute path, perhaps of another computer"),
        ("/nowhere/1.jpg", "absolute path"),
        ("none/1.jpg", "there is no folder"),
        ("sub", "there is no "),
        ("half \ud83d.jpg", "there is no "),
        ("zero\0/1.jpg", "there is no folder"),
    ],
)
def test_what_is_not_found_is_explained(finder, name, hint):
    assert finder.find(name) is None
    assert hint in finder.hint(name)
