"""Exercise 18.5: ClipCap's transformer mapper, whose learned constants look at the image and become the prefix."""

from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lessons.nb18_captioning.mapper_exercise import vectors
from clip_tutor.towers.attention import Block


class ConstantsMapper(nn.Module):
    """Makes a prefix of the vector of an image: N learned constants go through transformer blocks beside it.

    Its parts are `linear`, from E to M · D numbers; `constants`, a parameter (N, D); and `blocks`, as they were given.
    """

    def __init__(self, blocks: nn.Module, embed_dim: int, width: int, prefix_length: int, image_tokens: int) -> None:
        """Make the parts for E, D, N and M; blocks take tokens (B, T, D) to (B, T, D), each token sees all others."""
        super().__init__()
        self.linear, self.image_tokens = nn.Linear(embed_dim, image_tokens * width), image_tokens
        self.constants = nn.Parameter(torch.randn(prefix_length, width))
        self.blocks = blocks

    def forward(self, image_features: Tensor) -> Tensor:
        """Return the prefixes (B, N, D) of B images from their vectors (B, E).

        The image's M tokens come first, the N constants behind them, and what the blocks make of the constants is the
        prefix. There are no positions.
        """
        image_tokens = self.linear(image_features).unflatten(1, (self.image_tokens, -1))  # (B, M, D)
        constants = self.constants.expand(len(image_features), -1, -1)  # (B, N, D)
        return self.blocks(torch.cat([image_tokens, constants], dim=1))[:, -len(self.constants) :]


class _Order(nn.Module):
    """Blocks that tell apart where a token stands, and let each see all others."""

    def forward(self, tokens: Tensor) -> Tensor:
        place = torch.arange(1, tokens.shape[1] + 1).to(tokens)[:, None]
        return (tokens * place + tokens.mean(dim=1, keepdim=True)).sin()


def use_constants(kind: Any, task: str, arguments: tuple[int, ...], *inputs: Tensor) -> Any:
    """Return what is asked of a mapper of this kind: names, a fresh prefix, one with known weights, or gradients."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        blocks = nn.Sequential(*(Block(arguments[1], 2, "relu", False) for _ in range(2)))
        if task == "order":
            blocks = nn.Sequential(_Order())
        mine = kind(blocks, *arguments)
    if task == "names":
        return tuple(sorted(f"{name} {tuple(one.shape)}" for name, one in mine.named_parameters()
                            if not name.startswith("blocks")))  # fmt: skip
    if task == "fresh":  # do the N vectors of a fresh prefix differ?
        return mine(*inputs).std(dim=1).max().item() > 1e-3
    random = torch.Generator().manual_seed(2)
    with torch.no_grad():
        mine.linear.weight.copy_(torch.randn(mine.linear.weight.shape, generator=random))
        mine.linear.bias.copy_(torch.randn(mine.linear.bias.shape, generator=random))
        mine.constants.copy_(torch.randn(mine.constants.shape, generator=random))
    if task in ("order", "prefix"):
        return mine(*inputs).detach()
    mine(*inputs).square().sum().backward()
    reached = {name: one.grad is not None for name, one in mine.named_parameters()}
    return tuple(name for name in sorted(reached) if not reached[name])


_CASES = ((5, 4, 3, 2), (4, 6, 2, 3), (3, 4, 2, 2))  # E, D, N, M


def _check_constants(mapper: Attempt) -> str:
    right_use = CONSTANTS.as_function(ConstantsMapper)
    for arguments in _CASES:
        E, D, N, M = arguments
        names, right = (use("names", arguments) for use in (mapper, right_use))
        demand(
            names == right,
            f"beside the blocks there are {', '.join(names) or 'no parameters'}",
            f"{', '.join(right)}, for E = {E}, D = {D}, N = {N} and M = {M}",
            "weights are loaded by name and shape: `linear` is an nn.Linear, `constants` an nn.Parameter",
        )
        images = vectors(3, E, seed=N)
        for task in ("order", "prefix"):
            found, wanted = (use(task, arguments, images) for use in (mapper, right_use))
            demand(
                isinstance(found, Tensor) and found.shape == wanted.shape,
                f"the prefix is {describe(found)} for 3 images, N = {N} and D = {D}",
                f"a tensor {tuple(wanted.shape)}",
            )
            demand(
                same(found, wanted),
                f"the prefix of the first image begins ({', '.join(f'{x:.2f}' for x in found[0, 0, :3].tolist())}, …)",
                f"({', '.join(f'{x:.2f}' for x in wanted[0, 0, :3].tolist())}, …)",
            )
        cut = mapper("gradients", arguments, images)
        demand(cut == (), f"no gradient reaches {', '.join(cut)}", "a gradient for every parameter")
        demand(
            mapper("fresh", arguments, images),
            "before training, all N vectors of a prefix are the same one",
            "N different vectors",
            "the constants start alike, nothing else tells them apart, and so they stay alike: draw them at random",
        )
    return "names and shapes, where the constants stand and what is cut out, gradients, and constants that differ"


class _First(ConstantsMapper):
    def forward(self, images):  # type: ignore[no-untyped-def]
        return self.blocks(_together(self, images))[:, : len(self.constants)]


def _together(mapper: ConstantsMapper, images: Tensor, constants_first: bool = False) -> Tensor:
    image_tokens = mapper.linear(images).unflatten(1, (mapper.image_tokens, -1))
    both = [image_tokens, mapper.constants.expand(len(images), -1, -1)]
    return torch.cat(both[::-1] if constants_first else both, dim=1)


class _ConstantsFirst(ConstantsMapper):
    def forward(self, images):  # type: ignore[no-untyped-def]
        return self.blocks(_together(self, images, constants_first=True))[:, : len(self.constants)]


class _Neither(ConstantsMapper):
    def forward(self, images):  # type: ignore[no-untyped-def]
        return self.blocks(_together(self, images, constants_first=True))[:, -len(self.constants) :]


class _Everything(ConstantsMapper):
    def forward(self, images):  # type: ignore[no-untyped-def]
        return self.blocks(_together(self, images))


class _Blind(ConstantsMapper):
    def forward(self, images):  # type: ignore[no-untyped-def]
        return self.blocks(self.constants.expand(len(images), -1, -1)) + 0 * self.linear(images).sum()


class _NeverMet(ConstantsMapper):
    def forward(self, images):  # type: ignore[no-untyped-def]
        image_tokens = self.linear(images).unflatten(1, (self.image_tokens, -1)).mean(dim=1, keepdim=True)
        return self.blocks(self.constants.expand(len(images), -1, -1)) + image_tokens


class _NoBlocks(ConstantsMapper):
    def forward(self, images):  # type: ignore[no-untyped-def]
        return _together(self, images)[:, -len(self.constants) :] + 0 * self.blocks(_together(self, images)).sum()


class _Zeros(ConstantsMapper):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        self.constants = nn.Parameter(torch.zeros_like(self.constants))


class _Fixed(ConstantsMapper):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        constants = self.constants.detach()
        del self.constants
        self.register_buffer("constants", constants)


class _Crosswise(ConstantsMapper):
    def forward(self, images):  # type: ignore[no-untyped-def]
        image_tokens = self.linear(images).unflatten(1, (-1, self.image_tokens)).transpose(1, 2)
        constants = self.constants.expand(len(images), -1, -1)
        return self.blocks(torch.cat([image_tokens, constants], dim=1))[:, -len(self.constants) :]


CONSTANTS = Exercise(
    id="18.5",
    title="Learned constants",
    difficulty=2,
    minutes=12,
    kind="further",
    reference=ConstantsMapper,
    use=use_constants,
    check=_check_constants,
    hints=(
        "What changes from image to image, and what is the same for all? The blocks let every token see all others.",
        "`linear` makes M tokens of the image's vector, as in 18.1. `self.constants.expand(B, -1, -1)` gives every "
        "image the same constants. `torch.cat` along the tokens, image first.",
        "Behind the blocks the last N tokens are the prefix. Draw the constants with `torch.randn`.",
    ),
    mutants=(
        Mutant(_First, "the first N tokens were taken: these are the image's; the constants stand behind them"),
        Mutant(_ConstantsFirst, "the constants stand in front: the image's tokens come first"),
        Mutant(_Neither, "the constants went in first and the last tokens were taken: those are the image's own"),
        Mutant(_Everything, "all M + N tokens came back: the prefix is what has become of the N constants"),
        Mutant(_Blind, "the blocks saw the constants alone, so every image gets the same prefix: a collapse"),
        Mutant(_NeverMet, "the image was added behind the blocks: the constants must see its tokens inside them"),
        Mutant(_NoBlocks, "the blocks were left out: the constants come back as they went in, the same for all images"),
        Mutant(
            _Zeros, "constants of zeros: nothing tells them apart, so the N vectors of a prefix are one and the same"
        ),
        Mutant(_Fixed, "the constants are no parameter: they would never be trained"),
        Mutant(_Crosswise, "the image's numbers were cut crosswise, as in 18.1: the first D are the first token"),
    ),
)
