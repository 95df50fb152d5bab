"""The embedded data set as a file: complete, drawn, described in good English, licensed, and made by its script."""

import importlib.metadata
import importlib.util
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features, List, Value
from datasets import Image as ImageFeature
from PIL import Image

FOLDER = Path(__file__).parents[2] / "data" / "emoji"
FILE = FOLDER / "emoji.parquet"
TEXTS = ["character", "name", "group", "subgroup", "phrase", "article", "plural"]
LISTS = ["keywords", "synonyms", "synonym_articles", "synonym_plurals", "tags"]
LANGUAGES = ["ar", "de", "el", "es", "fr", "he", "hi", "ja", "ko", "pt", "ru", "sw", "th", "tr", "zh"]
FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
OTHER_INPUTS = [Path("/usr/share/unicode/emoji/emoji-test.txt"), Path("/usr/share/wordnet/data.noun")]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "clip-tutor" / "emoji"
ARCHIVES = [CACHE / f"cldr-annotations-{kind}-48.2.0.tgz" for kind in ("full", "derived-full")]
MADE_WITH = {"pillow": "13.0.0", "pyarrow": "26.0.1", "datasets": "5.2.0", "inflect": "7.6.0"}


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return pq.read_table(FILE).to_pylist()


@pytest.fixture(scope="module")
def by_phrase(rows: list[dict]) -> dict[str, dict]:
    return {row["phrase"]: row for row in rows}


@pytest.fixture(scope="module")
def pixels(rows: list[dict]) -> np.ndarray:
    images = [Image.open(io.BytesIO(row["image"]["bytes"])) for row in rows]
    assert {(image.format, image.mode, image.size) for image in images} == {("PNG", "RGBA", (72, 72))}
    return np.stack([np.asarray(image) for image in images])  # (rows, H, W, C)


def test_it_is_small_enough_to_ship():
    assert FILE.stat().st_size <= 10_000_000


def test_every_emoji_is_there_once_and_without_skin_tones(rows):
    characters = [row["character"] for row in rows]
    assert 1_850 <= len(rows) <= 1_950
    assert len(set(characters)) == len(characters)
    assert not re.search("[\U0001f3fb-\U0001f3ff]", "".join(characters))
    assert {"😀", "🐶", "🍎", "🇫🇷", "👩‍🚀", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣"} <= set(characters)


def test_datasets_opens_it_with_an_image_feature(tmp_path):
    opened = Dataset.from_parquet(str(FILE), cache_dir=str(tmp_path))
    expected = {name: Value("string") for name in [*TEXTS, *(f"name_{language}" for language in LANGUAGES)]}
    expected |= {name: List(Value("string")) for name in LISTS} | {"image": ImageFeature(mode="RGBA")}
    assert opened.features == Features(expected)
    assert opened[0]["image"].size == (72, 72)


def test_images_have_something_to_show_and_something_to_show_through(pixels):
    alpha = pixels[..., 3]
    assert (alpha == 255).any(axis=(1, 2)).all()
    assert (alpha == 0).any(axis=(1, 2)).all()
    assert not pixels[alpha == 0].any(), "color under full transparency would bleed when a sprite is scaled"


def test_images_are_of_different_things(pixels):
    # The font draws some characters alike (README.md names them); a font without glyphs would draw them all alike.
    assert len({image.tobytes() for image in pixels}) >= len(pixels) - 10


def test_no_text_is_missing(rows):
    for column in [*TEXTS, *(f"name_{language}" for language in LANGUAGES)]:
        empty = [row["character"] for row in rows if not row[column]]
        assert not empty or column == "article", f"{column} is empty for {empty}"
    assert all(row["keywords"] for row in rows)
    assert len({row["phrase"] for row in rows}) == len(rows)


def test_phrases_are_plain_noun_phrases(rows):
    for row in rows:
        assert not re.search("[’‘“”:,]", row["phrase"]) or row["phrase"].startswith("family of"), row["phrase"]
        assert not re.match("(a|an|the) ", row["phrase"]), row["phrase"]
        assert row["article"] in {"a", "an", ""}
        assert (row["plural"] == row["phrase"]) or row["article"], "a phrase without an article has no other plural"


@pytest.mark.parametrize(
    ("article", "phrase", "plural"),
    [
        ("a", "dog face", "dog faces"),
        ("a", "face with tears of joy", "faces with tears of joy"),
        ("a", "face with a medical mask", "faces with medical masks"),
        ("a", "woman with a beard", "women with beards"),
        ("a", "woman judge", "women judges"),
        ("a", "person mountain biking", "people mountain biking"),
        ("a", "family of a man, a woman and two boys", "families of a man, a woman and two boys"),
        ("a", "flag of the United States", "flags of the United States"),
        ("a", "number 1 keycap", "number 1 keycaps"),
        ("a", 'Japanese "here" button', 'Japanese "here" buttons'),
        ("a", "clock showing twelve o'clock", "clocks showing twelve o'clock"),
        ("an", "ear of corn", "ears of corn"),
        ("an", "SOS button", "SOS buttons"),
        ("a", "litter in bin sign", "litter in bin signs"),
        ("a", "closed mailbox with a raised flag", "closed mailboxes with raised flags"),
        ("a", "bow and arrow", "bows and arrows"),
        ("a", "knot", "knots"),
        ("a", "mouse", "mice"),
        ("a", "fish", "fish"),
        ("a", "unicorn", "unicorns"),
        ("", "grapes", "grapes"),
        ("", "scissors", "scissors"),
        ("", "glasses", "glasses"),
        ("", "bacon", "bacon"),
    ],
)
def test_grammar(by_phrase, article, phrase, plural):
    assert phrase in by_phrase
    assert (by_phrase[phrase]["article"], by_phrase[phrase]["plural"]) == (article, plural)


@pytest.mark.parametrize(
    ("phrase", "kept", "refused"),
    [
        ("dog face", ["puppy", "dog", "pet", "animal"], ["adorbs", "puppies", "face"]),
        ("automobile", ["car", "vehicle"], ["driving"]),
        ("cat", ["kitten", "pet"], ["cats"]),
        ("red apple", ["apple", "fruit"], ["diet", "health", "ripe"]),
        ("hot dog", ["sausage"], ["dog"]),
        ("grinning face", ["face"], ["happy", "smile"]),
        ("man swimming", ["swimmer", "man"], ["sport"]),
        ("bicycle", ["bike"], ["gang", "spin"]),
        ("flag of the Gambia", ["flag", "Gambia flag"], []),
        ("grapes", [], ["fruit", "grape"]),
    ],
)
def test_synonyms_can_stand_for_the_thing(by_phrase, phrase, kept, refused):
    row = by_phrase[phrase]
    assert set(kept) <= set(row["synonyms"])
    assert not set(refused) & set(row["synonyms"])


def test_synonyms_bring_their_grammar(rows):
    for row in rows:
        assert len(row["synonyms"]) == len(row["synonym_articles"]) == len(row["synonym_plurals"])
        assert set(row["synonym_articles"]) <= {"a", "an"}, "a synonym is a countable noun"
        assert row["phrase"] not in row["synonyms"]
        assert not set(row["synonyms"]) & set(row["tags"])
    dog = next(row for row in rows if row["character"] == "🐶")
    assert dict(zip(dog["synonyms"], dog["synonym_plurals"], strict=True))["puppy"] == "puppies"


def test_tags_are_lower_case_english_words(rows):
    assert all(re.fullmatch("[a-z]{3,}(-[a-z]+)*", tag) for row in rows for tag in row["tags"])


def test_licenses_and_data_card_lie_beside_it():
    card = (FOLDER / "README.md").read_text("utf-8")
    for name, line in {
        "OFL-1.1.txt": "SIL OPEN FONT LICENSE",
        "Apache-2.0.txt": "Apache License",
        "Unicode-3.0.txt": "UNICODE LICENSE V3",
        "WordNet-3.0.txt": "Princeton University",
    }.items():
        assert line in (FOLDER / "LICENSES" / name).read_text("utf-8")
    assert all(f"`{column}`" in card for column in pq.read_schema(FILE).names)


@pytest.mark.slow
def test_the_script_makes_the_same_file_again(tmp_path):
    missing = [str(path) for path in [FONT, *OTHER_INPUTS, *ARCHIVES] if not path.exists()]
    missing += [name for name in ("inflect",) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"rebuilding needs {', '.join(missing)}: data/emoji/README.md says how to get them")
    again = tmp_path / "again.parquet"
    subprocess.run([sys.executable, FOLDER / "build.py", "--output", again, "--cache", CACHE], check=True)
    if {name: importlib.metadata.version(name) for name in MADE_WITH} == MADE_WITH:
        assert again.read_bytes() == FILE.read_bytes()
    assert pq.read_table(again).drop(["image"]).equals(pq.read_table(FILE).drop(["image"]))
