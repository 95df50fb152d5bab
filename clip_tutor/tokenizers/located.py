"""Text, boxes and tasks as rows of ids: what LocCa's decoder reads and writes.

    task        row                                             is asked for
    caption     <caption> two cats on red <end>                 the caption
    referring   <referring> a cat ▏12 ▏3 ▏30 ▏22 <end>          the box, of these words
    grounded    <grounded> ▏12 ▏3 ▏30 ▏22 a cat <end>           the words, of this box

    ids         0 … V-1 words │ V … V+bins-1 coordinates │ <caption> <referring> <grounded> <mask>

A box is said as four tokens, left, top, right and bottom, each one of ``bins`` steps along the image's side. So the
same loss, and the same decoder, learn words and places. LocCa itself writes coordinates as numbers in text; a token for
each, as Pix2Seq has it, keeps a row short and needs no digits in the vocabulary.

Sources: Wan et al. 2024 (LocCa), for the tasks; Tschannen et al. 2025 (SigLIP 2), section 2.2: what is given, what is
asked for; Chen et al. 2022 (Pix2Seq), section 2.1, for the coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from clip_tutor.tokenizers.base import Tokenizer

Task = Literal["caption", "referring", "grounded"]
TASKS: tuple[Task, ...] = get_args(Task)
Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of the image's side


class Row(NamedTuple):
    """One row, and how much of it is given."""

    ids: list[int]
    given: int  # so many ids at the beginning, the task among them, are told; all after them is asked for


class LocatedTokenizer:
    """Rows for a decoder that knows words and places.

    Args:
        words: the tokenizer of the captions.
        bins: into how many steps a side of the image is cut; a box then errs by half a step at most.

    Raises:
        ValueError: there are fewer than two bins.

    >>> from clip_tutor.weights import load
    >>> rows = LocatedTokenizer(load("emoji").tokenizer, bins=32)
    >>> rows.box(rows.coordinates((0.25, 0.5, 0.75, 1.0)))
    (0.265625, 0.515625, 0.765625, 0.984375)
    """

    def __init__(self, words: Tokenizer, bins: int) -> None:
        if bins < 2:
            raise ValueError(f"{bins} bins cannot tell places apart: take 2 or more, 32 for images of 64 pixels")
        self.words, self.bins = words, bins
        self.task_ids: dict[Task, int] = {task: words.vocab_size + bins + n for n, task in enumerate(TASKS)}
        self.mask_id = words.vocab_size + bins + len(TASKS)
        self.vocab_size = self.mask_id + 1
        self.end_id = words.end_id
        self.context_length = words.context_length + 6  # of the longest row: a task, a box and an end token more

    def coordinates(self, box: Sequence[float]) -> list[int]:
        """Return the four ids of a box.

        Raises:
            ValueError: it is not left, top, right, bottom as shares of the image's side.
        """
        left, top, right, bottom = box
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(
                f"({left:g}, {top:g}, {right:g}, {bottom:g}) is no box: give left, top, right and bottom as shares "
                "of the image's side, from 0 to 1, left before right and top above bottom"
            )
        return [self.words.vocab_size + min(int(place * self.bins), self.bins - 1) for place in box]

    def box(self, ids: Sequence[int]) -> Box:
        """Return the box that four ids say: the middle of each step.

        Raises:
            ValueError: an id is no coordinate.
        """
        places = [i - self.words.vocab_size for i in ids]
        if len(places) != 4 or not all(0 <= place < self.bins for place in places):
            raise ValueError(f"{list(ids)} are not the four coordinates of a box")
        left, top, right, bottom = ((place + 0.5) / self.bins for place in places)
        return left, top, right, bottom

    def caption(self, text: str) -> Row:
        """Return the row that asks for a caption."""
        return Row([self.task_ids["caption"], *self._encode(text), self.end_id], given=1)

    def referring(self, text: str, box: Sequence[float]) -> Row:
        """Return the row that gives words and asks for the box around what they name."""
        words = [self.task_ids["referring"], *self._encode(text)]
        return Row([*words, *self.coordinates(box), self.end_id], given=len(words))

    def grounded(self, text: str, box: Sequence[float]) -> Row:
        """Return the row that gives a box and asks for words that name what is in it."""
        place = [self.task_ids["grounded"], *self.coordinates(box)]
        return Row([*place, *self._encode(text), self.end_id], given=len(place))

    def _encode(self, text: str) -> list[int]:
        return self.words.encode(text)[: self.words.context_length]  # longer ones are cut, as they are in training
