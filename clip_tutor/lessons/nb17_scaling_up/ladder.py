"""A ladder of small models, one wider than the other, trained alike: the runs that a law is fitted to.

    size 1, 2, 3  ─ the same scenes, the same rate ─▶ loss on unseen pairs after 100, 141, … steps ─▶ ladder.json
    size 1, its weights at the end ───────────────────────────────────────────────▶ ladder_smallest.safetensors
    size 1, larger images only, as many pixels ─▶ which captions find their image ──────────────▶ ladder.json

The learning rate is constant, so that every moment of a run counts as the end of a shorter one. What it took four
minutes of one CPU core to train ships in ``data/curves``, made by

    python -m clip_tutor.lessons.nb17_scaling_up.ladder data/curves
"""

import json
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from clip_tutor.assets import asset
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Batch, Scenes, SceneStream
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation import retrieval
from clip_tutor.losses import contrastive_loss
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.towers import TextConfig, ViTConfig
from clip_tutor.training import TrainConfig
from clip_tutor.training.step import Trainer

PIXELS, PAIRS, RATE = 48, 64, 3e-3
LOOKS = (100, 141, 200, 283, 400, 566, 673, 800, 873, 951, 1037, 1131)  # steps after which a run is measured
SIZES, STEPS = (1, 2, 3), 1131
LIVE = 800  # steps of the run that the notebook begins anew
LARGER = 64  # pixels, of the images that a model is finished on
MORE = 107  # steps that the smallest model goes on for
FEWER = round(MORE * PIXELS**2 / LARGER**2)  # as many pixels in larger images
VOCABULARY, CONTEXT = 2000, 32


class Run(NamedTuple):
    """What became of one size: after how many pairs which loss, and which share of captions missed its image."""

    weights: int
    points: list[tuple[int, float, float]]

    @property
    def losses(self) -> list[tuple[int, float]]:
        """Pairs seen and loss."""
        return [(pairs, loss) for pairs, loss, _ in self.points]


class Task:
    """What all sizes learn from and are measured on."""

    def __init__(self) -> None:
        self.objects = find_emoji(FIRST_WORDS)[:48]
        self.scenes = Scenes(self.objects, "train", PIXELS)
        spoken = (scene.caption for scene in self.scenes.scenes(range(150 * len(self.objects))))
        self.words = BPETokenizer.train(spoken, VOCABULARY, CONTEXT)
        self.unseen = Scenes(self.objects, "test", PIXELS)
        self.held_out = self.unseen.distinct(512)

    def test_batch(self, pixels: int = PIXELS) -> Batch:
        """Return 512 unseen scenes, drawn at this size."""
        return Scenes(self.objects, "test", pixels).batch(self.held_out)

    def look_at(self, model: CLIP, batch: Batch) -> tuple[float, Tensor]:
        """Return the loss in groups of 64 unseen pairs, and how many images come before each caption's own of 512."""
        images, texts = encode_images(model, batch.pixels), encode_texts(model, self.words, batch.captions)
        scale = model.log_logit_scale.detach().exp().cpu()
        parts = zip(images.split(PAIRS), texts.split(PAIRS), strict=True)
        loss = sum(contrastive_loss(*part, scale).item() for part in parts) * PAIRS / len(images)
        return loss, retrieval.ranks(texts @ images.T)

    def learn(
        self,
        model: CLIP,
        steps: int,
        rate: float = RATE,
        pixels: int = PIXELS,
        start: int = 0,
        looks: Collection[int] = (),
        on_look: Callable[[int, CLIP], None] = lambda step, model: None,
    ) -> CLIP:
        """Train a model with scenes of this size, from batch ``start`` on; return the running mean of its weights."""
        scenes = self.scenes if pixels == PIXELS else Scenes(self.objects, "train", pixels)
        trainer = Trainer(model.train(), TrainConfig(PAIRS, rate, ema=0.97))
        assert trainer.average is not None
        device = model.log_logit_scale.device
        stream = iter(SceneStream(scenes, self.words, PAIRS, start))
        for step in range(1, steps + 1):
            seen, ids, *_ = next(stream)
            trainer.step(seen.to(device), ids.to(device), rate * min(1, step / 20))
            if step in looks:
                on_look(step, trainer.average.model)
                model.train()
        return trainer.average.model


def grown(size: int) -> CLIP:
    """Return an untrained model of which everything is ``size`` times as wide as in the smallest."""
    stem = (8 * size, 16 * size, 32 * size)
    vision = ViTConfig(PIXELS, 16, 24 * size, layers=2, heads=size, activation="gelu", stem_channels=stem)
    text = TextConfig(VOCABULARY, CONTEXT, 16 * size, layers=2, heads=size, activation="gelu")
    return CLIP(CLIPConfig(32 * size, vision, text)).to(memory_format=torch.channels_last)


def count_weights(model: CLIP) -> int:
    """Return how many numbers a model learns."""
    return sum(weight.numel() for weight in model.parameters())


def climb(
    task: Task, size: int, steps: int, device: torch.device, on_look: Callable[[Run], None] = lambda run: None
) -> tuple[Run, CLIP]:
    """Train the model of one size, and return what became of it; ``on_look`` is told after each measurement."""
    torch.manual_seed(0)
    model = grown(size).to(device)
    run, batch = Run(count_weights(model), []), task.test_batch()

    def look(step: int, average: CLIP) -> None:
        loss, ranks = task.look_at(average, batch)
        run.points.append((step * PAIRS, loss, (ranks >= 1).float().mean().item()))
        on_look(run)

    return run, task.learn(model, steps, looks=LOOKS, on_look=look)


def shipped() -> dict[int, Run]:
    """Return the runs that come with the kit, by size."""
    runs = {}
    for size, run in _read()["runs"].items():
        points = [(int(pairs), float(loss), float(missed)) for pairs, loss, missed in run["points"]]
        runs[int(size)] = Run(run["weights"], points)
    return runs


def smallest() -> CLIP:
    """Return the smallest model as it was at the end of its run; it comes with the kit."""
    model = grown(1)
    model.load_state_dict(load_file(asset("curves/ladder_smallest.safetensors")))
    return model


def never_smaller() -> tuple[int, Tensor]:
    """Return for how many steps a model of size 1 saw larger images only, and which captions found theirs: (512,).

    Found: among the first ten of 512. It saw as many pixels as the smallest model and its ``MORE`` steps.
    """
    run = _read()["larger images only"]
    return run["steps"], torch.tensor([mark == "1" for mark in run["found"]])


def _read() -> Any:
    return json.loads(asset("curves/ladder.json").read_text(encoding="utf-8"))


def main(folder: Path) -> None:
    """Train every size, and write what became of them."""
    task, runs, cpu = Task(), dict[int, dict[str, object]](), torch.device("cpu")
    written: dict[str, object] = {"runs": runs}
    for size in SIZES:
        run, model = climb(task, size, STEPS, cpu, lambda run: print(run.weights, run.points[-1], flush=True))
        points = [(pairs, round(loss, 5), round(missed, 5)) for pairs, loss, missed in run.points]
        runs[size] = {"weights": run.weights, "points": points}
        _write(folder, written)
        if size == 1:
            weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
            save_file(weights, folder / "ladder_smallest.safetensors")
    steps = round(STEPS * PIXELS**2 / LARGER**2) + FEWER
    torch.manual_seed(0)
    model = task.learn(grown(1).at_image_size(LARGER), steps, pixels=LARGER)
    found = task.look_at(model, task.test_batch(LARGER))[1] < 10
    written["larger images only"] = {"steps": steps, "found": "".join("01"[int(one)] for one in found)}
    _write(folder, written)


def _write(folder: Path, written: dict[str, object]) -> None:
    (folder / "ladder.json").write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
