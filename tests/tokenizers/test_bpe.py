"""Our BPE against the published one, the fast form against the plain one, and both against bad input."""

import gzip
import hashlib
import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import open_clip
import pytest
import regex

from clip_tutor.data.scenes import Scenes
from clip_tutor.tokenizers import BPETokenizer, bpe, cache
from clip_tutor.tokenizers.bpe import (
    END_OF_TEXT,
    OPEN_CLIP_SPECIAL_TOKENS,
    START_OF_TEXT,
    as_symbols,
    encode_word,
    merge_pair,
    split_words,
    train_bpe,
)
from clip_tutor.tokenizers.bpe_training import train_bpe_incrementally
from clip_tutor.tokenizers.cleaning import clean

# Each says something about cleaning, splitting or merging that a simpler caption would not.
AWKWARD = [
    *("Hello World!", "you've I'm she'll they'd it's don't we're", "YOU'VE HE'S", "rock'n'roll", "o'clock '90s"),
    *("2021", "3.14159", "1,000,000", "x2 y10z", "½ ² Ⅻ ٣", "a1b2c3", "100%", "#1 $5 €7 @you", "C++ & C#", "w/ w/o"),
    *("&amp;", "&amp;amp;lt;b&amp;gt;", "&lt;br&gt;", "&nbsp;a&nbsp;b", "&#39;", "&#x1F436;", "&bogus;", "AT&T"),
    *("&#0;", "''s", "résumé", "Resume\u0301", "naïve café", "ﬁnal ﬂow", "İstanbul", "STRASSE straße", "ΑΣ ας", "ŉ ǆ"),
    *("ＦＵＬＬ ｗｉｄｔｈ", "🐶", "👩‍🚀", "👍🏽", "❤️❤", "🇫🇷🇩🇪", "cat🐈cat", "１２３", "☺️!!!", "1️⃣"),
    *(
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "一只猫",
        "東京タワー",
        "고양이 두 마리",
        "ไทย",
    ),
    *(
        "<b> &amp;lt; &amp;amp;",
        "a < b &amp;gt; c",
        "it'ſ 'ſ",
        "Ünïcödé",
        "كلب على خلفية حمراء",
        "חתול אדום",
        "नमस्ते",
        "abc אבג 123",
        "\ufeffx",
        "\ufffd",
    ),
    *("a\tb\nc\r\nd", "  many   spaces  ", "a\u00a0b\u2003c\u200bd", "a\x00b\x07c\x1bd", "\x1b[31mred\x1b[0m"),
    *("\u2028line\u2029", "\x85\x1c", "soft\u00adhyphen", "\u202eright\u202c to left", "\ud83d\ude00", "\ud83d"),
    *("â€œquotedâ€\x9d", "schÃ¶n", "Ã©tÃ©", "“curly” ‘quotes’", "…—–", "!!!???...", "a-b_c", "</w>", "a</w>b", "###"),
    *("pneumonoultramicroscopicsilicovolcanoconiosis", "x" * 300, "antidisestablishmentarianism " * 20, "ab" * 40),
    *("http://example.com/a?b=c&d=e#f", "user@example.com", "C:\\path\\file", "IMG_2041.JPG", "{json: [1, 2]}"),
]


VOCABULARY = Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")


@pytest.fixture(scope="module")
def published() -> open_clip.SimpleTokenizer:
    return open_clip.SimpleTokenizer()


@pytest.fixture(scope="module")
def ours(published: open_clip.SimpleTokenizer) -> BPETokenizer:
    """Our tokenizer, read from OpenAI's file."""
    return BPETokenizer.from_vocabulary(VOCABULARY)


@pytest.fixture(scope="module")
def plain(ours: BPETokenizer) -> bpe.BPETokenizer:
    """The same merges, without the cache and the queue."""
    return bpe.BPETokenizer(ours.merges)


@pytest.fixture(scope="module")
def awkward(captions) -> list[str]:
    """Captions of every sort, and the ones that say something about CLIP's cleaning, splitting or merging."""
    rng = random.Random(0)
    mixed = [rng.choice([" ", " ", "", ", "]).join(rng.choices(AWKWARD, k=4)) for _ in range(2000)]
    return [*AWKWARD, *mixed, *captions]


@pytest.mark.slow
def test_ids_equal_the_published_ones(published, awkward):
    """With OpenCLIP's names for the two special tokens, for some captions spell them out."""
    ours = BPETokenizer.from_vocabulary(VOCABULARY, special_tokens=OPEN_CLIP_SPECIAL_TOKENS)
    assert len(awkward) > 20_000
    for caption in awkward:
        assert ours.encode(caption) == published.encode(caption), repr(caption)


@pytest.mark.slow
def test_rows_equal_the_published_ones(ours, published, awkward):
    """With OpenAI's names for the special tokens, so without the captions that spell either."""
    unmarked = [each for each in awkward[::4] if not re.search(r"startoftext|endoftext|_of_text", each.lower())]
    assert ours(unmarked, truncate=True) == published(unmarked).tolist()
    assert max(len(ours.encode(caption)) for caption in unmarked) > 100, "some must be cut"


def test_the_vocabulary_is_the_published_one(ours, published):
    assert ours.vocab_size == published.vocab_size == 49_408
    assert (ours.start_id, ours.end_id) == (published.sot_token_id, published.eot_token_id) == (49_406, 49_407)
    assert ours.id_to_token[:-2] == [published.decoder[i] for i in range(49_406)]


@pytest.mark.parametrize(
    ("caption", "ids"),
    [
        ("Hello World!", [3306, 1002, 256]),
        ("this is a test string of text", [589, 533, 320, 1628, 9696, 539, 4160]),
        ("You should've done this", [592, 1535, 1200, 1700, 589]),
        ("a photo of a dog.", [320, 1125, 539, 320, 1929, 269]),
        ("a diagram", [320, 22697]),
        ("Two dogs playing in the snow", [1237, 3255, 1629, 530, 518, 2583]),
        ("2021", [273, 271, 273, 272]),
        ("résumé", [29106, 7054, 4166]),
        ("🐶", [10631]),
        ("my", [607]),
    ],
)
def test_golden_ids(ours, plain, caption, ids):
    assert ours.encode(caption) == plain.encode(caption) == ids


def test_the_fast_tokenizer_gives_the_ids_of_the_plain_one(ours, plain, tokenizer, awkward):
    for fast, slow in ((ours, plain), (tokenizer, bpe.BPETokenizer(tokenizer.merges, tokenizer.context_length))):
        assert type(fast) is not type(slow)
        for caption in awkward[::7]:
            assert fast.encode(caption) == slow.encode(caption), repr(caption)
        assert fast(awkward[:50], truncate=True) == slow(awkward[:50], truncate=True)


def test_a_row_is_marks_ids_and_zeros(ours):
    assert ours("a diagram") == [[49_406, 320, 22_697, 49_407] + [0] * 73]
    assert ours(["a diagram", "my"], pad="longest") == [[49_406, 320, 22_697, 49_407], [49_406, 607, 49_407, 0]]
    assert ours([]) == ours([], pad="longest") == []


def test_truncation_keeps_the_first_ids_and_ends_in_the_mark(ours):
    caption = " ".join(["dog"] * 100)
    assert ours(caption, truncate=True) == [[49_406] + [1929] * 75 + [49_407]]
    exact = " ".join(["dog"] * 75)
    assert ours(exact) == ours(caption, truncate=True), "75 ids and two special tokens fill the row without being cut"


def test_end_mark_is_the_largest_id(ours, tokenizer):
    for each in (ours, tokenizer):
        assert each.end_id == each.vocab_size - 1
        for caption in ("a dog", "a dog to the left of a cat", "🐶 & 东京"):
            row = each(caption)[0]
            assert row.index(max(row)) == len(each.encode(caption)) + 1, "a text tower finds it by argmax"


def test_a_caption_may_spell_a_mark(ours):
    start, end = ours.start_id, ours.end_id
    assert ours.encode(f"a {END_OF_TEXT} b") == [*ours.encode("a"), end, *ours.encode("b")]
    assert ours.encode(START_OF_TEXT) == ours.encode(START_OF_TEXT.upper()) == [start]
    assert ours.encode(f"a{END_OF_TEXT}b") == [*ours.encode("a"), end, *ours.encode("b")]
    assert len(ours.encode("<|endoftext")) > 1, "half a special token is ordinary text"


# ---- training -------------------------------------------------------------------------------------------------------


def recounted_merges(captions: list[str], count: int) -> list[tuple[str, str]]:
    """BPE as in the paper's figure 1: count all pairs anew before each merge."""
    words = Counter(word for caption in captions for word in split_words(clean(caption)))
    spelled = {word: as_symbols(word) for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, symbols in spelled.items():
            for pair in itertools.pairwise(symbols):
                pairs[pair] += words[word]
        frequent = [pair for pair, seen in pairs.items() if seen >= 2]
        if not frequent:
            break
        best = min(frequent, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = {word: merge_pair(symbols, best) for word, symbols in spelled.items()}
    return merges


both_ways = pytest.mark.parametrize("train", [train_bpe, train_bpe_incrementally])


@both_ways
@pytest.mark.parametrize("count", [0, 1, 7, 150])
def test_merges_equal_a_naive_recount(scenes: Scenes, train, count):
    captions = [scene.caption for scene in scenes.scenes(range(300))] + AWKWARD
    assert train(captions, count) == recounted_merges(captions, count)


@both_ways
def test_merges_equal_a_naive_recount_where_pairs_overlap(train):
    rng = random.Random(1)
    captions = ["".join(rng.choices("aab ", k=30)) for _ in range(40)]
    assert train(captions, 400) == recounted_merges(captions, 400)


def test_both_tokenizers_learn_the_same(scenes: Scenes):
    captions = [scene.caption for scene in scenes.scenes(range(100))]
    plain = bpe.BPETokenizer.train(captions, 600, context_length=40)
    fast = BPETokenizer.train(captions, 600, context_length=40)
    assert plain.to_json() == fast.to_json()
    assert bpe.BPETokenizer.from_json(fast.to_json())(captions[:9]) == fast(captions[:9])


def test_training_does_not_depend_on_the_order_of_hashes():
    program = (
        "import hashlib; from clip_tutor.tokenizers import BPETokenizer as B;"
        "text = 'the cat sat on the mat and the rat ate the fat bat that sat at that hat'.split();"
        "captions = [' '.join(text[i:]) for i in range(len(text))];"
        "print(hashlib.sha256(B.train(captions, 560).to_json().encode()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout.strip()) == hashlib.sha256().digest_size * 2, runs[0].stderr


def test_captions_may_come_from_a_generator():
    captions = ["a cat", "a cat"]
    assert BPETokenizer.train(iter(captions), 600).to_json() == BPETokenizer.train(captions, 600).to_json()


@both_ways
def test_ties_go_to_the_first_in_the_alphabet(train):
    assert train(["xy ab", "ab xy"], 2) == [("a", "b</w>"), ("x", "y</w>")]


@both_ways
def test_learning_stops_at_pairs_seen_once(train):
    assert train(["ab ab cd"], 100) == [("a", "b</w>")]
    assert train(["one word each"], 100) == []
    assert train([], 100) == []
    assert BPETokenizer.train(["ab ab cd"], 10_000).vocab_size == 515


def test_frequent_words_become_one_id(tokenizer):
    for word in ("a", "on", "background", "left", "picture"):
        assert len(tokenizer.encode(word)) == 1, word


def test_encoding_repeats_what_training_did(scenes: Scenes):
    captions = [scene.caption for scene in scenes.scenes(range(300))]
    merges = train_bpe(captions, 60)
    trained = BPETokenizer(merges)
    for word in {word for caption in captions for word in split_words(clean(caption))}:
        symbols = as_symbols(word)
        for pair in merges:
            symbols = merge_pair(symbols, pair)
        assert trained.merge_steps(word)[-1] == encode_word(word, trained.ranks) == symbols


def test_merge_steps_show_each_stage():
    steps = BPETokenizer([("o", "g</w>"), ("d", "og</w>")]).merge_steps("dog")
    assert steps == [["d", "o", "g</w>"], ["d", "og</w>"], ["dog</w>"]]


# ---- there and back -------------------------------------------------------------------------------------------------


def without_spaces(text: str) -> str:
    return regex.sub(r"\s", "", text)


def test_decode_gives_back_what_was_encoded(ours, tokenizer, awkward):
    for each in (ours, tokenizer):
        for caption in awkward[::9]:
            if re.search(r"startoftext|endoftext", caption.lower()):
                continue  # decoding ends at a special token
            assert without_spaces(each.decode(each.encode(caption))) == without_spaces(clean(caption)), repr(caption)
    assert ours.decode(ours.encode("Two dogs  PLAYING in the snow")) == "two dogs playing in the snow"


def test_decode_reads_a_row_up_to_its_first_end_mark(ours):
    row = ours("a photo of a dog.")[0]
    assert ours.decode(row) == ours.decode([*row[:8], ours.end_id, 1929, 1929]) == "a photo of a dog ."


def test_the_marks_may_have_other_names(ours, published):
    renamed = BPETokenizer.from_vocabulary(VOCABULARY, special_tokens=OPEN_CLIP_SPECIAL_TOKENS)
    caption = "a <start_of_text> dog<END_OF_TEXT>!"
    assert renamed.encode(caption) == published.encode(caption)
    assert renamed.end_id in renamed.encode(caption) and ours.end_id not in ours.encode(caption)
    again = BPETokenizer.from_json(renamed.to_json())
    assert again.encode(caption) == renamed.encode(caption)


def test_decode_survives_half_a_character(ours):
    assert "\ufffd" in ours.decode(ours.encode("東")[:1])


def test_json_and_files_give_back_the_same_tokenizer(tokenizer, tmp_path, captions):
    tokenizer.save(tmp_path / "words.json")
    for again in (BPETokenizer.from_json(tokenizer.to_json()), BPETokenizer.load(tmp_path / "words.json")):
        assert (again.merges, again.context_length) == (tokenizer.merges, tokenizer.context_length)
        assert again(captions[:200:7], truncate=True) == tokenizer(captions[:200:7], truncate=True)
        assert again.to_json() == tokenizer.to_json()


def test_the_cache_does_not_grow_without_bound(monkeypatch):
    monkeypatch.setattr(cache, "CACHE_SIZE", 10)
    tokenizer = BPETokenizer([("a", "b</w>")])
    captions = [f"ab x{i:b}y" for i in range(100)] + ["ab"]
    expected = [BPETokenizer([("a", "b</w>")]).encode(caption) for caption in captions]
    assert [tokenizer.encode(caption) for caption in captions] == expected
    assert len(tokenizer._cache) <= 10
    tokenizer.encode("z" * 10_000)
    assert max(map(len, tokenizer._cache)) <= cache.CACHED_LENGTH


def test_a_word_of_ten_thousand_letters_is_soon_done(ours):
    word = "".join(random.Random(0).choices("etaoinshrdlu", k=10_000))
    start = time.perf_counter()
    ids = ours.encode(word)
    assert time.perf_counter() - start < 5
    assert ours.decode(ids) == word


# ---- published files ------------------------------------------------------------------------------------------------


def test_the_hubs_file_gives_the_same_tokenizer(ours, tmp_path):
    """``merges.txt``: another first line, no merges beyond those that CLIP uses, not packed."""
    file = tmp_path / "merges.txt"
    lines = ["#version: 0.2", *(" ".join(pair) for pair in ours.merges)]
    for end in ("", "\n"):
        file.write_text("\n".join(lines) + end, encoding="utf-8", newline="\n")
        assert BPETokenizer.from_vocabulary(file).merges == ours.merges
    assert BPETokenizer.from_vocabulary(file, context_length=32)("a diagram")[0][:4] == [49_406, 320, 22_697, 49_407]


def test_what_is_no_vocabulary_is_refused(tmp_path):
    def check(content: bytes, match: str) -> None:
        file = tmp_path / "merges.txt"
        file.write_bytes(content)
        with pytest.raises(ValueError, match=match) as caught:
            BPETokenizer.from_vocabulary(file)
        assert str(file) in str(caught.value)

    packed = VOCABULARY.read_bytes()
    text = gzip.decompress(packed)
    check(packed[:100_000], "cannot be unpacked .* it was cut off; download it again")
    check(text[:100_000], r"is no merge of two symbols|it was cut off")
    check(b"\n".join(text.split(b"\n")[:1000]), "holds 999 merges and CLIP needs 48,894: it was cut off")
    check(b"#version: 0.2\n\xc4\xa0 t\n\xc4\xa0 a\n", "these are not CLIP's but another model's")
    check(b"#version: 0.2\ni n\nth e</w>\n", "line 3 of .* is no merge of two symbols that stand above it: 'th e</w>'")
    check(b"\x80\x81", "is not a text file")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no vocabulary file at .*merges\.txt: download it first"):
        BPETokenizer.from_vocabulary(tmp_path / "merges.txt")


# ---- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caption", ["", "   ", "\n\t", "&nbsp;", "\x00\x07"])
def test_an_empty_caption_is_two_marks(ours, published, caption):
    assert ours.encode(caption) == []
    assert ours(caption) == ours(caption, truncate=True) == published(caption).tolist() == [[49_406, 49_407] + [0] * 75]


def test_a_caption_that_is_too_long_says_by_how_much(ours):
    with pytest.raises(ValueError, match="holds 75 tokens and two special tokens; this caption has 76"):
        ours(" ".join(["dog"] * 76))
    with pytest.raises(ValueError, match=r"pass truncate=True to cut it"):
        ours("x" * 5000)


@pytest.mark.parametrize("caption", [None, 3, float("nan"), b"a dog", ["a dog"]])
def test_what_is_not_text_is_refused(ours, caption):
    with pytest.raises(TypeError, match=rf"a caption must be a string, and this is {type(caption).__name__}: "):
        ours(["a dog", caption])


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "3", "null", '"merges"', "{}"),
        '{"kind": "bpe", "merges": ["a b"]}',
        '{"kind": "bpe", "context_length": 77, "merges": 3}',
        '{"kind": "bpe", "context_length": 77, "merges": ["abc"]}',
        '{"kind": "bpe", "context_length": 77, "merges": [["a", "b"]]}',
        '{"kind": "bpe", "context_length": 2, "merges": []}',
        '{"kind": "wordpiece", "context_length": 77, "merges": []}',
    ],
)
def test_corrupt_json_is_refused(text):
    with pytest.raises(ValueError, match=r"this is not a tokenizer written by BPETokenizer\.to_json") as caught:
        BPETokenizer.from_json(text)
    assert repr(text[:40]) in str(caught.value)


def test_a_cut_off_file_is_refused(tokenizer, tmp_path):
    file = tmp_path / "words.json"
    file.write_text(tokenizer.to_json()[:1000], encoding="utf-8")
    with pytest.raises(ValueError, match="not a tokenizer"):
        BPETokenizer.load(file)


def test_a_row_needs_room_for_a_word():
    with pytest.raises(ValueError, match="no room for two special tokens and a word: use at least 3"):
        BPETokenizer([], context_length=2)
    for kind in (BPETokenizer, bpe.BPETokenizer):
        with pytest.raises(ValueError, match="vocab_size 513 is too small"):
            kind.train(["a dog"], 513)


@pytest.mark.parametrize("i", [-1, 49_408])
def test_an_id_of_another_tokenizer_is_refused(ours, i):
    with pytest.raises(ValueError, match=f"id {i} is not in this vocabulary of 49408"):
        ours.decode([320, i])


def test_json_is_readable_by_people(tokenizer):
    fields = json.loads(tokenizer.to_json())
    assert fields["kind"] == "bpe"
    assert fields["merges"][0] == " ".join(tokenizer.merges[0])
