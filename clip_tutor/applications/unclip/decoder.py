"""The decoder: the denoiser of text to image, told an image embedding where that one is told a caption.

    image embedding (B, 1, E) ─┬─ linear ─▶ four tokens (B, 4, D) ─ cross-attention, in place of a caption's
                               └─ linear ─▶ (B, time_width) ─ added to the embedded time
    noisy image ─────────────────────────── U-Net ─▶ ε, x_0 or v

An embedding stands in the place of a caption's states, as a row of a single token. So the loss, guidance and samplers
of `clip_tutor.applications.diffusion` work on it as they are. "No embedding" is a row of zeros.

In the paper the captions' states stand beside the four tokens. Here the image embedding is all that the decoder is
told, so that what it draws is in the embedding.

Source: Ramesh et al. 2022, section 2.1.
"""

from torch import Tensor, nn

from clip_tutor.applications.diffusion.denoiser import Denoiser, DenoiserConfig
from clip_tutor.applications.unclip.embeddings import to_variance_1

TOKENS = 4  # that are made of an embedding


class Decoder(Denoiser):
    """A U-Net that is conditioned on the timestep and on an image embedding.

    Args:
        config: of the U-Net; its ``text_width`` is the width of the four tokens.
        embed_dim: E.

    >>> import torch
    >>> decoder = Decoder(DenoiserConfig(text_width=24), embed_dim=16)
    >>> decoder(torch.randn(2, 3, 32, 32), torch.tensor([0, 999]), torch.randn(2, 1, 16)).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(self, config: DenoiserConfig, embed_dim: int) -> None:
        super().__init__(config)
        self.embed_dim = embed_dim
        self.to_tokens = nn.Linear(embed_dim, TOKENS * config.text_width)
        self.to_time = nn.Linear(embed_dim, 4 * config.widths[0])

    def forward(self, noisy: Tensor, t: Tensor, states: Tensor) -> Tensor:
        """Return (B, 3, H, W): ε, x_0 or v, as ``config.prediction`` says.

        Args:
            noisy: x_t, (B, 3, H, W).
            t: (B,), from 0 to 999.
            states: (B, 1, E), of each image its embedding, a unit vector; or zeros.

        Raises:
            ValueError: images of another size, embeddings of another width, or not one of each for every image.
        """
        self.check(noisy, t, states)
        told = to_variance_1(states[:, 0])  # (B, E)
        tokens = self.to_tokens(told).unflatten(1, (TOKENS, -1))  # (B, 4, D)
        return self.denoise(noisy, self.embed_time(t) + self.to_time(told), tokens)

    def check_states(self, states: Tensor) -> None:
        """Refuse states that are not (B, 1, E) with this decoder's E.

        Raises:
            ValueError: they come from another CLIP, or are a caption's token states.
        """
        if states.ndim != 3 or states.shape[1:] != (1, self.embed_dim):
            raise ValueError(
                f"states of shape {tuple(states.shape)}, and this decoder reads (B, 1, {self.embed_dim}): the image "
                "embeddings of the CLIP that it was trained beside, each a row of one token"
            )
