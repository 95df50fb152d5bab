"""What happens to a caption before a tokenizer sees it.

"A  puppy &amp; I"  ──clean──────────▶  "a puppy & i"     (CLIP)
"A  puppy & I_2!"   ──canonicalize───▶  "a puppy i 2"     (SigLIP)
"""

import html
import re
import string
import unicodedata
from collections.abc import Iterable, Mapping

import ftfy
from ftfy.fixes import fix_surrogates

_NO_PUNCTUATION = str.maketrans("_", " ", string.punctuation.replace("_", ""))
# What no cleaning takes away: an ASCII letter or digit, unless it is part of an entity or of a terminal's color code;
# four letters in a row, which is more than a wrongly decoded space has; a sign of Chinese, Japanese or Korean.
_SURE_TO_STAY = re.compile(r"[0-9A-Za-z]|[^\W\d_]{4}|[ぁ-ゖァ-ヺ\u3400-\u9fff\uac00-\ud7a3]")
_MAY_VANISH = re.compile(r"&[\w#;]*|\x1b\S*")
_INVISIBLE = ("Cc", "Cf", "Co", "Mn")  # categories: controls, formats such as U+200B, private use, bare accents
_READ_AS_SPACE = "\ufffd▁"  # by SigLIP's tokenizer


def check_text(text: str) -> None:
    """Refuse what is not text.

    Raises:
        TypeError: ``text`` is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(
            f"a caption must be a string, and this is {type(text).__name__}: {text!r:.60}. "
            "Turn numbers into words or text first, and leave missing captions out."
        )


def check_captions(captions: Iterable[str]) -> None:
    """Refuse what is not several captions.

    Raises:
        TypeError: they are one text, which Python would take for a list of its letters, or a dictionary, which it
            would take for a list of its keys.
    """
    if isinstance(captions, str | bytes | Mapping):
        raise TypeError(
            f"captions must be a list of texts, and this is one {type(captions).__name__}: {captions!r:.60}. "
            "Put a single caption in a list, read a file's lines first, and take a dictionary's values()."
        )


def replace_surrogates(text: str) -> str:
    """Return ``text`` with each lone surrogate replaced by U+FFFD, and each pair of them by its character.

    A surrogate is half a character. JSON may hold one (``"\\ud83d"``), and Python puts them into file names that it
    cannot decode; no encoding can write them. `clean` does the same, as ftfy does it.

    Raises:
        TypeError: ``text`` is not a string.
    """
    check_text(text)
    return text if text.isascii() else fix_surrogates(text)


def clean(text: str) -> str:
    """Return ``text`` with Unicode mended, HTML entities undone, white space squeezed, and in lower case.

    Entities are undone twice because captions scraped from web pages are often escaped twice (``&amp;lt;``).

    Most captions are plain: printable ASCII without an ``&``. There is nothing to mend or to undo in them, and
    looking for it takes ten times as long as all the rest, so they skip it; the test
    ``test_the_short_way_cleans_as_the_long_way`` holds the two ways equal.

    Source: openai/CLIP ``clip/simple_tokenizer.py``, the same steps in the same order.

    Raises:
        TypeError: ``text`` is not a string.
    """
    check_text(text)
    if not (text.isascii() and text.isprintable() and "&" not in text):
        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()


def canonicalize(text: str) -> str:
    """Return ``text`` without punctuation (an underscore becomes a space), in lower case, white space squeezed.

    Only ASCII punctuation goes: "c'est «ça»!" becomes "cest «ça»". Half characters: see `replace_surrogates`.

    Source: google-research/big_vision ``evaluators/proj/image_text/prompt_engineering.py``.

    Raises:
        TypeError: ``text`` is not a string.
    """
    return " ".join(replace_surrogates(text).translate(_NO_PUNCTUATION).lower().split())


def is_blank(text: str) -> bool:
    """Return whether a caption says nothing: one of the tokenizers here would have no ids for it.

    Blank are white space, entities that stand for it (``&nbsp;``), characters that cannot be seen, accents without a
    letter, U+FFFD, and ASCII punctuation alone, of which SigLIP's cleaning leaves nothing. The test
    ``test_what_is_not_blank_has_ids_in_every_tokenizer`` holds this to what the tokenizers do.

    Raises:
        TypeError: ``text`` is not a string.
    """
    check_text(text)
    if _SURE_TO_STAY.search(_MAY_VANISH.sub("", text) if "&" in text or "\x1b" in text else text):
        return False  # nearly every caption: `clean` would take fifty times as long
    return not (_is_visible(clean(text)) and _is_visible(canonicalize(text)))


def _is_visible(text: str) -> bool:
    return any(
        not (character.isspace() or character in _READ_AS_SPACE or unicodedata.category(character) in _INVISIBLE)
        for character in text
    )
