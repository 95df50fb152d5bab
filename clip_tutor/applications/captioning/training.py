"""Training a captioner: image vectors and captions in, a mapper and a language model that fit each other out.

    vectors (M, E), captions ─ batch k ─▶ (B, E), (B, T) ─ captioner ─ loss ─▶ gradients ─ AdamW ─▶ record, checkpoint

Batch k is a function of (seed, k), and captions of like length stand together in it, so that little of a batch is
padding. What the prefix says before its last place is never computed to the end: half of the logits, which are half of
the work (``test_the_packed_loss_is_the_plain_one``).

The run has a folder, and one that was stopped goes on there with the numbers it would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.applications.captioning.captioner import Captioner
from clip_tutor.applications.captioning.files import Origin, captioner_metadata
from clip_tutor.applications.language_model.checks import check_vocabulary
from clip_tutor.data.batches import shuffled_order
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.config import Record, TrainConfig
from clip_tutor.training.minimize import minimize

TOGETHER = 32  # batches whose captions are sorted by length among each other


class CaptionBatches:
    """Pairs of a vector and a caption as batches: batch k is the same whenever it is asked for.

    Args:
        image_features: (M, E), or whatever else is known of M images, as (M, …).
        captions: M.

    Raises:
        ValueError: vectors and captions are not as many, or fewer than a batch.
    """

    def __init__(
        self, image_features: Tensor, captions: Sequence[str], tokenizer: Tokenizer, batch_size: int, seed: int
    ) -> None:
        if len(image_features) != len(captions) or len(captions) < batch_size:
            raise ValueError(
                f"{len(image_features)} image vectors and {len(captions)} captions for batches of {batch_size}: give "
                "as many captions as vectors, and at least a batch of them"
            )
        self.image_features, self.batch_size, self.seed, self.end_id = (
            image_features,
            batch_size,
            seed,
            tokenizer.end_id,
        )
        self.rows = [np.array([*tokenizer.encode(caption), tokenizer.end_id], np.int32) for caption in captions]
        self.lengths = np.array([len(row) for row in self.rows])
        self._epoch = -1
        self._order = np.empty((0, batch_size), np.int64)

    def batch(self, k: int) -> tuple[Tensor, Tensor]:
        """Return (B, E) vectors and (B, T) ids, each row filled up with end tokens."""
        per_epoch = len(self.rows) // self.batch_size
        if self._epoch != k // per_epoch:
            self._epoch = k // per_epoch
            self._order = self._arranged(per_epoch)
        chosen = self._order[k % per_epoch]
        ids = torch.full((self.batch_size, int(self.lengths[chosen].max())), self.end_id)
        for row, n in zip(ids, chosen.tolist(), strict=True):
            row[: self.lengths[n]] = torch.from_numpy(self.rows[n])
        return self.image_features[torch.from_numpy(chosen)].float(), ids

    def _arranged(self, batches: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        """Return (batches, B): an epoch's order, in which captions of like length share a batch."""
        order = shuffled_order(len(self.rows), self.seed, self._epoch)[: batches * self.batch_size]
        size = TOGETHER * self.batch_size
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        order = np.concatenate([part[self.lengths[part].argsort(kind="stable")] for part in parts])
        rows: np.ndarray[tuple[int, int], np.dtype[np.int64]] = order.reshape(batches, self.batch_size)
        return rows[np.random.default_rng([self.seed, self._epoch]).permutation(batches)]


def packed_loss(captioner: Captioner, image_features: Tensor, token_ids: Tensor, end_id: int) -> Tensor:
    """Return `prefix_loss` without the logits that it does not look at. The arguments are the same."""
    model = captioner.language_model
    prefix = captioner.prefix(image_features)  # (B, N, D)
    embeddings = torch.cat([prefix, model.embed(token_ids[:, :-1])], dim=1)  # (B, N + T - 1, D)
    states = model.blocks(model.add_positions(embeddings))[:, prefix.shape[1] - 1 :]  # (B, T, D)
    ends = token_ids == end_id
    counts = ends.cumsum(dim=1) <= ends.long()  # (B, T): up to a row's first end token, that included
    return F.cross_entropy(model.head(model.ln_final(states[counts])), token_ids[counts])


def train_captioner(
    captioner: Captioner,
    tokenizer: Tokenizer,
    origin: Origin,
    batches: CaptionBatches,
    config: TrainConfig,
    run: Path | None = None,
    evaluate: Callable[[Captioner], Record] | None = None,
    evaluate_every: int = 1000,
) -> list[Record]:
    """Train a captioner in place and return the history of the run; Ctrl-C ends it after the step at hand.

    Parameters that ask for no gradient stay as they are: ``captioner.language_model.requires_grad_(False)`` before, and
    the mapper alone learns to speak to a language model that is frozen.

    Args:
        origin: the CLIP whose vectors these are; it goes into the checkpoints.
        config: of the settings, those of the batch, the length, the rate, the decay, the records and the precision.
        run: a folder for the checkpoint and the log. A run that was stopped goes on there.
        evaluate: called every ``evaluate_every`` steps and at the end; what it returns joins the record.

    Raises:
        ValueError: the tokenizer does not fit, or ``run`` holds a checkpoint of another captioner or other settings.
        OSError: nothing can be written into ``run``.
    """
    check_vocabulary(tokenizer, captioner.language_model.config)
    return minimize(
        captioner,
        lambda step: packed_loss(captioner, *batches.batch(step), batches.end_id),
        config,
        run,
        evaluate and (lambda: evaluate(captioner)),
        evaluate_every,
        captioner_metadata(captioner, tokenizer, origin, {}),
    )
