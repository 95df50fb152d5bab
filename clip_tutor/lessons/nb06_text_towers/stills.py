"""The still image of notebook 06: a caption's meaning, word by word."""

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images
from clip_tutor.lab.plots.mask_plots import growing_prefix
from clip_tutor.towers import TextTower
from clip_tutor.weights import load

CAPTION = "three bears on a red background"
IMAGES = (415, 40, 664, 107)  # of the test scenes: three bears, crowns, chairs and trophies, all on red


@torch.no_grad()
def card() -> Figure:
    """Draw how near a caption comes to four images after each of its words."""
    model, tokenizer, _ = load("emoji")
    tower = model.text_tower
    assert isinstance(tower, TextTower)
    ids = torch.tensor(tokenizer(CAPTION))  # (1, T)
    end = int(ids.argmax())
    rows = tower.ln_final(tower.intermediates(ids).token_states[-1])[0, : end + 1]  # (T', D)
    scenes = Scenes(find_emoji(FIRST_WORDS), "test").batch(IMAGES)
    nearness = F.normalize(rows @ tower.projection, dim=-1) @ encode_images(model, scenes.pixels).T  # (T', 4)
    words = [tokenizer.decode([i]) for i in ids[0, 1:end].tolist()]
    return growing_prefix(nearness, ["‹start›", *words, "‹end›"], list(scenes.pixels), f"“{CAPTION}”, word by word")
