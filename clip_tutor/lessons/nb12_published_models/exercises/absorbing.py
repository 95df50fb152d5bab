"""Exercise 12.5: a tower that expects another preprocessing, without touching the pixels."""

from collections.abc import Callable

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def absorb(
    patch_weight: Tensor, positions: Tensor, meant: tuple[Tensor, Tensor], given: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return a patch embedding and positions with which a tower reads pixels that were normalized in another way.

    patch_weight is (D, 3, P, P), without bias; positions is (1+N, D), the class token's first.
    meant and given are a mean and a std, (3,) each: pixels x are normalized as (x - mean) / std.
    The old weights, fed with pixels normalized by meant, and the new ones, fed with the same pixels normalized by
    given, hand the same tokens to what comes next.
    """
    (mean, std), (other_mean, other_std) = meant, given
    weight = patch_weight * (other_std / std).view(3, 1, 1)
    constant = (patch_weight * ((other_mean - mean) / std).view(3, 1, 1)).sum(dim=(1, 2, 3))  # (D,)
    return weight, torch.cat([positions[:1], positions[1:] + constant])


def _check_absorb(change: Attempt) -> str:
    for D, P, N, seed in ((4, 2, 4, 0), (6, 4, 9, 1), (3, 1, 1, 2)):
        random = torch.Generator().manual_seed(seed)
        weight, positions = torch.randn(D, 3, P, P, generator=random), torch.randn(1 + N, D, generator=random)
        pairs = [
            (torch.rand(3, generator=random), 0.2 + torch.rand(3, generator=random)),
            (torch.rand(3, generator=random), 0.2 + torch.rand(3, generator=random)),
        ]
        result, right = change(weight, positions, *pairs), absorb(weight, positions, *pairs)
        demand(
            isinstance(result, tuple) and len(result) == 2 and all(isinstance(one, Tensor) for one in result),
            f"the result is {describe(result)}",
            "two tensors: a patch embedding and positions",
        )
        for name, one, true in zip(("patch embedding", "positions"), result, right, strict=True):
            demand(one.shape == true.shape, f"the {name} is {describe(one)}", describe(true))
        demand(same(result[0], right[0]), _tokens_off(result, right, weight, pairs[1], N), "the same tokens")
        demand(
            same(result[1][0], positions[0]),
            "the class token's position is another one",
            "the old one: no pixel goes into the class token",
        )
        demand(same(result[1], right[1]), _tokens_off(result, right, weight, pairs[1], N), "the same tokens")
    return "3 towers with two normalizations each: every token the same, and nothing given was changed"


def _tokens_off(
    result: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor], like: Tensor, pair: tuple[Tensor, Tensor], N: int
) -> str:
    """Say by how much the tokens of one white image are off."""
    white = ((1 - pair[0]) / pair[1]).view(3, 1, 1).expand(like.shape[1:])
    tokens = [(weight * white).sum(dim=(1, 2, 3)) + positions[1:] for weight, positions in (result, right)]
    return f"the tokens of a white image with {N} patches differ by up to {(tokens[0] - tokens[1]).abs().max():.2f}"


def _with(
    scale: Callable[..., Tensor] = lambda mean, std, other_mean, other_std: other_std / std,
    shift: Callable[..., Tensor] = lambda mean, std, other_mean, other_std: (other_mean - mean) / std,
    from_token: int = 1,
    whole: Callable[[Tensor], Tensor] = lambda products: products.sum(dim=(1, 2, 3)),
) -> Callable[..., tuple[Tensor, Tensor]]:
    def change(weight, positions, meant, given):  # type: ignore[no-untyped-def]
        numbers = (*meant, *given)
        constant = whole(weight * shift(*numbers).view(3, 1, 1))
        new = torch.cat([positions[:from_token], positions[from_token:] + constant])
        return weight * scale(*numbers).view(3, 1, 1), new

    return change


ABSORB = Exercise(
    id="12.5",
    title="A swapped preprocessing, absorbed",
    difficulty=3,
    minutes=20,
    kind="further",
    reference=absorb,
    check=_check_absorb,
    hints=(
        "Write down what a pixel was before it was normalized in the wrong way, and then what it should have become. "
        "It is a number times what came in, plus a number, for each channel.",
        "The patch embedding is linear. What does it make of the part that is multiplied, and what of the part that "
        "is added, which is the same for every patch?",
        "The second part is a vector of D numbers, and there is no bias that could hold it. What else is added to "
        "each patch's token, and to which token must it not be added?",
    ),
    mutants=(
        Mutant(
            _with(scale=lambda mean, std, other_mean, other_std: std / other_std),
            "the scale is upside down: where the std that was used is larger, the pixels that come in are smaller",
        ),
        Mutant(
            _with(shift=lambda mean, std, other_mean, other_std: (mean - other_mean) / std),
            "the constant has the wrong sign",
        ),
        Mutant(
            _with(shift=lambda mean, std, other_mean, other_std: torch.zeros_like(mean)),
            "the constant is missing: the means differ, too, not only the spreads",
        ),
        Mutant(
            _with(shift=lambda mean, std, other_mean, other_std: other_mean - mean),
            "the difference of the means is not divided by the std that the tower was trained with",
        ),
        Mutant(
            _with(shift=lambda mean, std, other_mean, other_std: (other_mean - mean) / other_std),
            "the difference of the means was divided by the std that was used: the tower wants its own",
        ),
        Mutant(_with(from_token=0), "the class token got the constant, too: no pixel goes into it"),
        Mutant(
            _with(whole=lambda products: products.mean(dim=(1, 2, 3))),
            "the mean over the pixels was taken: the patch embedding adds them all up",
        ),
        Mutant(
            _with(scale=lambda mean, std, other_mean, other_std: (other_std / std).mean().expand(3)),
            "one scale was used for all three channels",
        ),
    ),
)
