"""An uploaded file, whichever ipywidgets it comes from.

7.7, as in Colab   {"cat.jpg": {"metadata": {"name": "cat.jpg", "type": …}, "content": bytes}}
8                  ({"name": "cat.jpg", "type": …, "content": memoryview},)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import ipywidgets


class Upload(NamedTuple):
    """A file as it came from the browser."""

    name: str
    content: bytes


def uploaded(value: Any) -> Upload | None:
    """Return the file in the value of a ``FileUpload`` of one file, None while there is none."""
    if isinstance(value, Mapping):
        files = [(name, file["content"]) for name, file in value.items()]
    else:
        files = [(file["name"], file["content"]) for file in value]
    return Upload(str(files[-1][0]), bytes(files[-1][1])) if files else None


def forget_upload(upload: ipywidgets.FileUpload) -> None:
    """Empty a ``FileUpload``, so that the same file can be uploaded once more."""
    if isinstance(upload.value, Mapping):
        upload.data, upload.metadata = [], []
        upload.set_trait("value", {})
    else:
        upload.value = ()
