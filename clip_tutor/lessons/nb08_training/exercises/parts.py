"""What the checks of this notebook train: encoders of a few hundred weights, and batches that they can read."""

import torch
from torch import Tensor, nn

IMAGE_SIZE, VOCAB, E = 4, 12, 6


class SmallEncoder(nn.Module):
    """Gives (B, E) embeddings, and notes in ``modes`` whether it was training when it was called."""

    def __init__(self, first: nn.Module) -> None:
        super().__init__()
        self.first, self.ln, self.projection = first, nn.LayerNorm(E), nn.Linear(E, E)
        self.modes: list[bool] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (B, E) from pixels (B, 3, H, W) or ids (B, T)."""
        self.modes.append(self.training)
        return self.projection(self.ln(self.first(inputs)))


def small_encoders(seed: int) -> tuple[SmallEncoder, SmallEncoder]:
    """Return an image encoder and a text encoder whose weights ``seed`` decides."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        image = SmallEncoder(nn.Sequential(nn.Flatten(), nn.Linear(3 * IMAGE_SIZE**2, E)))
        text = SmallEncoder(nn.EmbeddingBag(VOCAB, E))
    return image, text


def small_batch(seed: int, B: int = 5) -> tuple[Tensor, Tensor]:
    """Return pixels (B, 3, H, W), bytes, and ids (B, T)."""
    random = torch.Generator().manual_seed(1000 + seed)
    pixels = torch.randint(0, 256, (B, 3, IMAGE_SIZE, IMAGE_SIZE), generator=random, dtype=torch.uint8)
    return pixels, torch.randint(0, VOCAB, (B, 3), generator=random)


def flat(module: nn.Module) -> Tensor:
    """Return all weights of a module in one row."""
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
