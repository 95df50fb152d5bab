"""A noised CLIP: an image tower that reads images with noise in them, and is told how much.

    time ─ waves, linear ─▶ token 0 ─┐
    noisy image ─ patches ─ tokens ──┴ positions ─ LayerNorm ─ blocks ─▶ token 0 ─ LayerNorm ─ projection ─▶ (B, E)

It is the kit's Vision Transformer but for one token: where that has its class token, this one has the embedded
timestep. The class token is where the image is read from, so what is read begins with "this much is noise".

An ordinary CLIP has seen no noise. What it says about x_t at a large t is far from what it says about the image, and
its gradient there leads nowhere: see `clip_guidance`.

In GLIDE both towers are trained anew, and the timestep is a row of a learned table. Here the captions' embeddings are
those of a trained CLIP, which stay as they are, and the timestep comes in as the waves of `timestep_embedding`: of a
table of 1000 rows, a short training would see each row too rarely.

Source: Nichol et al. 2022 (GLIDE), sections 2.4 and 4.4; openai/glide-text2im ``glide_text2im/clip/encoders.py``,
class ImageEmbedding.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.applications.diffusion.blocks import timestep_embedding
from clip_tutor.applications.diffusion.forward import add_noise
from clip_tutor.applications.diffusion.schedule import TIMESTEPS, ScheduleName, alphas_cumprod, at_timesteps
from clip_tutor.losses.softmax import contrastive_loss
from clip_tutor.towers.checks import check_pixels
from clip_tutor.towers.single_query import forward_blocks
from clip_tutor.towers.vit import VisionTransformer, ViTConfig


@dataclass(frozen=True)
class NoisedCLIPConfig:
    """The shape of a noised image tower."""

    embed_dim: int  # E, of the CLIP whose captions' embeddings it meets
    image_size: int = 32  # H = W, in pixels
    patch_size: int = 4  # P
    width: int = 128  # D
    layers: int = 4
    heads: int = 4  # K
    schedule: ScheduleName = "cosine"


class NoisedImageTower(nn.Module):
    """A Vision Transformer of noisy images, told the timestep.

    >>> tower = NoisedImageTower(NoisedCLIPConfig(embed_dim=16))
    >>> tower(torch.randn(2, 3, 32, 32), torch.tensor([0, 999])).shape
    torch.Size([2, 16])
    """

    alphas_cumprod: Tensor  # (1000,): ᾱ of each timestep

    def __init__(self, config: NoisedCLIPConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.register_buffer("alphas_cumprod", alphas_cumprod(config.schedule), persistent=False)
        self.time = nn.Linear(D, D)
        vision = ViTConfig(config.image_size, config.patch_size, D, config.layers, config.heads, activation="gelu")
        self.vit = VisionTransformer(vision, config.embed_dim)
        self.vit.cls_token = None  # the time stands there

    def forward(self, noisy: Tensor, t: Tensor) -> Tensor:
        """Return (B, E) unit vectors.

        Args:
            noisy: x_t, (B, 3, H, W), of images from -1 to 1.
            t: (B,), from 0 to 999.

        Raises:
            ValueError: images of another size.
        """
        check_pixels(noisy, self.config.image_size)
        time = self.time(timestep_embedding(t, self.config.width).to(noisy.dtype))[:, None]  # (B, 1, D)
        x = torch.cat([time, self.vit.patch_embed(noisy)], dim=1)  # (B, 1+N, D)
        x = self.vit.ln_pre(x + self.vit.pos_embed)
        first = torch.zeros(len(x), dtype=torch.long, device=x.device)
        x = self.vit.ln_post(forward_blocks(self.vit.blocks, x, first))  # (B, D)
        return F.normalize(x @ self.vit.projection, dim=-1)  # (B, E)


def noised_clip_loss(
    tower: NoisedImageTower, x0: Tensor, texts: Tensor, logit_scale: float, generator: torch.Generator
) -> Tensor:
    """Return the contrastive loss of B noisy images, each at a timestep of its own, and their captions.

    Args:
        x0: (B, 3, H, W), images from -1 to 1.
        texts: (B, E), of their captions, unit vectors of a trained CLIP.
        logit_scale: of that CLIP, 1 / temperature.
        generator: draws timesteps and noise; on the CPU.

    Raises:
        ValueError: not one caption for each image, or vectors of another width or length.
    """
    t = torch.randint(TIMESTEPS, (len(x0),), generator=generator).to(x0.device)
    noise = torch.randn(x0.shape, generator=generator).to(x0)  # (B, 3, H, W)
    noisy = add_noise(x0, noise, at_timesteps(tower.alphas_cumprod, t))
    return contrastive_loss(tower(noisy, t).float(), texts, logit_scale)
