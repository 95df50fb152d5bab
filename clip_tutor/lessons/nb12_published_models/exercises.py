"""Exercises of notebook 12: count the text tower, weigh a file of mixed precision, rename the keys of a checkpoint."""

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe

# ---------------------------------------------------------------------------------------------------------------- 12.1


def count_text_parameters(vocab_size: int, context_length: int, width: int, layers: int, embed_dim: int) -> int:
    """Return how many numbers CLIP's text tower learns.

    A token embedding and positions, both of width numbers a row; `layers` blocks; a last LayerNorm; a projection
    without bias to embed_dim numbers. A block has two LayerNorms, attention (query, key, value and output, each a
    linear layer with bias) and an MLP that is 4 · width wide inside, with biases.
    """
    layer_norm = 2 * width
    attention = 4 * (width * width + width)
    mlp = (width * 4 * width + 4 * width) + (4 * width * width + width)
    block = 2 * layer_norm + attention + mlp
    return (vocab_size + context_length) * width + layers * block + layer_norm + width * embed_dim


def _check_count(count: Attempt) -> str:
    cases = [
        (10, 4, 8, 1, 6),
        (10, 4, 8, 3, 6),
        (49_408, 77, 512, 12, 512),
        (49_408, 77, 512, 12, 1024),
        (49_408, 77, 1024, 12, 1024),
    ]
    results = [(case, count(*case)) for case in cases]
    for case, result in results:
        demand(isinstance(result, int), f"the result is {describe(result)}", "a whole number")
        right = count_text_parameters(*case)
        named = "V = {:,}, T = {}, D = {}, {} layers, E = {}".format(*case)
        off = f"{abs(result - right):,} too {'many' if result > right else 'few'}"
        demand(result == right, f"{result:,} for {named}: {off}", f"{right:,}")
    return f"{len(cases)} towers, among them those of RN50, ViT-B/32 and RN50x64, to the last number"


def _off_by(change):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    return lambda V, T, D, layers, E: count_text_parameters(V, T, D, layers, E) + change(V, T, D, layers, E)


COUNT = Exercise(
    id="12.1",
    title="Count the text tower",
    difficulty=2,
    minutes=10,
    reference=count_text_parameters,
    check=_check_count,
    hints=(
        "Begin with one block. A linear layer from a to b numbers has a · b weights and b biases; a LayerNorm has a "
        "scale and a shift for each of its numbers.",
        "A block comes to 12 D² + 13 D: attention 4 D² + 4 D, the MLP 8 D² + 5 D, two LayerNorms 4 D.",
        "Outside the blocks: (V + T) · D for the two tables, 2 D for the last LayerNorm, D · E for the projection.",
    ),
    mutants=(
        Mutant(_off_by(lambda V, T, D, L, E: -T * D), "the positions are missing: one row for each of the T places"),
        Mutant(
            _off_by(lambda V, T, D, L, E: -9 * D * L),
            "the biases are missing: every linear layer in a block has one, 9 · D in all",
        ),
        Mutant(
            _off_by(lambda V, T, D, L, E: -4 * D * L - 2 * D),
            "no LayerNorm was counted: each has a scale and a shift, two in a block and one behind them",
        ),
        Mutant(_off_by(lambda V, T, D, L, E: -2 * D), "the last LayerNorm, behind the blocks, is missing"),
        Mutant(
            _off_by(lambda V, T, D, L, E: -D * L * 2 - D),
            "a LayerNorm was counted once: it has a scale *and* a shift for each number",
        ),
        Mutant(_off_by(lambda V, T, D, L, E: E), "the projection was given a bias: CLIP's has none"),
        Mutant(_off_by(lambda V, T, D, L, E: -D * E), "the projection to E numbers is missing"),
        Mutant(
            _off_by(lambda V, T, D, L, E: D * D - D * E),
            "the projection was taken as square: it leads from D numbers to E, which need not be as many",
        ),
        Mutant(
            lambda V, T, D, L, E: count_text_parameters(V, T, D, 1, E),
            "one block was counted: there are as many as layers",
        ),
        Mutant(
            lambda V, T, D, L, E: V * D + L * (12 * D * D + 13 * D),
            "blocks and token embedding alone: that is the copied table's column. Positions, the last LayerNorm and "
            "the projection belong to the tower, too",
        ),
        Mutant(
            _off_by(lambda V, T, D, L, E: -3 * D * L),
            "the MLP's first bias was taken as D numbers: that layer is 4 · D wide",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 12.2


def file_mib(tensors: list[tuple[int, bool]]) -> float:
    """Return the size in MiB of a file that holds these tensors, its small header left out.

    Each tensor is given as (how many numbers, whether they are in half precision): 2 bytes a number in half precision
    (fp16), 4 in full (fp32). A MiB has 1,048,576 bytes.
    """
    total = sum(numbers * (2 if half else 4) for numbers, half in tensors)
    return total / 2**20


def _check_mib(size: Attempt) -> str:
    million = 2**20
    cases: list[list[tuple[int, bool]]] = [
        [(million, False)],
        [(million, True)],
        [(3 * million, True), (million, False), (5 * million, True)],
        [(1000, False), (24, True)],
        [(124_302_720, True), (25_000_000, False)],
        [],
    ]
    results = [(tensors, size(tensors)) for tensors in cases]
    for tensors, result in results:
        demand(isinstance(result, (int, float)), f"the result is {describe(result)}", "a number, in MiB")
        right = file_mib(tensors)
        given = ", ".join(f"{numbers:,} in {'half' if half else 'full'}" for numbers, half in tensors) or "nothing"
        close = abs(result - right) <= 1e-6 * max(1.0, right)
        demand(close, f"{result:.6g} for {given}", f"{right:.6g}")
    return f"{len(cases)} files: all in half, all in full precision, mixed, and an empty one"


MIB = Exercise(
    id="12.2",
    title="Weigh a file",
    difficulty=1,
    minutes=5,
    reference=file_mib,
    check=_check_mib,
    hints=(
        "How many bytes does one tensor take? Add them up, and only then turn bytes into MiB.",
        "`2 if half else 4` bytes a number, and `2**20` bytes a MiB.",
    ),
    mutants=(
        Mutant(
            lambda tensors: file_mib(tensors) * 2**20 / 1e6,
            "these are megabytes, 1,000,000 bytes each: a MiB has 1,048,576",
        ),
        Mutant(
            lambda tensors: file_mib([(numbers, False) for numbers, _ in tensors]),
            "every number was given 4 bytes: those in half precision take 2",
        ),
        Mutant(
            lambda tensors: file_mib([(numbers, True) for numbers, _ in tensors]),
            "every number was given 2 bytes: those in full precision take 4",
        ),
        Mutant(
            lambda tensors: file_mib([(numbers, not half) for numbers, half in tensors]),
            "the two were exchanged: half precision takes 2 bytes, full takes 4",
        ),
        Mutant(lambda tensors: file_mib(tensors) * 2**20, "these are bytes: divide by 2**20"),
        Mutant(lambda tensors: file_mib(tensors) * 8, "these are bits by the MiB: half precision is 16 bits, 2 bytes"),
        Mutant(lambda tensors: file_mib(tensors) / 1024, "divided by 1024 once too often: these are GiB, not MiB"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 12.3


def rename_keys(keys: list[str], prefixes: list[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Return each key's new name, and the keys that no prefix fits.

    prefixes holds pairs (theirs, ours): a key that begins with theirs gets ours in its place, and the rest of it stays.
    The first pair that fits is taken, and only that one.
    """
    renamed, unknown = {}, []
    for key in keys:
        for theirs, ours in prefixes:
            if key.startswith(theirs):
                renamed[key] = ours + key.removeprefix(theirs)
                break
        else:
            unknown.append(key)
    return renamed, unknown


_PREFIXES = [
    ("visual.transformer.", "image_tower."),
    ("visual.", "image_tower.stem."),
    ("transformer.", "text_tower."),
    ("text_", "text_tower."),
    ("logit_scale", "log_logit_scale"),
]


def _check_rename(rename: Attempt) -> str:
    cases = [
        (["visual.conv1.weight", "transformer.0.bias"], _PREFIXES),
        (["visual.transformer.0.bias"], _PREFIXES),
        (["logit_scale", "text_projection"], _PREFIXES),
        (["visual.visual.weight", "text_text_"], _PREFIXES),
        (["a.b"], [("a.", "b."), ("b.", "c.")]),
        (["ema.visual.conv1.weight", "logit_scale", "optimizer"], _PREFIXES),
        (["a.weight"], []),
        ([], _PREFIXES),
    ]
    results = [(keys, prefixes, rename(keys, prefixes)) for keys, prefixes in cases]
    for keys, prefixes, result in results:
        demand(
            isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], dict),
            f"the result is {describe(result)}",
            "two things: a dict of new names, and a list of unknown keys",
        )
        right = rename_keys(keys, prefixes)
        pairs = ", ".join(f"{theirs} → {ours}" for theirs, ours in prefixes) or "no prefix"
        demand(result == right, f"{result} for {keys} with {pairs}", f"{right}")
    return f"{len(cases)} lists of keys: a prefix twice in a key, in mid-key, one within another, keys that none fits"


def _renamed_by(new_name):  # type: ignore[no-untyped-def]
    """Return a renamer that asks ``new_name(key, prefixes)``, None for a key that is unknown."""

    def rename(keys, prefixes):  # type: ignore[no-untyped-def]
        names = {key: new_name(key, prefixes) for key in keys}
        return {key: name for key, name in names.items() if name is not None}, [k for k in keys if names[k] is None]

    return rename


def _replaced(count, within=False):  # type: ignore[no-untyped-def]
    def new_name(key, prefixes):  # type: ignore[no-untyped-def]
        for theirs, ours in prefixes:
            if key.startswith(theirs) or (within and theirs in key):
                return key.replace(theirs, ours, count)
        return None

    return new_name


def _chained(key, prefixes):  # type: ignore[no-untyped-def]
    name, found = key, False
    for theirs, ours in prefixes:
        if name.startswith(theirs):
            name, found = ours + name.removeprefix(theirs), True
    return name if found else None


def _only_ours(key, prefixes):  # type: ignore[no-untyped-def]
    return next((ours for theirs, ours in prefixes if key.startswith(theirs)), None)


def _ours_before(key, prefixes):  # type: ignore[no-untyped-def]
    return next((ours + key for theirs, ours in prefixes if key.startswith(theirs)), None)


def _turned_around(keys, prefixes):  # type: ignore[no-untyped-def]
    renamed, unknown = rename_keys(keys, prefixes)
    return {ours: theirs for theirs, ours in renamed.items()}, unknown


def _unknown_kept(keys, prefixes):  # type: ignore[no-untyped-def]
    renamed, unknown = rename_keys(keys, prefixes)
    return renamed | {key: key for key in unknown}, []


RENAME = Exercise(
    id="12.3",
    title="Rename a checkpoint",
    difficulty=2,
    minutes=10,
    reference=rename_keys,
    check=_check_rename,
    hints=(
        "Two loops, one inside the other: for each key, go through the prefixes until one fits.",
        "`key.startswith(theirs)` asks, `key.removeprefix(theirs)` cuts. Stop at the first that fits: `break`.",
        "A `for` loop may have an `else`: it runs if the loop was never left by `break`, and so the key is unknown.",
    ),
    mutants=(
        Mutant(
            _renamed_by(_replaced(-1)),
            "every occurrence was replaced: the prefix may stand in the rest of the key once more, and that stays",
        ),
        Mutant(
            _renamed_by(_replaced(1, within=True)),
            "replaced in mid-key: 'ema.visual.…' does not begin with 'visual.', so it is unknown",
        ),
        Mutant(_renamed_by(_chained), "several pairs were applied to one key: the first that fits is the only one"),
        Mutant(
            lambda keys, prefixes: rename_keys(keys, prefixes[::-1]),
            "the last pair that fits was taken: order counts, so that a longer prefix can stand before a shorter one",
        ),
        Mutant(_renamed_by(_only_ours), "the rest of the key is lost: only its beginning is exchanged"),
        Mutant(_renamed_by(_ours_before), "the old prefix is still there: ours comes in its place"),
        Mutant(_turned_around, "the dict is the wrong way around: from the key as it was to its new name"),
        Mutant(
            _unknown_kept,
            "an unknown key kept its name and was passed on: put it in the second list, so that somebody hears of it",
        ),
        Mutant(
            lambda keys, prefixes: (rename_keys(keys, prefixes)[0], []),
            "unknown keys were dropped in silence: put them in the second list",
        ),
    ),
)

EXERCISES = (COUNT, MIB, RENAME)
