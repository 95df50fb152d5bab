"""The images of notebook 19 for places without a kernel."""

import json
from functools import lru_cache

from matplotlib.figure import Figure

from clip_tutor.applications.flamingo import load_flamingo
from clip_tutor.assets import asset
from clip_tutor.lessons.nb19_flamingo.boards import gate_board, mask_board, shots_board
from clip_tutor.lessons.nb19_flamingo.worlds import Examiner

TEXT = "once <image> a red cat <image> <image> a blue dog"


@lru_cache(maxsize=1)
def _examiner() -> Examiner:
    return Examiner(load_flamingo("flamingo"))


def card() -> Figure:
    """Draw four examples with their letters, an image that is asked about, and the answer; the third widget, too."""
    return shots_board(_examiner(), "object", 4, "true", 0)


def gates() -> Figure:
    """Draw the first widget half-way through the training of the kit's Flamingo."""
    run = json.loads(asset("curves/flamingo.json").read_text("utf-8"))
    return gate_board(run | {"loss": run["caption_loss"]}, len(run["steps"]) // 2)


def mask() -> Figure:
    """Draw the second widget at its first settings."""
    return mask_board(TEXT, "preceding")
