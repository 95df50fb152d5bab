"""From what was asked for and what a judge sees to what is right."""

from torch import Tensor

from clip_tutor.applications.attribute_judge.facts import ARRANGEMENTS, FACTS

Verdicts = dict[str, Tensor]


def verdicts(seen: Tensor, told: Tensor) -> Verdicts:
    """Return for each attribute which of B images are right, (B,) truth values; of "relation" only the pairs, (B',).

    object        what was told is there and nothing else, wherever it stands
    count         as many as told
    background    as told
    relation      of two different objects, the right one is to the left, or above

    Args:
        seen: (B, 5), facts as a judge reads them.
        told: (B, 5), facts of the scenes that the captions describe.
    """
    first, second, count, arrangement, background = range(len(FACTS))
    things = [first, second]
    is_pair = told[:, arrangement] != ARRANGEMENTS.index(None)
    in_order = [first, second, arrangement]
    return {
        "object": (seen[:, things].sort(dim=1).values == told[:, things].sort(dim=1).values).all(dim=1),
        "count": seen[:, count] == told[:, count],
        "background": seen[:, background] == told[:, background],
        "relation": (seen[:, in_order] == told[:, in_order]).all(dim=1)[is_pair],
    }
