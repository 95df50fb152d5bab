"""A training run as a program of its own, for tests that kill it, or start several of it.

    python program.py WHAT FOLDER [NAME=VALUE …]        (or torchrun … program.py …)

WHAT names a `settings` below; NAME=VALUE changes a `TrainConfig`. The final weights go to FOLDER/final.pt.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch.distributed.tensor import DTensor

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.towers import TextConfig, ViTConfig
from clip_tutor.training import TrainConfig, train
from clip_tutor.training.processes import LostProcessError, joined

torch.set_num_threads(1)
CONFIG = TrainConfig(batch_size=32, learning_rate=1e-3, steps=20, warmup_steps=5, record_every=1, checkpoint_every=3)


def build(stem_channels: tuple[int, ...], bias: float | None) -> tuple[CLIP, BPETokenizer, Scenes]:
    """Return a tiny model, its tokenizer and scenes, always the same."""
    scenes = Scenes(find_emoji(FIRST_WORDS[:48]), size=32)
    tokenizer = BPETokenizer.train([scene.caption for scene in scenes.scenes(range(500))], 600, context_length=32)
    vision = ViTConfig(32, 16 if stem_channels else 8, 32, layers=2, heads=2, stem_channels=stem_channels)
    text = TextConfig(tokenizer.vocab_size, tokenizer.context_length, 32, layers=2, heads=2)
    torch.manual_seed(0)
    start = {} if bias is None else {"logit_scale": 10.0, "logit_bias": bias}
    return CLIP(CLIPConfig(32, vision, text, **start)), tokenizer, scenes


class _Spoil:
    """Makes the first picture of the third batch not a number."""

    calls = 0

    def __call__(self, tower: torch.nn.Module, arguments: tuple[torch.Tensor]) -> None:
        self.calls += 1
        if self.calls == 3:
            arguments[0][0] = float("nan")


def main() -> None:
    """Train as the arguments say."""
    what, folder, *changes = sys.argv[1:]
    given = dict(change.split("=") for change in changes)
    patience = float(given.pop("patience", 60))
    lose = given.pop("lose", None)  # "kill" or "stop": what happens to the last process at step 7, once
    double, spoil = given.pop("double", None), given.pop("spoil", None)  # spoil: a NaN in the last process, at step 3
    kinds = {name: type(value) for name, value in vars(CONFIG).items() if value is not None}
    kinds |= {"ema": float, "micro_batch": int, "chunk_size": int, "freeze": str}
    parse = {bool: lambda text: text == "True"}
    settings = {name: parse.get(kinds[name], kinds[name])(value) for name, value in given.items()}
    config = replace(CONFIG, **settings)
    model, tokenizer, scenes = build((4, 8, 8) if "stem" in what else (), -3.0 if config.loss == "sigmoid" else None)
    if double:
        model.double()

    def on_record(history: list) -> None:
        print("step", int(history[-1]["step"]), flush=True)

    with joined(torch.device("cpu"), patience) as here:
        if lose and here.rank == here.size - 1 and not (Path(folder) / "lost").exists():
            batches = scenes.batch

            def batch(indices: range) -> object:
                if indices[0] >= 7 * config.batch_size:
                    (Path(folder) / "lost").touch()
                    os.kill(os.getpid(), signal.SIGKILL if lose == "kill" else signal.SIGSTOP)
                return batches(indices)

            scenes.batch = batch
        if spoil and here.rank == here.size - 1:
            model.image_tower.register_forward_pre_hook(_Spoil())
        run = folder if "run" in what else None
        history = train(model, tokenizer, scenes, config, run=run, on_record=on_record)
        weights = {
            name: (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).clone()
            for name, tensor in model.state_dict().items()
        }
        if here.rank == 0:
            torch.save({"weights": weights, "losses": [record["loss"] for record in history]}, f"{folder}/final.pt")


if __name__ == "__main__":
    try:
        main()
    except LostProcessError as error:
        sys.exit(str(error))
