"""Asking the decoder where: the box that it says for the words it is given.

    <referring> a cat ▏?      the likeliest coordinate goes into the row, four times over
    <referring> a cat ▏12 ▏3 ▏30 ▏22

Source: Wan et al. 2024 (LocCa), on referring expression comprehension.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.tokenizers.located import LocatedTokenizer
from clip_tutor.towers.decoder import CaptionDecoder


@torch.no_grad()
def referred_boxes(decoder: CaptionDecoder, patches: Tensor, located: LocatedTokenizer, names: Sequence[str]) -> Tensor:
    """Return (B, 4): left, top, right and bottom, as shares of the image's side, of what is named in each image.

    Args:
        patches: (B, N, D), the unpooled tokens of the images.
        names: "a cat", one an image.
    """
    first, bins = located.words.vocab_size, located.bins
    said = torch.empty(len(names), 4)
    asked = [located.referring(name, (0, 0, 1, 1)) for name in names]
    for given in {row.given for row in asked}:  # rows of one length are asked together
        rows = [n for n, row in enumerate(asked) if row.given == given]
        ids = torch.tensor([asked[n].ids[:given] for n in rows], device=patches.device)  # (b, T)
        for _ in range(4):
            logits = decoder(ids, patches[rows])[:, -1, first : first + bins]  # (b, bins): coordinates only
            ids = torch.cat([ids, first + logits.argmax(dim=1, keepdim=True)], dim=1)
        said[rows] = (ids[:, -4:].cpu() - first + 0.5) / bins
    return said
