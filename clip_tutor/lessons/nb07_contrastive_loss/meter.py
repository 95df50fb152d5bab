"""Is my loss just ln N? A loss in nats, put on the scale from certainty to blind guessing."""

import math

from clip_tutor.lab.plots.style import FAINT, IMAGE_COLOR, MUTED, TEXT_COLOR

NEAR = 0.02  # of ln N: what passes for the same number


def loss_meter(loss: float, batch_size: int, directions_added: bool = False) -> str:
    """Return HTML with a scale from 0 to beyond ln(batch_size), a needle at the loss, and what it means.

    Args:
        loss: in nats, as a training run prints it.
        batch_size: N, how many pairs compete with each other.
        directions_added: the run adds up both directions instead of taking their mean; its loss is twice as high.
    """
    mean = loss / 2 if directions_added else loss
    guessing = math.log(batch_size)
    end = max(1.25 * guessing, 1.05 * mean, 0.5)
    color = TEXT_COLOR if batch_size == 1 or mean > (1 - NEAR) * guessing else IMAGE_COLOR
    needle, mark = (f"left:{100 * value / end:.2f}%" for value in (mean, guessing))
    said = verdict(loss, batch_size, directions_added)
    label = f"ln {batch_size:,} = {guessing:.3f}: guessing"
    return (
        '<div style="max-width:680px;line-height:1.5;margin-top:10px">'
        f'<div style="position:relative;height:24px;color:{MUTED};font-size:12px"><span>0: certain and right</span>'
        f'<span style="position:absolute;right:{100 - 100 * guessing / end:.2f}%;padding-right:4px;'
        f'background:white">{label if batch_size > 1 else ""}</span></div>'
        f'<div style="position:relative;height:18px;background:{FAINT};border-radius:4px">'
        f'<div style="height:18px;width:{100 * min(mean, end) / end:.2f}%;background:{color};opacity:0.35;'
        'border-radius:4px 0 0 4px"></div>'
        f'<div style="position:absolute;top:-22px;height:40px;border-left:2px dashed {MUTED};{mark}"></div>'
        f'<div style="position:absolute;top:-4px;height:26px;border-left:4px solid {color};{needle}"></div></div>'
        f'<div style="margin-top:12px"><b style="color:{color};font-size:16px">{said}</b>'
        f"<br>{_candidates(mean, batch_size)}</div></div>"
    )


def verdict(loss: float, batch_size: int, directions_added: bool = False) -> str:
    """Return in a few words what a loss says about a run."""
    mean, guessing = loss / 2 if directions_added else loss, math.log(batch_size)
    if batch_size == 1:
        zero = "a batch of one has no wrong answers: its loss is 0, and nothing is learned"
        return zero if mean < NEAR else f"{zero}; {loss:.2f} cannot be its loss"
    if abs(mean - guessing) <= NEAR * guessing:
        return "this is blind guessing: nothing has been learned, or everything was lost"
    if abs(mean - 2 * guessing) <= NEAR * guessing:
        return f"this is 2 ln {batch_size:,}: blind guessing, if both directions are added up"
    if mean > guessing:
        return "worse than blind guessing: sure of oneself, and wrong"
    if mean > 0.5 * guessing:
        return "better than guessing: something has been learned"
    return "far below guessing: for a batch of this size, much has been learned"


def _candidates(mean: float, batch_size: int) -> str:
    """Return what e to the power of the loss says: among how many one would have to guess to pay as much."""
    if batch_size == 1:
        return f"e<sup>{mean:.3f}</sup> = {math.exp(mean):,.2f}"
    number = math.exp(min(mean, 30))
    told = f"{number:,.0f}" if number >= 100 else f"{number:.1f}"
    return f"e<sup>{mean:.3f}</sup> = {told}: as if one had to guess among {told} of {batch_size:,}"
