"""What notebook 02 shows: symbols as chips, words being merged, and the figures of what a text costs."""

import re
from collections import Counter
from html import unescape

import pytest

from clip_tutor.lab import style
from clip_tutor.lessons.nb02_tokenizer import plots, stills, symbol_chips
from clip_tutor.lessons.nb02_tokenizer.page import PAGE
from clip_tutor.tokenizers import BPETokenizer, bpe
from clip_tutor.tokenizers.cleaning import clean
from tests.lab.conftest import texts

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails

MERGES = bpe.train_bpe([PAGE], 10_000)
WORDS = Counter(bpe.split_words(clean(PAGE)))
ODD = ("", "   ", "zzqx 🦄 <b>&", "a photo of a cat " * 40, "\ud83d", "<|endoftext|> a", "東京 🏴 \x00")


@pytest.fixture(scope="module")
def page_tokenizer() -> BPETokenizer:
    return BPETokenizer(MERGES)


def titles(html: str) -> list[str]:
    return [unescape(title) for title in re.findall(r'title="([^"]*)"', html)]


def colored(html: str, color: str) -> int:
    return html.count(f"background:{color}")


# ---- chips ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "text"), [("car</w>", "car"), ("Ã©</w>", "é"), ("çĮ", "e7 8c"), ("<|endoftext|>", "<|endoftext|>")]
)
def test_a_symbol_is_shown_as_what_it_stands_for(symbol: str, text: str):
    assert symbol_chips.readable(symbol) == text


def test_a_chip_for_each_symbol_over_its_id():
    html = symbol_chips.chips(["a</w>", "car", "pet</w>"], [320, 7, 88])
    assert titles(html) == ["a</w>", "car", "pet</w>"]
    assert re.findall(r">(\d+)</span>", html) == ["320", "7", "88"]


def test_symbols_are_shown_and_not_obeyed():
    for html in (
        symbol_chips.chips(["<b></w>"]),
        symbol_chips.tree([["<b></w>"]]),
        symbol_chips.lines(["<b>"], BPETokenizer([])),
    ):
        assert "<b></w>" not in html
        assert ">&lt;" in html
        assert not re.search(r"<b>(?!\d)", html)


def test_parts_of_a_letter_are_gray_and_words_that_look_like_bytes_are_not():
    assert colored(symbol_chips.chips(["çĮ"]), style.FAINT) == 1
    assert colored(symbol_chips.chips(["e7</w>", "be", "ad</w>"]), style.FAINT) == 0


def test_what_is_cut_off_is_crossed_out():
    assert symbol_chips.chips(["a</w>"] * 5, keep=3).count("line-through") == 2


def test_a_symbol_that_was_just_made_is_in_full_color():
    assert colored(symbol_chips.chips(["ca", "r</w>"], fresh="ca"), style.TEXT_COLOR) == 1


def test_a_row_has_a_square_for_each_place():
    html = symbol_chips.places(5, 77)
    marks, ids, free = (colored(html, color) for color in (style.INK, style.TEXT_COLOR, style.FAINT))
    assert (marks, ids, free) == (2, 5, 70)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the cat", "<b .*>2 tokens</b>. 2 of 75 places taken, 73 free"),
        ("the " * 75, "75 of 75 places taken, 0 free"),
        ("the " * 76, "1 too many for 75 places"),
        ("", "an empty caption"),
    ],
)
def test_the_counter_says_whether_a_caption_fits(text: str, said: str, page_tokenizer: BPETokenizer):
    html = symbol_chips.counter(text, page_tokenizer)
    assert re.search(said, html)
    assert colored(html, style.TEXT_COLOR) == min(75, len(text.split()))


@pytest.mark.parametrize("text", ODD)
def test_the_counter_copes_with_whatever_is_typed(text: str, page_tokenizer: BPETokenizer):
    html = symbol_chips.counter(text, page_tokenizer)
    assert "<b>&" not in html, "what a reader types is no HTML"
    assert re.search(rf">{len(page_tokenizer.encode(text)):,} tokens?<", html)


def test_very_long_texts_show_their_first_chips(page_tokenizer: BPETokenizer):
    assert "and 100 more" in symbol_chips.counter("the " * 500, page_tokenizer)


def test_lines_count_words_characters_and_tokens(page_tokenizer: BPETokenizer):
    html = symbol_chips.lines(["the cat", "a carpet!"], page_tokenizer)
    assert re.findall(r"\d words, \d characters, <b>\d tokens", html) == [
        "2 words, 7 characters, <b>2 tokens",
        "2 words, 9 characters, <b>3 tokens",
    ]


@pytest.mark.parametrize("step", [0, 1, 37, len(MERGES)])
def test_the_board_shows_the_words_after_so_many_merges(step: int):
    html = symbol_chips.board(WORDS, MERGES, step, ["the", "carpet"])
    right = BPETokenizer(MERGES[:step])
    shown = [symbol for word in ("the", "carpet") for symbol in right.merge_steps(word)[-1]]
    assert titles(html) == shown
    assert f"the page is {len(right.encode(PAGE)):,} symbols long now" in html


def test_the_board_foretells_the_next_merge():
    for step in (0, 1, 60):
        race = symbol_chips.board(WORDS, MERGES, step, ["the"]).split("The commonest pairs")[1]
        first = re.findall(r'white-space:pre">([^<]*)<', race)[0]
        assert unescape(first) == "  ".join(MERGES[step])
    assert "No pair stands there twice" in symbol_chips.board(WORDS, MERGES, len(MERGES), ["the"])


def test_a_tree_has_a_row_for_each_merge():
    stages = BPETokenizer(MERGES).merge_steps("carpets")
    html = symbol_chips.tree(stages)
    assert len(re.findall(r"letters<|merge \d+<", html)) == len(stages)
    assert colored(html, style.TEXT_COLOR) == len(stages) - 1, "each merge of this word makes one symbol"
    assert symbol_chips.tree([["x</w>"]]).count("letters<") == 1


# ---- figures --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_table_of_bytes_has_each_of_them_once():
    assert sorted(texts(plots.byte_table())) == sorted(bpe.bytes_to_unicode().values())


@pytest.mark.parametrize("moments", [(0,), (0, 5, 50)])
def test_a_film_has_a_column_for_each_moment(moments: tuple[int, ...]):
    figure = plots.film(["the", "carpet"], MERGES, moments)
    said = texts(figure)
    assert [text for text in said if len(text) > 1] == ["letters", *(f"after {n} merges" for n in moments[1:])]
    assert "".join(text for text in said if len(text) == 1) == "thecarpet" * len(moments)
    boxes = len(figure.axes[0].patches)
    assert boxes == sum(
        len(BPETokenizer(MERGES[:n]).merge_steps(word)[-1]) for n in moments for word in ("the", "carpet")
    )


def test_languages_are_sorted_and_compared_with_the_first():
    figure = plots.languages(
        {"English": (2.0, 0.2), "Greek": (20.0, 1.8), "German": (5.0, 0.3)}, "Costs", guess="German"
    )
    said = texts(figure)
    assert [text for text in said if "×" in text or text == "2.0"] == ["2.0", "5.0   2.5 ×", "20.0   10.0 ×"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["English", "◆ German", "Greek"]
    assert figure.get_suptitle() == "Costs"


def test_compression_names_each_curve_at_its_end():
    figure = plots.compression(
        [0, 100], {"English": [100.0, 70.0], "Greek": [100.0, 100.0], "Thai": [100.0, 99.0]}, "How long?"
    )
    assert sorted(texts(figure)) == ["English  70 %", "Greek  100 %", "Thai  99 %"]
    heights = sorted(text.xy[1] for text in figure.axes[0].texts)
    assert heights[2] - heights[1] > 5, "no name upon another"
    assert figure.axes[0].get_title(loc="left") == "How long?"


def test_the_page_has_the_words_that_the_card_shows():
    assert set(stills.WORDS) <= set(WORDS)
    card = stills.card()
    assert f"after {len(MERGES)} merges" in texts(card)


@pytest.mark.slow
def test_the_bars_of_languages_can_be_drawn():
    figure = stills.languages()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert (labels[0], labels[-1], len(labels)) == ("English", "Greek", 16)
