"""Exercises of notebook 05, convolutional towers: a size, a blur, a pool that asks, and a BatchNorm that vanishes."""

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

# ---------------------------------------------------------------------------------------------------------------- 05.1


def output_size(size: int, kernel_size: int, stride: int, padding: int) -> int:
    """Return how many places a window can take along one side of an image.

    The side has `size` pixels, and `padding` zeros are added at EACH of its two ends. The window covers `kernel_size`
    of all these, starts at the first, and moves `stride` at a time for as long as it fits.
    """
    room = size + 2 * padding - kernel_size  # how far the window can travel
    return room // stride + 1


def _check_output_size(output: Attempt) -> str:
    cases = [(224, 7, 2, 3), (224, 3, 2, 1), (7, 3, 1, 1), (9, 3, 2, 0), (12, 3, 2, 1), (224, 32, 32, 0), (10, 5, 3, 2)]
    values = [output(*case) for case in cases]
    demand(
        all(isinstance(value, int) for value in values),
        f"the result is {describe(values[0])}",
        "a whole number: // divides and rounds down",
        "/ gives a float, even where the division comes out even",
    )
    for case, value in zip(cases, values, strict=True):
        size, kernel_size, stride, padding = case
        line, window = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size)
        right = F.conv1d(line, window, stride=stride, padding=padding).shape[-1]
        demand(
            value == right,
            f"{value} places for {size} pixels, a window of {kernel_size}, stride {stride}, padding {padding}",
            f"{right}, which is what a convolution of that shape gives",
        )
    return f"the size that PyTorch's convolution gives, in {len(cases)} cases, odd and even"


OUTPUT_SIZE = Exercise(
    id="05.1",
    title="How large is the answer?",
    difficulty=1,
    minutes=5,
    reference=output_size,
    check=_check_output_size,
    hints=(
        "Forget the stride at first. A window of 3 on a line of 5: where can its left edge stand?",
        "With the zeros at both ends the line has size + 2 · padding pixels. The window's left edge can travel that "
        "far, less its own size. How many steps of `stride` fit into this way, and how many places does that make?",
        "`room // stride` steps, and one place more than steps: the one at which it starts.",
    ),
    mutants=(
        Mutant(
            lambda size, k, stride, padding: (size + padding - k) // stride + 1,
            "the zeros stand at both ends: padding counts twice",
        ),
        Mutant(lambda size, k, stride, padding: (size - k) // stride + 1, "padding is not used"),
        Mutant(
            lambda size, k, stride, padding: (size + 2 * padding - k) // stride,
            "that counts the steps; the place at which the window starts is one more",
        ),
        Mutant(
            lambda size, k, stride, padding: -(-(size + 2 * padding - k) // stride) + 1,
            "rounded up: the last window would hang over the edge. It moves only as long as it fits",
        ),
        Mutant(
            lambda size, k, stride, padding: size // stride,
            "that is right where the padding happens to make up for the window, and only there",
        ),
        Mutant(
            lambda size, k, stride, padding: (size + 2 * padding - k) / stride + 1,
            "divided with /: half a place is none, so round down with //",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 05.2


def blur_then_skip(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Return (B, C, H/factor, W/factor): the mean of each square of factor × factor pixels of (B, C, H, W).

    H and W are multiples of factor.
    """
    B, C, H, W = x.shape
    squares = x.reshape(B, C, H // factor, factor, W // factor, factor)
    return squares.mean(dim=(3, 5))  # (B, C, H/factor, W/factor)


def _check_blur(blur: Attempt) -> str:
    random = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 4, 6, generator=random)
    small = blur(x, 2)
    demand(
        isinstance(small, torch.Tensor) and small.shape == (2, 3, 2, 3),
        f"the result is {describe(small)} for a tensor (2, 3, 4, 6) and factor 2",
        "a tensor (2, 3, 2, 3): height and width are halved, and nothing else",
    )
    plain = torch.full((1, 1, 4, 4), 0.5)
    value = blur(plain, 2)
    demand(
        same(value, torch.full((1, 1, 2, 2), 0.5)),
        f"an even gray of 0.5 becomes {float(value.flatten()[0]):.3g}",
        "0.5: a mean leaves an even gray as it is",
    )
    stripes = torch.tensor([1.0, 0.0]).repeat(4).expand(1, 1, 8, 8)  # upright ones, a pixel wide
    for name, image in (("upright", stripes), ("lying", stripes.transpose(2, 3))):
        value = blur(image.contiguous(), 2)
        demand(
            same(value, torch.full((1, 1, 4, 4), 0.5)),
            f"{name} stripes of one pixel, black and white, become {sorted(set(value.flatten().tolist()))}",
            "an even gray, 0.5: at half the size there is no room for stripes that fine",
        )
    for shape, factor in (((2, 3, 4, 6), 2), ((1, 2, 6, 9), 3), ((3, 1, 8, 4), 4)):
        x = torch.rand(*shape, generator=random)
        value = blur(x, factor)
        demand(
            same(value, F.avg_pool2d(x, factor)),
            f"another image than the means, for a tensor {shape} and factor {factor}",
            "the mean of each square, each in its place",
        )
    return "the right shape, gray stays gray, stripes of either direction vanish, equal to avg_pool2d on 3 shapes"


def _mixed_axes(x, factor):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    B, C, H, W = x.shape
    return x.reshape(B, C, factor, H // factor, factor, W // factor).mean(dim=(2, 4))


BLUR = Exercise(
    id="05.2",
    title="Blur, then skip",
    difficulty=2,
    minutes=10,
    reference=blur_then_skip,
    check=_check_blur,
    hints=(
        "Each number of the answer speaks for a whole square of pixels. Can you give every square axes of its own?",
        "Split H into H/factor rows of squares with factor pixels each, and W likewise: `reshape` to six axes. In "
        "memory the pixels of one square stand next to each other, so the factor comes AFTER the count.",
        "`x.reshape(B, C, H // factor, factor, W // factor, factor)`, then a mean over the two axes of length factor.",
    ),
    mutants=(
        Mutant(
            lambda x, factor: x[..., ::factor, ::factor],
            "that skips pixels without a look at them: what stood on the others is lost, or seems to be everywhere",
        ),
        Mutant(lambda x, factor: F.max_pool2d(x, factor), "the largest of each square: take the mean"),
        Mutant(lambda x, factor: factor**2 * F.avg_pool2d(x, factor), "summed up: divide by the pixels of a square"),
        Mutant(
            lambda x, factor: F.avg_pool2d(x, (1, factor))[..., ::factor, :],
            "averaged along the rows only: of every few rows all but one are still thrown away",
        ),
        Mutant(
            lambda x, factor: F.avg_pool2d(x, (factor, 1))[..., ::factor],
            "averaged along the columns only: of every few columns all but one are still thrown away",
        ),
        Mutant(
            _mixed_axes,
            "the axes are swapped: that takes pixels far apart into one mean. The factor comes after the count",
        ),
        Mutant(
            lambda x, factor: x.mean(dim=(2, 3), keepdim=True).expand(
                -1, -1, x.shape[2] // factor, x.shape[3] // factor
            ),
            "the mean of the whole image: each square has a mean of its own",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 05.3


def attention_pool(
    cells: torch.Tensor,
    positions: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    heads: int,
) -> torch.Tensor:
    """Return (B, D): attention with one query, the mean of N cells, over the cells and itself.

    cells is (B, N, D). The mean goes in front of them, then positions (1+N, D) are added; only the mean asks.
    query, key and value are (D, D), to multiply from the right: x @ query. Each of the heads has D/heads numbers.
    """
    B, _, D = cells.shape
    x = torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1) + positions  # (B, 1+N, D)
    q = (x[:, :1] @ query).reshape(B, 1, heads, D // heads).transpose(1, 2)  # (B, K, 1, D/K)
    k = (x @ key).reshape(B, -1, heads, D // heads).transpose(1, 2)  # (B, K, 1+N, D/K)
    v = (x @ value).reshape(B, -1, heads, D // heads).transpose(1, 2)  # (B, K, 1+N, D/K)
    weights = (q @ k.transpose(2, 3) / (D // heads) ** 0.5).softmax(dim=-1)  # (B, K, 1, 1+N)
    return (weights @ v).transpose(1, 2).reshape(B, D)


_Numbers = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def _cells(B: int, N: int, D: int, seed: int) -> _Numbers:
    random = torch.Generator().manual_seed(seed)
    shapes = ((B, N, D), (1 + N, D), (D, D), (D, D), (D, D))
    cells, positions, query, key, value = (torch.randn(*shape, generator=random) / 2 for shape in shapes)
    return cells, positions, query, key, value


def _check_attention_pool(pool: Attempt) -> str:
    cells, positions, query, key, value = _cells(3, 6, 8, seed=0)
    pooled = pool(cells, positions, query, key, value, 2)
    demand(
        isinstance(pooled, torch.Tensor) and pooled.shape == (3, 8),
        f"the result is {describe(pooled)} for cells (3, 6, 8)",
        "a tensor (3, 8): one vector for each image, because only the mean asks",
    )
    deaf = pool(cells, torch.zeros_like(positions), torch.zeros(8, 8), key, torch.eye(8), 2)
    demand(
        same(deaf, cells.mean(dim=1)),
        "with a query of zeros, no positions and values as they are, the result is not the mean of the cells",
        "the mean: whoever asks nothing weighs all alike",
        "softmax makes the weights of one query add up to 1, over the tokens",
    )
    right = attention_pool(cells, positions, query, key, value, 2)
    error = float((pooled - right).abs().max())
    demand(error < 1e-4, f"numbers off by up to {error:.3f} for 3 images of 6 cells and 2 heads", "the reference's")
    for seed, (N, D, heads) in enumerate(((1, 4, 1), (9, 12, 3), (4, 16, 4)), 1):
        given = _cells(2, N, D, seed)
        error = float((pool(*given, heads) - attention_pool(*given, heads)).abs().max())
        demand(error < 1e-4, f"numbers off by up to {error:.3f} with {N} cells and {heads} heads", "the reference's")
    return "one vector an image, the plain mean if nothing is asked, equal to the reference with 1 to 4 heads"


def _attend(x, asks, query, key, value, heads, scale=None, keys=None):  # type: ignore[no-untyped-def]
    """Return (B, Q, D): attention with parts that a mutant can replace."""
    B, _, D = x.shape
    keys = x if keys is None else keys
    q, k, v = (
        each.reshape(B, -1, heads, D // heads).transpose(1, 2) for each in (asks @ query, keys @ key, keys @ value)
    )
    weights = (q @ k.transpose(2, 3) / (scale or (D // heads) ** 0.5)).softmax(dim=-1)
    return (weights @ v).transpose(1, 2).reshape(B, -1, D)


def _tokens(cells, positions):  # type: ignore[no-untyped-def]
    return torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1) + positions


def _mean_cannot_be_found(cells, positions, query, key, value, heads):  # type: ignore[no-untyped-def]
    x = _tokens(cells, positions)
    return _attend(x, x[:, :1], query, key, value, heads, keys=x[:, 1:])[:, 0]


def _no_root(cells, positions, query, key, value, heads):  # type: ignore[no-untyped-def]
    x = _tokens(cells, positions)
    return _attend(x, x[:, :1], query, key, value, heads, scale=1.0)[:, 0]


def _root_of_the_whole(cells, positions, query, key, value, heads):  # type: ignore[no-untyped-def]
    x = _tokens(cells, positions)
    return _attend(x, x[:, :1], query, key, value, heads, scale=cells.shape[2] ** 0.5)[:, 0]


def _all_ask(cells, positions, query, key, value, heads):  # type: ignore[no-untyped-def]
    x = _tokens(cells, positions)
    return _attend(x, x, query, key, value, heads).mean(dim=1)


ATTENTION_POOL = Exercise(
    id="05.3",
    title="The mean asks",
    difficulty=3,
    minutes=15,
    reference=attention_pool,
    check=_check_attention_pool,
    hints=(
        "It is the attention of notebook 04 with a single query. Which token asks, and which ones can be found?",
        "Make x (B, 1+N, D): the mean in front, the cells behind, positions added. The query is `x[:, :1] @ query`; "
        "keys and values come from all of x. Give every head its own D/K numbers before you compare.",
        "`.reshape(B, -1, heads, D // heads).transpose(1, 2)` makes (B, K, T, D/K). Scores: `q @ k.transpose(2, 3)`, "
        "divided by the root of D/K; then softmax over the tokens, times v, and the way back to (B, D).",
    ),
    mutants=(
        Mutant(
            _mean_cannot_be_found,
            "the mean asks, but it is among those that answer, too: keys and values come from all 1+N tokens",
        ),
        Mutant(
            lambda c, p, q, k, v, heads: attention_pool(c, torch.zeros_like(p), q, k, v, heads),
            "positions are not used: add them to the mean and the cells before anybody asks",
        ),
        Mutant(_no_root, "the scores are not divided: by the root of D/K, or softmax becomes too sure of itself"),
        Mutant(_root_of_the_whole, "divided by the root of D: a head compares D/K numbers, so take the root of these"),
        Mutant(
            lambda c, p, q, k, v, heads: attention_pool(c, p, q, k, v, 1),
            "one head as wide as all: each head compares its own D/K numbers, and makes up its own mind",
        ),
        Mutant(_all_ask, "all tokens asked, and their answers were averaged: only the mean asks"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 05.4


def fold_batch_norm(
    weight: torch.Tensor,
    mean: torch.Tensor,
    variance: torch.Tensor,
    gain: torch.Tensor,
    shift: torch.Tensor,
    eps: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight and bias of ONE convolution that does what a convolution and the BatchNorm behind it do.

    weight is (out_channels, in_channels, height, width), without a bias. In evaluation BatchNorm makes of each channel
    y, with figures (out_channels,) that stay the same: (y - mean) / sqrt(variance + eps) * gain + shift.
    """
    factor = gain / torch.sqrt(variance + eps)  # (out_channels,)
    return weight * factor[:, None, None, None], shift - mean * factor


def _convolution_and_norm(channels: int, before: int, seed: int) -> tuple[torch.Tensor, ...]:
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(channels, before, 3, 3, generator=random)
    mean, gain, shift = (torch.randn(channels, generator=random) for _ in range(3))
    return weight, mean, 0.1 + torch.rand(channels, generator=random), gain, shift


def _check_fold(fold: Attempt) -> str:
    random = torch.Generator().manual_seed(5)
    for seed, (channels, before, eps) in enumerate(((4, 4, 0.5), (4, 4, 1e-5), (6, 3, 1e-3), (2, 5, 0.1))):
        weight, mean, variance, gain, shift = given = _convolution_and_norm(channels, before, seed)
        folded = fold(*given, eps)
        demand(
            isinstance(folded, tuple) and len(folded) == 2 and all(isinstance(each, torch.Tensor) for each in folded),
            f"the result is a {type(folded).__name__}",
            "two tensors: the new weight, and a bias",
        )
        shapes = folded[0].shape, folded[1].shape
        demand(
            shapes == (weight.shape, mean.shape),
            f"shapes {tuple(shapes[0])} and {tuple(shapes[1])}",
            f"{tuple(weight.shape)} as before, and a bias for each of {channels} channels",
        )
        x = torch.randn(2, before, 6, 6, generator=random)
        right = F.batch_norm(F.conv2d(x, weight), mean, variance, gain, shift, eps=eps)
        error = float((F.conv2d(x, *folded) - right).abs().max())
        demand(
            error < 1e-3,
            f"the folded convolution is off by up to {error:.3f}, with {before} channels in, {channels} out, eps {eps}",
            "the same numbers as convolution and BatchNorm one after the other",
        )
    return "one convolution gives the numbers of two layers, for 4 shapes and as many eps"


FOLD = Exercise(
    id="05.4",
    title="Fold a BatchNorm away",
    difficulty=2,
    minutes=10,
    reference=fold_batch_norm,
    check=_check_fold,
    hints=(
        "Write y = weight · x into the formula of the docstring and sort: what multiplies x, and what stands alone?",
        "Each channel is multiplied by factor = gain / sqrt(variance + eps). A factor times a convolution is the "
        "convolution of a factor times its weights. What stands alone is the bias.",
        "`weight * factor[:, None, None, None]` scales each output channel; the bias is `shift - mean * factor`.",
    ),
    mutants=(
        Mutant(
            lambda w, m, v, g, b, eps: fold_batch_norm(w, m, v, g, b, 0.0),
            "eps is not used: it belongs under the root, beside the variance",
        ),
        Mutant(
            lambda w, m, v, g, b, eps: (w * (g / (v + eps))[:, None, None, None], b - m * g / (v + eps)),
            "divided by the variance: the spread is its square root",
        ),
        Mutant(
            lambda w, m, v, g, b, eps: (fold_batch_norm(w, m, v, g, b, eps)[0], b - m),
            "the mean is subtracted before the scaling, so it is scaled along: shift - mean * factor",
        ),
        Mutant(
            lambda w, m, v, g, b, eps: (fold_batch_norm(w, m, v, g, b, eps)[0], b),
            "the mean is not used: it is subtracted from every answer",
        ),
        Mutant(
            lambda w, m, v, g, b, eps: fold_batch_norm(w, m, v, torch.ones_like(g), b, eps),
            "gain is not used: it multiplies what has been brought to spread 1",
        ),
        Mutant(
            lambda w, m, v, g, b, eps: (w * (g / (v + eps).sqrt()), fold_batch_norm(w, m, v, g, b, eps)[1]),
            "the factor went to the wrong axis: it belongs to the output channels, the first axis of the weight",
        ),
    ),
)

EXERCISES = (OUTPUT_SIZE, BLUR, ATTENTION_POOL, FOLD)
