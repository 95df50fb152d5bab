"""What notebook 22 draws with: the kit's denoiser and a judge, prompts word by word, and a small world to train on."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.applications.attribute_judge import facts_of, verdicts
from clip_tutor.applications.attribute_judge.files import LoadedJudge
from clip_tutor.applications.diffusion import (
    Denoiser,
    LoadedDenoiser,
    encode_prompts,
    load_denoiser,
    sample,
    sample_steps,
    to_pixels,
)
from clip_tutor.applications.diffusion.blocks import TextBlock
from clip_tutor.data.captions import SIZE_WORDS, singular
from clip_tutor.data.emoji import FIRST_WORDS, Emoji, find_emoji
from clip_tutor.data.scenes import Batch, Scene, Scenes, Split
from clip_tutor.evaluation.attributes import in_setting
from clip_tutor.lessons.nb22_text_to_image.word_exercise import my_word_maps
from clip_tutor.tokenizers import Tokenizer

SEED = 122  # of scenes that are looked at: others than those that the denoiser was trained on
STEPS = 25  # of DDIM
GUIDANCE = 3.0
FEW = "🍎🍌🚀🐸⭐🌵"  # the things of the small world
SCANNED = 60_000  # scenes among which those of the small world are found
START, PADDING = "start", "padding"


class Word(NamedTuple):
    """A word of a prompt, or what stands around it."""

    text: str
    tokens: tuple[int, ...]  # which of the row's T tokens they are


class Moment(NamedTuple):
    """What is seen at one timestep of a film."""

    t: int
    noisy: Tensor  # (3, H, W), uint8
    x0: Tensor  # (3, H, W), uint8: the image that the denoiser sees in it
    shares: Tensor  # (words, H, W), of each pixel's attention


@dataclass(frozen=True, eq=False)
class Painter:
    """The kit's denoiser, with the CLIP whose token states it reads."""

    kit: LoadedDenoiser
    _films: dict[tuple[str, int, float, int], list[Moment]] = field(default_factory=dict)

    @cached_property
    def null_states(self) -> Tensor:
        """The states of no caption, (1, T, D)."""
        return self.states([""])

    def states(self, prompts: Sequence[str]) -> Tensor:
        """Return (B, T, D), as Stable Diffusion 1 encodes prompts."""
        return encode_prompts(self.kit.clip, self.kit.tokenizer, prompts)

    def draw(self, prompts: Sequence[str], seed: int, guidance: float = GUIDANCE, steps: int = STEPS) -> Tensor:
        """Return (B, 3, H, W), uint8: an image for each prompt, each from noise of its own."""
        states, generator = self.states(prompts), torch.Generator().manual_seed(seed)
        return to_pixels(sample(self.kit.denoiser, states, self.null_states, steps, guidance, generator))

    def film(self, prompt: str, seed: int, guidance: float, steps: int) -> list[Moment]:
        """Return what is seen at each step from noise to image, with the shares of `words_of` the prompt.

        Raises:
            ValueError: the prompt is too long, or steps or guidance are out of range.
        """
        settings = (prompt, seed, guidance, steps)
        if settings not in self._films:
            self._films[settings] = list(self._look(*settings))
        return self._films[settings]

    def _look(self, prompt: str, seed: int, guidance: float, steps: int) -> Iterator[Moment]:
        states, denoiser = self.states([prompt]), self.kit.denoiser
        tokens = [word.tokens for word in words_of(self.kit.tokenizer, prompt)]
        generator = torch.Generator().manual_seed(seed)
        for t, noisy, x0 in sample_steps(denoiser, states, self.null_states, steps, guidance, generator):
            maps = maps_of(denoiser, noisy, t, states)
            shares = my_word_maps(maps, tokens, denoiser.config.image_size)
            yield Moment(t, to_pixels(noisy)[0], to_pixels(x0)[0], shares)


@lru_cache(maxsize=1)
def kit_painter() -> Painter:
    """Return a painter with the denoiser that comes with the kit."""
    return Painter(load_denoiser())


def everyday_scenes(split: Split, seed: int = SEED, size: int = 32) -> Scenes:
    """Return scenes of the 104 everyday things that the kit's denoiser draws."""
    return Scenes(find_emoji(FIRST_WORDS), split, size, seed)


def words_of(tokenizer: Tokenizer, prompt: str) -> list[Word]:
    """Return the start token, the words of a prompt, and the padding, with the places of their tokens in its row.

    Raises:
        ValueError: the prompt is too long for a row.
    """
    place, words = 1, [Word(START, (0,))]
    for text in prompt.split():
        many = len(tokenizer.encode(text))
        words.append(Word(text, tuple(range(place, place + many))))
        place += many
    tokenizer([prompt])  # says so if the prompt is too long
    return [word for word in words if word.tokens] + [Word(PADDING, tuple(range(place, tokenizer.context_length)))]


@torch.no_grad()
def maps_of(denoiser: Denoiser, noisy: Tensor, t: int, states: Tensor) -> list[Tensor]:
    """Return the attention maps (K, N, T) of each block, for one image (1, 3, H, W) and the states (1, T, D)."""
    return [each[0] for each in denoiser.attention_maps(noisy, torch.full((1,), t), states)]


def with_attention(denoiser: Denoiser, kind: Callable[[int, int, int, int], nn.Module]) -> Denoiser:
    """Return a copy of a denoiser in which another class does the cross-attention, with the same weights.

    Args:
        kind: is called with width, source_width, heads and head_width, as `CrossAttention` is.
    """
    other = copy.deepcopy(denoiser)
    for block in other.modules():
        if isinstance(block, TextBlock):
            theirs = block.attention
            width, source_width = theirs.to_query.in_features, theirs.to_key_value.in_features
            block.attention = kind(width, source_width, theirs.heads, width // theirs.heads)  # type: ignore[assignment]
            block.attention.load_state_dict(theirs.state_dict())
    return other


def right_share(judge: LoadedJudge, pixels: Tensor, scenes: Sequence[Scene]) -> Tensor:
    """Return (B,), 1.0 where the judge sees in an image the things and the background of its scene, else 0.0."""
    found = verdicts(judge.judge.read(pixels), facts_of(scenes, judge.objects))
    return (found["object"] & found["background"]).float()


def apart(pixels: Tensor) -> Tensor:
    """Return the mean distance between images (B, 3, H, W) of one caption: the root of the mean square, of 0 to 1."""
    return F.pdist(pixels.flatten(1) / 255).mean() / pixels[0].numel() ** 0.5


class SmallWorld(NamedTuple):
    """Images of a few things, one in each, with captions that tell thing, size and background."""

    pixels: Tensor  # (M, 3, H, W), uint8
    captions: list[str]


def small_world(split: Split, count: int, size: int) -> SmallWorld:
    """Return the first scenes of a split that show one thing of six."""
    scenes = everyday_scenes(split, size=size)
    rows = [n for n, emoji in enumerate(scenes.objects) if emoji.character in FEW]
    plan = scenes.plan(range(SCANNED))
    chosen = np.flatnonzero((plan.kind == 0) & np.isin(plan.objects[:, 0], rows) & (plan.size > 0))[:count]
    batch: Batch = scenes.batch(chosen.tolist())
    return SmallWorld(batch.pixels, [told(scene) for scene in batch.scenes])


def told(scene: Scene) -> str:
    """Return a caption of a scene with one thing that leaves nothing out."""
    adjective = SIZE_WORDS[scene.size][0] if scene.size in SIZE_WORDS else ""
    return in_setting(singular(scene.objects[0].noun, adjective), scene.background)


def few_objects() -> tuple[Emoji, ...]:
    """Return the six things of the small world."""
    return find_emoji(FEW)
