"""The figures of byte-pair encoding: bytes as characters, words being merged, and what a caption costs.

Like those of `lab.plots.common`, plain functions from data to a matplotlib ``Figure``. A symbol is a box as wide as its
letters; a thick right edge is its ``</w>``, the end of a word.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from clip_tutor.lab.plots.style import COLORS, FAINT, INK, MUTED, TEXT_COLOR, canvas
from clip_tutor.tokenizers.bpe import END_OF_WORD, bytes_to_unicode, encode_word

_PALE = "#F4F1EC"
_TINTS = LinearSegmentedColormap.from_list("symbols", ["#FBE6D8", "#F3B48A"])
_GRAY = "#C9CBCE"


def byte_table() -> Figure:
    """Draw the character that stands for each of the 256 bytes; those that borrow one are shaded."""
    figure, (axes,) = canvas(6.6, 5.4)
    for byte, symbol in bytes_to_unicode().items():
        row, column = divmod(byte, 16)
        borrowed = ord(symbol) >= 256
        color = FAINT if borrowed else "#FBE6D8"
        corner, rounded = (column - 0.42, row - 0.4), "round,pad=0,rounding_size=0.12"
        axes.add_patch(FancyBboxPatch(corner, 0.84, 0.8, rounded, linewidth=0, facecolor=color))
        axes.text(column, row, symbol, ha="center", va="center", color=MUTED if borrowed else INK, size=11)
    digits = [f"{n:X}" for n in range(16)]
    axes.set_xticks(range(16), digits)
    axes.set_yticks(range(16), digits)
    axes.tick_params(length=0)
    axes.set(xlim=(-0.6, 15.6), ylim=(15.6, -0.6), xlabel="second hexadecimal digit of the byte", ylabel="first digit")
    axes.set_frame_on(False)
    axes.grid(False)
    figure.suptitle("A printable character for each of the 256 bytes")
    return figure


def film(
    words: Sequence[str], merges: Sequence[tuple[str, str]], moments: Sequence[int], title: str = "Words being merged"
) -> Figure:
    """Draw the same words, in byte symbols, after some numbers of merges: a column for each moment."""
    widest = max(map(len, words))
    figure, (axes,) = canvas(0.19 * (widest + 2.5) * len(moments), 0.36 * len(words) + 1.1)
    for column, moment in enumerate(moments):
        ranks = {pair: rank for rank, pair in enumerate(merges[:moment])}
        x = column * (widest + 2.5)
        for row, word in enumerate(words):
            _boxes(axes, x, row, encode_word(word, ranks))
        told = f"after {moment} merges" if moment else "letters"
        axes.text(x, -1.05, told, weight="bold", color=INK if moment else MUTED)
    axes.set(xlim=(-0.5, len(moments) * (widest + 2.5) - 2), ylim=(len(words) - 0.5, -1.5), xticks=[], yticks=[])
    axes.set_frame_on(False)
    axes.grid(False)
    figure.suptitle(title)
    return figure


def _boxes(axes: Axes, x: float, y: float, symbols: Sequence[str]) -> None:
    """Draw the symbols of a word one after the other, a letter one unit wide: the longer, the stronger its color."""
    for symbol in symbols:
        text = symbol.removesuffix(END_OF_WORD)
        face = _PALE if len(text) == 1 else _TINTS(min(1.0, (len(text) - 2) / 6))
        corner, rounded = (x + 0.05, y - 0.38), "round,pad=0,rounding_size=0.18"
        axes.add_patch(FancyBboxPatch(corner, len(text) - 0.1, 0.76, rounded, facecolor=face, linewidth=0))
        for n, letter in enumerate(text):
            axes.text(x + n + 0.5, y, letter, ha="center", va="center", family="DejaVu Sans Mono", size=8.5)
        x += len(text)
        if symbol.endswith(END_OF_WORD):
            axes.plot([x - 0.03] * 2, [y - 0.36, y + 0.36], color=INK, linewidth=2.2, solid_capstyle="butt")


def languages(costs: Mapping[str, tuple[float, float]], title: str, guess: str = "") -> Figure:
    """Draw what the same texts cost in several languages: tokens a text, and tokens a character.

    ``costs`` has for each language both of them, averages; the first is the one to compare with. ``guess`` is marked ◆.
    """
    order = sorted(costs, key=lambda language: costs[language][0])
    base = next(iter(costs))
    figure = Figure(figsize=(10, 0.31 * len(order) + 1.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.7, 1], sharey=True)
    colors = [TEXT_COLOR if name == base else INK if name == order[-1] else _GRAY for name in order]
    tokens = [costs[name][0] for name in order]
    drawn = left.barh(range(len(order)), tokens, color=colors, height=0.72)
    times = ["" if name == base else f"   {costs[name][0] / costs[base][0]:.1f} ×" for name in order]
    left.bar_label(drawn, [f"{value:.1f}{more}" for value, more in zip(tokens, times, strict=True)], padding=4, size=9)
    left.set_yticks(range(len(order)), [f"◆ {name}" if name == guess else name for name in order])
    left.tick_params(axis="y", length=0)
    left.set(xlim=(0, 1.2 * max(tokens)), ylim=(len(order) - 0.4, -0.6))
    left.set(title="For the same meaning", xlabel=f"tokens a name, and how many times as many as in {base}")
    for row, name in enumerate(order):
        right.plot([0, costs[name][1]], [row, row], color=FAINT, linewidth=2)
        right.plot(costs[name][1], row, "o", color=colors[row], markersize=7)
    right.axvline(1, color=MUTED, linestyle="--", linewidth=1.2)
    right.set(
        title="For a character",
        xlabel="tokens a character (dashed: one)",
        xlim=(0, 1.1 * max(cost for _, cost in costs.values())),
    )
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
    figure.suptitle(title)
    return figure


def compression(sizes: Sequence[int], curves: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw how long texts are in tokens, in percent of their bytes, when only the first merges of a list are used.

    ``sizes`` are the numbers of merges (0 may be the first), ``curves`` has for each kind of text a value for each.
    """
    figure, (axes,) = canvas(9, 3.8)
    places = range(len(sizes))
    ends = []
    for color, (name, values) in zip((TEXT_COLOR, COLORS[2], COLORS[3], COLORS[5], INK), curves.items(), strict=False):
        axes.plot(places, values, "o-", color=color, markersize=4, clip_on=False)
        ends.append((values[-1], name, color))
    height = 200.0
    for value, name, color in sorted(ends, reverse=True):
        height = min(value, height - 7)
        place: dict[str, Any] = {"xytext": (10, 0), "textcoords": "offset points", "annotation_clip": False}
        axes.annotate(f"{name}  {value:.0f} %", (places[-1], height), color=color, va="center", weight="bold", **place)
    axes.set_xticks(places, [f"{size:,}" for size in sizes])
    axes.set(xlabel="merges used, the earliest first", ylabel="tokens, in % of the bytes")
    axes.set(xlim=(0, places[-1]), ylim=(0, 102), title=title)
    return figure
