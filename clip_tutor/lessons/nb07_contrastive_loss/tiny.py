"""The smallest CLIP that learns something in seconds: two linear layers, and what they read.

image (3, 64, 64) ─ mean of 8 × 8 fields ─▶ 192 numbers ─ linear ─┐
                                                                  ├─ unit length ─▶ the loss
caption ─ how often each word comes ─▶ V numbers ────── linear ───┘
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FIELDS = 8  # an image is cut into 8 × 8 fields, each with its mean color
EMBED_DIM = 64
BATCH_SIZE = 256
LEARNING_RATE = 0.01
FIRST_SCALE = 1 / 0.07
LOOK_EVERY = 10  # steps

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


class Inputs(NamedTuple):
    """What the two linear layers read of B pairs."""

    images: Tensor  # (B, 192) mean colors, from -0.5 to 0.5
    texts: Tensor  # (B, V) how often each word comes

    def with_code(self, bits: int, seed: int) -> "Inputs":
        """Return the same pairs, with a random number of ``bits`` digits, -1 or 1, written on image and caption."""
        code = torch.randint(2, (len(self.images), bits), generator=torch.Generator().manual_seed(seed)) * 2.0 - 1
        return Inputs(torch.cat([self.images, code], dim=1), torch.cat([self.texts, code], dim=1))

    def without_code(self, bits: int) -> "Inputs":
        """Return the same pairs with nothing in the place of the code: zeros."""
        return Inputs(F.pad(self.images, (0, bits)), F.pad(self.texts, (0, bits)))


def words_of(captions: Sequence[str]) -> list[str]:
    """Return the V words of these captions in alphabetical order."""
    return sorted({word for caption in captions for word in caption.split()})


def read(pixels: Tensor, captions: Sequence[str], words: Sequence[str]) -> Inputs:
    """Return what the tiny model reads of (B, 3, H, W) uint8 pixels and B captions; unknown words are left out."""
    fields = F.adaptive_avg_pool2d(pixels.float() / 255 - 0.5, FIELDS).flatten(1)  # (B, 192)
    place = {word: n for n, word in enumerate(words)}
    counts = torch.zeros(len(captions), len(words))
    for row, caption in enumerate(captions):
        for word in caption.split():
            if word in place:
                counts[row, place[word]] += 1
    return Inputs(fields, counts)


class TinyCLIP(nn.Module):
    """Two linear encoders and a temperature."""

    def __init__(self, image_width: int, text_width: int) -> None:
        super().__init__()
        self.image_encoder = nn.Linear(image_width, EMBED_DIM)
        self.text_encoder = nn.Linear(text_width, EMBED_DIM)
        self.log_logit_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (B, E) unit vectors of images and captions, and the logit scale."""
        image_features = F.normalize(self.image_encoder(images), dim=-1)
        text_features = F.normalize(self.text_encoder(texts), dim=-1)
        return image_features, text_features, self.log_logit_scale.exp()


class Run(NamedTuple):
    """A model after its training, and how it got there."""

    model: TinyCLIP
    losses: list[float]  # what was minimized, one a step
    scales: list[float]  # the logit scale at each step
    recalls: dict[int, float]  # recall@10 on unseen pairs, by step

    def table(self, pairs: Inputs) -> Tensor:
        """Return (B, B) cosines, a row for each caption."""
        with torch.no_grad():
            image_features, text_features, _ = self.model(*pairs)
        return text_features @ image_features.T


def train(loss: Loss, pairs: Inputs, unseen: Inputs, steps: int = 150, seed: int = 0) -> Run:
    """Train a tiny CLIP from random weights to make ``loss`` small, and look at unseen pairs now and then."""
    torch.manual_seed(seed)
    model = TinyCLIP(pairs.images.shape[1], pairs.texts.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    run = Run(model, [], [], {})
    for step in range(steps + 1):
        batch = torch.randint(len(pairs.images), (BATCH_SIZE,))
        value = loss(*model(pairs.images[batch], pairs.texts[batch]))
        run.losses.append(value.item())
        run.scales.append(model.log_logit_scale.exp().item())
        if step % LOOK_EVERY == 0 or step == steps:
            run.recalls[step] = recall_at_10(run.table(unseen))
        if step < steps:
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return run


def recall_at_10(cosines: Tensor) -> float:
    """Return how many of N captions have their own image among their ten nearest."""
    best = cosines.topk(10, dim=1).indices  # (N, 10)
    return (best == torch.arange(len(cosines))[:, None]).any(dim=1).float().mean().item()
