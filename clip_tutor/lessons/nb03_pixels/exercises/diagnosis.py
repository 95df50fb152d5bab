"""03.5: which preprocessing made this tensor?"""

from collections.abc import Mapping

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lessons.nb03_pixels.recipes import RECIPES, Recipe

NONE = "none"


def diagnose(tensor: torch.Tensor, recipes: Mapping[str, Recipe]) -> str:
    """Return the name of the recipe that made this tensor, "none" if none of them did.

    tensor is (3, H, W): one image, ready for an encoder. A recipe has a .factor, and three numbers each in .mean
    and .std; of the bytes of an image, whole numbers from 0 to 255 and not all of them 0, it made
    (factor * bytes - mean) / std.
    """
    for name, (factor, mean, std) in recipes.items():
        middle, spread = (torch.tensor(three, dtype=torch.float64).view(3, 1, 1) for three in (mean, std))
        values = (tensor * spread + middle) / factor  # bytes, if this is the recipe
        rests = (values - values.round()).abs()  # float32 has rounded a little on the way
        if rests.max() < 0.05 and values.min() > -0.5 and 0.5 < values.max() < 255.5:
            return name
    return "none"


def _bytes(seed: int, low: int = 0, high: int = 256) -> torch.Tensor:
    """Return (3, 12, 16) bytes, the three channels of different brightness."""
    draw = torch.Generator().manual_seed(seed)
    values = torch.randint(low, high, (3, 12, 16), generator=draw)
    return (values * torch.tensor([1.0, 0.9, 0.7]).view(3, 1, 1)).floor()


def _made(recipe: Recipe, values: torch.Tensor) -> torch.Tensor:
    """Return the float32 tensor (3, H, W) that a recipe makes of bytes."""
    middle, spread = (torch.tensor(three).view(3, 1, 1) for three in (recipe.mean, recipe.std))
    return (values * recipe.factor - middle) / spread


def _check(answer: Attempt) -> str:
    shown = {"of all shades": (0, 256), "taken at night": (0, 30), "of snow": (200, 256)}
    plain_first = sorted(RECIPES.items(), key=lambda item: item[0] != "none, 0 to 1")
    for image, (low, high) in shown.items():
        for seed, (name, recipe) in enumerate(plain_first):
            tensor = _made(recipe, _bytes(seed, low, high))
            what = f"an image {image}, from {tensor.min():.2f} to {tensor.max():.2f},"
            _demand_name(answer(tensor, RECIPES), name, what)
    backwards = dict(reversed(list(RECIPES.items())))
    for seed, (name, recipe) in enumerate(RECIPES.items()):
        tensor = _made(recipe, _bytes(seed))
        _demand_name(answer(tensor, backwards), name, "with the recipes in another order, an image")
    unknown = _made(Recipe(1 / 255, (0.43, 0.4, 0.38), (0.25, 0.24, 0.26)), _bytes(9))
    _demand_name(answer(unknown, RECIPES), NONE, "an image with a mean and std that are in no recipe")
    blurred = (_bytes(10) + _bytes(11)) / 3
    _demand_name(
        answer(_made(RECIPES["CLIP's mean and std"], blurred), RECIPES),
        NONE,
        "an image that was resized in floats, so that no shade is a whole number,",
    )
    return "every recipe, of bright, dark and ordinary images, in any order; and two tensors that none of them made"


def _demand_name(result: object, name: str, what: str) -> None:
    demand(result == name, f"{what} is said to be made by {result!r}", f"{name!r}")


def _undone(tensor, recipe):  # type: ignore[no-untyped-def]  # what the known mistakes have in common
    middle, spread = (torch.tensor(three, dtype=torch.float64).view(3, 1, 1) for three in (recipe.mean, recipe.std))
    return (tensor * spread + middle) / recipe.factor


def _rests(values):  # type: ignore[no-untyped-def]
    return (values - values.round()).abs().max()


def _within(values):  # type: ignore[no-untyped-def]
    return values.min() > -0.5 and 0.5 < values.max() < 255.5


def _first(holds):  # type: ignore[no-untyped-def]
    """Return a function that names the first recipe whose undone values (or recipe) hold."""
    return lambda tensor, recipes: next(
        (name for name, recipe in recipes.items() if holds(_undone(tensor, recipe), tensor, recipe)), NONE
    )


def _wrong_order(tensor, recipes):  # type: ignore[no-untyped-def]
    for name, recipe in recipes.items():
        middle, spread = (torch.tensor(three, dtype=torch.float64).view(3, 1, 1) for three in (recipe.mean, recipe.std))
        values = (tensor + middle) * spread / recipe.factor
        if _rests(values) < 0.05 and _within(values):
            return name
    return NONE


DIAGNOSE = Exercise(
    id="03.5",
    title="Diagnose a preprocessing from one tensor",
    difficulty=3,
    minutes=20,
    reference=diagnose,
    check=_check,
    kind="further",
    hints=(
        "A dark image under one recipe looks like a bright one under another, so neither range nor mean decides. What "
        "do the shades of every image have in common, before any recipe?",
        "They are whole numbers from 0 to 255. Undo each recipe: which of them gives such numbers back, for every "
        "pixel of every channel?",
        "float32 rounds, so whole means *nearly* whole: within 0.05 or so. Undo in float64, and do not forget the "
        "range: under a wrong recipe whole numbers may come out far above 255, or all of them as 0.",
    ),
    mutants=(
        Mutant(
            _first(lambda values, tensor, recipe: _within(values)),
            "only the range is looked at: several recipes give values between 0 and 255 back. Are they whole numbers?",
        ),
        Mutant(
            _first(lambda values, tensor, recipe: _rests(values) < 0.05),
            "only whole numbers are looked at: those that were never divided by 255 are whole, too, and far beyond 255",
        ),
        Mutant(
            _first(lambda values, tensor, recipe: bool((values == values.round()).all()) and _within(values)),
            "whole numbers were asked for exactly: float32 has rounded on the way, so allow for a small rest",
        ),
        Mutant(
            lambda tensor, recipes: min(recipes, key=lambda name: float(_rests(_undone(tensor, recipes[name])))),
            "the recipe with the smallest rests wins, whatever they are, and whatever the range: some tensors were "
            "made by none of them",
        ),
        Mutant(
            _first(lambda values, tensor, recipe: _rests(values[1]) < 0.05 and _within(values[1])),
            "only one channel is looked at: green is in the middle, whichever end one begins with. Look at all three",
        ),
        Mutant(
            lambda tensor, recipes: min(
                recipes, key=lambda name: abs(float(_undone(tensor, recipes[name]).mean()) - 127.5)
            ),
            "chosen by how bright the image would be on average: a night and a field of snow are images as well",
        ),
        Mutant(
            _first(
                lambda values, tensor, recipe: _rests(values) < 0.05 and -0.5 < values.min() <= values.max() < 255.5
            ),
            "black is a whole number, too: a recipe with too large a factor takes any tensor for an image that is "
            "black all over. This one has many shades",
        ),
        Mutant(_wrong_order, "undone in the wrong order: what was divided last is multiplied first, then add the mean"),
    ),
)
