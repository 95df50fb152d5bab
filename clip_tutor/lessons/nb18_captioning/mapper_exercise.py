"""Exercise 18.1: from one vector of an image to the N vectors of a prefix."""

from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


class Mapper(nn.Module):
    """Makes a prefix of N vectors of the vector of an image, through one hidden layer.

    Its one part is `layers`, an nn.Sequential of three: linear, tanh, linear. The hidden layer has N · D // 2 numbers.
    """

    def __init__(self, embed_dim: int, width: int, prefix_length: int) -> None:
        """Make the part, for image vectors of E = embed_dim numbers and N = prefix_length vectors of D = width."""
        super().__init__()
        self.width = width
        hidden = prefix_length * width // 2
        self.layers = nn.Sequential(nn.Linear(embed_dim, hidden), nn.Tanh(), nn.Linear(hidden, prefix_length * width))

    def forward(self, image_features: Tensor) -> Tensor:
        """Return the prefixes (B, N, D) of B images from their vectors (B, E).

        The first D of the N · D numbers that come out are the first vector, the next D the second, and so on.
        """
        return self.layers(image_features).unflatten(1, (-1, self.width))


_CASES = (((6, 4, 3), (5, 6)), ((4, 6, 2), (2, 4)), ((3, 2, 1), (1, 3)))  # E, D, N; shape of the image vectors


def use_mapper(kind: Any, task: str, arguments: tuple[int, ...], *inputs: Tensor) -> Any:
    """Return what is asked of a mapper: parameters, prefixes with known weights, or what no gradient reaches."""
    mine = kind(*arguments)
    if task == "names":
        return tuple(sorted(f"{name} {tuple(weights.shape)}" for name, weights in mine.named_parameters()))
    random = torch.Generator().manual_seed(sum(arguments))
    with torch.no_grad():
        for _, weights in sorted(mine.named_parameters()):
            weights.copy_(torch.randn(weights.shape, generator=random))
    if task == "prefix":
        return mine(*inputs).detach()
    mine(*inputs).square().sum().backward()
    reached = {name: weights.grad is not None for name, weights in mine.named_parameters()}
    return tuple(name for name in sorted(reached) if not reached[name])


def vectors(*shape: int, seed: int = 0) -> Tensor:
    """Return the same random numbers for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _check_mapper(mapper: Attempt) -> str:
    for arguments, shape in _CASES:
        E, D, N = arguments
        names, right = (use("names", arguments) for use in (mapper, MAPPER.as_function(Mapper)))
        demand(
            names == right,
            f"for E = {E}, D = {D} and N = {N} the parameters are {', '.join(names) or 'none'}",
            f"{', '.join(right)}",
            "weights are loaded by name and shape: `layers` is an nn.Sequential of linear, tanh and linear",
        )
        image_features = vectors(*shape)
        prefix, wanted = (use("prefix", arguments, image_features) for use in (mapper, MAPPER.as_function(Mapper)))
        demand(
            isinstance(prefix, Tensor) and prefix.shape == wanted.shape,
            f"the prefix is {describe(prefix)} for image vectors {shape}, N = {N} and D = {D}",
            f"a tensor {tuple(wanted.shape)}: for each of B images N vectors of D numbers",
        )
        wrong = (prefix - wanted).abs().amax(dim=2) > 1e-4  # (B, N)
        demand(
            same(prefix, wanted),
            f"{int(wrong.sum())} of {wrong.numel()} prefix vectors differ, with N = {N} and D = {D}"
            f"; the first one is {_in_words(prefix[0, 0])}",
            _in_words(wanted[0, 0]),
        )
        cut = mapper("gradients", arguments, image_features)
        demand(cut == (), f"no gradient reaches {', '.join(cut)}", "a gradient for every parameter")
    return "names and shapes of the parameters, the order of the numbers in prefixes of 1, 2 and 3 vectors, gradients"


def _in_words(vector: Tensor) -> str:
    return f"({', '.join(f'{value:.2f}' for value in vector.tolist())})"


class _Crossed(Mapper):
    def forward(self, image_features):  # type: ignore[no-untyped-def]
        return self.layers(image_features).unflatten(1, (self.width, -1)).transpose(1, 2)


class _AcrossImages(Mapper):
    def forward(self, image_features):  # type: ignore[no-untyped-def]
        B = len(image_features)
        return self.layers(image_features).reshape(-1, B, self.width).transpose(0, 1)


class _Flat(Mapper):
    def forward(self, image_features):  # type: ignore[no-untyped-def]
        return self.layers(image_features)


class _OneVector(Mapper):
    def forward(self, image_features):  # type: ignore[no-untyped-def]
        prefix = self.layers(image_features).unflatten(1, (-1, self.width))
        return prefix[:, :1].expand_as(prefix)


class _ReLU(Mapper):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        self.layers[1] = nn.ReLU()


class _Linear(Mapper):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        self.layers[1] = nn.Identity()


class _TanhAtTheEnd(Mapper):
    def forward(self, image_features):  # type: ignore[no-untyped-def]
        return super().forward(image_features).tanh()


class _UnitLength(Mapper):
    def forward(self, image_features):  # type: ignore[no-untyped-def]
        return nn.functional.normalize(super().forward(image_features), dim=-1)


class _OneLayer(nn.Module):
    def __init__(self, embed_dim, width, prefix_length):  # type: ignore[no-untyped-def]
        super().__init__()
        self.width, self.layers = width, nn.Sequential(nn.Linear(embed_dim, prefix_length * width))

    def forward(self, image_features):  # type: ignore[no-untyped-def]
        return self.layers(image_features).unflatten(1, (-1, self.width))


class _WideHidden(_OneLayer):
    def __init__(self, embed_dim, width, prefix_length):  # type: ignore[no-untyped-def]
        super().__init__(embed_dim, width, prefix_length)
        N = prefix_length * width
        self.layers = nn.Sequential(nn.Linear(embed_dim, N), nn.Tanh(), nn.Linear(N, N))


class _Cut(Mapper):
    def forward(self, image_features):  # type: ignore[no-untyped-def]
        hidden = self.layers[:2](image_features).detach()
        return self.layers[2](hidden).unflatten(1, (-1, self.width))


MAPPER = Exercise(
    id="18.1",
    title="The mapper",
    difficulty=1,
    minutes=8,
    reference=Mapper,
    use=use_mapper,
    check=_check_mapper,
    hints=(
        "One linear layer makes all N · D numbers of a prefix at once. Only at the end are they cut into N vectors.",
        "`nn.Sequential(nn.Linear(E, H), nn.Tanh(), nn.Linear(H, N * D))` with H = N * D // 2.",
        "`unflatten(1, (-1, D))` turns (B, N · D) into (B, N, D) and leaves the order of the numbers as it is.",
    ),
    mutants=(
        Mutant(
            _Crossed,
            "the numbers were cut crosswise: the first vector took every N-th number instead of the first D",
        ),
        Mutant(_AcrossImages, "the shape is right, but vectors of one image landed in the prefix of another one"),
        Mutant(_Flat, "N · D numbers in a row are no prefix yet: a language model reads N vectors of D numbers"),
        Mutant(_OneVector, "all N vectors of a prefix are the same one: only D of the N · D numbers are used"),
        Mutant(_ReLU, "the hidden layer is a ReLU: here it is a tanh, as in ClipCap"),
        Mutant(_Linear, "nothing stands between the two linear layers, so together they are one linear layer"),
        Mutant(_TanhAtTheEnd, "a tanh at the end keeps every number between -1 and 1: it belongs between the layers"),
        Mutant(_UnitLength, "the prefix was brought to unit length: token vectors have any length, and so may these"),
        Mutant(_OneLayer, "one linear layer: there are two, with a tanh between them"),
        Mutant(_WideHidden, "the hidden layer is as wide as the prefix: it has half of its numbers, N · D // 2"),
        Mutant(_Cut, "the hidden layer was detached, so the first linear layer never learns"),
    ),
)
