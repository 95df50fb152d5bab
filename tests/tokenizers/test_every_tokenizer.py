"""What all tokenizers promise, whichever way they cut words."""

import json
import pickle

import pytest

from clip_tutor import tokenizers
from clip_tutor.tokenizers import (
    BPETokenizer,
    GPT2Tokenizer,
    SentencePieceBPETokenizer,
    Tokenizer,
    UnigramTokenizer,
    WordPieceTokenizer,
)
from clip_tutor.tokenizers.cleaning import is_blank

NAMES = {
    "bpe": BPETokenizer,
    "gpt2": GPT2Tokenizer,
    "wordpiece": WordPieceTokenizer,
    "unigram": UnigramTokenizer,
    "sentencepiece_bpe": SentencePieceBPETokenizer,
}


@pytest.fixture(scope="module")
def every(tokenizer, gpt2_vocabulary, bert_vocabulary, siglip_model, gemma_model):
    return {
        "bpe": tokenizer,
        "gpt2": GPT2Tokenizer.from_vocabulary(gpt2_vocabulary / "merges.txt", context_length=64),
        "wordpiece": WordPieceTokenizer.from_vocabulary(bert_vocabulary),
        "unigram": UnigramTokenizer.from_vocabulary(siglip_model),
        "sentencepiece_bpe": SentencePieceBPETokenizer.from_vocabulary(gemma_model),
    }


@pytest.fixture(params=NAMES)
def one(request, every):
    return every[request.param]


def test_each_is_a_tokenizer(one):
    assert isinstance(one, Tokenizer)
    assert 0 <= one.pad_id < one.vocab_size
    assert not isinstance("a caption", Tokenizer)


def test_rows_have_one_length(one, captions):
    rows = one(captions[:500], truncate=True)
    assert {len(row) for row in rows} == {one.context_length}
    assert all(0 <= i < one.vocab_size for row in rows for i in row)
    assert one([]) == []
    assert one("a dog") == one(["a dog"]) == one(caption for caption in ["a dog"])


def test_rows_may_be_as_long_as_the_longest_caption(one):
    captions = ["a dog", "two red dogs in the snow", ""]
    whole, short = one(captions), one(captions, pad="longest")
    longest = 1 + max(len(one.encode(caption)) for caption in captions) + (one.start_id is not None)
    assert {len(row) for row in short} == {longest}
    assert longest < one.context_length
    assert short == [row[:longest] for row in whole]
    assert {i for row in whole for i in row[longest:]} == {one.pad_id}
    assert one([], pad="longest") == []


def test_decode_reads_a_row_up_to_its_first_end_token(one):
    (row,) = one("a red dog")
    assert one.decode(row) == one.decode(one.encode("a red dog")) == one.decode([*row, 10**6])


def test_a_file_gives_back_the_same_tokenizer(one, tmp_path):
    one.save(tmp_path / "words.json")
    assert type(one).load(tmp_path / "words.json").to_json() == one.to_json()
    assert (tmp_path / "words.json").read_text(encoding="utf-8") == one.to_json()


def test_each_family_is_found_by_its_kind():
    assert {kind: one.kind for kind, one in tokenizers.KINDS.items()} == {kind: kind for kind in NAMES}
    assert tokenizers.KINDS == NAMES


def test_the_cache_changes_nothing(every, captions):
    for name in ("bpe", "gpt2", "wordpiece"):
        once = every[name]
        first = [once.encode(caption) for caption in captions[:300]]
        fresh = tokenizers.from_json(once.to_json())
        for caption, ids in zip(captions[:300], first, strict=True):
            assert fresh.encode(caption) == ids
            ids.append(-1)  # what a caller does to the answer must not reach the cache
            assert once.encode(caption) == ids[:-1]


def test_an_empty_caption_has_no_ids_but_a_row(one):
    (row,) = one("")
    assert one.encode("") == []
    assert one.decode(row) == ""
    assert row.count(one.pad_id) >= one.context_length - 2


def test_a_caption_that_is_too_long_is_refused_or_cut(one):
    caption = "red dog " * one.context_length
    room = len(one.encode(caption))
    with pytest.raises(
        ValueError,
        match=rf"context_length {one.context_length} holds \d+ tokens and (one special token|two special tokens); "
        rf"this caption has {room} tokens: 'red dog .*pass truncate=True to cut it",
    ):
        one(["a dog", caption])
    (row,) = one(caption, truncate=True)
    assert len(row) == one.context_length
    assert row[-1] == one.end_id, "the model reads the caption's vector at the end token: it must survive the cut"
    assert caption.startswith(one.decode(row)[:20])


@pytest.mark.parametrize("caption", [None, 3, float("nan"), b"a dog", ["a dog"]])
def test_what_is_not_text_is_refused(one, caption):
    with pytest.raises(TypeError, match=rf"a caption must be a string, and this is {type(caption).__name__}: "):
        one(["a dog", caption])


@pytest.mark.parametrize("i", [-1, 10**6])
def test_an_id_of_another_tokenizer_is_refused(one, i):
    with pytest.raises(ValueError, match=f"id {i} is not in this vocabulary of {one.vocab_size}"):
        one.decode([i])


def test_json_gives_back_the_same_tokenizer(one, captions):
    text = one.to_json()
    for again in (type(one).from_json(text), tokenizers.from_json(text)):
        assert type(again) is type(one)
        assert again.to_json() == text
        assert again(captions[:300], truncate=True) == one(captions[:300], truncate=True)


def test_workers_get_the_same_tokenizer(one):
    """A loader's worker processes get a copy by pickle."""
    assert pickle.loads(pickle.dumps(one))("a dog") == one("a dog")


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"kind": "morse"}', '{"kind": "KIND"}', '{"kind": "KIND", "pieces": 3}']
)
def test_corrupt_json_is_refused(kind, text):
    text = text.replace("KIND", kind)
    with pytest.raises(ValueError, match=rf"not a tokenizer written by {NAMES[kind].__name__}\.to_json") as caught:
        NAMES[kind].from_json(text)
    assert repr(text[:40]) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"kind": "morse"}', '{"kind": ["bpe"]}'])
def test_json_of_no_known_kind_is_refused(text):
    with pytest.raises(
        ValueError, match="this is no tokenizer of the kinds bpe, gpt2, wordpiece, unigram, sentencepiece_bpe"
    ):
        tokenizers.from_json(text)


def test_a_row_needs_room_for_a_word(every):
    for name, needed in (("bpe", 3), ("wordpiece", 3), ("unigram", 2), ("sentencepiece_bpe", 2)):
        fields = json.loads(every[name].to_json()) | {"context_length": needed - 1}
        with pytest.raises(ValueError, match=f"context_length {needed - 1} has no room for .*use at least {needed}"):
            NAMES[name].from_json(json.dumps(fields))
        again = NAMES[name].from_json(json.dumps(fields | {"context_length": needed}))
        assert len(again("a dog", truncate=True)[0]) == needed


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("a dog \ud83d", "a dog \ufffd"),
        ("\udce9t\udce9 runs", "\ufffdt\ufffd runs"),  # as Python decodes a file name in Latin-1
        ("\udc36\ud83d", "\ufffd\ufffd"),
        ("a \ud83d\udc36", "a 🐶"),
        ("\ud83d[CLS]<eos> \ud83d\ud83d\udc36", "\ufffd[CLS]<eos> \ufffd🐶"),
    ],
)
def test_half_a_character_is_a_replacement_character(one, text, read_as):
    assert one.encode(text) == one.encode(read_as)
    assert one([text], truncate=True) == one([read_as], truncate=True)


@pytest.mark.parametrize(
    "train", [lambda said: BPETokenizer.train(said, 530, 16), lambda said: UnigramTokenizer.train(said, 40, 16)]
)
def test_half_a_character_does_not_disturb_training(train, tmp_path):
    trained = train(["a dog \ud83d runs", "two \ud83ddogs", "a \ud83d\udc36"] * 9)
    (tmp_path / "tokenizer.json").write_text(trained.to_json(), encoding="utf-8")
    again = tokenizers.from_json((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert again.encode("a dog \ud83d 🐶") == trained.encode("a dog \ufffd 🐶")


@pytest.mark.parametrize("captions", ["a dog runs", {"1.jpg": "a dog runs"}, b"a dog"])
def test_training_on_one_text_is_not_training_on_its_letters(captions):
    for train in (BPETokenizer.train, UnigramTokenizer.train):
        with pytest.raises(TypeError, match=f"must be a list of texts, and this is one {type(captions).__name__}: "):
            train(captions, 600)


def test_a_dictionary_is_no_list_of_captions(one):
    with pytest.raises(TypeError, match=r"a list of texts, and this is one dict: .*values\(\)"):
        one({"1.jpg": "a dog"})


BLANK = ["", " \t\n", "&nbsp;", "&amp;nbsp; &nbsp", "\u200b\u200d\ufeff", "\x00\x07", "\u3000\xa0", "\ufffd", "\ud83d"]
BLANK += ["...", "?!", "-_-", "\x1b[31m\x1b[0m", "\u0301", "\ufe0f", "Â\xa0", "\ue000", "▁"]


@pytest.mark.parametrize("text", BLANK)
def test_what_is_blank_has_no_ids_in_some_tokenizer(every, text):
    assert is_blank(text)
    assert not all(each.encode(text) for each in every.values())


def test_what_is_not_blank_has_ids_in_every_tokenizer(every, captions):
    characters = [chr(code) for code in (*range(0x800), *range(0x800, 0xD800, 31), *range(0xD800, 0x1F700, 97))]
    said = ["12", "&amp;", "&bogus;", "a&nbsp;", "\x1b[31mred", "🐶", "“”", "…", "ñ", "狗", "e\u0301", "&lt;x&gt;"]
    worded = [text for text in (*characters, *captions[::20], *said) if not is_blank(text)]
    assert len(worded) > len(captions) // 20 and set(said) <= set(worded)
    silent = {(name, text) for name, each in every.items() for text in worded if not each.encode(text)}
    assert silent == set()


@pytest.mark.parametrize("text", ["&amp;nbsp;&#8203;", "&ZeroWidthSpace;", "&#xD83D;", "â€‹"])
def test_what_is_blank_once_its_entities_are_undone_is_blank(text):
    assert is_blank(text)
