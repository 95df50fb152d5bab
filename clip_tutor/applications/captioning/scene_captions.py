"""What a captioner of scenes is trained on: the vector that a CLIP gives each scene, and a caption of it.

    scene i ─ draw ─ CLIP ─▶ (E,) float16, kept in a folder, 10,000 a file
            └ describe ────▶ "two red apples on a blue background"

CLIP does not learn here, so each scene is encoded once, however often it is seen. The captions are those of test
scenes: short names, no synonym, number and background always told, sizes, relations and backgrounds in all their
wordings. An object thus has one name, and a caption that names it can be scored.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from clip_tutor.allocator import returning_freed_memory
from clip_tutor.data.captions import describe
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images
from clip_tutor.model import CLIP
from clip_tutor.weights import fingerprint

PIECE = 10_000  # scenes of one file
TOGETHER = 50  # scenes that are encoded together: a core's cache holds what so few need


def encode_scenes(clip: CLIP, scenes: Scenes, count: int, folder: Path | None = None) -> Tensor:
    """Return (count, E) unit vectors, float16, of the first scenes.

    Args:
        folder: where pieces of 10,000 are kept and looked for. A run that was stopped goes on behind them; those of
            another CLIP or of other scenes are left alone.
    """
    clip = clip.to(memory_format=torch.channels_last)
    starts = range(0, count, PIECE)
    pieces = []
    for start in tqdm(starts, desc="encoding scenes", unit_scale=PIECE, unit=" scenes", disable=len(starts) == 1):
        piece = range(start, min(start + PIECE, count))
        path = folder / f"{_key(clip, scenes)}_{piece.start:08d}_{len(piece)}.npy" if folder else None
        pieces.append(_kept(clip, scenes, piece, path))
    return torch.from_numpy(np.concatenate(pieces))


def _kept(clip: CLIP, scenes: Scenes, piece: range, path: Path | None) -> NDArray[np.float16]:
    if path and path.exists():
        vectors: NDArray[np.float16] = np.load(path)
        return vectors
    starts = returning_freed_memory(range(piece.start, piece.stop, TOGETHER))
    batches = (scenes.batch(range(n, min(n + TOGETHER, piece.stop))) for n in starts)
    vectors = torch.cat([encode_images(clip, batch.pixels) for batch in batches]).half().numpy()
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.npy")  # whole or not at all
        np.save(draft, vectors)
        draft.replace(path)
    return vectors


def _key(clip: CLIP, scenes: Scenes) -> str:
    """Return what tells the vectors of one CLIP and one set of scenes from those of another."""
    what = (*(emoji.character for emoji in scenes.objects), scenes.split, scenes.size, scenes.seed)
    return f"{fingerprint(clip)[:12]}_{hashlib.sha256(repr(what).encode()).hexdigest()[:12]}"


def scene_captions(scenes: Scenes, indices: range) -> list[str]:
    """Return a caption of each scene as the test split has them: with short names, and with nothing left out."""
    captions = []
    for start in range(indices.start, indices.stop, PIECE):
        part = range(start, min(start + PIECE, indices.stop))
        wordings = scenes.plan(part).wording.tolist()
        captions += [
            describe(scene.objects, scene.count, scene.size, scene.relation, scene.background, wording)
            for scene, wording in zip(scenes.scenes(part), wordings, strict=True)
        ]
    return captions


def references(scenes: Scenes, indices: Iterable[int], each: int = 5) -> list[list[str]]:
    """Return captions of each scene in ``each`` wordings, the first of them its own: what BLEU and CIDEr compare with.

    Five, as COCO has them: with a single reference, "on red" for "on a red background" would count as a mistake.
    """
    random = np.random.default_rng(0)
    return [
        [scene.caption]
        + [
            describe(scene.objects, scene.count, scene.size, scene.relation, scene.background, wording)
            for wording in random.random((each - 1, 6)).tolist()
        ]
        for scene in scenes.scenes(list(indices))
    ]
