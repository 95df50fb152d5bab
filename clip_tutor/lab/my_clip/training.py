"""``python my_clip.py``: train the CLIP that the learner's file describes, and say whose each part is.

    my_clip.py ── parts that are there ───┐
    the library ─ parts that are missing ─┴─▶ MyCLIP ─ train ─▶ loss, loss, … and recall@1 in the end

What is missing is taken from the exercises' solutions, in source: they run beside the learner's parts and call those.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from clip_tutor.allocator import keep_freed_memory
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lab.course.cells import solution_code
from clip_tutor.lab.exercises import all_exercises
from clip_tutor.lab.my_clip.file import run
from clip_tutor.lab.my_clip.own_tokenizer import OwnTokenizer
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer, Tokenizer
from clip_tutor.towers import TextTower, VisionTransformer
from clip_tutor.towers.attention import activation_layer
from clip_tutor.training.batch_loader import BatchLoader
from clip_tutor.training.recipes import RECIPES, RunParts, prepare, with_settings
from clip_tutor.weights import save

# What training calls, by name; MyViT, MyTextTower and MyTokenizer are used where the file has them.
PARTS = ("contrastive_loss", "MyCLIP", "parameter_groups", "warmup_cosine", "train_step", "recall_at_k", "train")
UNSEEN = 1000  # scenes on which recall@1 is measured


def main(file: str, arguments: Sequence[str] | None = None) -> nn.Module:
    """Train the model of a learner's file on everyday scenes, print how it goes, and return the model.

    Args:
        file: the path of my_clip.py.
        arguments: of the command line: ``--steps``, ``--batch-size``, ``--seed``, ``--save``; see ``--help``.
    """
    recipe = RECIPES["first_light"]
    parser = argparse.ArgumentParser(prog=f"python {Path(file).name}", description="Train the CLIP of this file.")
    parser.add_argument("--steps", type=int, default=recipe.train.steps, help="batches to learn from: %(default)s")
    parser.add_argument("--batch-size", type=int, default=recipe.train.batch_size, help="pairs in each: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other weights and scenes: %(default)s")
    parser.add_argument("--save", help="where the model goes: notebook 09 opens my_clip.safetensors")
    given = parser.parse_args(arguments)
    config = with_settings(recipe, steps=given.steps, batch_size=given.batch_size, seed=given.seed).train

    path = Path(file)
    names = vars(run(path.read_text(encoding="utf-8"), path))
    yours = complete(names)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    library, tokenizer, scenes = prepare(with_settings(recipe, seed=given.seed), device)
    librarys = [*(name for name in PARTS if name not in yours), "text tower", "tokenizer"]
    reader: Tokenizer = tokenizer  # what makes rows of captions
    if is_own(names.get("MyTokenizer")):
        assert isinstance(tokenizer, BPETokenizer)
        reader = OwnTokenizer(path, tokenizer.merges, tokenizer.context_length)
        yours = [*yours, "MyTokenizer"]
        librarys.remove("tokenizer")
    image_encoder: nn.Module = library.image_tower
    text_encoder: nn.Module = library.text_tower
    if is_own(names.get("MyTextTower")):
        block = names.get("MyBlock") or _references()["MyBlock"]
        text_encoder = text_in_place_of(library.text_tower, names["MyTextTower"], block, tokenizer.end_id)
        yours = ["MyTextTower", *yours]
        librarys.remove("text tower")
    if is_own(names.get("MyViT")):
        image_encoder = in_place_of(library.image_tower, names["MyViT"])
        yours = ["MyViT", *yours]
    model = names["MyCLIP"](image_encoder, text_encoder).to(device)
    print(f"yours: {', '.join(yours) or 'nothing yet'}")
    print(f"the library's: {', '.join(librarys) or 'nothing'}")

    def on_step(step: int, loss: float, logit_scale: float) -> None:
        if step % 10 == 0 or given.steps <= 20:
            print(f"step {step} of {given.steps}: loss {loss:.4f}, temperature 1/{logit_scale:.1f}", flush=True)

    if device.type == "cpu":
        keep_freed_memory()
    loader = BatchLoader(scenes, reader, config, 0, device)
    # The loader hands out bytes, to which 255 is white; a learner's `normalize` wants numbers from 0 to 1.
    batches = (batch._replace(pixels=batch.pixels / 255) for batch in iter(loader.next, None))
    settings = (config.learning_rate, config.steps, config.warmup_steps, config.weight_decay)
    names["train"](model, batches, *settings, on_step)
    recall = names["recall_at_k"](_similarity(model, RunParts(library, reader, scenes)), 1)
    print(f"recall@1 among {UNSEEN:,} unseen scenes: {recall:.3f}")
    if given.save:
        library.load_state_dict(model.state_dict())  # all names are the same
        save(given.save, library, tokenizer, {"made by": path.name, "steps": given.steps})
        print(f"saved to {given.save}")
    return model


def complete(names: dict[str, Any]) -> list[str]:
    """Add to the names of a learner's file the parts that it lacks, and return which of `PARTS` are its own.

    A missing part is run from its source among the file's names, so that the library's loop calls the learner's step.
    """
    references = _references()
    yours = [name for name in PARTS if is_own(names.get(name))]
    for name in PARTS:
        if name not in yours and name in references:
            for other, value in vars(sys.modules[references[name].__module__]).items():
                names.setdefault(other, value)
    for exercise in all_exercises():
        name = exercise.reference.__name__
        if exercise.kept and name in PARTS and name not in yours:
            exec(compile(solution_code(exercise), f"<{exercise.id}>", "exec"), names)
    return yours


def _references() -> dict[str, Any]:
    """Return the library's parts that a learner may have of their own, by name."""
    return {exercise.reference.__name__: exercise.reference for exercise in all_exercises() if exercise.kept}


def is_own(thing: Any) -> bool:
    """Return whether a name of the learner's file stands for something of their own, not for an import."""
    return callable(thing) and not str(getattr(thing, "__module__", "")).startswith("clip_tutor.")


def in_place_of(tower: nn.Module, kind: Any) -> nn.Module:
    """Return the learner's Vision Transformer, with the shape and the weights of one of the library's.

    Where that has a convolutional stem, the stem is taken over as it is; blocks and all the rest are the learner's.

    Args:
        tower: a `VisionTransformer` with GELU that is read at the class token.
        kind: their class MyViT.
    """
    assert isinstance(tower, VisionTransformer)
    shape, E = tower.config, tower.projection.shape[1]
    sizes = (shape.image_size, shape.patch_size, shape.width, shape.layers, shape.heads, E)
    stem = tower.patch_embed if shape.stem_channels else None
    own: nn.Module = kind(*sizes, activation=F.gelu, patch_embed=stem)
    own.load_state_dict(tower.state_dict())
    return own


def text_in_place_of(tower: nn.Module, kind: Any, block: Any, end_id: int) -> nn.Module:
    """Return the learner's text tower, with the shape and the weights of one of the library's.

    Args:
        tower: a causal `TextTower`, read at its end token.
        kind: their class MyTextTower.
        block: the class MyBlock, theirs or the library's.
        end_id: the end token's id.
    """
    assert isinstance(tower, TextTower)
    shape, E = tower.config, tower.projection.shape[1]
    blocks = [block(shape.width, shape.heads, activation_layer(shape.activation)) for _ in range(shape.layers)]
    own: nn.Module = kind(shape.vocab_size, shape.context_length, shape.width, blocks, E, end_id)
    own.load_state_dict(tower.state_dict())
    return own


def _similarity(model: Any, parts: RunParts) -> torch.Tensor:
    """Return (N, N): how well each caption of N unseen scenes fits each image."""
    scenes = parts.source
    assert isinstance(scenes, Scenes)
    unseen = Scenes(scenes.objects, "test", scenes.size)
    batch = unseen.batch(unseen.distinct(UNSEEN))
    model.config = parts.model.config  # what the functions that encode many images or captions ask a model for
    images: CLIP = model
    return encode_texts(images, parts.tokenizer, batch.captions) @ encode_images(images, batch.pixels).T
