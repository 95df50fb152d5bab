"""Asking the decoder where: it says the likeliest coordinates."""

import torch
from torch import nn

from clip_tutor.tokenizers.located import LocatedTokenizer
from clip_tutor.training.referring import referred_boxes


class Pointing(nn.Module):
    """A decoder that always says the box whose coordinates stand in the patches, and likes words even better."""

    def __init__(self, located):
        super().__init__()
        self.located = located

    def forward(self, ids, patches):
        said = (ids >= self.located.words.vocab_size) & (ids < self.located.words.vocab_size + self.located.bins)
        logits = torch.zeros(*ids.shape, self.located.vocab_size)
        logits[..., 5] = 2.0  # a word
        for b, n in enumerate(said.sum(dim=1).tolist()):
            logits[b, -1, self.located.words.vocab_size + int(patches[b, 0, n])] = 1.0
        return logits


def test_the_decoder_is_asked_for_four_coordinates(tokenizer):
    located = LocatedTokenizer(tokenizer, bins=16)
    places = torch.tensor([[[1.0, 2, 8, 9]], [[0.0, 5, 15, 15]], [[4.0, 4, 6, 7]]])  # (B, 1, 4)
    names = ["a cat", "a hot beverage with a long name", "a dog"]  # of different lengths
    said = referred_boxes(Pointing(located), places, located, names)
    torch.testing.assert_close(said, (places[:, 0] + 0.5) / 16)
