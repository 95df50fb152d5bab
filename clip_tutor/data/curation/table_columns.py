"""Which columns of a table hold what a filter may look at, and a row of them as pairs.

img2dataset, LAION    url │ caption or TEXT │ original_width │ original_height
COYO-700M             url │ text │ width │ height │ image_phash
the Hub               image: its bytes │ caption or text
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow

from clip_tutor.data.curation.web_pair import WebPair
from clip_tutor.data.hub import IMAGE_COLUMNS, NAME_COLUMNS, stored_image
from clip_tutor.data.pairs import captions_in, clean_captions, pick_caption_columns
from clip_tutor.data.samples import NO_IMAGE

NOT_UTF8, NO_TEXT = "with a caption that is not UTF-8", "with a caption that is no text"


class TableColumns(NamedTuple):
    """Where a row keeps what filters may look at."""

    captions: list[str]
    image: str | None
    name: str | None
    width: str | None
    height: str | None
    image_hash: str | None

    @classmethod
    def of(cls, names: Sequence[str], shard: str) -> TableColumns:
        """Find them by the names that people give to such columns; capitals do not count.

        Raises:
            ValueError: none is called as captions usually are.
        """
        own = {name.strip().lower(): name for name in reversed(names)}

        def first(*known: str) -> str | None:
            return next((own[name] for name in known if name in own), None)

        return cls(
            captions=pick_caption_columns(names, shard),
            image=first(*IMAGE_COLUMNS),
            name=first(*NAME_COLUMNS, "url"),
            width=first("original_width", "width"),
            height=first("original_height", "height"),
            image_hash=first("image_phash", "phash"),
        )

    def rows(self, batch: pyarrow.RecordBatch) -> Iterator[dict[str, Any]]:
        """Yield the rows of these columns. Captions and names come as bytes: a column of text may hold any."""
        texts = {*self.captions, self.name, self.image_hash}
        names = [name for name in batch.schema.names if name in {*self.captions, *self[1:]}]
        columns = [batch.column(name) for name in names]
        values = [
            (column.cast(_as_bytes(column.type)) if name in texts else column).to_pylist()
            for name, column in zip(names, columns, strict=True)
        ]
        for row in zip(*values, strict=True):
            yield dict(zip(names, row, strict=True))

    def pairs(self, row: Mapping[str, Any], shard: str, number: int) -> tuple[list[WebPair], str]:
        """Return a row as pairs, at least one, and why it is none; nothing where it is one."""
        captions: tuple[str, ...] = ()
        wrong = ""
        try:
            captions = clean_captions(captions_in(row, self.captions))
        except ValueError:
            wrong = NOT_UTF8
        except TypeError:
            wrong = NO_TEXT
        name = self._value(row, self.name)
        said = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
        key = f"row {number}" if said is None else str(said)
        image, _ = stored_image(self._value(row, self.image))
        if self.image and not image:
            wrong = wrong or NO_IMAGE
        width, height, known = (self._value(row, column) for column in (self.width, self.height, self.image_hash))
        return [
            WebPair(
                name=f"{Path(shard).name}/{key}",
                caption=caption,
                image=(Path(shard).parent / image if isinstance(image, str) else image) or None,
                known_size=(int(width), int(height)) if width and height else None,
                known_hash=int(known, 16) if isinstance(known, bytes | str) else known,
                key=key,
            )
            for caption in captions or ("",)
        ], wrong

    @staticmethod
    def _value(row: Mapping[str, Any], column: str | None) -> Any:
        return row[column] if column else None


def _as_bytes(kind: pyarrow.DataType) -> pyarrow.DataType:
    """Return the type that holds the same, with texts left undecoded."""
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        return pyarrow.large_binary()
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        return pyarrow.large_list(_as_bytes(kind.value_type))
    return kind
