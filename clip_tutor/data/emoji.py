"""The embedded data set: some 1,900 emoji, each a drawing of 72 × 72 pixels with its names and keywords.

The file, its licences and the script that made it lie in ``data/emoji/``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from clip_tutor.assets import asset

# 104 everyday things that look different from each other even when they are small: what a first model learns.
FIRST_WORDS = """
🐈 🐕 🐎 🐄 🐖 🐘 🦒 🦁 🐰 🐻 🐼 🐸 🐢 🐟 🐳 🐙 🦀 🐌 🦋 🐝 🐞 🦉 🐧 🐓 🌵 🌴 🍀 🌹 🌻 🍄 🍎 🍌 🍓 🍍 🍉
🍋 🥕 🥚 🍔 🍕 🍩 🍪 🎂 🍺 🔪 🚗 🚌 🚲 🏍️ 🚂 ✈️ 🚁 🚀 ⛵ ⚓ 🏰 ⛺ 🌋 🌈 ☀️ 🌙 ⭐ ☁️ ❄️ 🔥 ☂️ ⚽ 🏀 🎾 🎸
🥁 🎈 🎁 🏆 👑 👕 👗 🎒 💍 ⏰ 📱 💻 📷 📺 🔑 🔨 ✏️ 💡 🛏️ 🪑 🚪 🚽 🧸 🪁 🔭 ✉️ 🔔 👻 🤖 👽 💀 🎃 👀 ❤️
""".split()  # noqa: SIM905

# The languages of `Emoji.names`, by the codes that stand there.
LANGUAGES = {
    **{"ar": "Arabic", "de": "German", "el": "Greek", "es": "Spanish", "fr": "French", "he": "Hebrew", "hi": "Hindi"},
    **{"ja": "Japanese", "ko": "Korean", "pt": "Portuguese", "ru": "Russian", "sw": "Swahili", "th": "Thai"},
    **{"tr": "Turkish", "zh": "Chinese"},
}


@dataclass(frozen=True)
class Noun:
    """A name that a caption can use: ``article`` is "a", "an", or "" for "grapes" and the like."""

    article: str
    singular: str
    plural: str


@dataclass(frozen=True)
class Emoji:
    """One row of the data set."""

    character: str
    name: str  # Unicode's short name, "dog face"
    group: str
    subgroup: str
    keywords: tuple[str, ...]
    names: tuple[tuple[str, str], ...]  # (language, short name)
    noun: Noun  # the short name as a noun
    synonyms: tuple[Noun, ...]  # keywords that can stand for it
    tags: tuple[str, ...]  # the other keywords
    png: bytes = field(repr=False)

    def image(self) -> Image.Image:
        """Return the drawing: 72 × 72 pixels, RGBA."""
        return Image.open(io.BytesIO(self.png)).convert("RGBA")


def _from_row(row: dict[str, Any]) -> Emoji:
    synonyms = zip(row["synonym_articles"], row["synonyms"], row["synonym_plurals"], strict=True)
    return Emoji(
        **{field: row[field] for field in ("character", "name", "group", "subgroup")},
        keywords=tuple(row["keywords"]),
        names=tuple((key[len("name_") :], value) for key, value in row.items() if key.startswith("name_")),
        noun=Noun(row["article"], row["phrase"], row["plural"]),
        synonyms=tuple(Noun(*words) for words in synonyms),
        tags=tuple(row["tags"]),
        png=row["image"]["bytes"],
    )


@lru_cache(maxsize=1)
def load_emoji() -> tuple[Emoji, ...]:
    """Return the whole data set, in Unicode's order.

    >>> len(load_emoji())
    1870
    """
    return tuple(_from_row(row) for row in pq.read_table(asset("emoji/emoji.parquet")).to_pylist())


def find_emoji(characters: Iterable[str]) -> tuple[Emoji, ...]:
    """Return the emoji with these characters, in the order asked for.

    Raises:
        KeyError: a character is not in the data set.

    >>> [emoji.noun.singular for emoji in find_emoji("🐈🚀")]
    ['cat', 'rocket']
    """
    characters = list(characters)
    by_character = {emoji.character: emoji for emoji in load_emoji()}
    missing = [character for character in characters if character not in by_character]
    if missing:
        raise KeyError(f"not in the emoji data set: {' '.join(missing)} (copy characters from load_emoji())")
    return tuple(by_character[character] for character in characters)
