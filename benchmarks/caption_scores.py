"""BLEU-4 and CIDEr, the scores that papers on captioning give: how many stretches of words are those of references?

The code is that of the COCO evaluation, pycocoevalcap. Papers first take captions apart with a tokenizer written in
Java; here words are words, in lower case and without punctuation, and no Java is needed. So these figures compare the
captioners of this kit with each other, and with the literature only roughly.

Sources: Papineni et al. 2002 (BLEU); Vedantam, Zitnick and Parikh 2015 (CIDEr); Chen et al. 2015, "Microsoft COCO
Captions: Data collection and evaluation server".
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import NamedTuple

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider

from clip_tutor.evaluation.caption_model import words_of


class CaptionScores(NamedTuple):
    """What papers call B@4 and C, both in hundredths as they print them."""

    bleu_4: float  # at most 100
    cider: float  # 100 is not its limit: rare words in common count more


def caption_scores(captions: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """Return the scores of N captions, each with references of its own.

    Args:
        references: N times one caption or several.

    Raises:
        ValueError: captions and references are not as many, or there are fewer than two: CIDEr weighs words by how
            few images have them.
    """
    if len(captions) != len(references) or len(captions) < 2:
        raise ValueError(
            f"{len(captions)} captions and references for {len(references)}: give at least two, with references each"
        )
    written = {n: [_plain(caption)] for n, caption in enumerate(captions)}
    wanted = {n: [_plain(caption) for caption in one] for n, one in enumerate(references)}
    with contextlib.redirect_stdout(io.StringIO()):  # its code prints its lengths
        bleu, _ = Bleu(4).compute_score(wanted, written)
        cider, _ = Cider().compute_score(wanted, written)
    return CaptionScores(100 * float(bleu[3]), 100 * float(cider))


def _plain(caption: str) -> str:
    return " ".join(word for word in words_of(caption) if word[0].isalnum())
