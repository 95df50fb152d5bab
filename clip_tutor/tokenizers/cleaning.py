"""What happens to a caption before a tokenizer sees it.

"A  puppy &amp; I"  ──clean──────────▶  "a puppy & i"     (CLIP)
"A  puppy & I_2!"   ──canonicalize───▶  "a puppy i 2"     (SigLIP)
"""

import html
import string

import ftfy

_NO_PUNCTUATION = str.maketrans("_", " ", string.punctuation.replace("_", ""))


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

    Only ASCII punctuation goes: "c'est «ça»!" becomes "cest «ça»".

    Source: google-research/big_vision ``evaluators/proj/image_text/prompt_engineering.py``.

    Raises:
        TypeError: ``text`` is not a string.
    """
    check_text(text)
    return " ".join(text.translate(_NO_PUNCTUATION).lower().split())
