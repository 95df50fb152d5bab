"""The image of notebook 12 for places without a kernel."""

import torch
from matplotlib.figure import Figure
from torch.utils.flop_counter import FlopCounterMode

from clip_tutor import zoo
from clip_tutor.lessons.nb12_published_models import plots
from clip_tutor.lessons.nb12_published_models.plots import Measured

# Zero-shot accuracy on ImageNet in percent, measured with the published weights.
# Source: mlfoundations/open_clip, docs/openclip_results.csv.
ACCURACY = {
    **{"RN50": 59.82, "RN101": 62.28, "RN50x4": 66.27, "RN50x16": 70.72, "RN50x64": 73.91},
    **{"ViT-B/32": 63.32, "ViT-B/16": 68.34, "ViT-L/14": 75.54, "ViT-L/14@336px": 76.56},
}


def operations(name: str) -> int:
    """Return how many multiplications and additions the named model's image tower needs for one image.

    The tower lies on torch.device("meta"), where shapes are computed and nothing else is.
    """
    with torch.device("meta"):
        model = zoo.create(name).eval()
        side = model.config.vision.image_size
        image = torch.empty(1, 3, side, side)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.image_tower(image)
    return int(counter.get_total_flops())


def card() -> Figure:
    """Draw what OpenAI's nine models weigh, cost, and can do."""
    nine = [
        Measured(name, zoo.parameter_counts(name).total, operations(name), accuracy)
        for name, accuracy in ACCURACY.items()
    ]
    return plots.cost_map(nine)
