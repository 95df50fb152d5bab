"""Ray, which deals out work to many machines: imported only where it is used, for it is an extra."""

from __future__ import annotations

import importlib
from typing import Any

RETRIES = 3  # of a shard whose process or machine died


def import_ray(what: str) -> Any:
    """Return Ray with Ray Data.

    Args:
        what: is done with it: for the message.

    Raises:
        ImportError: it is not installed.
    """
    try:
        importlib.import_module("ray.data")
        return importlib.import_module("ray")
    except ImportError as error:
        raise ImportError(f'{what} needs Ray ({error}): pip install "clip-tutor[ray]", on each machine') from error
