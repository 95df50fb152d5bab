"""Exercise 19.1: a layer of the resampler, whose latents look at the places of an image and at each other."""

from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import (
    demand_gradients,
    demand_names,
    in_words,
    names_and_shapes,
    random_tensor,
    without_gradient,
)
from clip_tutor.towers.cross_attention import CrossAttention, FeedForward


class MyResamplerLayer(nn.Module):
    """Latents look at the places of their image and at each other; then an MLP works on each of them.

    Its parts are `ln_image` and `ln_latents`, two LayerNorms; `attention`, a CrossAttention; and `mlp`, a FeedForward,
    which has its own LayerNorm inside.
    """

    def __init__(self, width: int, heads: int, head_width: int, mlp_ratio: int) -> None:
        """Make the parts for places and latents that are both D = width numbers wide."""
        super().__init__()
        self.ln_image = nn.LayerNorm(width)
        self.ln_latents = nn.LayerNorm(width)
        self.attention, self.mlp = CrossAttention(width, width, heads, head_width), FeedForward(width, mlp_ratio)

    def forward(self, latents: Tensor, features: Tensor) -> Tensor:
        """Return (B, images, latents, D) from latents of that shape and features (B, images, N, D).

        The latents are the queries. Keys and values are made of the N places and the latents, side by side. Both are
        normalized first, each by its own LayerNorm. What attention finds is added to the latents, and then what the MLP
        makes of the sum.
        """
        query = self.ln_latents(latents)
        source = torch.cat([self.ln_image(features), query], dim=-2)  # (B, images, N + latents, D)
        latents = latents + self.attention(query, source)
        return latents + self.mlp(latents)


_CASES = (((8, 2, 4, 2), (1, 1, 3, 5)), ((6, 3, 2, 4), (2, 3, 4, 7)))  # arguments; B, images, latents, N


def disturb(module: nn.Module, seed: int) -> None:
    """Give every parameter random numbers: a LayerNorm is the identity at first, nobody would see which is which."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, weights in sorted(module.named_parameters()):
            weights.copy_(0.6 * torch.randn(weights.shape, generator=random) + 0.2)


def use_layer(kind: Any, task: str, arguments: tuple[int, ...], *inputs: Tensor) -> Any:
    """Return what is asked of a layer: its parameters, what it gives with known weights, or what learns nothing."""
    layer = kind(*arguments)
    if task == "names":
        return names_and_shapes(layer)
    disturb(layer, sum(arguments))
    if task == "out":
        return layer(*inputs).detach()
    layer(*inputs).square().sum().backward()
    return without_gradient(layer)


def _check_resampler(layer: Attempt) -> str:
    reference = RESAMPLER.as_function(MyResamplerLayer)
    for arguments, (B, images, count, N) in _CASES:
        demand_names(layer, RESAMPLER, arguments)
        D = arguments[0]
        latents, features = random_tensor(B, images, count, D), random_tensor(B, images, N, D, seed=1)
        found, right = (use("out", arguments, latents, features) for use in (layer, reference))
        demand(
            isinstance(found, Tensor) and found.shape == right.shape,
            f"the result is {describe(found)} for {count} latents of {images} images in {B} rows, N = {N} and D = {D}",
            f"a tensor {tuple(right.shape)}: as many latents as came in",
        )
        demand(
            same(found, right),
            f"latent 0 of the first image is ({in_words(found[0, 0, 0], right[0, 0, 0])}) for {images} "
            f"image{'s' if images > 1 else ''} a row",
            f"({in_words(right[0, 0, 0], found[0, 0, 0])})",
        )
        demand_gradients(layer, arguments, latents, features)
    return "the parameters, one image a row and several, numbers of places and latents that differ, gradients"


def _with(source=None, query=None, after=None):  # type: ignore[no-untyped-def]
    """Return a layer with another source, other queries, or another way to add up."""

    class Changed(MyResamplerLayer):
        def forward(self, latents, features):  # type: ignore[no-untyped-def]
            asked = query(self, latents) if query else self.ln_latents(latents)
            looked_at = (
                source(self, latents, features)
                if source
                else torch.cat([self.ln_image(features), self.ln_latents(latents)], dim=-2)
            )
            found = self.attention(asked, looked_at)
            if after:
                return after(self, latents, found)
            return latents + found + self.mlp(latents + found)

    return Changed


class _OneNorm(MyResamplerLayer):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        self.ln_latents = self.ln_image


class _Cut(MyResamplerLayer):
    def forward(self, latents, features):  # type: ignore[no-untyped-def]
        query = self.ln_latents(latents)
        source = torch.cat([self.ln_image(features), query], dim=-2).detach()
        latents = latents + self.attention(query, source)
        return latents + self.mlp(latents)


def _all_images(layer, latents, features):  # type: ignore[no-untyped-def]
    every = layer.ln_image(features).flatten(1, 2)[:, None].expand(-1, features.shape[1], -1, -1)
    return torch.cat([every, layer.ln_latents(latents)], dim=-2)


RESAMPLER = Exercise(
    id="19.1",
    title="A layer of the resampler",
    difficulty=2,
    minutes=12,
    reference=MyResamplerLayer,
    use=use_layer,
    check=_check_resampler,
    hints=(
        "Who asks? The latents. Who is asked? The places of the image, and the latents themselves. What comes out is "
        "as many tokens as there are latents.",
        "`torch.cat([…, …], dim=-2)` sets tokens side by side: (B, images, N + latents, D). Both parts are normalized.",
        "`CrossAttention(width, width, heads, head_width)` is called with the tokens that look and the tokens that are "
        "looked at. There are two residual connections, one around attention and one around the MLP.",
    ),
    mutants=(
        Mutant(
            _with(source=lambda layer, latents, features: layer.ln_image(features)),
            "keys and values were made of the image alone: the latents stand among them, too, so that each latent "
            "knows what the others have asked",
        ),
        Mutant(
            _with(source=lambda layer, latents, features: layer.ln_latents(latents)),
            "the latents look at each other only, and nobody looks at the image",
        ),
        Mutant(
            _with(source=lambda layer, latents, features: torch.cat([layer.ln_image(features), latents], dim=-2)),
            "as keys and values the latents were taken as they are: normalize them there, too",
        ),
        Mutant(
            _with(
                source=lambda layer, latents, features: torch.cat([features, layer.ln_latents(latents)], dim=-2),
            ),
            "the places were not normalized: ln_image is for them",
        ),
        Mutant(
            _with(
                source=lambda layer, latents, features: layer.ln_image(torch.cat([features, latents], dim=-2)),
            ),
            "one LayerNorm for both in the source: places and latents each have their own",
        ),
        Mutant(
            _with(query=lambda layer, latents: latents),
            "the queries were not normalized: attention reads ln_latents(latents)",
        ),
        Mutant(
            _with(after=lambda layer, latents, found: found + layer.mlp(found)),
            "what attention found took the place of the latents: it is added to them",
        ),
        Mutant(
            _with(after=lambda layer, latents, found: layer.mlp(latents + found)),
            "the MLP's result took the place of its input: it is added to it",
        ),
        Mutant(
            _with(after=lambda layer, latents, found: latents + found + layer.mlp(latents)),
            "the MLP worked on the latents as they came in: it comes after attention and reads the sum",
        ),
        Mutant(_with(after=lambda layer, latents, found: latents + found), "the MLP is missing"),
        Mutant(
            _with(after=lambda layer, latents, found: layer.ln_latents(latents) + found + layer.mlp(latents + found)),
            "attention's result was added to the normalized latents: the residual connection carries them as they are",
        ),
        Mutant(
            _with(source=_all_images),
            "each latent saw the places of all images of its row: an image is resampled by itself",
        ),
        Mutant(_OneNorm, "both LayerNorms are one and the same: their weights are learned apart"),
        Mutant(_Cut, "the source was detached: its LayerNorms, and the image's places, never get a gradient"),
    ),
)
