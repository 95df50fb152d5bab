"""Tables of names: how the tensors of another project become ours.

A table is text, a line a rule, theirs on the left and ours on the right:

    visual.ln_post.*                              image_tower.ln_post.*               the rest of the name stays
    visual.transformer.resblocks.{}.ln_1.*        image_tower.blocks.{}.ln_1.*        {} is a number: every block
    …layers.{}.self_attn.[q_proj|k_proj|v_proj].* …blocks.{}.attention.qkv.*          three tensors, laid end to end
    visual_projection.weight                      image_tower.projection   transpose  one of the CHANGES below
    text_model.embeddings.position_ids            -                                   not needed
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.printable import listed

CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda tensor: tensor,
    "transpose": lambda tensor: tensor.T.contiguous(),
    "squeeze": lambda tensor: tensor.squeeze(),  # drop dimensions of length 1
    "negative_log": lambda tensor: -tensor.log().squeeze(),  # a temperature becomes the logarithm of its inverse
}
DROP = "-"


@dataclass(frozen=True)
class Rule:
    """One line of a table."""

    theirs: tuple[str, ...]  # one name, or several whose tensors are laid end to end
    ours: str
    change: str = ""

    def sources_of(self, their_name: str) -> tuple[tuple[str, ...], str] | None:
        """Return the names of all tensors that ``their_name`` is joined with, and the name they get here."""
        for template in self.theirs:
            if found := re.fullmatch(_pattern(template), their_name):
                return tuple(_fill(t, found.groups()) for t in self.theirs), _fill(self.ours, found.groups())
        return None

    def theirs_for(self, our_name: str) -> tuple[str, ...]:
        """Return what a tensor of ours is made of there, nothing if this rule does not make it."""
        found = re.fullmatch(_pattern(self.ours), our_name)
        return tuple(_fill(template, found.groups()) for template in self.theirs) if found else ()


def read_table(table: str) -> list[Rule]:
    """Return the rules of a table.

    Raises:
        ValueError: a line does not have two names, or names a change that there is not.
    """
    rules = []
    for line in filter(None, map(str.strip, table.splitlines())):
        words = line.split()
        if len(words) not in (2, 3) or words[2:3] not in ([], *([change] for change in CHANGES)):
            raise ValueError(f"a line of a table is 'theirs ours', or 'theirs ours change', and this is {line!r}")
        before, several, after = re.fullmatch(r"([^\[]*)(?:\[(.*)\])?(.*)", words[0]).groups()  # type: ignore[union-attr]
        theirs = tuple(before + part + after for part in (several or "").split("|"))
        rules.append(Rule(theirs, *words[1:]))
    return rules


def rename(
    tensors: Mapping[str, Tensor],
    table: str,
    source: object = "this checkpoint",
    in_file: Callable[[str], str] = str,
) -> dict[str, Tensor]:
    """Return the tensors of another project under our names.

    Args:
        source: where they come from, for the error.
        in_file: what that place calls a tensor, where a prefix was taken away, for the error.

    Raises:
        ValueError: some fit no line of the table, or only a part of those to be joined is there; each is named.
    """
    rules = read_table(table)
    renamed: dict[str, Tensor] = {}
    unknown, missing = [], set()
    for name in tensors:
        match = next(((rule, found) for rule in rules if (found := rule.sources_of(name))), None)
        if match is None:
            unknown.append(name)
            continue
        rule, (parts, ours) = match
        if absent := [part for part in parts if part not in tensors]:
            missing.update(absent)
        elif ours != DROP and ours not in renamed:
            joined = tensors[name] if len(parts) == 1 else torch.cat([tensors[part] for part in parts])
            renamed[ours] = CHANGES[rule.change](joined)
    if unknown or missing:
        faults = [f"unexpected: {listed(map(in_file, unknown))}"] if unknown else []
        faults += [f"missing: {listed(map(in_file, sorted(missing)))}"] if missing else []
        raise ValueError(f"{source} does not fit this model ({'; '.join(faults)}): load the model it was made for")
    return renamed


def their_names(our_name: str, table: str, in_file: Callable[[str], str] = str) -> str:
    """Return what a tensor of ours is called there, for an error that their users can read; see `rename`."""
    found = next((names for rule in read_table(table) if (names := rule.theirs_for(our_name))), (our_name,))
    return " + ".join(map(in_file, found))


def _pattern(template: str) -> str:
    return re.escape(template).replace(r"\{\}", r"(\d+)").replace(r"\*", "(.+)")


def _fill(template: str, groups: Iterable[str]) -> str:
    filled = iter(groups)
    return re.sub(r"\{\}|\*", lambda _: next(filled), template)
