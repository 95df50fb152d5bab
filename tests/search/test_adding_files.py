"""Files go into an index a few at a time: memory stays small, and an interruption loses little."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from clip_tutor.search import ImageIndex, encode


@pytest.fixture
def index(model, tokenizer, monkeypatch) -> ImageIndex:
    """An empty index that adds three files at a time."""
    monkeypatch.setattr(encode, "FILES_AT_ONCE", 3)
    return ImageIndex(model, tokenizer)


@pytest.fixture
def files(tmp_path, scenes) -> list[Path]:
    paths = [tmp_path / f"{n}.png" for n in range(8)]
    for path, pixels in zip(paths, scenes.batch(range(8)).pixels, strict=True):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path)
    return paths


def watch(monkeypatch, fails_at: int = -1, error: BaseException | None = None) -> list[int]:
    """Return a list that fills with the number of images of each batch; batch ``fails_at`` ends in ``error``."""
    sizes: list[int] = []
    embed = encode.encode_images

    def embed_and_count(model: object, pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pixels))
        if error is not None and len(sizes) - 1 == fails_at:
            raise error
        return embed(model, pixels)

    monkeypatch.setattr(encode, "encode_images", embed_and_count)
    return sizes


def test_a_few_files_are_held_at_a_time_and_are_in_the_index_at_once(index, files, monkeypatch):
    sizes, lengths = watch(monkeypatch), []

    def one_by_one():
        for file in files:
            lengths.append(len(index))
            yield file

    assert index.add_files(one_by_one()) == {}
    assert sizes == [3, 3, 2]
    assert lengths == [0, 0, 0, 0, 0, 0, 3, 3], "at most six wait, decoded, while three are encoded"
    assert index.names == [str(file) for file in files]


def test_batches_give_the_vectors_that_all_at_once_give(index, files, scenes, model, tokenizer):
    index.add_files(files)
    whole = ImageIndex(model, tokenizer)
    whole.add_pixels(scenes.batch(range(8)).pixels, index.names)
    torch.testing.assert_close(index.features, whole.features, atol=1e-5, rtol=1e-4)
    assert index.features.shape == (8, 16)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RuntimeError("out of memory")], ids=repr)
def test_what_was_added_before_an_interruption_stays_and_is_not_added_again(index, files, monkeypatch, error):
    watch(monkeypatch, fails_at=2, error=error)
    with pytest.raises(type(error)):
        index.add_files(files)
    assert index.names == [str(file) for file in files[:6]] and len(index.features) == 6
    problems = index.add_files(files)
    assert index.names == [str(file) for file in files]
    assert problems == dict.fromkeys(map(str, files[:6]), "the index holds it already")


def test_a_file_is_the_same_by_whatever_path(index, files, monkeypatch):
    index.add_files(files[:1])
    monkeypatch.chdir(files[0].parent)
    assert list(index.add_files(["0.png", "./1.png", "x/../0.png"])) == ["0.png", "x/../0.png"]
    assert index.names == [str(files[0]), "./1.png"]


def test_a_file_that_a_list_names_twice_is_found_once(index, files):
    assert list(index.add_files([files[0]] * 5)) == [str(files[0])], "and the list's maker is told"
    assert index.names == [str(files[0])]


@pytest.mark.parametrize("kind", [str, Path])
def test_a_single_path_is_a_single_file(index, files, kind):
    assert index.add_files(kind(files[2])) == {}
    assert index.names == [str(files[2])]
    assert list(index.add_files(kind("photos/a.jpg"))) == [str(Path("photos/a.jpg"))]


def test_whatever_stands_between_good_files_is_named_and_they_are_added(index, files, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.jpg").touch()
    Image.new("RGB", (2, 300_000)).save(tmp_path / "thin.png")
    odd = [tmp_path / "folder", tmp_path / "empty.jpg", None, b"photos/a.jpg", 3.5, "a\0b", tmp_path / "none.png"]
    problems = index.add_files([files[0], *odd, tmp_path / "thin.png", files[1]])
    assert index.names == [str(files[0]), str(tmp_path / "thin.png"), str(files[1])]
    assert list(problems) == [str(path) for path in odd]
    words = ("is a folder", "is empty", "NoneType", "bytes", "float", "is not a path", "No such file")
    for problem, word in zip(problems.values(), words, strict=True):
        assert word in problem


def test_names_are_not_letters(index, scenes):
    for names in ("ab", ["a", 3], "a"):
        with pytest.raises(TypeError, match="names are a list of strings, one for each image"):
            index.add_pixels(scenes.batch(range(len(names))).pixels, names)
    assert len(index) == 0


# ---- vectors that are not numbers ------------------------------------------------------------------------------------


@pytest.fixture
def broken(make_model):
    """A model whose weights were damaged: every vector it gives holds NaN."""
    model = make_model()
    next(model.image_tower.parameters()).data.fill_(float("nan"))
    return model


def test_vectors_that_are_not_numbers_never_enter(broken, tokenizer, files, scenes):
    index = ImageIndex(broken, tokenizer)
    with pytest.raises(ValueError, match=r"a vector that is not of numbers \(NaN\).*: a, b"):
        index.add_pixels(scenes.batch(range(2)).pixels, ["a", "b"])
    problems = index.add_files(files[:2])
    assert list(problems) == [str(file) for file in files[:2]] and "NaN" in problems[str(files[0])]
    assert len(index) == 0
    with pytest.raises(ValueError, match=r"NaN.*: this query"):
        index.search(image=files[0])


def test_a_vector_that_is_not_of_numbers_is_found_last_and_named_when_opened(index, files, model, tokenizer, tmp_path):
    index.add_files(files)
    index.features[2] = float("nan")
    index.features[5] = float("inf")
    rows = [hit.row for hit in index.search("a cat", k=8)]
    assert sorted(rows[-2:]) == [2, 5]
    with pytest.warns(UserWarning, match=r"holds vectors that are not numbers, found last: .*2.png, .*5.png"):
        index.save(tmp_path / "index")
    again = ImageIndex.open(tmp_path / "index", model, tokenizer)
    assert [hit.row for hit in again.search("a cat", k=6)] == rows[:6]
