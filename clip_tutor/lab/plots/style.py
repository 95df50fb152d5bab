"""One look for every figure of the course: what shows an image is blue, what shows words is orange, always.

The two colors are from Okabe and Ito's palette ("Color universal design", 2008), which people with any of the common
forms of color blindness tell apart; the two colormaps keep their order when printed in gray.
"""

from typing import Any

import matplotlib.style
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

IMAGE_COLOR = "#0072B2"  # Okabe-Ito blue: images, and what the image tower makes of them
TEXT_COLOR = "#D55E00"  # Okabe-Ito vermilion: words, and what the text tower makes of them
INK = "#26282B"
MUTED = "#767A80"
FAINT = "#E4E5E7"
# More than two things in one figure: the rest of the palette, in this order.
COLORS = (IMAGE_COLOR, TEXT_COLOR, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", INK)

SEQUENTIAL = LinearSegmentedColormap.from_list("clip_tutor", ["#FAFAF7", "#CFE3DC", "#7FB8B0", "#2F7F86", "#123B4A"])
THOUSANDS = "{x:,.0f}"  # how an axis that counts is labeled: 150,000
DIVERGING = "PuOr"  # for values on both sides of zero: neither end is the blue or the orange from above

_RULES: dict[str, Any] = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.titlesize": 13,
    "figure.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.09,  # inches
    "figure.constrained_layout.w_pad": 0.09,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same letters on every machine
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a caption may hold dollar signs
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLORS),
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}


def use_style() -> None:
    """Give every figure drawn from now on the look of the course."""
    matplotlib.style.use(_RULES)


def canvas(
    width: float, height: float, rows: int = 1, columns: int = 1, image: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure of ``width`` × ``height`` inches (100 pixels each) and its axes, row by row.

    Unlike ``plt.subplots`` it leaves nothing behind in pyplot: as a cell's last expression it shows once, and a widget
    may draw a thousand of them. ``image=True`` takes away ticks and frames.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for one in axes:
        if image:
            one.set_axis_off()
    return figure, axes
