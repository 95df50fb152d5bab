"""Exercise 12.1: count the text tower."""

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


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
