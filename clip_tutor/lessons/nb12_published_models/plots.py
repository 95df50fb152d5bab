"""The figures of notebook 12: what models weigh and cost, one point each, and a tower of one's own among them.

    parameters →, work ↑, a number beside each point          `cost_map`
    tokens | parameters | file, a bar for each model          `beside`
    cosines of pairs that belong together, and of others      `cosines`
    a bar for each way to load weights                        `found`

Like those of `lab.plots.common`, plain functions from data to a matplotlib ``Figure``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, canvas


@dataclass(frozen=True)
class Measured:
    """What is known of one model."""

    name: str
    parameters: int  # of the whole model
    operations: float = 0.0  # multiplications and additions for one image
    accuracy: float | None = None  # in percent; None if nobody measured it
    tokens: int = 0  # that attention sees in the image tower
    mib: float = 0.0  # its file

    @property
    def is_transformer(self) -> bool:
        """Tell a Vision Transformer from a ResNet by its name."""
        return not self.name.startswith("RN")


def cost_map(models: Sequence[Measured], title: str = "What nine models weigh, cost, and can do") -> Figure:
    """Draw parameters against the work for one image, both logarithmic, the accuracy beside each point.

    The larger the point, the better the model: its area grows with what the model gets right beyond 50 %.
    """
    figure, (axes,) = canvas(8.6, 5.2)
    for transformer, color, label in ((False, COLORS[2], "ResNet"), (True, IMAGE_COLOR, "Vision Transformer")):
        family = [model for model in models if model.is_transformer is transformer]
        x, y = [m.parameters / 1e6 for m in family], [m.operations / 1e9 for m in family]
        area = [14 * max(2.0, (m.accuracy or 50.0) - 50) for m in family]
        axes.scatter(x, y, s=area, color=color, alpha=0.85, linewidths=0, label=label)
        place, side = ((13, -4), "left") if transformer else ((-13, -4), "right")
        for model, right, up in zip(family, x, y, strict=True):
            known = "" if model.accuracy is None else f"  {model.accuracy:.1f} %"
            axes.annotate(
                f"{model.name}{known}", (right, up), place, textcoords="offset points", ha=side, size=9, color=INK
            )
    axes.set(xscale="log", yscale="log", xlabel="parameters, in millions", ylabel="billions of operations an image")
    axes.set_xticks([100, 150, 200, 300, 450, 650], ["100", "150", "200", "300", "450", "650"])
    axes.set_yticks([10, 30, 100, 300], ["10", "30", "100", "300"])
    axes.minorticks_off()
    axes.set_xlim(62, 800)
    axes.legend(loc="lower right", markerscale=0.6)
    figure.suptitle(title)
    return figure


def beside(models: Sequence[Measured], own: Measured, title: str = "A tower of your own among the nine") -> Figure:
    """Draw three rows of bars, tokens, parameters and the file's size, for each model and, in blue, for ``own``."""
    figure, panels = canvas(9.2, 4.2, columns=3)
    shown = [*models, own]
    colors = [FAINT] * len(models) + [IMAGE_COLOR]
    values = {
        "Tokens": [float(one.tokens) for one in shown],
        "Parameters, in millions": [one.parameters / 1e6 for one in shown],
        "File, in MiB": [one.mib for one in shown],
    }
    for axes, (name, lengths) in zip(panels, values.items(), strict=True):
        drawn = axes.barh(range(len(shown)), lengths, color=colors)
        axes.bar_label(drawn, [f"{length:,.0f}" for length in lengths], padding=3, size=8.5)
        axes.set_yticks(range(len(shown)), [one.name for one in shown] if axes is panels[0] else [])
        axes.set(title=name, xlim=(0, 1.3 * max(lengths)), ylim=(len(shown) - 0.4, -0.6), xticks=[])
        axes.tick_params(axis="y", length=0)
        axes.axhline(len(models) - 0.5, color=MUTED, linewidth=0.8)
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
    figure.suptitle(title)
    return figure


def cosines(own: Tensor, others: Tensor, title: str = "How large is the cosine of an image and its caption?") -> Figure:
    """Draw two histograms of cosine similarities: pairs that belong together, and all others."""
    figure, (axes,) = canvas(8.0, 3.2)
    steps = np.linspace(-1, 1, 101)
    for values, color, label in ((others, MUTED, "another caption"), (own, IMAGE_COLOR, "its own caption")):
        shown = f"{label}: {values.mean():.2f} on average"
        axes.hist(values.flatten().numpy(), bins=steps.tolist(), density=True, color=color, alpha=0.6, label=shown)
    axes.set(xlabel="cosine similarity of an image and a caption", ylabel="density", xlim=(-1.02, 1.02))
    axes.legend(loc="upper left")
    figure.suptitle(title)
    return figure


def found(recalls: Mapping[str, float], title: str) -> Figure:
    """Draw a bar for each name: the share of captions that find their own image first."""
    figure, (axes,) = canvas(8.0, 0.55 * len(recalls) + 1.2)
    drawn = axes.barh(range(len(recalls)), list(recalls.values()), color=IMAGE_COLOR)
    axes.bar_label(drawn, [f"{recall:.1%}" for recall in recalls.values()], padding=4, size=9)
    axes.set_yticks(range(len(recalls)), list(recalls))
    axes.tick_params(axis="y", length=0)
    axes.set(
        xlabel="recall@1: captions that find their own image first", xlim=(0, 1.12), ylim=(len(recalls) - 0.4, -0.6)
    )
    axes.grid(axis="y", visible=False)
    figure.suptitle(title)
    return figure
