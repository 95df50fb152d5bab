"""Beam search: keep the few likeliest texts so far, continue them all, keep the likeliest again.

    a        ─┬─ a dog      −1.2 ✓            each text is scored by the sum of its tokens' log-probabilities
              └─ a cat      −1.9 ✓
    the      ─┬─ the dog    −2.0              only the best two of all continuations go on
              └─ the moon   −4.4

The likeliest first word need not begin the likeliest sentence: `greedy` cannot take a word back, a beam had not
yet decided. A text that ends is set aside with its score divided by its length (to the power of a penalty), or
long ones, which multiply more probabilities, would never win.

The bookkeeping of one prompt is a `Beams`, which asks for log-probabilities and never for a model. `generate_beam`
here computes them anew at every step; its fast form is in `cached`.

Source: transformers ``generation/utils.py``, function _beam_search, whose texts these equal.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.applications.language_model.checks import check_prompt
from clip_tutor.applications.language_model.model import LanguageModel


class Finished(NamedTuple):
    """A text that has ended."""

    score: float  # its log-probability / its length to the power of the penalty
    ids: list[int]


class Beams:
    """The texts that one prompt may continue with: some still running, the best of those that ended set aside.

    Args:
        count: how many texts run side by side.
        end_id: the token that ends a text.
        max_tokens: the longest text.
        length_penalty: the power of the length that a score is divided by: 0 none, 1 the mean of a token.

    Raises:
        ValueError: ``count`` is not at least 1.
    """

    def __init__(self, count: int, end_id: int, max_tokens: int, length_penalty: float) -> None:
        if count < 1:
            raise ValueError(f"{count} beams keep no text: take at least one, which is the greedy choice")
        self.count, self.end_id, self.max_tokens, self.length_penalty = count, end_id, max_tokens, length_penalty
        self.running: list[list[int]] = [[]]
        self.log_probs = torch.zeros(1)  # of each running text
        self.finished: list[Finished] = []  # the best ``count``, best first

    def advance(self, log_probs: Tensor) -> tuple[list[int], list[int]]:
        """Continue the running texts by one token, and return how: of which text each one is, and its token.

        Twice as many continuations as texts are looked at, so that enough are left however many of them end.

        Args:
            log_probs: (R, V), of the next token after each of the R running texts.

        Returns:
            For each text that runs now, its row among the R before, and its last token; nothing if `done`.
        """
        totals = log_probs + self.log_probs.to(log_probs)[:, None]  # (R, V)
        best = totals.flatten().topk(min(2 * self.count, totals.numel()))
        V = log_probs.shape[-1]
        candidates = [
            (i // V, i % V, total) for i, total in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
        length = len(self.running[0]) + 1
        last = length == self.max_tokens
        for row, token, total in candidates[: self.count]:
            if token == self.end_id or last:
                self.finished.append(Finished(total / length**self.length_penalty, [*self.running[row], token]))
        self.finished = sorted(self.finished, key=lambda text: -text.score)[: self.count]
        going = [] if last else [c for c in candidates if c[1] != self.end_id][: self.count]
        if not going or self._cannot_improve(going[0][2] / length**self.length_penalty):
            self.running = []
            return [], []
        self.running = [[*self.running[row], token] for row, token, _ in going]
        self.log_probs = torch.tensor([total for _, _, total in going])
        return [row for row, _, _ in going], [token for _, token, _ in going]

    def _cannot_improve(self, score: float) -> bool:
        """Tell whether the best running text, were it to end now, would not come among the finished ones."""
        return len(self.finished) == self.count and score <= self.finished[-1].score

    @property
    def done(self) -> bool:
        """Whether no text is running any more."""
        return not self.running

    @property
    def best(self) -> list[int]:
        """The ids of the best text that has ended."""
        return self.finished[0].ids


@torch.no_grad()
def generate_beam(
    model: LanguageModel,
    embeddings: Tensor,
    *,
    end_id: int,
    max_tokens: int,
    beams: int = 5,
    length_penalty: float = 1.0,
) -> list[list[int]]:
    """Return the best continuation of each prompt that ``beams`` texts side by side find.

    Args:
        embeddings: (B, T, D), as for `generate`.
        end_id: the token that ends a text.
        length_penalty: see `Beams`.

    Returns:
        Ids, ending in ``end_id`` unless ``max_tokens`` came first.

    Raises:
        ValueError: as `generate`, or there are no beams.
    """
    check_prompt(embeddings, max_tokens, model.config)
    found = []
    for prompt in embeddings:
        search = Beams(beams, end_id, max_tokens, length_penalty)
        texts = prompt[None]  # (R, T, D), R running texts
        while not search.done:
            rows, ids = search.advance(model(texts)[:, -1].log_softmax(dim=-1))
            chosen = torch.tensor(ids, dtype=torch.long, device=embeddings.device)
            texts = torch.cat([texts[rows], model.embed(chosen[:, None])], dim=1)  # (R, T + 1, D)
        found.append(search.best)
    return found
