"""The still image of notebook 03: one name, two images."""

import torch.nn.functional as F
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_sample_image

from clip_tutor.images import to_tensor
from clip_tutor.lessons.nb03_pixels.plots import difference_map


def card() -> Figure:
    """Draw a temple shrunk by Pillow and by torch without smoothing, and how far the two are apart."""
    square = Image.fromarray(load_sample_image("china.jpg")).crop((128, 21, 512, 405))
    smooth = square.resize((64, 64), Image.Resampling.BICUBIC)
    plain = F.interpolate(to_tensor(square)[None], (64, 64), mode="bicubic")[0].clamp(0, 1)  # (3, H, W)
    return difference_map(smooth, plain, ("smoothed", "not smoothed"), "The same name, another image")
