"""Mistakes made on purpose, and whose line an error came from."""

import re
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIBRARIES = (
    str(Path(__file__).parents[1]),
    sysconfig.get_path("stdlib"),
    sysconfig.get_path("purelib"),
    sysconfig.get_path("platlib"),
)


@contextmanager
def expect_error(kind: type[Exception], match: str) -> Iterator[None]:
    """Run a mistake that is the lesson: print its message, and fail unless just that mistake was made.

        with expect_error(ValueError, match="unit length"):
            contrastive_loss(3 * image_features, text_features, logit_scale)

    Args:
        kind: the type of error that must come.
        match: a regular expression that its message must contain.

    Raises:
        AssertionError: no error came, or one of another type, or with another message.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, kind):
            raise AssertionError(f"expected {kind.__name__}, but {type(error).__name__} came: {error}") from error
        if not re.search(match, str(error)):
            raise AssertionError(f"{kind.__name__} came, but it does not speak of {match!r}: {error}") from error
        print(f"{type(error).__name__}, as expected: {error}")
    else:
        raise AssertionError(f"expected {kind.__name__} ({match!r}), but no error came: is this still a mistake?")


def own_line(error: BaseException) -> str:
    """Return the last line of the reader's own that led to an error, for example ``line 3: logits = a @ b``.

    Where the libraries' code was entered from the reader's, it is the reader's line that helps.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return _last_line([frame for frame in frames if _is_own(frame)] or frames)


def readers_line(error: BaseException) -> str:
    """Return what `own_line` returns, nothing if no line of the reader's own led to the error."""
    return _last_line(list(filter(_is_own, traceback.extract_tb(error.__traceback__))))


def _is_own(frame: traceback.FrameSummary) -> bool:
    return not frame.filename.startswith(_LIBRARIES)


def _last_line(frames: list[traceback.FrameSummary]) -> str:
    return f"line {frames[-1].lineno}: {frames[-1].line}" if frames else ""
