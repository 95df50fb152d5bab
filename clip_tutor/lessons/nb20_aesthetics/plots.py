"""Figures of notebook 20: agreements with their intervals, a learning curve, an audit, the most and least liked."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.applications.aesthetics import Agreement, Audit
from clip_tutor.lab.plots.style import COLORS, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb20_aesthetics.worlds import CurvePoint, Part

SIDE_BY_SIDE = 8  # images in a row


def agreements(found: Mapping[str, Agreement], title: str) -> Figure:
    """Draw several agreements as dots with their 95 % intervals, and a line where chance is."""
    figure, (axes,) = canvas(8, 0.45 * len(found) + 1.3)
    for place, one in enumerate(found.values()):
        color = IMAGE_COLOR if one.decided else MUTED
        axes.plot([one.low, one.high], [place, place], color=color, lw=2)
        axes.plot([one.share], [place], "o", color=color)
        axes.annotate(f"{one.share:.2f}", (one.share, place), (0, 6), textcoords="offset points", ha="center", size=9)
    axes.axvline(0.5, color=INK, lw=1, ls="--")
    axes.set_yticks(range(len(found)), list(found))
    axes.set(xlim=(0, 1), ylim=(len(found) - 0.4, -0.7), xlabel="share of pairs in the rater's order", title=title)
    axes.grid(axis="y", visible=False)
    return figure


def ranked(part: Part, scores: Tensor, title: str) -> Figure:
    """Draw the eight images with the highest scores above the eight with the lowest."""
    order = scores.argsort(descending=True).tolist()
    figure, (axes,) = canvas(9.2, 3.5, image=True)
    rows = {"highest": order[:SIDE_BY_SIDE], "lowest": order[-SIDE_BY_SIDE:]}
    for height, (name, chosen) in enumerate(rows.items()):
        for place, n in enumerate(chosen):
            x, y = place, 1.35 * height
            axes.imshow(as_image(part.pixels[n]), extent=(x + 0.04, x + 0.96, y + 0.96, y + 0.04))
            axes.text(x + 0.5, y + 1.0, f"{scores[n]:.2f}", ha="center", va="top", size=9, color=MUTED)
        axes.text(-0.1, 1.35 * height + 0.5, name, ha="right", va="center", size=10)
    axes.set(xlim=(-1.0, SIDE_BY_SIDE), ylim=(2.6, 0))
    figure.suptitle(title)
    return figure


def learning(points: Sequence[CurvePoint], ceiling: float, title: str) -> Figure:
    """Draw held-out and true agreement over the number of ratings; ceiling is how a rater agrees with themselves."""
    figure, (axes,) = canvas(8, 3.8)
    counts = [point.count for point in points]
    axes.fill_between(
        counts,
        [p.low for p in points],
        [p.high for p in points],
        color=COLORS[4],
        alpha=0.3,
        lw=0,
        label="its 95 % interval",
    )
    axes.plot(counts, [p.held_out for p in points], color=IMAGE_COLOR, label="held out, among the rated images")
    axes.plot(counts, [p.true for p in points], "o", color=TEXT_COLOR, label="true: on images that nobody has rated")
    axes.axhline(ceiling, color=INK, lw=1, ls=":", label="the rater's own ratings on two days")
    axes.axhline(0.5, color=INK, lw=1, ls="--", label="chance")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set(xlabel="rated images", ylabel="agreement", ylim=(0.2, 1), title=title)
    figure.legend(loc="outside right center")
    return figure


def audits(found: Mapping[str, Audit], title: str) -> Figure:
    """Draw for each attribute what it explains of several heads' scores, with a line for what shuffled labels reach."""
    figure, (axes,) = canvas(8.6, 3.6)
    names, many = list(next(iter(found.values())).shares), len(found)
    for n, (label, one) in enumerate(found.items()):
        places = [place + (n - (many - 1) / 2) * 0.8 / many for place in range(len(names))]
        shares = [one.shares[name] for name in names]
        axes.bar(places, [share.explained for share in shares], 0.7 / many, color=COLORS[n], label=label)
        for place, share in zip(places, shares, strict=True):
            axes.plot([place - 0.38 / many, place + 0.38 / many], [share.limit] * 2, color=INK, lw=1.5)
    axes.plot([], [], color=INK, lw=1.5, label="95 % of shuffled\nlabels stay below")
    axes.set_xticks(range(len(names)), names)
    most = max(share.explained for one in found.values() for share in one.shares.values())
    axes.set(ylim=(0, 1.1 * most), xlabel="attribute", ylabel="share of the variance, η²", title=title)
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside right center")
    return figure


def trade_off(weights: Sequence[float], fitting: Sequence[float], liked: Sequence[float], title: str) -> Figure:
    """Draw over the weight of a nudge how many hits show the word, and how high the taste puts them."""
    figure, (axes,) = canvas(7.5, 3.4)
    axes.plot(weights, fitting, "o-", color=TEXT_COLOR, label="hits that show the thing")
    axes.plot(weights, liked, "s-", color=IMAGE_COLOR, label="rank of the hits in the taste, 1 is the top")
    axes.set(xlabel="weight of the taste", ylabel="share", ylim=(0, 1.03), title=title)
    axes.legend(loc="lower left")
    return figure
