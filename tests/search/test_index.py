"""The image index: add, search, save, open, and nothing is lost to a bad file."""

import json

import pytest
import torch
from PIL import Image

from clip_tutor.search import ImageIndex
from clip_tutor.search.older_files import fingerprint_of_all
from clip_tutor.weights import fingerprint, write_tensors
from tests.search.conftest import as_image


@pytest.fixture(scope="module")
def batch(scenes):
    return scenes.batch(range(12))


@pytest.fixture
def index(model, tokenizer, batch) -> ImageIndex:
    index = ImageIndex(model, tokenizer)
    index.add_pixels(batch.pixels, batch.captions)
    return index


def test_an_image_finds_itself(index, batch):
    for row in (0, 5, 11):
        hits = index.search(image=as_image(batch.pixels[row]), k=3)
        assert hits[0].row == row
        assert hits[0].name == batch.captions[row]
        assert hits[0].score == pytest.approx(1, abs=1e-5)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@torch.no_grad()
def test_words_find_what_the_model_finds(index, model, tokenizer):
    hits = index.search("two cats on a red background", k=12)
    query = model.encode_text(torch.tensor(tokenizer("two cats on a red background")), normalize=True)[0]
    expected = (index.features @ query).sort(descending=True)
    assert [hit.row for hit in hits] == expected.indices.tolist()
    assert [hit.score for hit in hits] == pytest.approx(expected.values.tolist(), abs=1e-5)


def test_words_and_an_image_find_what_lies_between(index, batch):
    image = as_image(batch.pixels[4])
    scores = {}
    for name, query in {"words": {"words": "a cat"}, "image": {"image": image}}.items():
        scores[name] = torch.tensor([hit.score for hit in sorted(index.search(**query, k=12), key=lambda hit: hit.row)])
    both = torch.tensor([hit.score for hit in sorted(index.search("a cat", image, k=12), key=lambda hit: hit.row)])
    mean = scores["words"] + scores["image"]
    torch.testing.assert_close(both / both.norm(), mean / mean.norm(), atol=1e-5, rtol=1e-4)


def test_asking_for_more_than_there_is_gives_all(index):
    assert sorted(hit.row for hit in index.search("a cat", k=1000)) == list(range(12))
    assert len(index.search("a cat")) == 10


@pytest.mark.parametrize("k", [0, -3])
def test_asking_for_nothing_is_refused(index, k):
    with pytest.raises(ValueError, match=f"k is {k}: ask for at least one image"):
        index.search("a cat", k=k)


def test_an_empty_index_finds_nothing(model, tokenizer, tmp_path):
    empty = ImageIndex(model, tokenizer)
    assert len(empty) == 0
    assert len(empty.search("a cat")) == 0
    empty.save(tmp_path / "index")
    assert ImageIndex.open(tmp_path / "index", model, tokenizer).search("a cat").hits == ()


def test_a_search_needs_a_query(index, tmp_path):
    with pytest.raises(ValueError, match="search for words, for an image, or for both"):
        index.search()
    with pytest.raises(ValueError, match="this caption is empty"):
        index.search("   ")
    with pytest.raises(TypeError, match="a caption must be a string, and this is int"):
        index.search(3)
    with pytest.raises(FileNotFoundError, match="cat"):
        index.search(image=tmp_path / "cat.png")
    (tmp_path / "cat.png").write_text("meow")
    with pytest.raises(ValueError, match=r"cat\.png is not an image"):
        index.search(image=tmp_path / "cat.png")


def test_long_words_are_cut(index):
    assert len(index.search("a cat and " * 100)) == 10


def test_each_image_needs_a_name(index, batch):
    with pytest.raises(ValueError, match="12 images and 11 names"):
        index.add_pixels(batch.pixels, batch.captions[1:])
    assert len(index) == len(index.features) == 12


def test_images_of_another_size_leave_the_index_as_it_was(index):
    with pytest.raises(ValueError, match="this tower reads images of shape"):
        index.add_pixels(torch.zeros(2, 3, 64, 64), ["a", "b"])
    assert len(index) == len(index.features) == 12


def test_bytes_and_fractions_are_the_same_image(index, batch):
    index.add_pixels(batch.pixels / 255, batch.captions)
    torch.testing.assert_close(index.features[12:], index.features[:12], atol=1e-5, rtol=1e-4)


def test_bad_files_are_named_and_good_ones_added(index, batch, tmp_path):
    as_image(batch.pixels[0]).save(tmp_path / "good.png")
    as_image(batch.pixels[1]).resize((50, 90)).convert("CMYK").save(tmp_path / "print.jpg")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "notes.txt").write_text("milk, eggs")
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    names = ["cut.png", "good.png", "notes.txt", "missing.png", "print.jpg", "dot.png"]
    before = index.features.clone()
    problems = index.add_files([tmp_path / name for name in names])
    assert list(problems) == [str(tmp_path / name) for name in ("cut.png", "notes.txt", "missing.png", "dot.png")]
    for problem, words in zip(problems.values(), ("cut off", "not an image", "No such file", "1×1"), strict=True):
        assert words in problem
    assert index.names[12:] == [str(tmp_path / "good.png"), str(tmp_path / "print.jpg")]
    assert torch.equal(index.features[:12], before)
    assert len(index.features) == 14
    torch.testing.assert_close(index.features[12], index.features[0], atol=1e-5, rtol=1e-4)


def test_only_bad_files_change_nothing(index, tmp_path):
    assert list(index.add_files([tmp_path / "a.png", str(tmp_path / "b.png")])) == [
        str(tmp_path / "a.png"),
        str(tmp_path / "b.png"),
    ]
    assert index.add_files([]) == {}
    assert len(index) == 12


def test_an_index_comes_back_as_it_was(index, model, tokenizer, tmp_path):
    index.save(tmp_path / "photos.index")
    again = ImageIndex.open(tmp_path / "photos.index", model, tokenizer)
    assert again.names == index.names
    torch.testing.assert_close(again.features, index.features, atol=3e-4, rtol=0)  # float16 on the disk
    assert [hit.row for hit in again.search("a cat", k=5)] == [hit.row for hit in index.search("a cat", k=5)]


def test_many_long_names_and_names_that_are_not_text_are_kept(model, tokenizer, tmp_path):
    names = ["bytes \udcff", "half a pair \ud83d", "日本語/é.jpg", "", *(f"{n:0500d}" for n in range(400))]
    index = ImageIndex(model, tokenizer)
    index.rows.append(torch.zeros(len(names), 16).numpy(), names)
    index.save(tmp_path / "index")
    assert ImageIndex.open(tmp_path / "index", model, tokenizer).names == names


def older_file(path, model, features, **names) -> None:
    """Write an index as clip_tutor 0.3 did."""
    metadata = {"model": fingerprint_of_all(model)} | {k: v for k, v in names.items() if isinstance(v, str)}
    tensors = {"features": features} | {k: v for k, v in names.items() if not isinstance(v, str)}
    write_tensors(path, tensors, metadata)


def test_index_files_of_older_versions_still_open(index, model, tokenizer, tmp_path):
    """Names once stood as JSON in the head, later as bytes beside the vectors."""
    encoded = [name.encode() for name in index.names]
    joined = torch.tensor(list(b"".join(encoded)), dtype=torch.uint8)
    ends = torch.tensor([len(name) for name in encoded]).cumsum(0)
    for names in ({"names": json.dumps(index.names)}, {"names": joined, "name_ends": ends}):
        older_file(tmp_path / "index", model, index.features, **names)
        again = ImageIndex.open(tmp_path / "index", model, tokenizer)
        assert again.names == index.names and torch.equal(again.features, index.features)
        assert again.search("a cat", k=3)[0].row == index.search("a cat", k=3)[0].row


@pytest.mark.parametrize("ends", [[1, 2], [3, 2, 1], [5, 9], [-1, 3], []], ids=str)
def test_names_that_do_not_fit_the_vectors_are_refused(model, tokenizer, tmp_path, ends):
    names = {"names": torch.tensor([97, 98, 99], dtype=torch.uint8), "name_ends": torch.tensor(ends, dtype=torch.int64)}
    older_file(tmp_path / "index", model, torch.zeros(3, 16), **names)
    with pytest.raises(ValueError, match="is damaged: its names do not fit its vectors"):
        ImageIndex.open(tmp_path / "index", model, tokenizer)


def test_an_older_file_is_replaced_by_a_folder_when_it_is_saved_again(index, model, tokenizer, tmp_path):
    older_file(tmp_path / "index", model, index.features, names=json.dumps(index.names))
    ImageIndex.open(tmp_path / "index", model, tokenizer).save(tmp_path / "index")
    assert (tmp_path / "index").is_dir() and [path.name for path in tmp_path.iterdir()] == ["index"]
    assert ImageIndex.open(tmp_path / "index", model, tokenizer).names == index.names


def test_what_is_no_index_is_never_overwritten(index, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()
    with pytest.raises(FileExistsError, match="is a folder that holds something else than an index: give a new one"):
        index.save(tmp_path / "photos")
    assert (tmp_path / "photos" / "1.jpg").exists()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_model_in_half_precision_indexes_and_searches(make_model, tokenizer, batch, index, dtype, tmp_path):
    half = make_model().to(dtype)
    ours = ImageIndex(half, tokenizer)
    ours.add_pixels(batch.pixels, batch.captions)
    assert ours.features.dtype == torch.float32
    torch.testing.assert_close(ours.features, index.features, atol=0.03, rtol=0)
    as_image(batch.pixels[5]).save(tmp_path / "5.png")
    assert ours.add_files([tmp_path / "5.png"]) == {}
    assert ours.search(image=as_image(batch.pixels[5]), k=1)[0].score == pytest.approx(1, abs=1e-3)
    assert len(ours.search("a cat")) == 10
    ours.save(tmp_path / "index")
    again = ImageIndex.open(tmp_path / "index", half, tokenizer)
    torch.testing.assert_close(again.features, ours.features, atol=3e-4, rtol=0)


def test_the_index_of_another_model_is_refused(index, make_model, tokenizer, tmp_path):
    index.save(tmp_path / "index")
    with pytest.raises(ValueError, match=r"was made by another model: .*embed the images again"):
        ImageIndex.open(tmp_path / "index", make_model(seed=1), tokenizer)


def test_a_damaged_older_file_is_refused(index, model, tokenizer, tmp_path):
    path = tmp_path / "index"
    older_file(path, model, index.features, names=json.dumps(index.names))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="is cut off"):
        ImageIndex.open(path, model, tokenizer)
    write_tensors(path, {"weights": torch.ones(2)}, {})
    with pytest.raises(ValueError, match=r"is not an image index: give the folder, or the file, that ImageIndex\.save"):
        ImageIndex.open(path, model, tokenizer)
    with pytest.raises(FileNotFoundError, match="nothing is not there: give the folder of one"):
        ImageIndex.open(tmp_path / "nothing", model, tokenizer)


@pytest.mark.parametrize("stem_channels", [(), (4, 8, 8)])
def test_searching_never_changes_the_model(make_model, tokenizer, batch, stem_channels):
    """A model fresh from training is in training mode, where BatchNorm learns from all that it sees."""
    model = make_model(stem_channels=stem_channels).train()
    before = fingerprint(model)
    index = ImageIndex(model, tokenizer)
    index.add_pixels(batch.pixels, batch.captions)
    assert index.search(image=as_image(batch.pixels[3]), k=1)[0].row == 3
    assert fingerprint(model) == before
    assert model.training, "and it stays as it was"


def test_fingerprints_tell_models_apart(make_model):
    first, same, other = make_model(), make_model(), make_model(seed=1)
    assert fingerprint(first) == fingerprint(same) != fingerprint(other)
    for name, tensor in same.state_dict().items():  # a change of any one tensor, as little as a step of training makes
        before = tensor.clone()
        tensor += 1e-6
        assert fingerprint(first) != fingerprint(same), name
        tensor.copy_(before)
    assert fingerprint(first) == fingerprint(same)
    assert fingerprint(first) != fingerprint(first.at_image_size(40)), "the same weights for another size of image"


def test_a_fingerprint_does_not_read_all_weights(make_model):
    model = make_model(width=64)
    before = fingerprint(model)
    with torch.no_grad():
        for tensor in model.parameters():
            if tensor.numel() > 1000:
                tensor.view(-1)[7] += 1  # lies between the numbers that are looked at
    assert fingerprint(model) == before
