"""A heap of pairs as one gets it from the web: many images stand in it several times, and nobody says which.

    scene ──draw──▶ image ──┬─ posted ─▶ the file                       caption in one wording
                            ├─ copied ─▶ the same file                  caption in another
                            └─ changed ▶ saved again, smaller, brighter or cropped

The heap is made here, so that the truth is known: which rows show one and the same scene, and what is true of it. The
shares are ours and nobody's measurement.
"""

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Batch, Scene, Scenes

POSTED = (0.6, 0.2, 0.12, 0.08)  # the shares of images that are posted once, twice, three and four times
CHANGES = ("copied", "saved again", "smaller", "brighter", "cropped")
CHANGE_SHARES = (0.4, 0.15, 0.15, 0.15, 0.15)  # of all later postings


@dataclass(frozen=True)
class Heap:
    """N rows, each an image and a caption; a scene that was posted several times has several rows."""

    files: tuple[bytes, ...]  # each image as it was posted, PNG or JPEG
    pixels: Tensor  # (N, 3, H, W) uint8, the same images decoded
    captions: tuple[str, ...]
    scenes: tuple[Scene, ...]  # the truth about each row
    changes: tuple[str, ...]  # "" for a first posting, else one of CHANGES

    def __len__(self) -> int:
        return len(self.files)

    @property
    def source(self) -> Tensor:
        """Return (N,): which scene each row shows. A heap from the web does not come with this column."""
        return torch.tensor([scene.index for scene in self.scenes])


def make_heap(images: int = 1250, size: int = 64, seed: int = 0) -> Heap:
    """Return a heap of ``images`` different scenes of 104 everyday things, each posted one to four times."""
    random = np.random.default_rng(seed)
    times = random.choice([1, 2, 3, 4], size=images, p=POSTED)
    indices = np.repeat(np.arange(images), times)
    batch = _in_other_words(Scenes(find_emoji(FIRST_WORDS), size=size), indices, random)
    files: list[bytes] = []
    changes: list[str] = []
    for row, index in enumerate(indices):
        again = row > 0 and indices[row - 1] == index
        change = str(random.choice(CHANGES, p=CHANGE_SHARES)) if again else ""
        if change == "copied":
            files.append(files[row - changes[::-1].index("") - 1])  # that of the first posting
        else:
            image = Image.fromarray(batch.pixels[row].permute(1, 2, 0).numpy())
            files.append(posted(image, change, random))
        changes.append(change)
    order = random.permutation(len(indices)).tolist()
    return Heap(
        tuple(files[n] for n in order),
        torch.stack([_decoded(files[n]) for n in order]),
        tuple(batch.captions[n] for n in order),
        tuple(batch.scenes[n] for n in order),
        tuple(changes[n] for n in order),
    )


def _in_other_words(scenes: Scenes, indices: np.ndarray, random: np.random.Generator) -> Batch:
    """Return these scenes, each time with new random numbers for the wording of its caption."""
    plan = scenes.plan(indices.tolist())
    return scenes.show(plan._replace(wording=random.random(plan.wording.shape)), indices.tolist())


def posted(image: Image.Image, change: str, random: np.random.Generator) -> bytes:
    """Return the bytes of an image file, after what was done to the image on the way: "" or one of CHANGES."""
    if change == "saved again":
        return _saved(image, "JPEG", quality=int(random.integers(40, 85)))
    if change == "smaller":
        side = int(image.width * random.uniform(0.6, 0.9))
        image = image.resize((side, side), Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)
    if change == "brighter":
        factor = random.uniform(1.05, 1.15)
        image = image.point([min(255, round(factor * value)) for value in range(256)] * 3)
    if change == "cropped":
        left, top = random.integers(0, 3, size=2).tolist()
        image = image.crop((left, top, left + image.width - 2, top + image.height - 2)).resize(image.size)
    return _saved(image, "PNG", compress_level=1)


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _decoded(file: bytes) -> Tensor:
    return torch.from_numpy(np.array(Image.open(io.BytesIO(file)).convert("RGB"))).permute(2, 0, 1)
