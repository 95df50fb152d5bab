"""Exercise 12.3: take over published weights, and refuse what does not fit."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def published_weights(
    theirs: dict[str, Tensor], made_of: dict[str, tuple[str, ...]], transposed: set[str], own: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Return the tensors of a published file under the names of our own tower, ready for its load_state_dict.

    theirs holds the file's tensors by their names there, own those of the tower, which has other names.
    made_of says for each name of own of which tensors there it is made; several are laid end to end, in that order.
    What is in transposed is kept there the other way round. Numbers come in whatever precision, and leave in own's.
    Raises ValueError if a tensor is missing or left over, or comes out in another shape than own's, and names it.
    """
    needed = {part for parts in made_of.values() for part in parts}
    if needed != theirs.keys():
        raise ValueError(f"missing: {sorted(needed - theirs.keys())}; left over: {sorted(theirs.keys() - needed)}")
    ready = {}
    for name, parts in made_of.items():
        joined = torch.cat([theirs[part] for part in parts]).to(own[name].dtype)
        ready[name] = joined.T.contiguous() if name in transposed else joined
        if ready[name].shape != own[name].shape:
            raise ValueError(f"{name} is {tuple(ready[name].shape)} instead of {tuple(own[name].shape)}")
    return ready


REFUSED = "a ValueError that names the tensor"
UNNAMED = "a ValueError that does not name the tensor"


def _tried(answer: Callable[..., Any], case: str, *given: Any) -> Any:
    """Return the tensors in a tuple, or how a file was refused; ``case`` is the tensor that does not fit, "" if none.

    Each call gets dicts of its own: what a reader takes out of them is nobody else's.
    """
    theirs, made_of, transposed, own = given
    try:
        ready = answer(dict(theirs), dict(made_of), set(transposed), dict(own))
    except ValueError as error:
        return REFUSED if case and case in str(error) else UNNAMED if case else f"ValueError: {error}"
    if not isinstance(ready, Mapping) or not all(isinstance(value, Tensor) for value in ready.values()):
        return ready
    return tuple(sorted(ready)), tuple(ready[name] for name in sorted(ready))


MADE_OF = {
    "cls_token": ("embeddings.class",),
    "attention.qkv.weight": ("attn.q.weight", "attn.k.weight", "attn.v.weight"),
    "attention.qkv.bias": ("attn.q.bias", "attn.k.bias", "attn.v.bias"),
    "projection": ("to_joint.weight",),
}


def file_and_tower(D: int, E: int, dtype: torch.dtype) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return a small file's tensors, and those of a fresh tower that is to have them."""
    random = torch.Generator().manual_seed(D + E)
    shapes = {"embeddings.class": (D,), "to_joint.weight": (E, D)}
    shapes |= {f"attn.{part}.weight": (D, D) for part in "qkv"}
    shapes |= {f"attn.{part}.bias": (D,) for part in "qkv"}
    theirs = {name: torch.randn(shape, generator=random).to(dtype) for name, shape in shapes.items()}
    own = {"cls_token": (D,), "attention.qkv.weight": (3 * D, D), "attention.qkv.bias": (3 * D,), "projection": (D, E)}
    return theirs, {name: torch.zeros(shape) for name, shape in own.items()}


def _check_published(take: Attempt) -> str:
    right_use, turned = PUBLISHED.as_function(published_weights), {"projection"}
    for D, E, dtype in ((6, 3, torch.float32), (4, 4, torch.float32), (4, 2, torch.float16)):
        theirs, own = file_and_tower(D, E, dtype)
        result, right = (use("", theirs, MADE_OF, turned, own) for use in (take, right_use))
        what = f"a file with D = {D} and E = {E}" + (", in half precision" if dtype == torch.float16 else "")
        told = isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], tuple)
        demand(told, f"for {what}: {describe(result)}", "a dict of tensors by name")
        demand(result[0] == right[0], f"for {what} the names {', '.join(result[0])}", ", ".join(right[0]))
        for name, one, true in zip(right[0], result[1], right[1], strict=True):
            demand(one.shape == true.shape, f"{name} is {describe(one)} for {what}", describe(true))
            demand(one.dtype == true.dtype, f"{name} is {one.dtype}", f"{true.dtype}, as the tower's own")
            demand(same(one, true), f"for {what}, {name} holds other numbers", "those of the file")
    theirs, own = file_and_tower(4, 2, torch.float32)
    without = {name: tensor for name, tensor in theirs.items() if name != "attn.k.bias"}
    wrong = theirs | {"embeddings.class": torch.zeros(5)}
    wide = theirs | {"to_joint.weight": torch.zeros(4, 2)}
    for what, file, named in (
        ("attn.k.bias is missing", without, "attn.k.bias"),
        ("there is a nobody.weight too many", theirs | {"nobody.weight": torch.zeros(2)}, "nobody.weight"),
        ("embeddings.class, which becomes cls_token, has 5 numbers in place of 4", wrong, "cls_token"),
        ("to_joint.weight, which becomes projection, is (4, 2) in place of (2, 4)", wide, "projection"),
    ):
        result = take(named, file, MADE_OF, turned, own)
        demand(result == REFUSED, _said(result, what), f"{REFUSED}: {named}")
    return "3 files, square and not, one in half precision; 4 files that do not fit are refused by name"


def _said(result: object, what: str) -> str:
    return f"{result if isinstance(result, str) else 'no error'} for a file in which {what}"


def _loose(missing: bool = False, left_over: bool = False, turn: bool = True, kept: bool = False) -> Callable[..., Any]:
    """Return an answer that lets through what is missing or left over, never transposes, or keeps the precision."""

    def take(theirs, made_of, transposed, own):  # type: ignore[no-untyped-def]
        needed = {part for parts in made_of.values() for part in parts}
        if missing:
            made_of = {name: parts for name, parts in made_of.items() if all(part in theirs for part in parts)}
            theirs = theirs if needed <= theirs.keys() else {p: theirs[p] for names in made_of.values() for p in names}
        if left_over:
            theirs = {name: tensor for name, tensor in theirs.items() if name in needed}
        ready = published_weights(theirs, made_of, transposed if turn else set(), own)
        if kept:
            return {name: tensor.to(theirs[made_of[name][0]].dtype) for name, tensor in ready.items()}
        return ready

    return take


def _sorted(theirs, made_of, transposed, own):  # type: ignore[no-untyped-def]
    return published_weights(theirs, {name: tuple(sorted(parts)) for name, parts in made_of.items()}, transposed, own)


def _by_shape(theirs, made_of, transposed, own):  # type: ignore[no-untyped-def]
    turned = {name for name, parts in made_of.items() if len(parts) == 1 and parts[0] in theirs}
    turned = {name for name in turned if theirs[made_of[name][0]].shape != own[name].shape}
    turned = {name for name in turned if theirs[made_of[name][0]].ndim == 2}
    return published_weights(theirs, made_of, turned, own)


def _reshaped(theirs, made_of, transposed, own):  # type: ignore[no-untyped-def]
    flat = {name: tensor for name, tensor in theirs.items()}
    for name in transposed:
        flat[made_of[name][0]] = theirs[made_of[name][0]].reshape(own[name].shape).T
    return published_weights(flat, made_of, transposed, own)


def _silent(theirs, made_of, transposed, own):  # type: ignore[no-untyped-def]
    try:
        return published_weights(theirs, made_of, transposed, own)
    except ValueError:
        raise ValueError("this file does not fit") from None


def _no_shapes(theirs, made_of, transposed, own):  # type: ignore[no-untyped-def]
    needed = {part for parts in made_of.values() for part in parts}
    if needed != theirs.keys():
        return published_weights(theirs, made_of, transposed, own)
    joined = {name: torch.cat([theirs[part] for part in parts]).to(own[name].dtype) for name, parts in made_of.items()}
    return {name: tensor.T.contiguous() if name in transposed else tensor for name, tensor in joined.items()}


PUBLISHED = Exercise(
    id="12.3",
    title="Take over published weights",
    difficulty=2,
    minutes=15,
    kept=True,
    reference=published_weights,
    use=_tried,
    check=_check_published,
    hints=(
        "First the names, before any tensor is touched: which are needed, which are there? Two sets and their "
        "differences tell what is missing and what is left over.",
        "`torch.cat` lays tensors end to end along their first axis, also a single one. `.to(dtype)` changes the "
        "precision.",
        "Transpose what stands in `transposed`, and nothing else: where D = E no shape can tell. Compare shapes last.",
    ),
    mutants=(
        Mutant(_loose(missing=True), "what is missing is passed over: that layer keeps its random numbers"),
        Mutant(_loose(left_over=True), "what is left over is passed over: it may be a layer that the tower lacks"),
        Mutant(_loose(turn=False), "nothing is transposed: what stands in `transposed` is kept the other way round"),
        Mutant(_by_shape, "transposed only where the shapes differ: where D = E they agree, and it is wrong"),
        Mutant(_sorted, "the parts are joined in alphabetical order: key, query, value is not query, key, value"),
        Mutant(_reshaped, "reshape makes any numbers fit, and puts them in other places: transposing is another thing"),
        Mutant(_loose(kept=True), "the numbers stay in half precision: the tower computes in its own"),
        Mutant(_silent, "it is refused, and nobody hears which tensor was wrong: name it"),
        Mutant(_no_shapes, "shapes are never compared: a tensor of another size goes through"),
    ),
)
