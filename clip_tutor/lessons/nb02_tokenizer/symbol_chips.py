"""What a tokenizer makes of a text, in HTML: a chip for each symbol, words being merged, and the places of a row.

    "a carpet"  ──▶  (a) (carp|et)  320 · 16 · 88      ■ ■ ■ ■ ■ □ □ □ □ …

HTML and not a figure: the reader's browser has the letters of all scripts, and answers with each key stroke.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Sized
from html import escape

import regex

from clip_tutor.lab.plots.style import FAINT, INK, MUTED, TEXT_COLOR
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.tokenizers.bpe import (
    END_OF_TEXT,
    END_OF_WORD,
    START_OF_TEXT,
    bytes_to_unicode,
    count_pairs,
    encode_word,
)

_BYTES = {symbol: byte for byte, symbol in bytes_to_unicode().items()}
_TINTS = ("#FBDCC8", "#F5BE9B")  # of the color that stands for words, in turn
_PALE = "#F4F1EC"
_MOST_CHIPS = 400


def readable(symbol: str) -> str:
    """Return what a symbol stands for: ``"car</w>"`` gives "car", part of a letter its bytes, as in "e7 8c"."""
    if symbol in (START_OF_TEXT, END_OF_TEXT):
        return symbol
    raw = bytes(_BYTES[character] for character in symbol.removesuffix(END_OF_WORD))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.hex(" ")


def chips(symbols: Sequence[str], ids: Sequence[int] = (), keep: int | None = None, fresh: str | None = None) -> str:
    """Return HTML with a chip for each symbol; those of one word touch each other, and words stand apart.

    Args:
        symbols: byte symbols as a tokenizer lists them. A chip in gray holds part of a letter, as bytes.
        ids: their ids, to stand below them.
        keep: how many are kept; what comes after is crossed out. None keeps all.
        fresh: a symbol to show in full color.
    """
    keep = len(symbols) if keep is None else keep
    shown = []
    for n, symbol in enumerate(symbols[:_MOST_CHIPS]):
        below = f'<span style="color:{MUTED};font-size:10px;padding:0 2px">{ids[n]}</span>' if len(ids) else ""
        shown.append(_chip(symbol, below, n, n < keep, symbol == fresh))
    if len(symbols) > _MOST_CHIPS:
        shown.append(f'<span style="color:{MUTED}">… and {len(symbols) - _MOST_CHIPS:,} more</span>')
    return f'<div style="display:flex;flex-wrap:wrap;row-gap:6px;align-items:flex-start">{"".join(shown)}</div>'


def _chip(symbol: str, below: str, n: int, kept: bool, fresh: bool) -> str:
    text, mark = readable(symbol), symbol in (START_OF_TEXT, END_OF_TEXT)
    part = not mark and bool(regex.fullmatch(r"[0-9a-f]{2}( [0-9a-f]{2})*", text)) and not symbol.startswith(text)
    last = mark or symbol.endswith(END_OF_WORD)
    color, background = (INK, _TINTS[n % 2])
    if mark or fresh:
        color, background = "white", INK if mark else TEXT_COLOR
    elif part:
        color, background = MUTED, FAINT
    faded = "" if kept else ";opacity:.35;text-decoration:line-through"
    corners = "3px 10px 10px 3px" if last else "3px 0 0 3px"
    return (
        f'<span title="{escape(symbol)}" style="display:inline-block;text-align:center;'
        f'margin-right:{9 if last else 1}px{faded}">'
        f'<span style="display:block;background:{background};color:{color};padding:3px 7px;border-radius:{corners};'
        f'font-family:monospace;font-size:14px;white-space:pre">{escape(text)}</span>'
        f"{below}</span>"
    )


def places(used: int, context_length: int) -> str:
    """Return HTML with a square for each place in a row: two special tokens, ``used`` ids between, and the rest."""
    colors = [INK, *[TEXT_COLOR] * used, INK]
    colors += [FAINT] * (context_length - len(colors))
    squares = "".join(
        f'<span style="display:inline-block;width:9px;height:18px;margin:0 2px 4px 0;border-radius:2px;'
        f'background:{color}"></span>'
        for color in colors
    )
    return f'<div style="line-height:0;margin-top:10px" role="img" aria-label="{used} places used">{squares}</div>'


def tree(stages: Sequence[Sequence[str]]) -> str:
    """Return HTML with each stage of one word below the one before, its letters always in the same columns.

    ``stages`` is what ``BPETokenizer.merge_steps`` returns. A symbol that was just made is in full color.
    """
    rows = []
    for n, symbols in enumerate(stages):
        made = Counter(symbols) - Counter(stages[n - 1]) if n else Counter()
        boxes = "".join(_box(symbol, symbol in made) for symbol in symbols)
        told = f"merge {n}" if n else "letters"
        rows.append(
            f'<div style="display:flex;align-items:center;margin-bottom:4px">'
            f'<span style="color:{MUTED};width:70px;flex:none">{told}</span>{boxes}'
            f'<span style="color:{MUTED};margin-left:12px">{len(symbols)}</span></div>'
        )
    return f'<div style="overflow-x:auto;margin:8px 0">{"".join(rows)}</div>'


def _box(symbol: str, fresh: bool) -> str:
    """Return a chip as wide as its symbol has letters; a thick right edge is the end of the word."""
    text = symbol.removesuffix(END_OF_WORD)
    color, background = ("white", TEXT_COLOR) if fresh else (INK, _PALE if len(text) == 1 else _TINTS[len(text) > 4])
    edge = INK if symbol.endswith(END_OF_WORD) else "white"
    column = "display:inline-block;width:20px;text-align:center"
    letters = "".join(f'<span style="{column}">{escape(letter)}</span>' for letter in text)
    return (
        f'<span style="display:inline-block;flex:none;box-sizing:border-box;width:{20 * len(text)}px;'
        f"font-family:monospace;font-size:14px;line-height:26px;background:{background};color:{color};"
        f'border-radius:5px 3px 3px 5px;border-right:2px solid {edge};white-space:nowrap">{letters}</span>'
    )


def board(words: Mapping[str, int], merges: Sequence[tuple[str, str]], step: int, shown: Sequence[str]) -> str:
    """Return HTML with some words after the first ``step`` merges, beside the race of pairs for the next one.

    Args:
        words: every word of a text, in byte symbols, and how often it stands there.
        merges: pairs in the order in which they were learned.
        step: how many of them have been made; the newest symbol is in full color.
        shown: the words to show.
    """
    ranks = {pair: rank for rank, pair in enumerate(merges[:step])}
    spelled = {word: encode_word(word, ranks) for word in words}
    pairs = count_pairs({tuple(spelled[word]): count for word, count in words.items()})
    length = sum(count * len(spelled[word]) for word, count in words.items())
    letters = sum(count * len(word) for word, count in words.items())
    newest = "".join(merges[step - 1]) if step else None
    told = f"merge {step}: {' + '.join(merges[step - 1])} → {newest}" if step else "no merge yet: letters"
    rows = "".join(
        f'<div style="display:flex;gap:10px;margin-bottom:5px"><span style="color:{MUTED};width:36px;text-align:right">'
        f"{words[word]} ×</span>{chips(spelled[word], fresh=newest)}</div>"
        for word in shown
    )
    return (
        f'<div style="line-height:1.5"><div style="margin:6px 0 10px"><b style="font-size:16px;color:{TEXT_COLOR}">'
        f'{escape(told)}</b><br><span style="color:{MUTED}">the page is {length:,} symbols long now; it began with '
        f'{letters:,}</span></div><div style="display:flex;flex-wrap:wrap;gap:36px">'
        f'<div style="min-width:340px">{rows}</div><div style="min-width:300px">{_race(pairs)}</div></div></div>'
    )


def _race(pairs: Mapping[tuple[str, str], int], places: int = 10) -> str:
    """Return the commonest pairs of neighbors as bars, the one that is merged next in color."""
    first = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:places]
    going_on = bool(first) and first[0][1] >= 2
    heading = "The commonest pairs, and the next merge" if going_on else "No pair stands there twice: the end"
    bars = "".join(
        f'<div style="display:flex;gap:10px;align-items:center;margin-bottom:5px">'
        f'<span style="width:120px;text-align:right;font-family:monospace;white-space:pre">{escape("  ".join(pair))}'
        f'</span><span style="height:14px;border-radius:3px;width:{150 * count / first[0][1]:.0f}px;'
        f'background:{TEXT_COLOR if going_on and n == 0 else "#C9CBCE"}"></span>{count}</div>'
        for n, (pair, count) in enumerate(first)
    )
    return f'<div style="font-weight:bold;margin-bottom:8px">{heading}</div>{bars}'


def lines(texts: Sequence[str], tokenizer: BPETokenizer) -> str:
    """Return HTML with a row of chips for each text, under the text itself and how many tokens it has."""
    rows = []
    for text in texts:
        ids = tokenizer.encode(text)
        told = f"{_count(text.split(), 'word')}, {_count(text, 'character')}, <b>{_count(ids, 'token')}</b>"
        rows.append(
            f'<div style="margin-bottom:14px"><div style="margin-bottom:4px">{escape(text)}'
            f'<span style="color:{MUTED}"> · {told}</span></div>'
            f"{chips([tokenizer.id_to_token[i] for i in ids], ids)}</div>"
        )
    return f'<div style="max-width:900px;line-height:1.5">{"".join(rows)}</div>'


def counter(text: str, tokenizer: BPETokenizer) -> str:
    """Return HTML that says how much of a row a text takes: counts, chips with their ids, and the places."""
    ids, room = tokenizer.encode(text), tokenizer.context_length - 2
    used = min(len(ids), room)
    raw = text.encode("utf-8", "replace")
    counts = f"{_count(text.split(), 'word')} · {_count(text, 'character')} · {_count(raw, 'byte')}"
    verdict = f"{used} of {room} places taken, {room - used} free"
    if len(ids) > room:
        verdict = f"{len(ids) - room:,} too many for {room} places: the end of the caption would be cut off"
    elif not ids:
        verdict = "an empty caption: nothing stands between the two special tokens"
    return (
        '<div style="max-width:880px;line-height:1.5">'
        f'<div style="margin:8px 0 10px"><span style="color:{MUTED}">{counts} →</span> '
        f'<b style="color:{TEXT_COLOR};font-size:16px">{_count(ids, "token")}</b>. {verdict}.</div>'
        f"{chips([tokenizer.id_to_token[i] for i in ids], ids, keep=room)}"
        f"{places(used, tokenizer.context_length)}</div>"
    )


def _count(things: Sized, name: str) -> str:
    """Return "1 word" or "2,000 words"."""
    return f"{len(things):,} {name}{'s' if len(things) != 1 else ''}"
