"""Exercises of notebook 04, the Vision Transformer: cut an image, attend, part the heads, count the parameters."""

import math

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

# ---------------------------------------------------------------------------------------------------------------- 04.1


def patchify(pixels: torch.Tensor, P: int) -> torch.Tensor:
    """Return the patches (B, N, 3·P·P) of images (B, 3, H, W), in reading order, without a loop.

    P is the patch side, and divides H and W. Within a patch: all of red, row by row, then all of green, then blue.
    """
    B, C, H, W = pixels.shape
    grid = pixels.view(B, C, H // P, P, W // P, P)  # (B, C, rows, P, columns, P)
    grid = grid.permute(0, 2, 4, 1, 3, 5)  # (B, rows, columns, C, P, P)
    return grid.reshape(B, H // P * (W // P), C * P * P)  # (B, N, 3·P·P)


def _numbered(B: int, H: int, W: int) -> torch.Tensor:
    return torch.arange(B * 3 * H * W, dtype=torch.float32).view(B, 3, H, W)


def _check_patchify(cut: Attempt) -> str:
    pixels = _numbered(1, 4, 6)
    patches = cut(pixels, 2)
    demand(
        isinstance(patches, torch.Tensor) and patches.shape == (1, 6, 12),
        f"the result is {describe(patches)}",
        "a tensor (1, 6, 12): an image of 4 × 6 pixels has 6 patches of 2 × 2, of 3 · 2 · 2 numbers each",
    )
    first, right = patches[0, 0], patchify(pixels, 2)[0, 0]
    demand(
        set(first.tolist()) == set(right.tolist()),
        f"the first patch holds the pixels {_list(first)} of 0 to 71, numbered color by color and row by row",
        f"{_list(right)}: the upper left corner in each of the three colors",
        "a reshape alone never moves a number: neighbors in memory stay neighbors, and a patch is none",
    )
    demand(
        same(first, right),
        f"the first patch is {_list(first)}",
        f"{_list(right)}: red, green, blue, each row by row",
        "the order within a patch comes from the order of the last three axes before the reshape",
    )
    second = patches[0, 1]
    demand(
        same(second, patchify(pixels, 2)[0, 1]),
        f"the second patch begins with pixel {second[0]:.0f}",
        "pixel 2: the second patch lies to the right of the first, as in reading",
    )
    for B, H, W, P in ((2, 6, 6, 3), (3, 8, 4, 4), (1, 5, 10, 5), (2, 4, 4, 1)):
        pixels = _numbered(B, H, W)
        patches, right = cut(pixels, P), patchify(pixels, P)
        demand(
            same(patches, right),
            f"other patches for {B} images of {H} × {W} and P = {P}, or in another order",
            f"{describe(right)}, the one that begins with {_list(right[0, -1, :3])} at the end of the first row",
        )
    return "shape, order of patches, order within a patch, on 5 batches, some of them not square"


def _list(values: torch.Tensor) -> str:
    return ", ".join(f"{value:.0f}" for value in values.tolist())


def _just_reshaped(x, P):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    B, C, H, W = x.shape
    return x.reshape(B, H // P * (W // P), C * P * P)


def _grid(x, P):  # type: ignore[no-untyped-def]
    B, C, H, W = x.shape
    return x.view(B, C, H // P, P, W // P, P)


PATCHIFY = Exercise(
    id="04.1",
    title="Cut an image without a loop",
    difficulty=2,
    minutes=12,
    reference=patchify,
    check=_check_patchify,
    hints=(
        "Which axes has an image that is cut? Rows of patches, columns of patches, and within each patch its own "
        "three. Make an axis of each first.",
        "`view(B, 3, H // P, P, W // P, P)` moves nothing, it only splits H and W in two. Then bring the axes into the "
        "order in which you want to read.",
        "`permute(0, 2, 4, 1, 3, 5)`: which patch (row, column) comes before what is inside (color, row, column). A "
        "`reshape` melts each of the two groups into one axis.",
    ),
    mutants=(
        Mutant(
            _just_reshaped,
            "a reshape alone cuts the stream of numbers into equal lengths, thin stripes of one color: split H and W, "
            "then permute",
        ),
        Mutant(
            lambda x, P: _grid(x, P).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2),
            "the colors come last, pixel by pixel: a convolution's weight has them first, and must find them there",
        ),
        Mutant(
            lambda x, P: _grid(x, P).permute(0, 4, 2, 1, 3, 5).flatten(3).flatten(1, 2),
            "the patches go down the columns: in reading order the row of patches is the outer axis",
        ),
        Mutant(
            lambda x, P: _grid(x, P).permute(0, 2, 4, 1, 5, 3).flatten(3).flatten(1, 2),
            "each patch is turned on its side: its rows and columns have changed places",
        ),
        Mutant(
            lambda x, P: _grid(x, P).permute(0, 2, 3, 1, 4, 5).reshape(*_just_reshaped(x, P).shape),
            "the axis of rows inside a patch stands where the columns of patches belong: 0, 2, 4 first",
        ),
        Mutant(
            lambda x, P: patchify(x, P).transpose(1, 2),
            "numbers and patches have changed places: a row of the result is a patch, like a word in a sentence",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 04.2


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return (T, d): for each query a weighted average of the values.

    query, key and value are (T, d), one row a token. A token's weights add up to 1; they are the softmax, over all
    tokens, of the dot products of its query with their keys, each divided by the root of d.
    """
    scores = query @ key.T / math.sqrt(query.shape[-1])  # (T, T)
    return scores.softmax(dim=-1) @ value  # (T, d)


def _tokens(T: int, d: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    query, key, value = torch.randn(3, T, d, generator=random)
    return query, key, value


def _check_attend(attention: Attempt) -> str:
    query, key, value = _tokens(5, 4, seed=0)
    right = attend(query, key, value)
    result = attention(query, key, value)
    demand(
        isinstance(result, torch.Tensor) and result.shape == (5, 4),
        f"the result is {describe(result)}",
        "a tensor (5, 4): for each of 5 tokens a mixture of values, as long as a value",
    )
    blind = attention(torch.zeros(5, 4), key, value)
    demand(
        same(blind, value.mean(dim=0).expand(5, 4)),
        f"{_numbers(blind[0])} for a query of zeros, which likes all keys alike",
        f"the plain mean of the values, {_numbers(value.mean(dim=0))}",
        "weights of one token add up to 1: the softmax goes along the keys, the last axis",
    )
    pair = torch.tensor([[9.0, 0.0], [0.0, 9.0]])
    result = attention(pair, pair, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    demand(
        same(result, attend(pair, pair, torch.eye(2))),
        f"{_numbers(result.flatten())} for two tokens, each of which likes its own key only",
        "1.00, 0.00, 0.00, 1.00: each fetches its own value",
    )
    result = attention(query, key, value)
    demand(
        same(result, right),
        f"the first of 5 tokens gets {_numbers(result[0])}",
        f"{_numbers(right[0])}",
    )
    for T, d in ((3, 2), (7, 16), (1, 8)):
        query, key, value = _tokens(T, d, seed=T)
        right, result = attend(query, key, value), attention(query, key, value)
        demand(same(result, right), f"other values for {T} tokens of {d} numbers", "what the definition gives")
    return "shape, the mean for a query that does not care, equal to the library's on 4 sets of tokens"


def _numbers(values: torch.Tensor) -> str:
    return ", ".join(f"{value:.2f}" for value in values.tolist())


ATTEND = Exercise(
    id="04.2",
    title="Attention",
    difficulty=1,
    minutes=8,
    reference=attend,
    check=_check_attend,
    hints=(
        "Three steps: compare, share out, mix. Which of them takes two of the three inputs, and which takes the third?",
        "Compare: one matrix product gives (T, T), a row for each query, a column for each key. Divide it by the root "
        "of d. Share out: a softmax over each row.",
        "`(query @ key.T / math.sqrt(d)).softmax(dim=-1) @ value`",
    ),
    mutants=(
        Mutant(
            lambda q, k, v: (q @ k.T).softmax(-1) @ v,
            "nothing divides the scores: a dot product of d numbers has a spread of about the root of d, and the "
            "softmax of such scores all but picks one token",
        ),
        Mutant(
            lambda q, k, v: (q @ k.T / q.shape[-1]).softmax(-1) @ v,
            "divided by d itself: the spread grows with the root of d only",
        ),
        Mutant(
            lambda q, k, v: (q @ k.T / math.sqrt(len(q))).softmax(-1) @ v,
            "divided by the root of T, the number of tokens: it is the length of a query that makes scores large",
        ),
        Mutant(
            lambda q, k, v: (q @ k.T / math.sqrt(q.shape[-1])).softmax(0) @ v,
            "the softmax goes down the columns: then the weights of one query no longer add up to 1",
        ),
        Mutant(
            lambda q, k, v: (k @ q.T / math.sqrt(q.shape[-1])).softmax(-1) @ v,
            "keys ask and queries answer: rows of the scores belong to the queries",
        ),
        Mutant(
            lambda q, k, v: (q @ k.T / math.sqrt(q.shape[-1])).softmax(-1) @ k,
            "mixed the keys: they say where to look, the values say what is found there",
        ),
        Mutant(
            lambda q, k, v: (q @ k.T / math.sqrt(q.shape[-1])) @ v,
            "no softmax: scores may be negative and of any size, and shares may not",
        ),
        Mutant(
            lambda q, k, v: (q @ k.T / math.sqrt(q.shape[-1])).softmax(-1),
            "these are the weights: the values are still to be mixed with them",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 04.3


def split_heads(x: torch.Tensor, K: int) -> torch.Tensor:
    """Return (B, K, T, D/K) from tokens (B, T, D): head k gets the k-th part of every token's numbers.

    K, the number of heads, divides D. With two heads, the first one gets the first half of each token.
    """
    B, T, D = x.shape
    return x.view(B, T, K, D // K).transpose(1, 2)  # (B, K, T, D/K)


def _check_split(split: Attempt) -> str:
    x = torch.arange(2 * 3 * 4, dtype=torch.float32).view(2, 3, 4)
    heads = split(x, 2)
    demand(
        isinstance(heads, torch.Tensor) and heads.shape == (2, 2, 3, 2),
        f"the result is {describe(heads)}",
        "a tensor (2, 2, 3, 2): 2 sentences, 2 heads, 3 tokens, 2 numbers for each head",
        "heads stand before tokens, so that each head is a small attention of its own",
    )
    demand(
        same(heads[0, 0, 0], x[0, 0, :2]),
        f"head 0 sees {_list(heads[0, 0, 0])} of the first token, which is 0, 1, 2, 3",
        "0, 1: its first half",
    )
    demand(
        same(heads[0, 0, 1], x[0, 1, :2]),
        f"head 0 sees {_list(heads[0, 0, 1])} as its second token",
        "4, 5, the first half of the second token, which is 4, 5, 6, 7",
        "a reshape cuts the stream of numbers at the wrong places: the heads must come out of the LAST axis",
    )
    for B, T, D, K in ((1, 5, 6, 3), (3, 4, 8, 8), (2, 2, 10, 1), (2, 6, 12, 4)):
        x = torch.arange(B * T * D, dtype=torch.float32).view(B, T, D)
        right, heads = split_heads(x, K), split(x, K)
        demand(same(heads, right), f"other heads for (B, T, D) = {(B, T, D)} and K = {K}", f"{describe(right)}")
    return "shape, and which numbers of which token each head sees, on 5 batches"


HEADS = Exercise(
    id="04.3",
    title="Part the heads",
    difficulty=2,
    minutes=8,
    reference=split_heads,
    check=_check_split,
    hints=(
        "A head gets a part of every token. Which of the three axes is cut, and which must stay as it is?",
        "`view` may split one axis in two without moving anything: D into (K, D/K). Where do the heads stand then?",
        "`x.view(B, T, K, D // K)`, then let T and K change places with `transpose(1, 2)`.",
    ),
    mutants=(
        Mutant(
            lambda x, K: x.reshape(len(x), K, x.shape[1], x.shape[2] // K),
            "`view(B, K, T, D/K)` has the right shape and the wrong numbers: head 0 would get all of the first tokens, "
            "and nothing of the last ones. Split D first, then transpose",
        ),
        Mutant(
            lambda x, K: x.view(*x.shape[:2], x.shape[2] // K, K).permute(0, 3, 1, 2),
            "each head gets every K-th number: split D into (K, D/K), in this order",
        ),
        Mutant(
            lambda x, K: x.view(*x.shape[:2], K, x.shape[2] // K),
            "tokens still stand before heads: attention between the heads of one token would come of it",
        ),
        Mutant(
            lambda x, K: split_heads(x, K).flip(1),
            "the heads are in reverse: head 0 gets the first part",
        ),
        Mutant(
            lambda x, K: split_heads(x, K).transpose(2, 3),
            "tokens and numbers have changed places: the last axis is what one head sees of one token",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 04.4


def vit_parameters(image_size: int, patch_size: int, width: int, layers: int, embed_dim: int) -> int:
    """Return how many numbers CLIP's Vision Transformer learns.

    The patch embedding has no bias, and neither has the projection to embed_dim at the end. All layers inside a block
    have one. A LayerNorm learns two numbers for each of the width's. The MLP is four times as wide inside.
    """
    D, N = width, (image_size // patch_size) ** 2
    patches = 3 * patch_size**2 * D
    cls_token, positions = D, (N + 1) * D
    norm = 2 * D
    attention = D * 3 * D + 3 * D + D * D + D  # queries, keys, values; and the way out
    mlp = D * 4 * D + 4 * D + 4 * D * D + D
    block = norm + attention + norm + mlp
    return patches + cls_token + positions + norm + layers * block + norm + D * embed_dim


_SHAPES = ((224, 32, 768, 12, 512), (224, 16, 768, 12, 512), (224, 14, 1024, 24, 768), (64, 8, 64, 3, 24))


def _check_count(count: Attempt) -> str:
    empty, right = count(32, 8, 16, 0, 10), vit_parameters(32, 8, 16, 0, 10)
    demand(
        isinstance(empty, int) and not isinstance(empty, bool),
        f"the count is {describe(empty)}",
        "a whole number",
        "`/` gives a float even where nothing is left over: patches are counted with `//`",
    )
    demand(
        empty == right,
        f"{empty:,} for a tower without blocks (32 pixels, patches of 8, width 16, 10 numbers out)",
        f"{right:,}: patch embedding, class token, positions, two LayerNorms, projection",
    )
    one = count(32, 8, 16, 1, 10) - empty
    right_block = vit_parameters(32, 8, 16, 1, 10) - right
    demand(one == right_block, f"{one:,} for one block of width 16", f"{right_block:,}")
    for shape in _SHAPES:
        total, right = count(*shape), vit_parameters(*shape)
        demand(total == right, f"{total:,} for {shape}", f"{right:,}")
    return "the ends of the tower, a block, and the image towers of ViT-B/32, B/16 and L/14 to the last parameter"


def _off(extra):  # type: ignore[no-untyped-def]
    """Return a count that is off by ``extra`` of (N, patch side, width, layers, embed_dim)."""

    def count(image_size, patch_size, width, layers, embed_dim):  # type: ignore[no-untyped-def]
        N = (image_size // patch_size) ** 2
        right = vit_parameters(image_size, patch_size, width, layers, embed_dim)
        return right + extra(N, patch_size, width, layers, embed_dim)

    return count


COUNT = Exercise(
    id="04.4",
    title="Count the parameters",
    difficulty=2,
    minutes=12,
    reference=vit_parameters,
    check=_check_count,
    hints=(
        "Go through the tower in the order in which an image does. For each part: what is the shape of its weight, "
        "and has it a bias?",
        "Before the blocks: 3·P·P·D for the patches, D for the class token, (N+1)·D positions, 2·D for ln_pre. After "
        "them: 2·D for ln_post, D·E for the projection.",
        "A block: two LayerNorms (2·D each), four square layers of attention (D·D + D each), and an MLP with 8·D·D "
        "weights and 5·D biases. Together 12·D² + 13·D.",
    ),
    mutants=(
        Mutant(_off(lambda N, P, D, L, E: -D), "N + 1 tokens have a place, and the class token itself is learned, too"),
        Mutant(
            _off(lambda N, P, D, L, E: -2 * D),
            "two vectors are missing: the class token and its place, or one of the LayerNorms at the ends",
        ),
        Mutant(_off(lambda N, P, D, L, E: D), "a bias in the patch embedding: CLIP's has none, positions do its work"),
        Mutant(_off(lambda N, P, D, L, E: E), "a bias in the projection: it is a bare matrix"),
        Mutant(_off(lambda N, P, D, L, E: -L * 9 * D), "the biases inside the blocks were left out: 9·D in each"),
        Mutant(_off(lambda N, P, D, L, E: -L * D * D), "attention has four square layers: the way out is one of them"),
        Mutant(_off(lambda N, P, D, L, E: -L * 4 * D * D), "the MLP goes out AND comes back: two layers of 4·D²"),
        Mutant(_off(lambda N, P, D, L, E: -2 * P * P * D), "a patch has three colors: 3·P·P numbers go in"),
        Mutant(_off(lambda N, P, D, L, E: -L * 2 * D), "a block has two LayerNorms of its own, one before each half"),
        Mutant(_off(lambda N, P, D, L, E: 0.0), "whole numbers: N is a count, so divide with //"),
    ),
)

EXERCISES = (PATCHIFY, ATTEND, HEADS, COUNT)
