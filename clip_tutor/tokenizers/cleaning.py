"""What happens to a caption before any tokenizer sees it.

The steps and their order are those of CLIP's published tokenizer (openai/CLIP, ``clip/simple_tokenizer.py``):
repair broken Unicode, undo HTML entities, squeeze white space, lower the case.
"""

import html

import ftfy
import regex

_SPACE = regex.compile(r"\s+")


def clean(text: str) -> str:
    """Return ``text`` with Unicode mended, HTML entities undone, white space squeezed, and in lower case.

    Entities are undone twice because captions scraped from web pages are often escaped twice (``&amp;lt;``).

    Raises:
        TypeError: ``text`` is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(
            f"a caption must be a string, and this is {type(text).__name__}: {text!r:.60}. "
            "Turn numbers into words or text first, and leave missing captions out."
        )
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return _SPACE.sub(" ", text.strip()).strip().lower()
