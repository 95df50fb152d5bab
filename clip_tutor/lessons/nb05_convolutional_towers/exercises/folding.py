"""Exercise 05.4: fold a BatchNorm away."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lab.exercises.modules import in_words, random_tensor
from clip_tutor.lessons.nb05_convolutional_towers.exercises.checks import randomize


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return ONE convolution, with a bias, that does what conv and then norm do in evaluation.

    conv may have any kernel size, stride, padding and number of groups, and a bias of its own or none. Both layers are
    left as they are.
    """
    mean, variance = norm.running_mean, norm.running_var  # (out_channels,) each
    assert mean is not None and variance is not None  # a BatchNorm keeps them unless it is told not to
    factor = norm.weight / torch.sqrt(variance + norm.eps)  # (out_channels,)
    before = 0 if conv.bias is None else conv.bias
    folded = copy.deepcopy(conv)  # with its stride, padding and groups
    folded.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
    folded.bias = nn.Parameter(norm.bias + (before - mean) * factor)
    return folded


_CASES = {  # what nn.Conv2d takes, and eps
    "3 × 3": ((4, 4, 3, 1, 1), {"bias": False}, 1e-5),
    "1 × 1, another eps": ((3, 6, 1, 1, 0), {"bias": False}, 0.5),
    "7 × 7 with stride 2": ((3, 5, 7, 2, 3), {"bias": False}, 1e-3),
    "depthwise": ((4, 4, 3, 1, 1), {"groups": 4, "bias": False}, 1e-3),
    "with a bias of its own": ((4, 4, 3, 1, 1), {"bias": True}, 1e-5),
}


def _use(answer: Callable[..., Any], case: str, task: str, x: Tensor | None = None) -> Any:
    """Fold two random layers, and return one thing that is to be seen of it.

    kind     what came out, as a string with stride, padding and groups
    output   what that gives for x
    before   whether the two layers are still what they were
    """
    conv, norm = _layers(case)
    kept = [weights.clone() for weights in (*conv.state_dict().values(), *norm.state_dict().values())]
    folded = answer(conv, norm)
    if task == "before":
        now = (*conv.state_dict().values(), *norm.state_dict().values())
        return folded is not conv and all(map(torch.equal, kept, now))
    if task == "kind":
        return str(folded) if isinstance(folded, nn.Conv2d) else f"a {type(folded).__name__}"
    return folded(x).detach()


def _layers(case: str) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    shape, options, eps = _CASES[case]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(len(case))
        layers = nn.Sequential(nn.Conv2d(*shape, **options), nn.BatchNorm2d(shape[1], eps))  # type: ignore[arg-type]
        randomize(layers)
    conv, norm = layers.eval()
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    return conv, norm


def _check_fold(folds: Attempt) -> str:
    for case, (shape, _, eps) in _CASES.items():
        conv, norm = _layers(case)
        right = str(fold(conv, norm))
        kind = folds(case, "kind")
        demand(kind == right, f"{kind} for a convolution {conv}", f"{right}: the same shape, and a bias")
        x = random_tensor(2, shape[0], 8, 8)
        with torch.no_grad():
            wanted = norm(conv(x))
        result = folds(case, "output", x)
        place, right_place = result[0, :, 1, 1], wanted[0, :, 1, 1]
        demand(
            isinstance(result, Tensor) and torch.allclose(result, wanted, atol=1e-4),
            f"{in_words(place, right_place)} at one place, for a convolution {case} and a BatchNorm with eps {eps}",
            f"{in_words(right_place, place)}, which the two layers give",
        )
    demand(
        folds("3 × 3", "before"),
        "the layers that came in have changed",
        "a new convolution, and the two layers as they were",
        "`conv.weight.copy_` and `conv.weight *= …` change the layer that somebody still uses: make a new one",
    )
    return f"one convolution gives the numbers of two layers, in {len(_CASES)} cases, and leaves them as they are"


def _mutant(change: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., nn.Conv2d]:
    """Return a wrong answer that puts other numbers into the convolution."""

    def wrong(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
        folded = fold(conv, norm)
        folded.weight, folded.bias = map(nn.Parameter, change(conv, norm))
        return folded

    return wrong


def _parts(conv, norm, eps=None, root=True, gain=True):  # type: ignore[no-untyped-def]
    spread = norm.running_var + (norm.eps if eps is None else eps)
    factor = (norm.weight if gain else 1) / (spread.sqrt() if root else spread)
    before = 0 if conv.bias is None else conv.bias
    return conv.weight * factor[:, None, None, None], norm.bias + (before - norm.running_mean) * factor


def _in_place(conv, norm):  # type: ignore[no-untyped-def]
    weight, bias = _parts(conv, norm)
    with torch.no_grad():
        conv.weight.copy_(weight)
    conv.bias = nn.Parameter(bias.detach())
    return conv


def _default_shape(conv, norm):  # type: ignore[no-untyped-def]
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, padding=conv.padding)
    weight, bias = _parts(conv, norm)
    folded.weight, folded.bias = nn.Parameter(weight), nn.Parameter(bias)
    return folded


FOLD = Exercise(
    id="05.4",
    title="Fold a BatchNorm away",
    difficulty=3,
    minutes=12,
    kind="further",
    reference=fold,
    use=_use,
    check=_check_fold,
    hints=(
        "Write w·x + b for y in BatchNorm's formula and sort: what multiplies x, and what stands alone?",
        "Each output channel is multiplied by weight / √(running_var + eps). That factor times a convolution is the "
        "convolution with that factor times its weights. What stands alone is the new bias.",
        "`factor[:, None, None, None]` reaches the output channels, the first axis of the weight. The old bias, if "
        "there is one, goes through BatchNorm like everything else.",
    ),
    mutants=(
        Mutant(
            _mutant(lambda c, n: _parts(c, n, eps=0.0)),
            "eps is not used: it belongs under the root",
        ),
        Mutant(_mutant(lambda c, n: _parts(c, n, root=False)), "divided by the variance: take its square root"),
        Mutant(_mutant(lambda c, n: _parts(c, n, gain=False)), "norm.weight is not used: it multiplies each channel"),
        Mutant(
            _mutant(lambda c, n: (_parts(c, n)[0], n.bias - n.running_mean)),
            "the mean is subtracted before the channel is scaled, so it is scaled along with it",
        ),
        Mutant(_mutant(lambda c, n: (_parts(c, n)[0], n.bias)), "the mean is not used"),
        Mutant(
            _mutant(lambda c, n: (_parts(c, n)[0], _parts(c, n)[1] * 0)),
            "the new bias is 0: what stands alone in the formula is missing",
        ),
        Mutant(
            _mutant(
                lambda c, n: (_parts(c, n)[0], n.bias - n.running_mean * n.weight / (n.running_var + n.eps).sqrt())
            ),
            "the convolution's own bias is lost: it goes through BatchNorm like everything else",
        ),
        Mutant(
            _default_shape,
            "stride and groups are those of a new nn.Conv2d: take them over from the convolution that came in",
        ),
        Mutant(_in_place, "the convolution that came in was changed: whoever still uses it gets BatchNorm twice"),
    ),
)
