"""Exercise 12.2: split a fused QKV, whose rows come in one of two orders."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def split_qkv(weight: Tensor, bias: Tensor, heads: int, by_head: bool) -> dict[str, Tensor]:
    """Return the three linear layers that a fused one holds, each with memory of its own.

    weight is (3·D, D) and bias (3·D,). Their rows come in one of two orders:
    by_head=False: the D rows of the query, then the D of the key, then the D of the value, and in each head 0's first;
    by_head=True: head 0's query, key and value, D/K rows each, then head 1's, and so on.
    The result has q_proj.weight (D, D) and q_proj.bias (D,), the same for k_proj and v_proj, and head 0's rows first.
    """
    split = {}
    for kind, fused in (("weight", weight), ("bias", bias)):
        if by_head:
            rows = fused.unflatten(0, (heads, 3, -1)).transpose(0, 1)  # (3, K, D/K, …)
        else:
            rows = fused.unflatten(0, (3, heads, -1))
        for name, part in zip("qkv", rows.flatten(1, 2), strict=True):
            split[f"{name}_proj.{kind}"] = part.clone()
    return split


_NAMES = [f"{name}_proj.{kind}" for name in "qkv" for kind in ("weight", "bias")]


def _laid_out(answer: Callable[..., Any], weight: Tensor, bias: Tensor, heads: int, by_head: bool) -> Any:
    """Return the six tensors in a tuple, and how many of them share their memory with what was given."""
    split = answer(weight, bias, heads, by_head)
    if not isinstance(split, dict) or not all(isinstance(value, Tensor) for value in split.values()):
        return split if not isinstance(split, dict) else "a dict of other things than tensors"
    given = {tensor.untyped_storage().data_ptr() for tensor in (weight, bias)}
    shared = sum(tensor.untyped_storage().data_ptr() in given for tensor in split.values())
    return tuple(sorted(split)), tuple(split[name] for name in sorted(split)), shared


def _check_split(split: Attempt) -> str:
    right_use = SPLIT.as_function(split_qkv)
    for D, heads, by_head in ((4, 2, False), (4, 2, True), (12, 3, True), (12, 4, False), (6, 1, True)):
        random = torch.Generator().manual_seed(D + heads)
        given = torch.randn(3 * D, D, generator=random), torch.randn(3 * D, generator=random), heads, by_head
        result, right = split(*given), right_use(*given)
        order = "head by head" if by_head else "query, key, value"
        what = f"D = {D}, {heads} heads, {order}"
        demand(
            isinstance(result, tuple) and len(result) == 3 and isinstance(result[0], tuple),
            f"the result is {describe(result)}",
            "a dict of tensors by name",
        )
        demand(result[0] == right[0], f"the names {', '.join(result[0])}", ", ".join(right[0]))
        for name, one, true in zip(right[0], result[1], right[1], strict=True):
            demand(one.shape == true.shape, f"{name} is {describe(one)} for {what}", describe(true))
            first = "the first number of each row is" if true.ndim > 1 else "the numbers are"
            seen, wanted = (t.flatten(1)[:, 0] if t.ndim > 1 else t for t in (one, true))
            demand(same(one, true), f"{what}: of {name} {first} {_short(seen)}", _short(wanted))
        demand(
            result[2] == 0,
            f"{result[2]} of 6 tensors lie in the memory of what was given: whoever trains one changes the other",
            "copies, with memory of their own",
            "slices, chunks and views are windows on the same numbers: .clone() makes a copy",
        )
    return "5 fused layers in both orders, weights and biases, each with memory of its own"


def _short(numbers: Tensor) -> str:
    return ", ".join(f"{number:.2f}" for number in numbers[:6].tolist()) + (" …" if len(numbers) > 6 else "")


def _always(by_head: bool) -> Callable[..., Any]:
    return lambda weight, bias, heads, _: split_qkv(weight, bias, heads, by_head)


def _every_third(weight: Tensor, bias: Tensor, heads: int, by_head: bool) -> dict[str, Tensor]:
    if not by_head:
        return split_qkv(weight, bias, heads, by_head)
    kinds = (("weight", weight), ("bias", bias))
    return {f"{name}_proj.{kind}": fused[n::3].clone() for kind, fused in kinds for n, name in enumerate("qkv")}


def _columns(weight: Tensor, bias: Tensor, heads: int, by_head: bool) -> dict[str, Tensor]:
    split = split_qkv(weight, bias, heads, by_head)
    return {name: part.T.clone() if part.ndim > 1 else part for name, part in split.items()}


def _bias_in_one_order(weight: Tensor, bias: Tensor, heads: int, by_head: bool) -> dict[str, Tensor]:
    return split_qkv(weight, bias, heads, by_head) | {
        f"{name}_proj.bias": part.clone() for name, part in zip("qkv", bias.chunk(3), strict=True)
    }


def _keys_last(weight: Tensor, bias: Tensor, heads: int, by_head: bool) -> dict[str, Tensor]:
    split = split_qkv(weight, bias, heads, by_head)
    swapped = {"k": "v", "v": "k", "q": "q"}
    return {f"{swapped[name[0]]}{name[1:]}": part for name, part in split.items()}


def _views(weight: Tensor, bias: Tensor, heads: int, by_head: bool) -> dict[str, Tensor]:
    if by_head:
        return split_qkv(weight, bias, heads, by_head)
    kinds = (("weight", weight), ("bias", bias))
    return {
        f"{name}_proj.{kind}": part for kind, fused in kinds for name, part in zip("qkv", fused.chunk(3), strict=True)
    }


SPLIT = Exercise(
    id="12.2",
    title="Split a fused QKV",
    difficulty=2,
    minutes=12,
    reference=split_qkv,
    use=_laid_out,
    check=_check_split,
    hints=(
        "What do 3·D rows consist of? 3 parts, K heads in each, D/K rows for a head. In which of the two orders does "
        "which of these numbers change slowest?",
        "`unflatten(0, (3, heads, -1))` gives the first axis three axes, without moving a number; it does the same for "
        "weight and bias. For the other order the axes have another order.",
        "Bring the axis of the three to the front with `transpose(0, 1)`, and melt heads and their rows together "
        "again with `flatten(1, 2)`.",
    ),
    mutants=(
        Mutant(_always(False), "by_head makes no difference: there the rows of head 0's key follow head 0's query"),
        Mutant(_always(True), "the rows were always taken head by head: with by_head=False all queries come first"),
        Mutant(_every_third, "every third row was taken: head by head means D/K rows in a run, not one"),
        Mutant(_columns, "the matrices are transposed: a linear layer keeps a row for each number that it puts out"),
        Mutant(_bias_in_one_order, "the biases are left in the other order: they come in the order of the rows"),
        Mutant(_keys_last, "keys and values are exchanged: the order is query, key, value"),
        Mutant(_views, "slices and chunks are windows on the same numbers: .clone() makes a copy"),
    ),
)
