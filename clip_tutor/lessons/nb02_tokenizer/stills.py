"""The images of notebook 02 for places without a kernel."""

from matplotlib.figure import Figure

from clip_tutor.data.emoji import LANGUAGES, load_emoji
from clip_tutor.lessons.nb02_tokenizer import plots
from clip_tutor.lessons.nb02_tokenizer.page import PAGE
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.tokenizers.bpe import train_bpe
from clip_tutor.weights.vocabularies import vocabulary

WORDS = (
    *("the", "cat", "car", "carpet", "carpenter", "scarf", "painter", "painting"),
    *("bird", "birthday", "boats", "market"),
)


def card() -> Figure:
    """Draw twelve words of the page from letters to the last merge."""
    merges = train_bpe([PAGE], 10_000)
    moments = (0, 5, 20, 50, len(merges))
    title = "Merge the two neighbors that stand together most often, and repeat"
    return plots.film(WORDS, merges, moments, title)


def languages() -> Figure:
    """Draw what the names of the emoji cost in sixteen languages.

    Raises:
        FileNotFoundError: CLIP's vocabulary is not on this machine, and cannot be had.
    """
    tokenizer, emoji = BPETokenizer.from_vocabulary(vocabulary("clip")), load_emoji()
    names = {"English": [one.name for one in emoji]}
    names |= {language: [dict(one.names)[code] for one in emoji] for code, language in LANGUAGES.items()}
    costs = {}
    for language, texts in names.items():
        tokens = sum(len(tokenizer.encode(text)) for text in texts)
        costs[language] = tokens / len(texts), tokens / sum(map(len, texts))
    title = f"The same {len(emoji):,} names in {len(costs)} languages, through CLIP's tokenizer"
    return plots.languages(costs, title)
