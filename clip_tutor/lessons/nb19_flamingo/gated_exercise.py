"""Exercise 19.2: gated cross-attention, a layer that does nothing until it has learned something."""

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
from clip_tutor.lessons.nb19_flamingo.resampler_exercise import disturb
from clip_tutor.towers.cross_attention import CrossAttention, FeedForward


class MyGatedBlock(nn.Module):
    """Adds to each token of a text what it finds in the images that it may see, through a gate; then a gated MLP.

    Its parts are `ln`, a LayerNorm; `attention`, a CrossAttention; `mlp`, a FeedForward, which has its own LayerNorm
    inside; and `attention_gate` and `mlp_gate`, two parameters of a single number, shape ().
    """

    def __init__(self, width: int, image_width: int, heads: int, head_width: int, mlp_ratio: int) -> None:
        """Make the parts for text tokens of D = width numbers that look at image tokens of image_width numbers."""
        super().__init__()
        self.ln = nn.LayerNorm(width)
        self.attention = CrossAttention(width, image_width, heads, head_width)
        self.attention_gate = nn.Parameter(torch.zeros(()))
        self.mlp = FeedForward(width, mlp_ratio)
        self.mlp_gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, images: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, D) from text tokens of that shape; a new block returns exactly what it was given.

        images is (B, images, latents, image_width). mask is (B, T, images), True where a token may see an image: then
        it may look at all of that image's latents. self.attention(x, source, mask) takes source (B, S, image_width)
        and mask (B, T, S), and gives zeros to a token that may look nowhere.
        """
        mask = mask.repeat_interleave(images.shape[2], dim=-1)  # (B, T, images · latents)
        found = self.attention(self.ln(x), images.flatten(1, 2), mask)
        x = x + self.attention_gate.tanh() * found
        return x + self.mlp_gate.tanh() * self.mlp(x)


_CASES = (((8, 6, 2, 4, 2), (1, 4, 1, 3)), ((6, 6, 3, 2, 4), (2, 5, 3, 2)))  # arguments; B, T, images, latents


def use_block(kind: Any, task: str, arguments: tuple[int, ...], *inputs: Tensor) -> Any:
    """Return what is asked of a block: its parameters, what it gives when new or with known weights, what is stuck."""
    block = kind(*arguments)
    if task == "names":
        return names_and_shapes(block)
    gates = [block.attention_gate.detach().clone(), block.mlp_gate.detach().clone()]
    disturb(block, sum(arguments))
    for gate, start, opened in zip((block.attention_gate, block.mlp_gate), gates, (0.7, -1.2), strict=True):
        gate.data.copy_(start if task == "new" else torch.tensor(opened))
    if task in ("new", "out"):
        return block(*inputs).detach()
    block(*inputs).square().sum().backward()
    return without_gradient(block)


def mask_of(B: int, T: int, images: int) -> Tensor:
    """Return (B, T, images): token t of row b sees one image, and the first token of each row none."""
    sees = (torch.arange(T) + torch.arange(B)[:, None]) % images  # (B, T)
    mask = sees[..., None] == torch.arange(images)
    mask[:, 0] = False
    return mask


def _check_gated(block: Attempt) -> str:
    reference = GATED.as_function(MyGatedBlock)
    for arguments, (B, T, images, latents) in _CASES:
        demand_names(block, GATED, arguments)
        x, tokens = random_tensor(B, T, arguments[0]), random_tensor(B, images, latents, arguments[1], seed=1)
        inputs = (x, tokens, mask_of(B, T, images))
        new = block("new", arguments, *inputs)
        demand(
            isinstance(new, Tensor) and new.shape == x.shape,
            f"the result is {describe(new)} for text tokens {tuple(x.shape)} and {images} images of {latents} latents",
            f"a tensor {tuple(x.shape)}",
        )
        demand(
            torch.equal(new, x),
            f"a new block turned ({in_words(x[0, -1], new[0, -1])}) into ({in_words(new[0, -1], x[0, -1])})",
            "exactly what went in: tanh(0) = 0 lets nothing through",
        )
        found, right = (use("out", arguments, *inputs) for use in (block, reference))
        for token in (1, 0):
            sight = "sees no image" if token == 0 else f"sees one of {images} images"
            demand(
                same(found[:, token], right[:, token]),
                f"({in_words(found[0, token], right[0, token])}) for a token that {sight}, gates at 0.7 and -1.2",
                f"({in_words(right[0, token], found[0, token])})",
            )
        demand(same(found, right), "a token differs that stands further behind", "that of the library")
        demand_gradients(block, arguments, *inputs)
    return "a new block gives back its input to the last bit; open gates, masks of one image and several, gradients"


def _with(attention_gate=torch.tanh, mlp_gate=torch.tanh, masked=None, after=None):  # type: ignore[no-untyped-def]
    """Return a block with other gates, another mask, or another way to add up."""

    class Changed(MyGatedBlock):
        def forward(self, x, images, mask):  # type: ignore[no-untyped-def]
            latents = images.shape[2]
            mask = masked(mask, latents) if masked else mask.repeat_interleave(latents, dim=-1)
            found = self.attention(self.ln(x), images.flatten(1, 2), mask)
            a, b = attention_gate(self.attention_gate), mlp_gate(self.mlp_gate)
            if after:
                return after(self, x, a, found, b)
            x = x + a * found
            return x + b * self.mlp(x)

    return Changed


def _starting(value):  # type: ignore[no-untyped-def]
    class Changed(MyGatedBlock):
        def __init__(self, *arguments):  # type: ignore[no-untyped-def]
            super().__init__(*arguments)
            self.attention_gate = nn.Parameter(torch.full((), value))
            self.mlp_gate = nn.Parameter(torch.full((), value))

    return Changed


class _Wide(MyGatedBlock):
    def __init__(self, width, *others):  # type: ignore[no-untyped-def]
        super().__init__(width, *others)
        self.attention_gate = nn.Parameter(torch.zeros(width))
        self.mlp_gate = nn.Parameter(torch.zeros(width))


class _Plain(MyGatedBlock):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        del self.attention_gate, self.mlp_gate
        self.__dict__.update(attention_gate=torch.zeros(()), mlp_gate=torch.zeros(()))


class _NoNorm(MyGatedBlock):
    def forward(self, x, images, mask):  # type: ignore[no-untyped-def]
        mask = mask.repeat_interleave(images.shape[2], dim=-1)
        x = x + self.attention_gate.tanh() * self.attention(x, images.flatten(1, 2), mask)
        return x + self.mlp_gate.tanh() * self.mlp(x)


def _one_gate(block, x, a, found, b):  # type: ignore[no-untyped-def]
    x = x + a * found
    return x + a * block.mlp(x)


GATED = Exercise(
    id="19.2",
    title="The gated block",
    difficulty=2,
    minutes=12,
    reference=MyGatedBlock,
    use=use_block,
    check=_check_gated,
    hints=(
        "Write it first as if there were no gates: attention with a residual connection, the MLP with another one. A "
        "gate is one number that what is added is multiplied by.",
        "A gate is `nn.Parameter(torch.zeros(()))`, used as `.tanh()`. Each of the two additions has its own.",
        "The mask has a column for each image and attention wants one for each latent of each image, in the order of "
        "`images.flatten(1, 2)`: `mask.repeat_interleave(latents, dim=-1)`.",
    ),
    mutants=(
        Mutant(
            _with(lambda gate: gate, lambda gate: gate),
            "the gates without their tanh: it is exact at 0, too, but nothing keeps it between -1 and 1",
        ),
        Mutant(_with(torch.sigmoid, torch.sigmoid), "a sigmoid is 0.5 at 0: half of the noise would come through"),
        Mutant(_starting(1.0), "gates at 1: a new block adds noise from random weights to every token"),
        Mutant(
            _with(after=lambda block, x, a, found, b: a * found + b * block.mlp(a * found)),
            "no residual connection: closed gates would leave nothing of the text",
        ),
        Mutant(
            _with(after=lambda block, x, a, found, b: (1 - a) * x + a * found + b * block.mlp((1 - a) * x + a * found)),
            "the gate was taken for a mixture: it does not turn the text down as it opens, it only adds",
        ),
        Mutant(
            _with(mlp_gate=lambda gate: torch.ones(()) + 0 * gate),
            "the MLP has no gate: it has random weights at first, just like attention",
        ),
        Mutant(_with(after=_one_gate), "one gate for both: the MLP has a gate of its own"),
        Mutant(
            _with(after=lambda block, x, a, found, b: x + a * found + b * block.mlp(x)),
            "the MLP read the tokens as they came in: it reads them with what attention has added",
        ),
        Mutant(
            _with(masked=lambda mask, latents: mask.repeat(1, 1, latents)),
            "the mask was repeated as a whole: the latents of an image stand side by side, so each column is repeated",
        ),
        Mutant(
            _with(masked=lambda mask, latents: torch.ones_like(mask).repeat_interleave(latents, dim=-1)),
            "every token saw every image: the mask was not used",
        ),
        Mutant(
            _with(masked=lambda mask, latents: ~mask.repeat_interleave(latents, dim=-1)),
            "the mask was used the wrong way round: True is where a token may look",
        ),
        Mutant(_NoNorm, "attention read the tokens without their LayerNorm"),
        Mutant(_Wide, "a gate for each of the D numbers: it is a single number for the layer"),
        Mutant(_Plain, "the gates are plain tensors: only an nn.Parameter is trained and saved"),
    ),
)
