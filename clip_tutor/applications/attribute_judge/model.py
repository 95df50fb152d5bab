"""The judge: convolutions down to 4 × 4 places, and a linear answer to each of five questions about them.

    (B, 3, 32, 32) ─ conv, norm, ReLU ×6, three of them with stride 2 ─ (B, C, 4, 4) ─ flatten ─ linear ─▶ five logits

The places are not averaged: what is left of what could not be told any more.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clip_tutor.applications.attribute_judge.facts import fact_sizes
from clip_tutor.images import Preprocessing

PREPROCESSING = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@dataclass(frozen=True)
class JudgeConfig:
    """The shape of a judge."""

    objects: int  # how many different ones it knows
    image_size: int = 32  # H = W, in pixels; a multiple of 8
    width: int = 24  # C of the first convolution; later ones have up to four times as many

    def __post_init__(self) -> None:
        if self.image_size < 8 or self.image_size % 8:
            raise ValueError(
                f"an image of {self.image_size} pixels cannot be halved three times: take a multiple of 8 as image_size"
            )


class AttributeJudge(nn.Module):
    """A classifier of scenes.

    >>> judge = AttributeJudge(JudgeConfig(objects=104)).eval()
    >>> judge.read(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).shape
    torch.Size([2, 5])
    """

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        C = config.width
        layers: list[nn.Module] = []
        in_channels = 3
        for out_channels, stride in ((C, 1), (2 * C, 2), (2 * C, 1), (3 * C, 2), (4 * C, 1), (4 * C, 2)):
            layers += [
                nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(),
            ]
            in_channels = out_channels
        self.layers = nn.Sequential(*layers)
        side = config.image_size // 8
        sizes = fact_sizes(config.objects).values()
        self.answers = nn.ModuleList(nn.Linear(in_channels * side * side, size) for size in sizes)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Return the logits of each of the `FACTS`, (B, number of its answers).

        Args:
            pixels: (B, 3, H, W), normalized.
        """
        places = self.layers(pixels).flatten(1)  # (B, C·H/8·W/8)
        return [answer(places) for answer in self.answers]

    @torch.no_grad()
    def read(self, pixels: Tensor) -> Tensor:
        """Return (B, 5), what it sees in B images: a number for each of the `FACTS`.

        Args:
            pixels: (B, 3, H, W), uint8.

        Raises:
            ValueError: they are of another size or type.
        """
        H = self.config.image_size
        if pixels.dtype != torch.uint8 or pixels.shape[1:] != (3, H, H):
            raise ValueError(
                f"pixels of {pixels.dtype} and shape {tuple(pixels.shape)}: the judge reads uint8, (B, 3, {H}, {H})"
            )
        logits = self(PREPROCESSING.normalize(pixels))
        return torch.stack([each.argmax(dim=1) for each in logits], dim=1)
