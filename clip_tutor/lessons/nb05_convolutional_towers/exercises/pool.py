"""Exercise 05.2: the attention pool, in which the mean is the only query."""

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import demand_gradients, demand_names, in_words, random_tensor
from clip_tutor.lessons.nb05_convolutional_towers.exercises.checks import use_with
from clip_tutor.towers.attention import attention as attend  # a learner takes their own, of exercise 04.2


class MyAttentionPool(nn.Module):
    """CLIP's attention pool: one layer of attention whose only query is the mean of all places."""

    def __init__(self, width: int, heads: int, places: int, embed_dim: int) -> None:
        """Make the parts of D, K, N and E; all weights and positions start as normal numbers times 1/√D."""
        super().__init__()
        self.pos_embed, self.heads = nn.Parameter(width**-0.5 * torch.randn(1 + places, width)), heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, embed_dim)
        for layer in (self.query, self.key, self.value, self.out):
            nn.init.normal_(layer.weight, std=width**-0.5)

    def tokens(self, feature_map: Tensor) -> Tensor:
        """Return (B, 1+N, D) from a map (B, D, H, W), N = H·W: the mean of all places, then each place; plus positions.

        Places come in reading order. The mean is that of the places without their positions.
        """
        x = feature_map.flatten(2).transpose(1, 2)  # (B, N, D)
        return torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + self.pos_embed

    def forward(self, feature_map: Tensor) -> Tensor:
        """Return (B, E) from (B, D, H, W): the first token is the query; keys and values come from all tokens."""
        x = self.tokens(feature_map)  # (B, 1+N, D)
        made = self.query(x[:, :1]), self.key(x), self.value(x)
        query, key, value = (one.unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in made)  # (B, K, …, D/K)
        pooled = attend(query, key, value).transpose(1, 2)  # (B, 1, K, D/K)
        return self.out(pooled.flatten(1))


_SHAPES = (((8, 2, 6, 5), (3, 8, 2, 3)), ((6, 1, 4, 6), (1, 6, 2, 2)), ((12, 3, 9, 4), (2, 12, 3, 3)))


def _use(kind, task, arguments, *inputs):  # type: ignore[no-untyped-def]  # of any class that has these methods
    if task != "tokens":
        return use_with(lambda: MyAttentionPool)(kind, task, arguments, *inputs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pool = kind(*arguments)
    with torch.no_grad():
        pool.pos_embed.copy_(inputs[1])
    return pool.tokens(inputs[0]).detach()


def _check_pool(pool: Attempt) -> str:
    demand_names(pool, ATTENTION_POOL, (8, 2, 6, 5))
    right_use = ATTENTION_POOL.as_function(MyAttentionPool)
    feature_map, positions = random_tensor(2, 4, 2, 3), random_tensor(7, 4, seed=1)
    tokens, right = (use("tokens", (4, 2, 6, 5), feature_map, positions) for use in (pool, right_use))
    demand(
        isinstance(tokens, Tensor) and tokens.shape == (2, 7, 4),
        f"the tokens are {describe(tokens)} for a map (2, 4, 2, 3)",
        "a tensor (2, 7, 4): for each image one mean and six places, each with its 4 numbers",
    )
    for n, what in enumerate(("the first token", *(f"the token of place {place}" for place in range(6)))):
        demand(
            same(tokens[:, n], right[:, n]),
            f"{what} is {in_words(tokens[0, n], right[0, n])}",
            f"{in_words(right[0, n], tokens[0, n])}: "
            + ("the mean of the places, plus its position" if n == 0 else "its numbers, plus its position"),
        )
    for arguments, shape in _SHAPES:
        feature_map = random_tensor(*shape, seed=shape[1])
        result, right = (use("evaluation", arguments, feature_map) for use in (pool, right_use))
        demand(
            isinstance(result, Tensor) and result.shape == right.shape,
            f"the result is {describe(result)} for a map {shape} and embed_dim {arguments[3]}",
            f"a tensor {tuple(right.shape)}: one vector for each image, because there is one query",
        )
        demand(
            same(result, right),
            f"the first of {shape[0]} images becomes {in_words(result[0], right[0])}, with {arguments[1]} heads",
            in_words(right[0], result[0]),
        )
    demand_gradients(pool, (8, 2, 6, 5), random_tensor(3, 8, 2, 3))
    for name in ("pos_embed", "query.weight", "key.weight", "value.weight", "out.weight"):
        spread = pool("spread", (512, 8, 40, 64), name)
        demand(
            spread == 1.0,
            f"a fresh {name} has a spread of {spread:.1f}/√D",
            "1/√D",
            "nn.Linear begins with smaller numbers: `nn.init.normal_(layer.weight, std=…)` draws others",
        )
    return "names, tokens and their order, equal to the reference with 1, 2 and 3 heads, the gradients, fresh weights"


def _split(pool, x):  # type: ignore[no-untyped-def]
    return x.unflatten(-1, (pool.heads, -1)).transpose(1, 2)


def _found(pool, asks, seen):  # type: ignore[no-untyped-def]
    parts = (_split(pool, one) for one in (pool.query(asks), pool.key(seen), pool.value(seen)))
    return pool.out(attend(*parts).transpose(1, 2).flatten(2))


class _NoMeanAmongKeys(MyAttentionPool):
    def forward(self, feature_map):  # type: ignore[no-untyped-def]
        x = self.tokens(feature_map)
        return _found(self, x[:, :1], x[:, 1:])[:, 0]


class _AllAsk(MyAttentionPool):
    def forward(self, feature_map):  # type: ignore[no-untyped-def]
        x = self.tokens(feature_map)
        return _found(self, x, x).mean(dim=1)


class _OneHead(MyAttentionPool):
    def forward(self, feature_map):  # type: ignore[no-untyped-def]
        x = self.tokens(feature_map)
        return self.out(attend(self.query(x[:, :1]), self.key(x), self.value(x))[:, 0])


class _Viewed(MyAttentionPool):
    def forward(self, feature_map):  # type: ignore[no-untyped-def]
        x = self.tokens(feature_map)
        made = self.query(x[:, :1]), self.key(x), self.value(x)
        parts = (one.reshape(len(x), self.heads, -1, x.shape[-1] // self.heads) for one in made)
        return self.out(attend(*parts).transpose(1, 2).flatten(1))


class _NoWayOut(MyAttentionPool):
    def forward(self, feature_map):  # type: ignore[no-untyped-def]
        x = self.tokens(feature_map)
        parts = (_split(self, one) for one in (self.query(x[:, :1]), self.key(x), self.value(x)))
        return attend(*parts).transpose(1, 2).flatten(1)


class _AddsTheQuestion(MyAttentionPool):
    def forward(self, feature_map):  # type: ignore[no-untyped-def]
        x = self.tokens(feature_map)
        parts = (_split(self, one) for one in (self.query(x[:, :1]), self.key(x), self.value(x)))
        return self.out(attend(*parts).transpose(1, 2).flatten(1) + x[:, 0])


class _Placeless(MyAttentionPool):
    def tokens(self, feature_map):  # type: ignore[no-untyped-def]
        x = feature_map.flatten(2).transpose(1, 2)
        return torch.cat([x.mean(dim=1, keepdim=True), x], dim=1)


class _MeanLast(MyAttentionPool):
    def tokens(self, feature_map):  # type: ignore[no-untyped-def]
        x = feature_map.flatten(2).transpose(1, 2)
        return torch.cat([x, x.mean(dim=1, keepdim=True)], dim=1) + self.pos_embed


class _MeanWithPositions(MyAttentionPool):
    def tokens(self, feature_map):  # type: ignore[no-untyped-def]
        x = feature_map.flatten(2).transpose(1, 2) + self.pos_embed[1:]
        return torch.cat([x.mean(dim=1, keepdim=True) + self.pos_embed[:1], x], dim=1)


class _Reshaped(MyAttentionPool):
    def tokens(self, feature_map):  # type: ignore[no-untyped-def]
        x = feature_map.reshape(len(feature_map), -1, feature_map.shape[1])
        return torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + self.pos_embed


class _Small(MyAttentionPool):
    def __init__(self, width, heads, places, embed_dim):  # type: ignore[no-untyped-def]
        super().__init__(width, heads, places, embed_dim)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, embed_dim)


class _Cut(MyAttentionPool):
    def forward(self, feature_map):  # type: ignore[no-untyped-def]
        x = self.tokens(feature_map)
        return _found(self, x[:, :1].detach(), x)[:, 0] + 0 * self.query(x[:, 0].detach()).sum()


class _PositionsNotTrained(MyAttentionPool):
    def tokens(self, feature_map):  # type: ignore[no-untyped-def]
        x = feature_map.flatten(2).transpose(1, 2)
        return torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + self.pos_embed.detach()


ATTENTION_POOL = Exercise(
    id="05.2",
    title="An attention pool",
    difficulty=3,
    minutes=15,
    kept=True,
    reference=MyAttentionPool,
    use=_use,
    check=_check_pool,
    hints=(
        "`tokens` first: `flatten(2)` makes (B, D, N) of a map, and `transpose(1, 2)` makes tokens of that. Which axis "
        "does the mean go along, and how does it keep it?",
        "The query is made of `x[:, :1]`, which is (B, 1, D); key and value of all of x. Each of the three is then cut "
        "into heads as in notebook 04: (B, T, D) → (B, T, K, D/K) → (B, K, T, D/K).",
        "`attend(query, key, value)` is (B, K, 1, D/K). Put the heads side by side again, to (B, D), and mind `out`.",
    ),
    mutants=(
        Mutant(_NoMeanAmongKeys, "the mean asks, and it can be found, too: keys and values come from all 1+N tokens"),
        Mutant(_AllAsk, "all tokens asked, and the mean of what they found was taken: only the mean asks"),
        Mutant(_OneHead, "one head as wide as all of them: each head compares its own D/K numbers"),
        Mutant(_Viewed, "heads were cut out of the wrong axis: split D into (K, D/K) first, then transpose"),
        Mutant(_NoWayOut, "`out` is never used: it brings what was found from D numbers to E"),
        Mutant(_AddsTheQuestion, "the mean was added to what it found: there is no skip connection here, it only asks"),
        Mutant(_Placeless, "the positions are not used: add them to the mean and to the places"),
        Mutant(_MeanLast, "the mean stands at the end: it comes first, and so does its position"),
        Mutant(_MeanWithPositions, "the mean was taken after the positions were added: take it before"),
        Mutant(
            _Reshaped,
            "`reshape` from (B, D, H, W) to (B, N, D) has the right shape and the wrong numbers: a token would be a "
            "piece of one channel. Flatten H and W, then transpose",
        ),
        Mutant(_Small, "the four layers begin as nn.Linear makes them, with numbers of 0.6/√D and less"),
        Mutant(_PositionsNotTrained, "the positions are cut off from their gradient"),
    ),
)
