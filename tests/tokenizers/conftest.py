"""Captions to compare tokenizers on: plain ones, those of the web, and those that nobody would write."""

import html
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece
from tokenizers import ByteLevelBPETokenizer

from clip_tutor.data.emoji import load_emoji
from clip_tutor.tokenizers import bpe

SUBJECTS = "dog cat child woman man skier bicycle lighthouse café corgi jack-o'-lantern T-shirt x-ray"
VERBS = "runs jumps sleeps smiles shouldn't isn't they're WE'VE he'll I'M swims photographs"
ADJECTIVES = "small red fluffy naïve résumé über-cool unbelievable 4-legged left-handed old"
PLACES = "in the snow|on a beach|at night|near St. Paul's|behind the 2nd fence|under 3,5 m of water"
PROMPTS = "a photo of a {}.|itap of a {}|a bad photo of the {}.|A {}!|{}|“{}”|one {}, two {}s|{}…"

# One a line: scripts, emoji, entities, mojibake, special_tokens, punctuation, addresses, digits.
WEB = r"""
一只猫坐在垫子上
東京タワーの夜景
고양이 두 마리
ไทยแลนด์
नमस्ते दुनिया
كلب على خلفية حمراء
חתול אדום
Собака бежит
Η γάτα κοιμάται ΣΑΣ
Ünïcödé straße
İstanbul ılık
Đà Nẵng về đêm
ქართული
தமிழ்
кошка 123 ½ Ⅻ ٣ ४
ﬁnal ﬂow ﬀ
ＦＵＬＬ ｗｉｄｔｈ１２３
ｶﾀｶﾅ
Z̤͔ͧ̑̓ä͖̭̈̇lͮ̒ͫǧ̗͚̚o̙̔ͮ̇͐̇
👍🏽
❤️
🇫🇷🇩🇪
1️⃣
🐶
☺️
&amp;
&amp;amp;lt;b&amp;gt;
&lt;br&gt;
&nbsp;
&#39;
&#x1F436;
&bogus;
AT&T
&eacute;
&#0;
schÃ¶n
Ã©tÃ©
donâ€™t
Ð¡Ð¾Ð±Ð°ÐºÐ°
â€¦
Ã la mode
<|startoftext|>
<|endoftext|>
<start_of_text>
<end_of_text>
[CLS]
[SEP]
[UNK]
[PAD]
[MASK]
[sep]
</s>
<s>
<unk>
<pad>
<eos>
<bos>
</w>
▁
##
<0x41>
!!!???...
#1 $5 €7 @you
C++ & C#
w/ w/o
a < b > c
^_^ `x` |y| ~z~
¿qué?
—–…
_snake_case_
\
http://example.com/a?b=c&d=e#f
user@example.com
IMG_2041.JPG
C:\path\file
{json: [1, 2]}
2021
3.14159
1,000,000
x2 y10z
a1b2c3
100%
24/7
٣٤
１２３
0x1F
""".strip()
# What an editor would not show: joined and tagged emoji, loose accents, controls, and all sorts of space.
HIDDEN = (
    *("👩\u200d🚀", "👨\u200d👩\u200d👧\u200d👦", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"),
    *("e\u0301cole a\u030angstrom", "â€œquotedâ€\x9d", "\x00", "\x07", "\x1b[31m", "\x1b[0m", "\x7f", "\x85", "\x1c"),
    *("\u2028", "\u2029", "\ufeff", "\u200b", "\u00ad", "\u202e"),
)
SPACES = ("  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\x0b", "\x0c", " \n ")
EMPTY = ("", " ", "\n\t ", "&nbsp;", "\x00\x07", "\u3000")


def _plain(rng: random.Random) -> str:
    thing = " ".join(rng.choice(words.split()) for words in (ADJECTIVES, SUBJECTS, VERBS))
    return rng.choice(PROMPTS.split("|")).replace("{}", f"{thing} {rng.choice(PLACES.split('|'))}")


def _word(rng: random.Random) -> str:
    letters = rng.choice(["etaoinshr", "abcdefghijklmnopqrstuvwxyz", "ab", "=-", "ABCdef", "éèàü", "0123456789"])
    return "".join(rng.choices(letters, k=rng.choice([1, 2, 5, 9, 20, 60, 101, 300])))


def _odd(rng: random.Random, pieces: list[str]) -> str:
    parts = [piece if rng.random() < 0.8 else piece.upper() for piece in rng.choices(pieces, k=rng.randint(1, 5))]
    text = rng.choice([" ", " ", "", ", ", *SPACES]).join(parts)
    return html.escape(text) if rng.random() < 0.1 else text


def _noise(rng: random.Random) -> str:
    ranges = ((0, 0x80), (0x20, 0x7F), (0x80, 0x250), (0x300, 0x530), (0x2000, 0x2600), (0xFF00, 0xFFF0))
    first, end = rng.choice((*ranges, (0x1F300, 0x1F700)))
    return "".join(chr(rng.randrange(first, end)) for _ in range(rng.randint(1, 30)))


MakeCaptions = Callable[[int, int], list[str]]


@pytest.fixture(scope="session")
def make_captions() -> MakeCaptions:
    """A function that gives as many captions as asked for: ``make_captions(20_000, seed)``."""
    names = [name for emoji in load_emoji() for name in (emoji.name, *(n for _, n in emoji.names))]
    web = [*WEB.split("\n"), *HIDDEN]

    def make(count: int, seed: int) -> list[str]:
        rng = random.Random(seed)
        captions = [*EMPTY, *web]
        while len(captions) < count:
            odd = [*web, *SPACES, _plain(rng), _word(rng), rng.choice(names)]
            captions += [_plain(rng), rng.choice(names), _odd(rng, odd), _odd(rng, odd), _word(rng), _noise(rng)]
        return captions[:count]

    return make


@pytest.fixture(scope="session")
def captions(make_captions: MakeCaptions) -> list[str]:
    """Twenty thousand captions of every sort."""
    return make_captions(20_000, 0)


@pytest.fixture(scope="session")
def train_sentencepiece(make_captions: MakeCaptions, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that trains a small model with the published program, once for the same settings."""
    folder = tmp_path_factory.mktemp("sentencepiece")
    sentences = [caption for caption in make_captions(6000, 1) if "\0" not in caption]
    trained: dict[str, Path] = {}

    def train(**settings: object) -> Path:
        name = repr(sorted(settings.items()))
        if name not in trained:
            file = folder / str(len(trained))
            usual = {"vocab_size": 2600, "character_coverage": 0.98, "minloglevel": 2, "num_threads": 1}
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(sentences), model_prefix=str(file), **(usual | settings)
            )
            trained[name] = file.with_suffix(".model")
        return trained[name]

    return train


@pytest.fixture(scope="session")
def siglip_model(train_sentencepiece: Callable[..., Path]) -> Path:
    """A small ``spiece.model`` with SigLIP's settings and order of special tokens."""
    return train_sentencepiece(
        model_type="unigram", normalization_rule_name="nmt_nfkc", pad_id=0, eos_id=1, unk_id=2, bos_id=-1
    )


@pytest.fixture(scope="session")
def gemma_model(train_sentencepiece: Callable[..., Path]) -> Path:
    """A small ``tokenizer.model`` with Gemma's settings and order of special tokens."""
    special_tokens = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3, "eos_piece": "<eos>", "bos_piece": "<bos>"}
    spaces = {"add_dummy_prefix": False, "remove_extra_whitespaces": False, "allow_whitespace_only_pieces": True}
    return train_sentencepiece(
        model_type="bpe",
        normalization_rule_name="identity",
        byte_fallback=True,
        split_digits=True,
        **special_tokens,
        **spaces,
    )


@pytest.fixture(scope="session")
def bert_vocabulary(make_captions: MakeCaptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ``vocab.txt`` in BERT's layout, in which some letters are missing."""
    rng = random.Random(0)
    words = {word.strip(".,!") for caption in make_captions(6000, 1) for word in caption.lower().split()}
    letters = [letter for letter in sorted(set("".join(words))) if letter.isascii() or rng.random() < 0.7]
    whole = sorted(word for word in words if 2 < len(word) < 20 and "[" not in word and rng.random() < 0.5)
    ends = ["##" + word[cut:] for word in whole for cut in (2, 3)]
    unused = [f"[unused{i}]" for i in range(9)]
    special_tokens = ["[PAD]", *unused, "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*special_tokens, *letters, *("##" + letter for letter in letters), *whole, *ends])
    file = tmp_path_factory.mktemp("bert") / "vocab.txt"
    file.write_text("\n".join(pieces) + "\n", encoding="utf-8", newline="\n")
    return file


@pytest.fixture(scope="session")
def gpt2_vocabulary(make_captions: MakeCaptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small ``vocab.json`` and ``merges.txt`` in GPT-2's layout and order of ids."""
    folder = tmp_path_factory.mktemp("gpt2")
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(make_captions(6000, 1), vocab_size=1500, min_frequency=2, show_progress=False)
    merges = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    # The bytes stand first in both, but not in one order; GPT-2's end token is the last id.
    tokens = [*bpe.bytes_to_unicode().values(), *(left + right for left, right in merges), "<|endoftext|>"]
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    return folder
