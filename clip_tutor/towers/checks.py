"""What a tower refuses, in words that say what to do."""

from torch import Tensor


def check_pixels(pixels: Tensor, image_size: int) -> None:
    """Refuse images of another size than the tower was built for.

    Raises:
        ValueError: ``pixels`` are not (B, 3, image_size, image_size).
    """
    H = W = image_size
    if pixels.shape[1:] != (3, H, W):
        raise ValueError(
            f"this tower reads images of shape (B, 3, {H}, {W}), and these have {tuple(pixels.shape)}: "
            f"resize them with clip_tutor.images first"
        )


def check_map_head(width: int, embed_dim: int) -> None:
    """Refuse another joint embedding than the one that attention pooling by a probe gives.

    Raises:
        ValueError: E is not the tower's width D.
    """
    if embed_dim != width:
        raise ValueError(f"a MAP head gives {width} numbers, as wide as the tower: embed_dim cannot be {embed_dim}")


def check_ids(ids: Tensor, context_length: int, vocab_size: int, whole_rows: bool = False) -> None:
    """Refuse rows of ids that are not for this tower.

    The ids themselves are looked at on a CPU only: on a GPU, looking would make each batch wait for the device.

    Args:
        ids: (B, T).
        context_length: how long a row may be, or must be with ``whole_rows``.

    Raises:
        ValueError: the rows do not fit the context, or hold ids beyond the vocabulary.
    """
    T = ids.shape[1]
    advice = "tokenize with the tokenizer that came with the model"
    if context_length < T or (whole_rows and context_length > T):
        how = "exactly" if whole_rows else "at most"
        raise ValueError(f"these rows have {T} ids, and this tower reads {how} {context_length}: {advice}")
    if ids.device.type == "cpu" and (ids >= vocab_size).any():
        raise ValueError(f"these rows hold the id {ids.max()}, and this tower knows ids below {vocab_size}: {advice}")


def check_first_ids(ids: Tensor, pad_id: int) -> None:
    """Refuse rows (B, T) that begin with padding, for a tower that reads its vector there; on a CPU only.

    Raises:
        ValueError: a row begins with ``pad_id``.
    """
    if ids.device.type == "cpu" and (ids[:, 0] == pad_id).any():
        row = int((ids[:, 0] == pad_id).nonzero()[0])
        raise ValueError(
            f"row {row} begins with padding (id {pad_id}), and its vector is read there: rows begin with the mark "
            "[CLS], and padding stands at their end"
        )
