"""Which files of a shard are a pair, and what is said where one is missing."""

import json

import pytest

from clip_tutor.data.samples import IMAGES, pairs_of, samples
from clip_tutor.data.tar_files import Member


def read(*names, **contents):
    """Pairs as "key: image, captions" and the remarks; a file holds its own name unless told otherwise."""
    remarks = {}
    files = [
        Member(name, contents.get(name.rpartition(".")[2], name.encode()), name.startswith("link")) for name in names
    ]
    pairs = [pair for key, sample in samples(files) for pair in pairs_of(key, sample, remarks)]
    return [(pair.name, pair.image.decode(), "|".join(pair.captions)) for pair in pairs], remarks


def captions(**contents):
    pairs, remarks = read("1.jpg", *(f"1.{kind}" for kind in contents), **contents)
    return pairs[0][2], list(remarks)


@pytest.mark.parametrize("kind", ["gif", "bmp", "tiff", "avif", "heic", "JPG", "jfif", "ppm"])
def test_every_kind_of_image_counts(kind):
    assert read(f"1.{kind}", "1.txt") == ([("1", f"1.{kind}", "1.txt")], {})
    assert kind.lower() in IMAGES


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["1.txt", "1.jpg"], ["1"]),
        (["1.JPG", "1.Txt"], ["1"]),
        (["./1.jpg", "./1.txt", "d/1.jpg", "d/1.txt"], ["1", "d/1"]),
        (["._1.jpg", "1.jpg", "1.txt", "__MACOSX/1.jpg", "__MACOSX/._1.txt", "README", "meta.yaml"], ["1"]),
        # the same names again: archives that were put together, next to each other or not
        (["1.jpg", "1.txt", "1.jpg", "1.txt"], ["1", "1"]),
        (["1.txt", "1.jpg", "1.txt", "1.JPG"], ["1", "1"]),
        (["1.jpg", "1.txt", "2.jpg", "2.txt", "1.jpg", "1.txt"], ["1", "2", "1"]),
        # more dots in a name
        (["1.jpg", "1.seg.png", "1.txt"], ["1"]),
        (["a.1.jpg", "a.1.txt", "a.2.jpg", "a.2.txt"], ["a.1", "a.2"]),
        (["a.jpg", "a.txt", "a.b.jpg", "a.b.txt"], ["a", "a.b"]),
        (["v1.5/a.jpg", "v1.5/a.txt"], ["v1.5/a"]),
    ],
)
def test_no_pair_is_lost(names, pairs):
    given, remarks = read(*names)
    assert [name for name, _, _ in given] == pairs and not remarks
    assert all(image and text for _, image, text in given)


@pytest.mark.parametrize(
    ("names", "remarks"),
    [
        (["1.jpg", "2.jpg", "2.txt"], {"without a caption": ["1"]}),
        (["1.txt", "2.jpg", "2.txt"], {"without an image": ["1"]}),
        (["1.mp4", "1.flac", "1.txt"], {"without an image, only .flac, .mp4": ["1"]}),
        (["link.jpg", "link.txt"], {"without an image, only a link": ["link"]}),
        (["1.jpg", "1.jpg", "1.txt"], {"without a caption": ["1"]}),
        (["1.jpg", "2.jpg", "1.txt", "2.txt"], {"without a caption": ["1", "2"], "without an image": ["1", "2"]}),
        (["IMG.jpg", "img.txt"], {"without a caption": ["IMG"], "without an image": ["img"]}),
        (["a.b.jpg", "a.txt"], {"without an image, only .b.jpg": ["a"]}),
        (["a.1.jpg", "a.2.txt"], {"without a caption": ["a.1"], "without an image, only .1.jpg": ["a.2"]}),
    ],
)
def test_what_has_no_other_half_is_passed_on_and_remarked_on(names, remarks):
    pairs, said = read(*names, **({"jpg": b""} if names[0].startswith("link") else {}))
    assert said == remarks
    assert len(pairs) >= sum(map(len, said.values()))


@pytest.mark.parametrize(
    ("about", "caption"),
    [
        ({"caption": "two\nlines"}, "two\nlines"),
        ({"caption": None, "title": "other"}, "1.txt"),
        ({"title": "a title"}, "1.txt"),
        ({"caption": ["one", "two"]}, "one|two"),
        (["one", "two"], "one|two"),
        ("one", "one"),
        (7, "1.txt"),
    ],
)
def test_the_json_speaks_first_where_it_has_a_caption(about, caption):
    assert captions(json=json.dumps(about).encode(), txt=b"1.txt") == (caption, [])


@pytest.mark.parametrize("key", ["captions", "text", "Caption", "title", "caption_0"])
def test_without_a_txt_other_names_in_the_json_count(key):
    assert captions(json=json.dumps({"url": "x", key: "a dog"}).encode()) == ("a dog", [])


@pytest.mark.parametrize("broken", [b"{broken", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_broken_json_is_remarked_on_and_the_txt_counts(broken):
    assert captions(json=broken, txt=b"a dog") == ("a dog", ["with a .json that cannot be read"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_with_a_mark_of_its_encoding_is_read(encoding):
    assert captions(txt="le café\r\n写真\n".encode(encoding)) == ("le café|写真", [])


def test_text_in_an_unknown_encoding_is_remarked_on():
    text, remarks = captions(txt="le café".encode("latin-1"))
    assert text == "le caf�" and "not UTF-8" in remarks[0]
