"""What may be said of the trainings of notebook 23: sentences made of the shipped figures and their intervals."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clip_tutor.lessons.nb23_siglip2.worlds import Told

MEASURES = {"mean_iou": "mIoU", "pointing": "pointing", "recall_at_1": "recall@1"}
ARMS = {
    "plain": "SigLIP",
    "all": "SigLIP 2",
    "no_captions": "without captions",
    "no_self_distillation": "without self-distillation",
    "no_masks": "without masks",
}
JUST_BEFORE = 0.05  # of a training: over so much of it a loss is averaged
_GAINS = {"mean_iou": "siglip2_miou_gain", "pointing": "siglip2_pointing_gain", "recall_at_1": "recall_difference"}


class Gain(NamedTuple):
    """How much more one training gives than another, with a 95 % interval over seeds if there are several."""

    mean: float
    interval: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        """What may be said: "more", "less", or that nothing may be."""
        if self.interval is None:
            return "one seed, of which nothing follows"
        low, high = self.interval
        return "more" if low > 0 else "less" if high < 0 else "no difference that exceeds the interval"

    def __str__(self) -> str:
        bounds = f" ({self.interval[0]:+.3f} to {self.interval[1]:+.3f})" if self.interval else ""
        return f"{self.mean:+.3f}{bounds}".replace("-", "−")


def whole_gain(results: Mapping[str, Any], measure: str) -> Gain:
    """Return what SigLIP 2 has more than SigLIP in the same seconds."""
    name = _GAINS[measure]
    return _gain((results[name], results[f"{name}_interval"]))


def part_gains(results: Mapping[str, Any], measure: str) -> dict[str, Gain]:
    """Return what the whole recipe has more than the recipe without a part, for each part that was left out."""
    parts = results["contributions"]
    return {part.replace("_", "-"): _gain(found[measure]) for part, found in parts.items() if found[measure]}


def all_gains(results: Mapping[str, Any], measure: str) -> dict[str, Gain]:
    """Return both, each with words for what was compared."""
    parts = {f"all than without {part}": gain for part, gain in part_gains(results, measure).items()}
    return {"SigLIP 2 than SigLIP": whole_gain(results, measure)} | parts


def largest(gains: Mapping[str, Gain]) -> str:
    """Return which part gave more than the interval, the largest first, or that none can be named."""
    sure = sorted((gain.mean, part) for part, gain in gains.items() if gain.verdict == "more")
    return sure[-1][1] if sure else "none whose gain exceeds its interval"


def arms_table(results: Mapping[str, Any]) -> str:
    """Return a Markdown table: for each arm the means over its seeds."""
    columns = {**MEASURES, "pointing_mixed_up": "the other thing", "box_iou": "IoU of boxes", "images": "images"}
    lines = [f"| | {' | '.join(columns.values())} | seeds |", "|---" * (len(columns) + 2) + "|"]
    for arm, figures in sorted(results["arms"].items(), key=lambda item: list(ARMS).index(item[0])):
        cells = [_cell(figures.get(name)) for name in columns]
        lines.append(f"| {ARMS[arm]} | {' | '.join(cells)} | {len(results['seeds'][arm])} |")
    return "\n".join(lines)


def at_equal(curve: Mapping[str, Any], axis: str, place: float) -> float:
    """Return the sigmoid loss of a training at so many seconds or images: the mean of the records just before."""
    places = np.asarray(curve[axis])
    is_near = (places <= place) & (places >= place - JUST_BEFORE * places[-1])
    return float(np.asarray(curve["sigmoid"])[is_near].mean())


def lower(first: float, second: float, names: tuple[str, str]) -> str:
    """Return who has the lower of two losses, to two digits as they are shown."""
    if f"{first:.2f}" == f"{second:.2f}":
        return "neither is lower"
    return f"{names[0] if first < second else names[1]} has the lower one"


def of_colors(before: Told, after: Told) -> str:
    """Return what colors tell most, before and after."""
    first, second = (
        "which image they are in" if told.image > told.is_thing else "thing or background" for told in (before, after)
    )
    shares = f"{before.image:.0%} by the image and {before.is_thing:.0%} by thing or background before"
    shares += f", {after.image:.0%} and {after.is_thing:.0%} after"
    return f"{first if first == second else f'{first}; after, {second}'} ({shares})"


def winner(gain: Gain, first: str, second: str) -> str:
    """Return who has more, or that it cannot be shown; a gain is what the first has more."""
    return {"more": first, "less": second}.get(gain.verdict, "no difference that can be shown")


def _gain(found: Any) -> Gain:
    mean, interval = found
    return Gain(mean, tuple(interval) if interval else None)


def _cell(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value > 100 else f"{value:.3f}"
