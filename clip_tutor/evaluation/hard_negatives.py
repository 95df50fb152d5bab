"""Hard negatives on scenes: of two captions that differ in one fact, which does the model prefer?

    the model       cosine(image, right) > cosine(image, wrong), two captions a question
    blind           a trigram model of the training captions: which of the two is likelier, without the image?
    bag of words    the most that any model could reach which sees the image but no order of words

The last two stand beside every accuracy. A kind of question that the blind model answers says little about the image,
however well it is answered; one whose bag-of-words ceiling is near 1 says nothing about the order of words.

Sources: Yuksekgonul et al. 2023, "When and Why Vision-Language Models Behave like Bags-of-Words" (ARO); Hsieh et al.
2023, "SugarCrepe: Fixing Hackable Benchmarks for Vision-Language Compositionality".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation.caption_model import CaptionModel, words_of
from clip_tutor.evaluation.results import Result
from clip_tutor.evaluation.retrieval import bootstrap_interval
from clip_tutor.evaluation.wrong_captions import Question, questions, swapped_sizes
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

CAPTIONS_READ = 20_000  # training captions that the blind model counts


@dataclass(frozen=True)
class HardNegativeScore:
    """What one kind of question found; shares lie between 0 and 1, and a coin gets a half."""

    asked: int
    accuracy: float
    low: float  # of the 95 % bootstrap interval
    high: float
    blind: float  # accuracy of the caption model, which sees no image
    blind_low: float
    blind_high: float
    bag_of_words: float  # the ceiling of what sees no order of words
    right: str  # an example
    wrong: str


@dataclass(frozen=True)
class HardNegativeReport(Result):
    """The scores by kind of wrong caption; the kinds are in `clip_tutor.evaluation.wrong_captions`."""

    kinds: dict[str, HardNegativeScore]

    def rows(self) -> list[tuple[str, str]]:
        """Return one line a kind."""
        return [
            (
                kind,
                f"{score.accuracy:.3f} ({score.low:.3f} to {score.high:.3f})   "
                f"blind {score.blind:.3f} ({score.blind_low:.3f} to {score.blind_high:.3f})   "
                f"bag of words at most {score.bag_of_words:.3f}   n = {score.asked:,}",
            )
            for kind, score in self.kinds.items()
        ]


def hard_negative_report(
    model: CLIP, tokenizer: Tokenizer, objects: Sequence[Emoji], count: int = 1000, seed: int = 0
) -> HardNegativeReport:
    """Return how often the model prefers the right caption of ``count`` unseen scenes, for each kind of wrong one.

    Raises:
        ValueError: fewer than 48 objects, or ``count`` is not positive.
    """
    if count < 1:
        raise ValueError(f"count is {count}: ask about at least one scene")
    size = model.config.vision.image_size
    scenes = Scenes(objects, "test", size, seed)
    batch = scenes.batch(range(count))
    two_sizes, about_sizes = swapped_sizes(scenes, count, seed)
    asked = {kind: (batch.pixels, one) for kind, one in questions(batch, scenes, seed).items()}
    asked["swapped sizes"] = two_sizes.pixels, about_sizes
    captions = (scene.caption for scene in Scenes(objects, "train", size, seed).scenes(range(CAPTIONS_READ)))
    blind = CaptionModel(captions)
    features = {id(pixels): encode_images(model, pixels) for pixels in (batch.pixels, two_sizes.pixels)}
    return HardNegativeReport(
        {
            kind: score(model_hits(model, tokenizer, features[id(pixels)], one), blind_hits(blind, one), one)
            for kind, (pixels, one) in sorted(asked.items())
        }
    )


def model_hits(model: CLIP, tokenizer: Tokenizer, image_features: Tensor, asked: Sequence[Question]) -> Tensor:
    """Return (N,): 1 where the right caption is nearer to the image, ½ where both are equally near, else 0.

    A vector that is not a number is never near.

    Args:
        image_features: (M, E) unit vectors of the images that the questions are about.
    """
    images = image_features[[one.row for one in asked]]  # (N, E)
    right, wrong = (
        (encode_texts(model, tokenizer, told, truncate=True) * images).sum(dim=1)  # (N,)
        for told in ([one.right for one in asked], [one.wrong for one in asked])
    )
    return _preferred(right, wrong)


def blind_hits(captions: CaptionModel, asked: Sequence[Question]) -> Tensor:
    """Return (N,): 1 where the right caption is likelier than the wrong one, ½ where both are as likely, else 0."""
    right, wrong = (
        torch.tensor([captions.log_likelihood(caption) for caption in told], dtype=torch.float64)  # (N,)
        for told in ([one.right for one in asked], [one.wrong for one in asked])
    )
    return _preferred(right, wrong)


def _preferred(right: Tensor, wrong: Tensor) -> Tensor:
    return (right > wrong).float() + 0.5 * torch.isclose(right, wrong, rtol=1e-9, atol=1e-7)


def bag_of_words_ceiling(asked: Sequence[Question]) -> float:
    """Return the largest share of questions that a model can answer which sees the image, but no order of words.

    It must guess where both captions have the same words, and where the wrong one has the words of the right one told
    from the other side: "a left of b" and "b right of a" are true together, so neither "left" nor "right" tells.
    """
    guessed = [
        sorted(words_of(one.wrong)) in (sorted(words_of(one.right)), sorted(words_of(one.retold))) for one in asked
    ]
    return 1 - sum(guessed) / (2 * len(guessed))


def score(hits: Tensor, blind: Tensor, asked: Sequence[Question]) -> HardNegativeScore:
    """Return the score of (N,) answers of a model and of a blind one to the same N questions."""
    return HardNegativeScore(
        len(hits),
        hits.mean().item(),
        *bootstrap_interval(hits),
        blind.mean().item(),
        *bootstrap_interval(blind),
        bag_of_words_ceiling(asked),
        asked[0].right,
        asked[0].wrong,
    )
