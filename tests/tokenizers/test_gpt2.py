"""GPT-2's tokenizer: ids of the published program on every sort of text, and the very text back."""

import json
import random

import pytest
import transformers
from tokenizers import ByteLevelBPETokenizer

from clip_tutor.tokenizers import GPT2Tokenizer

STRANGE = [
    *("", " ", "  ", "\n", "\n\n\n", " \n \t ", "a  b", "a   b", "a \n b", "trailing ", "  leading", "tab\there"),
    *("I'm we'RE they'Ve 'S's''t don’t", "'", "''s", "a' s", "1234567 12 3a4", "½ Ⅻ ٣", "Hello WORLD", "_x_ __init__"),
    *("'St. 'Man 'Very 'Lion", "'stand 'the 'red", "it'sun"),
    *("<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|endoftext|><|endoftext|>", "<|END OFTEXT|>", "<|end"),
    *("\x00\x01\x1b[0m", "\x1c\x1d\x1e\x1f", "\x85", "\xa0", "\u2003a", "\u3000b", "\u200b", "\ufeff", "\u180e"),
    *("日本語 テキスト", "👩\u200d🚀 👍🏽", "e\u0301", "ﬁ", "İ", "ß", "&amp; &#39;", "\U0010ffff", "\ue000"),
]


@pytest.fixture(scope="module")
def published(gpt2_vocabulary):
    files = {"vocab": str(gpt2_vocabulary / "vocab.json"), "merges": str(gpt2_vocabulary / "merges.txt")}
    return transformers.GPT2Tokenizer(**files)


@pytest.fixture(scope="module")
def ours(gpt2_vocabulary) -> GPT2Tokenizer:
    return GPT2Tokenizer.from_vocabulary(gpt2_vocabulary / "merges.txt")


@pytest.fixture(scope="module")
def texts(captions) -> list[str]:
    rng = random.Random(0)
    alphabet = [chr(i) for i in range(0x300)] + ["<|endoftext|>", "'ll", "  ", "日", "👍", "\u2028", "\u0e01", "٣"]
    noise = ["".join(rng.choices(alphabet, k=rng.randint(1, 40))) for _ in range(3000)]
    spaced = ["".join(rng.choices(" \n\t'aB1.é", k=rng.randint(1, 12))) for _ in range(3000)]
    return [*STRANGE, *captions[:5000], *noise, *spaced]


@pytest.mark.slow
def test_ids_equal_the_published_ones(ours, published, texts):
    expected = published(texts)["input_ids"]
    assert len(set(map(tuple, expected))) > 9_000
    found = [
        (text, ids, theirs)
        for text, theirs in zip(texts, expected, strict=True)
        if (ids := ours.encode(text)) != theirs
    ]
    assert found == []


@pytest.mark.slow
def test_every_text_comes_back(ours, texts):
    found = [text for text in texts if "<|endoftext|>" not in text and ours.decode(ours.encode(text)) != text]
    assert found == []


def test_text_of_any_ids_equals_the_published(ours, published):
    rng = random.Random(1)
    for _ in range(2000):
        ids = [rng.randrange(ours.vocab_size - 1) for _ in range(rng.randint(1, 12))]
        assert ours.decode(ids) == published.decode(ids, clean_up_tokenization_spaces=False)


def test_a_space_belongs_to_the_word_after_it(ours):
    assert ours.encode("dog dog")[-1:] == ours.encode(" dog")[-1:]
    assert ours.encode("dog") != ours.encode(" dog")
    assert ours.encode("Dog") != ours.encode("dog")
    a_dog = ours.encode("a") + ours.encode(" dog")
    assert ours.encode("a dog") == a_dog
    assert ours.encode("a  dog") == ours.encode("a") + ours.encode(" ") + ours.encode(" dog")


def test_ids_have_gpt2s_order(ours, gpt2_vocabulary):
    """Bytes, merges, end token: in GPT-2 "!" is 0, the space is 220 and the end token the last of 50,257."""
    assert ours.token_to_id == json.loads((gpt2_vocabulary / "vocab.json").read_text("utf-8"))
    assert ours.encode("!") == [0]
    assert ours.encode(" ") == [220]
    assert ours.end_id == ours.pad_id == ours.vocab_size - 1 == 256 + len(ours.merges)


def test_a_vocabulary_in_another_order_is_kept(captions, tmp_path):
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(captions[:2000], vocab_size=600, special_tokens=["<|endoftext|>"], show_progress=False)
    trained.save_model(str(tmp_path))
    ours = GPT2Tokenizer.from_vocabulary(tmp_path / "merges.txt", 32, tmp_path / "vocab.json")
    assert ours.end_id == 0
    assert [ours.encode(text) for text in captions[:2000]] == [trained.encode(text).ids for text in captions[:2000]]
    again = GPT2Tokenizer.from_json(ours.to_json())
    assert again(captions[:200], truncate=True) == ours(captions[:200], truncate=True)


def test_a_row_is_ids_and_end_tokens(ours):
    (row,) = ours("a dog")
    ids = ours.encode("a dog")
    assert row == ids + [ours.end_id] * (1024 - len(ids))


def test_half_a_character_does_not_stop_it(ours):
    assert ours.decode(ours.encode("a \ud83d dog")) == "a \ufffd dog"
    assert ours.decode(ours.encode("𐍈")[:1]) == "\ufffd"


def test_what_is_no_vocabulary_is_refused(gpt2_vocabulary, tmp_path):
    merges = (gpt2_vocabulary / "merges.txt").read_text("utf-8")
    vocabulary = json.loads((gpt2_vocabulary / "vocab.json").read_text("utf-8"))

    def check(match: str, merges: str, vocab: object = None) -> None:
        (tmp_path / "merges.txt").write_text(merges, encoding="utf-8")
        (tmp_path / "vocab.json").write_text(vocab if isinstance(vocab, str) else json.dumps(vocab), encoding="utf-8")
        with pytest.raises(ValueError, match=match):
            GPT2Tokenizer.from_vocabulary(tmp_path / "merges.txt", 64, tmp_path / "vocab.json" if vocab else None)

    check(r"line 2 of .*merges.txt is no merge of two symbols .*GPT-2's merges are merges.txt", "#version\ni n</w>\n")
    check("is a web page, not a vocabulary", "<!doctype html>")
    check(r"vocab.json cannot be read as JSON .*GPT-2's is vocab.json", merges, "{")
    check(r"does not hold a symbol's id by its name", merges, ["a"])
    last = max(vocabulary, key=vocabulary.__getitem__)
    check(rf"no id for {last!r}".replace("|", r"\|"), merges, {k: i for k, i in vocabulary.items() if k != last})
    check("without a gap", merges, vocabulary | {last: 10**6})
    check("no id for 'qz' .*belong to different models", merges + "q z\n", vocabulary)
