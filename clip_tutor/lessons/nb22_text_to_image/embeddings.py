"""What notebook 22 draws from embeddings with: prior, decoder and CLIP, three embeddings of a caption, and turns.

caption ─ CLIP ─▶ text embedding ─┬───────────────────────────────▶ the text's own
                                  ├─ + mean image − mean text ────▶ the text's, moved
                                  └─ + token states ─ prior ──────▶ the prior's
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from clip_tutor.applications.attribute_judge import facts_of, verdicts
from clip_tutor.applications.attribute_judge.files import LoadedJudge
from clip_tutor.applications.diffusion import from_pixels, to_pixels
from clip_tutor.applications.unclip import (
    UnCLIP,
    as_condition,
    decode,
    edit,
    interpolate,
    invert,
    load_unclip,
    mean_difference,
    predict,
    shifted,
)
from clip_tutor.applications.unclip.train import image_embeddings
from clip_tutor.data.scenes import Scene
from clip_tutor.embedding import encode_texts
from clip_tutor.lessons.nb22_text_to_image.worlds import everyday_scenes, told

OWN, MOVED, PRIOR = "the text's own", "the text's, moved", "the prior's"
EDIT, ARC = "by the difference of two texts", "towards the prior's embedding of the text"
SHOWN = 256  # training scenes from which the mean difference of images and texts is taken
STEPS, GUIDANCE = 15, 2.0  # of the decoder
JUDGED = ("object", "count", "background")
TURNED = 10  # scenes that can be turned into something else


@dataclass(frozen=True, eq=False)
class Embedder:
    """The kit's prior and decoder, and what lies between the texts and the images of their CLIP."""

    kit: UnCLIP
    difference: Tensor  # (E,): from the mean text to the mean image of training scenes
    steps: int = STEPS  # of prior and decoder; back from an image and there again take four times as many
    _noises: dict[int, Tensor] = field(default_factory=dict)

    def of_captions(self, captions: Sequence[str], seed: int) -> dict[str, Tensor]:
        """Return three embeddings of B captions by name, (B, E) each; the seed is that of the prior."""
        states, texts = as_condition(self.kit.clip, self.kit.tokenizer, captions)
        predicted = predict(self.kit.prior, states, texts, self.steps, torch.Generator().manual_seed(seed))
        return {OWN: texts, MOVED: shifted(texts, self.difference), PRIOR: predicted}

    def draw(self, embeddings: Tensor, seed: int, guidance: float = GUIDANCE) -> Tensor:
        """Return (B, 3, H, W), uint8: an image for each embedding; the same seed begins with the same noise."""
        generator = torch.Generator().manual_seed(seed)
        return to_pixels(decode(self.kit.decoder, embeddings, self.steps, guidance, generator))

    def of_scene(self, scene: Scene) -> Tensor:
        """Return (1, E), the embedding of an unseen scene's image."""
        return image_embeddings(self.kit.clip, everyday_scenes("test"), range(scene.index, scene.index + 1))

    def turned(self, scene: Scene, text: str, share: float, way: str) -> Tensor:
        """Return (1, E): the embedding of an unseen scene, turned by so much of the way, `EDIT` or `ARC`.

        Raises:
            ValueError: the text is too long, or says what the scene's caption says.
        """
        if way == ARC:
            return interpolate(self.of_scene(scene), self.of_captions([text], seed=0)[PRIOR], share)
        before, after = encode_texts(self.kit.clip, self.kit.tokenizer, [told(scene), text]).split(1)  # (1, E) each
        return edit(self.of_scene(scene), before, after, share)

    def own_noise(self, scene: Scene) -> Tensor:
        """Return (1, 3, H, W), noise from which the decoder makes about this unseen scene again, without guidance."""
        if scene.index not in self._noises:
            image = from_pixels(everyday_scenes("test").batch([scene.index]).pixels)
            self._noises[scene.index] = invert(self.kit.decoder, image, self.of_scene(scene), 4 * self.steps)
        return self._noises[scene.index]

    def redraw(self, scene: Scene, embedding: Tensor) -> Tensor:
        """Return (1, 3, H, W), uint8: an embedding (1, E), drawn from a scene's own noise."""
        noise = self.own_noise(scene)
        return to_pixels(decode(self.kit.decoder, embedding, 4 * self.steps, 1.0, noise=noise))


@lru_cache(maxsize=1)
def kit_embedder() -> Embedder:
    """Return the prior and the decoder that come with the kit."""
    kit, known = load_unclip(), everyday_scenes("train")
    captions = [scene.caption for scene in known.scenes(range(SHOWN))]
    texts = encode_texts(kit.clip, kit.tokenizer, captions)
    return Embedder(kit, mean_difference(image_embeddings(kit.clip, known, range(SHOWN)), texts))


@lru_cache(maxsize=1)
def scenes_to_turn() -> tuple[Scene, ...]:
    """Return unseen scenes that show one large thing, each another one."""
    found: dict[str, Scene] = {}
    for scene in everyday_scenes("test").scenes(range(500)):
        if scene.kind == "one" and scene.size == "huge":
            found.setdefault(scene.objects[0].character, scene)
    return tuple(found.values())[:TURNED]


def judged(judge: LoadedJudge, pixels: Tensor, scenes: Sequence[Scene]) -> dict[str, Tensor]:
    """Return (B,) by "object", "count" and "background": 1.0 where the judge sees it in an image as in its scene."""
    found = verdicts(judge.judge.read(pixels), facts_of(scenes, judge.objects))
    return {name: found[name].float() for name in JUDGED}
