"""An image tower as another project would publish it: its tensors by their names there, and what ours are made of.

tower ── `as_published` ─▶ {"vision_model.pre_layrnorm.bias": …}
file ─── `image_tensors` ▶ the same of a real one              both go to exercise 12.3, with `recipe`
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from torch import Tensor, nn

from clip_tutor.weights.names import open_clip, transformers
from clip_tutor.weights.renaming import read_table

Layout = Literal["open_clip", "transformers"]
_TABLES: dict[Layout, str] = {"open_clip": open_clip.VIT, "transformers": transformers.VIT}


class Recipe(NamedTuple):
    """What our tensors are made of in a layout."""

    made_of: dict[str, tuple[str, ...]]  # by our names, in the order in which they are laid end to end
    transposed: set[str]  # those of ours that are kept the other way round there


def recipe(own_names: Iterable[str], layout: Layout) -> Recipe:
    """Return what a Vision Transformer's tensors are made of there; what the layout does not know is left out."""
    made_of: dict[str, tuple[str, ...]] = {}
    transposed: set[str] = set()
    for name in own_names:
        for rule in read_table(_TABLES[layout]):
            if parts := rule.theirs_for(f"image_tower.{name}"):
                made_of[name] = parts
                transposed |= {name} if rule.change == "transpose" else set()
    return Recipe(made_of, transposed)


def as_published(tower: nn.Module, layout: Layout) -> dict[str, Tensor]:
    """Return a Vision Transformer's tensors as that project would store them."""
    own = tower.state_dict()
    found: dict[str, Tensor] = {}
    made_of, transposed = recipe(own, layout)
    for name, parts in made_of.items():
        tensor = own[name].T if name in transposed else own[name]
        found |= {part: piece.clone() for part, piece in zip(parts, tensor.chunk(len(parts)), strict=True)}
    return found


def by_head(tensors: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
    """Return a tower's tensors with the rows of each fused QKV head by head: the same numbers in another order."""
    return {name: _by_head(tensor, heads) if ".qkv." in name else tensor for name, tensor in tensors.items()}


def _by_head(fused: Tensor, heads: int) -> Tensor:
    return fused.unflatten(0, (3, heads, -1)).transpose(0, 1).flatten(0, 2)


def image_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return of a whole file's tensors those that the image tower has learned."""
    beginnings = ("visual.", "vision_model.", "visual_projection.")
    of_images = {name: tensor for name, tensor in tensors.items() if name.startswith(beginnings)}
    return {name: tensor for name, tensor in of_images.items() if not name.endswith("position_ids")}
