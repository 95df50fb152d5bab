"""Exercises 04.4 and 04.5: the MLP, and the pre-norm block."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import demand_gradients, demand_names, in_words, random_tensor
from clip_tutor.lessons.nb04_vision_transformer.exercises.attention import MyAttention
from clip_tutor.lessons.nb04_vision_transformer.exercises.checks import quick_gelu, use_with
from clip_tutor.towers.attention import causal_mask

# ---------------------------------------------------------------------------------------------------------------- 04.4


class MyMLP(nn.Module):
    """A network of two linear layers with an activation between them, applied to each token by itself.

    Its parameters are fc1, from D to 4·D, and fc2, from 4·D to D, both with bias.
    """

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor] = F.gelu) -> None:
        """Make the layers; width is D."""
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.activation = activation
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, D) from (B, T, D)."""
        return self.fc2(self.activation(self.fc1(x)))


def _check_mlp(mlp: Attempt) -> str:
    demand_names(mlp, PERCEPTRON, (6,))
    x, right_use = random_tensor(2, 3, 6), PERCEPTRON.as_function(MyMLP)
    result, right = mlp("forward", (6,), x), right_use("forward", (6,), x)
    demand(
        isinstance(result, Tensor) and result.shape == x.shape,
        f"the result is {describe(result)} for tokens (2, 3, 6)",
        "a tensor (2, 3, 6): each token keeps its length",
    )
    demand(
        same(result, right),
        f"the first token becomes {in_words(result[0, 0], right[0, 0])}",
        in_words(right[0, 0], result[0, 0]),
    )
    result, right = (use("forward", (6, quick_gelu), x) for use in (mlp, right_use))
    demand(
        same(result, right),
        f"with QuickGELU as its activation the first token becomes {in_words(result[0, 0], right[0, 0])}",
        f"{in_words(right[0, 0], result[0, 0])}: the activation that it was given, not always GELU",
    )
    demand_gradients(mlp, (6,), x)
    return "names, equal to the library's with GELU and with QuickGELU, the gradients"


class _NoActivation(MyMLP):
    def forward(self, x):  # type: ignore[no-untyped-def]
        return self.fc2(self.fc1(x))


class _Late(MyMLP):
    def forward(self, x):  # type: ignore[no-untyped-def]
        return self.activation(self.fc2(self.activation(self.fc1(x))))


class _AlwaysGelu(MyMLP):
    def forward(self, x):  # type: ignore[no-untyped-def]
        return self.fc2(F.gelu(self.fc1(x)))


class _Narrow(MyMLP):
    def __init__(self, width, activation=F.gelu):  # type: ignore[no-untyped-def]
        super().__init__(width, activation)
        self.fc1, self.fc2 = nn.Linear(width, width), nn.Linear(width, width)


class _AddsX(MyMLP):
    def forward(self, x):  # type: ignore[no-untyped-def]
        return x + super().forward(x)


PERCEPTRON = Exercise(
    id="04.4",
    title="The MLP",
    difficulty=1,
    minutes=5,
    kept=True,
    reference=MyMLP,
    use=use_with(lambda: MyMLP),
    check=_check_mlp,
    hints=(
        "Two layers are made in `__init__`, and kept as `self.fc1` and `self.fc2`. What stands between them?",
        "`self.fc1 = nn.Linear(width, 4 * width)`, and the way back for fc2. Keep the activation, too: a function.",
    ),
    mutants=(
        Mutant(_NoActivation, "no activation: two linear layers in a row are no more than one"),
        Mutant(_Late, "an activation after fc2, too: what is added to a token must be free to be negative"),
        Mutant(_AlwaysGelu, "GELU whatever was asked for: `activation` is an argument, OpenAI's weights need another"),
        Mutant(_Narrow, "as narrow inside as outside: fc1 goes from D to 4·D"),
        Mutant(_AddsX, "x is added here already: that is the block's task, in 04.5"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 04.5


class MyBlock(nn.Module):
    """A pre-norm transformer block: self-attention, then an MLP; each reads a normalized x and adds to x itself.

    Its parts are ln_1 and ln_2 (LayerNorms), attention (MyAttention) and mlp (MyMLP).
    """

    def __init__(self, width: int, heads: int, activation: Callable[[Tensor], Tensor] = F.gelu) -> None:
        """Make the parts; width is D, heads is K, and the activation is the MLP's."""
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attention = MyAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MyMLP(width, activation)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, T, D) from (B, T, D); mask is that of attend."""
        x = x + self.attention(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


def _check_block(block: Attempt) -> str:
    demand_names(block, BLOCK, (4, 2))
    right_use = BLOCK.as_function(MyBlock)
    x = 3 * random_tensor(2, 3, 4)
    result, right = block("forward", (4, 2), x), right_use("forward", (4, 2), x)
    demand(
        isinstance(result, Tensor) and result.shape == x.shape,
        f"the result is {describe(result)} for tokens (2, 3, 4)",
        "a tensor (2, 3, 4): blocks can be stacked because nothing changes its shape",
    )
    demand(
        same(result, right),
        f"the first token becomes {in_words(result[0, 0], right[0, 0])}",
        in_words(right[0, 0], result[0, 0]),
    )
    for arguments, inputs in (
        ((8, 4), (random_tensor(1, 5, 8),)),
        ((8, 2, quick_gelu), (random_tensor(2, 5, 8),)),
        ((8, 2), (random_tensor(2, 5, 8), causal_mask(5))),
    ):
        result, right = block("forward", arguments, *inputs), right_use("forward", arguments, *inputs)
        what = "QuickGELU" if len(arguments) == 3 else "a mask" if len(inputs) == 2 else f"{arguments[1]} heads"
        demand(same(result, right), f"other tokens with {what}", "the library's, to five digits")
    demand_gradients(block, (8, 2), random_tensor(2, 5, 8))
    return "names, equal to the library's on 4 batches, the mask, the activation, the gradients"


class _PostNorm(MyBlock):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        x = self.ln_1(x + self.attention(x, mask))
        return self.ln_2(x + self.mlp(x))


class _NormalizedStream(MyBlock):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        x = self.ln_1(x)
        x = self.ln_2(x + self.attention(x, mask))
        return x + self.mlp(x)


class _NoStream(MyBlock):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        return self.mlp(self.ln_2(self.attention(self.ln_1(x), mask)))


class _HalfStream(MyBlock):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        x = x + self.attention(self.ln_1(x), mask)
        return self.mlp(self.ln_2(x))


class _Parallel(MyBlock):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        return x + self.attention(self.ln_1(x), mask) + self.mlp(self.ln_2(x))


class _OneNorm(MyBlock):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        x = x + self.attention(self.ln_1(x), mask)
        return x + self.mlp(self.ln_1(x))


class _NoNorm(MyBlock):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        x = x + self.attention(x, mask)
        return x + self.mlp(x)


class _BlockMaskless(MyBlock):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        return super().forward(x)


class _BlockGelu(MyBlock):
    def __init__(self, width, heads, activation=F.gelu):  # type: ignore[no-untyped-def]
        super().__init__(width, heads)


class _Cut(MyBlock):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        x = (x + self.attention(self.ln_1(x), mask)).detach()
        return x + self.mlp(self.ln_2(x))


BLOCK = Exercise(
    id="04.5",
    title="The block",
    difficulty=2,
    minutes=7,
    kept=True,
    reference=MyBlock,
    use=use_with(lambda: MyBlock),
    check=_check_block,
    hints=(
        "Follow the line x in the drawing: how often is something added to it, and what does each of the two read?",
        "Attention reads ln_1 of x, and what it gives is added to x. The MLP reads ln_2 of the *new* x.",
        "`x = x + self.attention(self.ln_1(x), mask)`, and the same once more with ln_2 and mlp.",
    ),
    mutants=(
        Mutant(_PostNorm, "post-norm: each LayerNorm stands after the addition. In a pre-norm block it stands before"),
        Mutant(
            _NormalizedStream,
            "x itself was normalized: the LayerNorm belongs on the side branch only, the stream goes on untouched",
        ),
        Mutant(_NoStream, "nothing is added to x: what a token was is lost at every block"),
        Mutant(_HalfStream, "the MLP's result stands in the place of x: it is to be added, too"),
        Mutant(_Parallel, "the MLP reads the x from before attention: first look around, then think about that"),
        Mutant(_OneNorm, "ln_1 is used twice, ln_2 never: each half has a LayerNorm of its own"),
        Mutant(_NoNorm, "the LayerNorms are made and never used"),
        Mutant(_BlockMaskless, "the mask is not handed on to the attention"),
        Mutant(_BlockGelu, "the activation is not handed on to the MLP"),
        Mutant(_Cut, "the stream is cut between the halves: nothing before this point would ever learn"),
    ),
)
