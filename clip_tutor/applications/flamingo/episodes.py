"""Few-shot episodes: a question that only the examples ask.

    <image> x end   <image> y end   <image> y end   <image> x end   <image>  →  x or y?
     two cats        four dogs       four keys       two pens        two suns

An episode takes two values of one attribute, here the number of things, and gives each a letter of its own. The letters
are drawn anew each time, so no weight can know what x means: whoever answers has looked at the examples, and found what
those with the same letter have in common. All other facts differ.

Some attributes are asked about in training, others never: to answer these is to learn from the prompt alone. Training
also asks about what has no name: the two ends of a principal component of the image features. Few attributes would
teach it to look for these few; components are as many as wanted, and between them they hold all that images differ in.

Three controls tell what an answer rests on. `permuted` deals out the same letters to the examples at random: they still
say which letters there are, and nothing else. `flipped` swaps the two letters in all examples: whoever follows them is
now wrong. And fewer examples.

Sources: Vinyals et al. 2016, "Matching Networks for One Shot Learning" (episodes); Tsimpoukelli et al. 2021,
"Multimodal Few-Shot Learning with Frozen Language Models" (names that the prompt gives); Min et al. 2022, "Rethinking
the Role of Demonstrations" (random labels); Alayrac et al. 2022, section 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clip_tutor.applications.flamingo.prompting import few_shot_prompt
from clip_tutor.data.scenes import KINDS, SIZES, Plan, Scenes
from clip_tutor.tokenizers import Tokenizer

Attribute = Literal["object", "family", "background", "relation", "place", "component", "kind", "number", "size"]
Labels = Literal["true", "permuted", "flipped"]
ASKED: tuple[Attribute, ...] = ("object", "family", "background", "relation", "place")  # in training
NEVER_ASKED: tuple[Attribute, ...] = ("kind", "number", "size")
LETTERS = "xy"  # the two answers, which mean something else in each episode
COMPONENTS = 24  # principal components that training asks about
END_SHARE = 0.15  # of the scenes that count as one end of a component
FEWEST = 20  # scenes that show a value, or no episode asks about it


class Episodes(NamedTuple):
    """B episodes of S examples and one image that is asked about."""

    scenes: NDArray[np.int64]  # (B, S + 1): which scene each image is, the one asked about last
    token_ids: Tensor  # (B, 3 · S + 1): the prompts
    choices: Tensor  # (B, 2): the two letters of each episode, as ids
    answers: Tensor  # (B,): the right one


class EpisodeMaker:
    """Makes episodes of scenes whose facts are known.

    Args:
        scenes: where they come from.
        count: how many of them, from the first on.
        tokenizer: of the language model.
        image_id: the mark that stands for an image, ``flamingo.image_id``.
        features: (count, N, D_image), their places; only who asks about components has to give them.

    Raises:
        ValueError: a letter is more than one token.
    """

    def __init__(
        self, scenes: Scenes, count: int, tokenizer: Tokenizer, image_id: int, features: Tensor | None = None
    ) -> None:
        self.image_id, self.end_id = image_id, tokenizer.end_id
        letters = [tokenizer.encode(letter) for letter in LETTERS]
        if any(len(ids) != 1 for ids in letters):
            raise ValueError(
                f"the letters {LETTERS} become {letters}, and each has to be one token: take another model"
            )
        self.letters = np.array(letters)[:, 0]
        plan = scenes.plan(range(count))
        named = (attribute for attribute in get_args(Attribute) if attribute != "component")
        self.values = {attribute: _scenes_by_value(attribute, scenes, plan) for attribute in named}
        self.components = [] if features is None else _ends_of_components(features)

    def episodes(
        self,
        attributes: Sequence[Attribute],
        shots: int,
        count: int,
        seed: Sequence[int],
        labels: Labels = "true",
        repeated: float = 0.0,
    ) -> Episodes:
        """Return ``count`` episodes, the same for the same seed.

        Args:
            attributes: one of them is drawn for each episode.
            shots: S, an even number: half of the examples show one value, half the other, in any order.
            labels: "true", or one of the two controls; the right answer stays what it is.
            repeated: the share of episodes in which one scene stands for each value, shown again and again.

        Raises:
            ValueError: an odd or negative number of shots.
        """
        if shots < 0 or shots % 2:
            raise ValueError(f"{shots} shots: half of them show one value and half the other, so take an even number")
        random = np.random.default_rng(list(seed))
        letters = random.permuted(np.tile(self.letters, (count, 1)), axis=1)[:, :2]  # (B, 2)
        sides = random.permuted(np.tile(np.arange(shots) % 2, (count, 1)), axis=1)  # (B, S): which value each shows
        sides = np.concatenate([sides, random.integers(0, 2, (count, 1))], axis=1)  # (B, S + 1)
        scenes = np.empty((count, shots + 1), np.int64)
        for row, attribute in enumerate(random.integers(0, len(attributes), count).tolist()):
            scenes[row] = self._images(attributes[attribute], sides[row], random)
            if random.random() < repeated:
                scenes[row] = scenes[row, np.unique(sides[row], return_index=True)[1]][sides[row]]
        told = sides[:, :shots]
        if labels == "permuted":
            told = np.random.default_rng([*seed, 1]).permuted(told, axis=1)
        elif labels == "flipped":
            told = 1 - told
        answers = np.take_along_axis(letters, told, axis=1)[..., None]  # (B, S, 1): answers of one token
        prompts = [few_shot_prompt(row, self.image_id, self.end_id) for row in answers.tolist()]
        right = np.take_along_axis(letters, sides[:, -1:], axis=1)[:, 0]  # (B,)
        return Episodes(scenes, torch.tensor(prompts), torch.from_numpy(letters), torch.from_numpy(right))

    def _images(self, attribute: Attribute, sides: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        """Return (S + 1,) different scenes that show two values of an attribute, side 0 or 1 as asked."""
        if attribute == "component":
            values = self.components[random.integers(len(self.components))]
        else:
            values = self.values[attribute]
        found = np.empty(len(sides), np.int64)
        for side, value in enumerate(random.choice(len(values), 2, replace=False).tolist()):
            places = np.flatnonzero(sides == side)
            found[places] = random.choice(values[value], len(places), replace=False)
        return found


def _scenes_by_value(attribute: Attribute, scenes: Scenes, plan: Plan) -> list[NDArray[np.int64]]:
    """Return, for each value of an attribute, which scenes show it; rare values are left out."""
    groups = sorted({emoji.group for emoji in scenes.objects})
    family = np.array([groups.index(emoji.group) for emoji in scenes.objects])[plan.objects[:, 0]]
    center = plan.places[:, 0, :2] + plan.places[:, 0, 2:] // 2  # (M, 2), of the first drawing
    quarter = (center >= scenes.size // 2) @ np.array([1, 2])
    one, several, pair = (plan.kind == number for number in range(len(KINDS)))
    column, told = {
        "object": (plan.objects[:, 0], ~pair),
        "family": (family, ~pair),
        "background": (plan.background, one | several | pair),
        "relation": (plan.relation, pair),
        "place": (quarter, one & (plan.size == SIZES.index("tiny"))),  # a large drawing is everywhere
        "kind": (plan.kind, one | several | pair),
        "number": (plan.number, several),
        "size": (plan.size, one),
    }[attribute]
    by_value = [np.flatnonzero(told & (column == value)) for value in np.unique(column)]
    return [members for members in by_value if len(members) >= FEWEST]


def _ends_of_components(features: Tensor) -> list[list[NDArray[np.int64]]]:
    """Return, for each of the first principal components, the scenes at its one end and at the other.

    Source: Hsu, Levine and Finn 2019, "Unsupervised Learning via Meta-Learning", which makes tasks of clusters.
    """
    vectors = features.float().mean(dim=1)  # (M, D_image)
    vectors = vectors - vectors.mean(dim=0)
    axes = torch.linalg.eigh(vectors.T @ vectors).eigenvectors.flip(1)[:, :COMPONENTS]  # (D_image, COMPONENTS)
    order = (vectors @ axes).argsort(dim=0).numpy()  # (M, COMPONENTS)
    size = int(END_SHARE * len(order))
    return [[column[:size], column[-size:]] for column in order.T]
