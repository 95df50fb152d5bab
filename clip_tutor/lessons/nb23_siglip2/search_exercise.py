"""Exercise 23.4: NaFlex's search for the size of an image that fits a budget of patches."""

from collections.abc import Callable
from math import ceil, floor
from numbers import Integral

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand


def native_size(height: int, width: int, patch_size: int, max_patches: int) -> tuple[int, int]:
    """Return the height and width in pixels to which an image is scaled, so that it makes at most max_patches patches.

    Both sides are multiplied by one scale and rounded UP to whole patches, at least one. The scale is the largest that
    fits, between 0.000001 and 100, to within 0.00001. More scale never makes fewer patches.
    """

    def grid(scale: float) -> tuple[int, int]:
        return max(1, ceil(height * scale / patch_size)), max(1, ceil(width * scale / patch_size))

    fits, too_large = 1e-6, 100.0
    while too_large - fits >= 1e-5:
        middle = (fits + too_large) / 2
        down, across = grid(middle)
        if down * across <= max_patches:
            fits = middle
        else:
            too_large = middle
    down, across = grid(fits)
    return down * patch_size, across * patch_size


_CASES = (
    *((256, 256, 16, 256), (300, 400, 16, 256), (400, 300, 16, 256), (100, 400, 16, 256), (900, 1600, 16, 256)),
    *((40, 30, 16, 256), (3000, 40, 16, 64), (40, 3000, 16, 64), (64, 64, 8, 60), (50, 70, 14, 1), (333, 777, 16, 100)),
    *((80_000, 24_000, 16, 576), (1, 2, 8, 400)),
)
_ENDS = {
    (1, 2): "the scale may rise to 100, and no higher",
    (80_000, 24_000): "for a large image a small step of the scale is several patches: search to within 0.00001",
}


def _check_size(size: Attempt) -> str:
    found = [(case, size(*case)) for case in _CASES]
    for (height, width, P, most), value in found:
        image = f"an image of {height} × {width} pixels, at most {most} patches of {P}"
        demand(
            isinstance(value, tuple) and len(value) == 2 and all(isinstance(side, Integral) for side in value),
            f"{value!r} for {image}",
            "a tuple of two whole numbers: height and width in pixels",
        )
        wanted = native_size(height, width, P, most)
        down, across = value[0] / P, value[1] / P
        demand(
            value == wanted,
            f"{value[0]} × {value[1]} pixels, {down:g} × {across:g} = {down * across:g} patches, for {image}",
            f"{wanted[0]} × {wanted[1]} pixels, {wanted[0] // P} × {wanted[1] // P} patches",
            _ENDS.get((height, width), ""),
        )
    return f"{len(_CASES)} images, wide, tall and square, enlarged and made smaller, with budgets from 1 to 576 patches"


def _searched(
    grid: Callable[[int, int, float, int], tuple[int, int]],
    low: float = 1e-6,
    high: float = 100.0,
    upper: bool = False,
    spare: int = 0,
) -> Callable[..., tuple[int, int]]:
    """Return a search in which a scale makes other numbers of patches, or that ends elsewhere."""

    def size(height: int, width: int, patch_size: int, max_patches: int) -> tuple[int, int]:
        fits, too_large = low, high
        while too_large - fits >= 1e-5:
            middle = (fits + too_large) / 2
            down, across = grid(height, width, middle, patch_size)
            if down * across <= max_patches - spare:
                fits = middle
            else:
                too_large = middle
        down, across = grid(height, width, too_large if upper else fits, patch_size)
        return down * patch_size, across * patch_size

    return size


def _rounded(how: Callable[[float], int]) -> Callable[[int, int, float, int], tuple[int, int]]:
    def grid(height: int, width: int, scale: float, P: int) -> tuple[int, int]:
        return max(1, how(height * scale / P)), max(1, how(width * scale / P))

    return grid


def _by_formula(how: Callable[[float], int]) -> Callable[..., tuple[int, int]]:
    def size(height: int, width: int, patch_size: int, max_patches: int) -> tuple[int, int]:
        scale = (max_patches * patch_size**2 / (height * width)) ** 0.5
        down, across = _rounded(how)(height, width, scale, patch_size)
        return down * patch_size, across * patch_size

    return size


def _square(height: int, width: int, patch_size: int, max_patches: int) -> tuple[int, int]:
    side = int(max_patches**0.5) * patch_size
    return side, side


SIZE = Exercise(
    id="23.4",
    title="NaFlex's search",
    difficulty=2,
    minutes=12,
    reference=native_size,
    check=_check_size,
    hints=(
        "Write the small function first: how many patches has the image downwards and across at a given scale?",
        "Keep two scales: one that fits and one that does not. Look in the middle between them, and move one of the "
        "two there. After each look the gap is half as wide.",
        "`max(1, ceil(height * scale / patch_size))` patches downwards. Start from 1e-6 and 100.0, go on while they "
        "are 1e-5 or more apart, and answer with the one that fits, in pixels.",
    ),
    mutants=(
        Mutant(
            _searched(_rounded(floor)),
            "rounded down: what stands beyond the last whole patch would be lost, and the budget looks roomier than it "
            "is",
        ),
        Mutant(_searched(_rounded(round)), "rounded to the nearest: both sides are rounded up"),
        Mutant(
            _searched(_rounded(ceil), upper=True),
            "the scale that does not fit was taken: one step, and one row, too many",
        ),
        Mutant(
            _searched(_rounded(ceil), high=1.0), "images were never enlarged: a small one should use the budget as well"
        ),
        Mutant(_searched(_rounded(ceil), low=1.0), "images were never made smaller: a large one is over the budget"),
        Mutant(_searched(_rounded(ceil), spare=1), "fewer patches than max_patches: as many are allowed"),
        Mutant(
            _by_formula(ceil),
            "the square root of the areas' ratio, rounded up: rounding can go over the budget, so one searches",
        ),
        Mutant(
            _by_formula(floor),
            "the square root of the areas' ratio, rounded down: it fits, but a larger scale may fit as well",
        ),
        Mutant(_square, "a square for every image: this is the squashing that NaFlex is there to avoid"),
        Mutant(
            lambda h, w, p, m: native_size(w, h, p, m)[::-1] if h == w else native_size(w, h, p, m),
            "height and width have changed places",
        ),
        Mutant(
            lambda h, w, p, m: tuple(side // p for side in native_size(h, w, p, m)),
            "this is how many patches there are: times patch_size it is in pixels",
        ),
    ),
)
