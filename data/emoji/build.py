"""Draw and describe every emoji, and write `emoji.parquet`: the embedded data set of the kit.

    emoji-test.txt ──▶ characters, groups ─┐
    Noto Color Emoji ─▶ 72x72 images ──────┼──▶ emoji.parquet
    CLDR annotations ─▶ names, keywords ───┤
    WordNet ──────────▶ synonyms ──────────┘

Run it from anywhere: `python data/emoji/build.py`. It needs

    apt-get install fonts-noto-color-emoji unicode-data wordnet-base npm
    pip install pillow "datasets>=4" inflect     (Pillow with libraqm, as the wheels for Linux have it)

CLDR's annotations are two npm packages, fetched into a cache folder the first time. Every input is checked against its
SHA-256, and the same inputs and library versions (README.md) give the same file, byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, Image, List, Value
from grammar import article, ascii_quotes, phrase, plural
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont, features
from synonyms import WordNet, split_keywords

HERE = Path(__file__).resolve().parent
SIDE = 72  # pixels
STRIKE = 109  # the one size, in pixels per em, at which the font holds its bitmaps
# Color in steps of 4 of 255, which no eye sees, and no alpha below 5, which Lanczos leaves around edges, save a third.
_COARSE = [min(255, (value + 2) // 4 * 4) for value in range(256)]
_COARSE_ALPHA = [0 if value < 5 else _COARSE[value] for value in range(256)]
LANGUAGES = ("ar", "de", "el", "es", "fr", "he", "hi", "ja", "ko", "pt", "ru", "sw", "th", "tr", "zh")
SKIN_TONES = {chr(code) for code in range(0x1F3FB, 0x1F400)}
VARIATION_SELECTOR = "\ufe0f"

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
EMOJI_TEST = Path("/usr/share/unicode/emoji/emoji-test.txt")
WORDNET = Path("/usr/share/wordnet")
CLDR = {"cldr-annotations-full": "annotations", "cldr-annotations-derived-full": "annotationsDerived"}
CLDR_VERSION = "48.2.0"

SHA256 = {
    "NotoColorEmoji.ttf": "e5899ed38b8ed83e08bd3ac5de09791e9d19d288333a796de1d35ad17396f1ec",
    "emoji-test.txt": "8445f23ac8388e096be19d0262e14fceff856ff52093f2356dc89485f1a853db",
    "data.noun": "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2",
    "cldr-annotations-full-48.2.0.tgz": "28576e51225deb51e3ddd734b0f824a0079682cb5d8c27faa9f68149317a14d1",
    "cldr-annotations-derived-full-48.2.0.tgz": "4be946ff5815f806ec78b50363d577a769f2fbfb90c6380a44e161a92436996e",
}
ORIGINS = {
    "NotoColorEmoji.ttf": "Debian's package fonts-noto-color-emoji 2.042",
    "emoji-test.txt": "Debian's package unicode-data 15.0.0",
    "data.noun": "Debian's package wordnet-base 3.0",
}


@dataclass(frozen=True)
class Emoji:
    """One line of emoji-test.txt."""

    character: str
    group: str
    subgroup: str


def checked(path: Path) -> Path:
    """The input at `path`, if it is the one the data set was made from.

    Raises: FileNotFoundError when it is missing, ValueError when it is another version.
    """
    origin = ORIGINS.get(path.name, f"npm's package {path.stem}")
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: it comes with {origin}")
    found, expected = hashlib.sha256(path.read_bytes()).hexdigest(), SHA256[path.name]
    if found != expected:
        raise ValueError(f"{path} is not the one of {origin}: its SHA-256 is {found}, expected {expected}")
    return path


def fetch_cldr(name: str, cache: Path) -> Path:
    """The npm package's archive, downloaded into `cache` when it is not there yet."""
    archive = cache / f"{name}-{CLDR_VERSION}.tgz"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["npm", "pack", "--silent", f"{name}@{CLDR_VERSION}"], cwd=cache, check=True)
        except FileNotFoundError:
            raise FileNotFoundError(f"{archive} is missing and npm is not installed: apt-get install npm") from None
    return checked(archive)


def read_emoji(path: Path) -> Iterator[Emoji]:
    """Every fully-qualified emoji without a skin tone, in the file's order."""
    group = subgroup = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# group: "):
            group = line.removeprefix("# group: ")
        elif line.startswith("# subgroup: "):
            subgroup = line.removeprefix("# subgroup: ")
        elif "; fully-qualified" in line:
            character = "".join(chr(int(code, 16)) for code in line.split(";")[0].split())
            if not SKIN_TONES & set(character):
                yield Emoji(character, group, subgroup)


def read_annotations(archives: dict[str, Path], language: str) -> dict[str, dict[str, list[str]]]:
    """CLDR's names (`tts`) and keywords (`default`) by character, without U+FE0F."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, folder in CLDR.items():
        with tarfile.open(archives[name]) as archive:
            member = archive.extractfile(f"package/{folder}/{language}/annotations.json")
            assert member is not None
            table = json.load(member)[folder].get("annotations", {})
        found.update({character.replace(VARIATION_SELECTOR, ""): entry for character, entry in table.items()})
    return found


def draw(character: str, font: ImageFont.FreeTypeFont) -> bytes:
    """The emoji as a 72x72 RGBA image in PNG: the font's whole cell, scaled to fit and centered.

    Raises: ValueError when the font has no single glyph for the character.
    """
    cell = font.getbbox("\N{GRINNING FACE}")[2:]
    if font.getlength(character) != font.getlength("\N{GRINNING FACE}"):
        raise ValueError(f"{character!r} comes out as several glyphs: the font or libraqm does not know the sequence")
    canvas = PillowImage.new("RGBA", cell)
    ImageDraw.Draw(canvas).text((0, 0), character, font=font, embedded_color=True)
    if canvas.getbbox() is None:
        raise ValueError(f"{character!r} comes out empty: the font does not know it")
    # Drawn onto transparent black, the colors are already multiplied by alpha, as resizing wants them.
    premultiplied = PillowImage.frombytes("RGBa", cell, canvas.tobytes())
    scale = SIDE / max(cell)
    small = premultiplied.resize((round(cell[0] * scale), round(cell[1] * scale)), PillowImage.Resampling.LANCZOS)
    square = PillowImage.new("RGBa", (SIDE, SIDE))
    square.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    image = square.convert("RGBA").point(_COARSE * 3 + _COARSE_ALPHA)
    shown = image.getchannel("A").point(lambda alpha: 255 if alpha else 0)
    file = io.BytesIO()
    PillowImage.composite(image, PillowImage.new("RGBA", image.size), shown).save(file, "PNG", optimize=True)
    return file.getvalue()


def describe(emoji: Emoji, names: dict[str, dict[str, dict[str, list[str]]]], wordnet: WordNet) -> dict[str, object]:
    """The row of an emoji without its image."""
    key = emoji.character.replace(VARIATION_SELECTOR, "")
    missing = [language for language in names if "tts" not in names[language].get(key, {})]
    if missing:
        raise ValueError(f"CLDR {CLDR_VERSION} has no {missing} name of {emoji.character!r}: edit LANGUAGES")
    name, keywords = names["en"][key]["tts"][0], names["en"][key]["default"]
    words = [ascii_quotes(keyword) for keyword in keywords]
    text = phrase(name, emoji.subgroup)
    synonyms, tags = split_keywords(wordnet, text, emoji.group, emoji.subgroup, words)
    if name.startswith("flag: "):
        synonyms.append(f"{text.removeprefix('flag of ').removeprefix('the ')} flag")
    return {
        "character": emoji.character,
        "name": name,
        "group": emoji.group,
        "subgroup": emoji.subgroup,
        "keywords": keywords,
        "phrase": text,
        "article": article(text),
        "plural": plural(text),
        "synonyms": synonyms,
        "synonym_articles": [article(word) for word in synonyms],
        "synonym_plurals": [plural(word) for word in synonyms],
        "tags": tags,
        **{f"name_{language}": names[language][key]["tts"][0] for language in LANGUAGES},
    }


def columns() -> Features:
    """The columns and their types."""
    lists = {"keywords", "synonyms", "synonym_articles", "synonym_plurals", "tags"}
    order = ["character", "name", "group", "subgroup", "keywords", "phrase", "article", "plural", "synonyms"]
    order += ["synonym_articles", "synonym_plurals", "tags", *(f"name_{language}" for language in LANGUAGES)]
    text = {name: List(Value("string")) if name in lists else Value("string") for name in order}
    return Features({"image": Image(mode="RGBA"), **text})


def schema() -> pa.Schema:
    """The columns as Parquet keeps them, with the note from which `datasets` knows that `image` holds images."""
    written = columns().arrow_schema
    # Since version 4, datasets calls a list "List"; "Sequence" is the name that the older ones understand too.
    note = written.metadata[b"huggingface"].replace(b'"_type": "List"', b'"_type": "Sequence"')
    return written.with_metadata({"huggingface": note})


def build(output: Path, cache: Path) -> int:
    """Write the Parquet file; returns the number of rows. An interrupted run leaves the old file as it was."""
    if not features.check("raqm"):
        raise RuntimeError("this Pillow cannot join emoji sequences: install libraqm, or Pillow's wheel, which has it")
    archives = {name: fetch_cldr(name, cache) for name in CLDR}
    names = {language: read_annotations(archives, language) for language in ("en", *LANGUAGES)}
    wordnet = WordNet(checked(WORDNET / "data.noun").parent)
    font = ImageFont.truetype(checked(FONT), STRIKE, layout_engine=ImageFont.Layout.RAQM)
    rows = []
    for emoji in read_emoji(checked(EMOJI_TEST)):
        file_name = "-".join(f"{ord(part):x}" for part in emoji.character) + ".png"
        image = {"bytes": draw(emoji.character, font), "path": file_name}
        rows.append({"image": image, **describe(emoji, names, wordnet)})
    unfinished = output.with_suffix(".unfinished")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema()), unfinished, compression="zstd")
    os.replace(unfinished, output)
    return len(rows)


def main() -> None:
    """Read the command line, build, say what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE / "emoji.parquet")
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument("--cache", type=Path, default=home / "clip-tutor" / "emoji", help="keeps CLDR's archives")
    arguments = parser.parse_args()
    rows = build(arguments.output, arguments.cache)
    print(f"{arguments.output}: {rows} rows, {arguments.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
