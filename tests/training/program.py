"""A training run as a program of its own, for tests that kill it, or start several of it.

    python program.py WHAT FOLDER [NAME=VALUE …] [then WHAT FOLDER …]        (or torchrun … program.py …)

WHAT may hold the words "run" (checkpoints and log go to FOLDER) and "stem" (a model with BatchNorm); NAME=VALUE
changes a `TrainConfig`. Runs that "then" separates follow one another in the same processes. The final weights,
the losses and the numbers of the steps go to FOLDER/final.pt.
"""

import functools
import itertools
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch.distributed.tensor import DTensor

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Batch, Plan, Scenes
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.towers import TextConfig, ViTConfig
from clip_tutor.training import TrainConfig, train
from clip_tutor.training.config import Efficiency, flat_settings, with_flat_settings
from clip_tutor.training.processes import LostProcessError, World, init_distributed

# Some processors compute bfloat16, and there "auto" would take it.
CONFIG = TrainConfig(
    batch_size=32,
    learning_rate=1e-3,
    steps=20,
    warmup_steps=5,
    record_every=1,
    checkpoint_every=3,
    efficiency=Efficiency(precision="float32"),
)


@functools.cache
def learned_tokenizer() -> BPETokenizer:
    """Return the tokenizer of all runs."""
    captions = [scene.caption for scene in small_scenes().scenes(range(500))]
    return BPETokenizer.train(captions, 600, context_length=32)


def small_scenes() -> Scenes:
    """Return scenes of 32 × 32 pixels, always the same."""
    return Scenes(find_emoji(FIRST_WORDS[:48]), size=32)


def build(stem_channels: tuple[int, ...], bias: float | None) -> tuple[CLIP, BPETokenizer, Scenes]:
    """Return a tiny model, its tokenizer and scenes, always the same."""
    scenes, tokenizer = small_scenes(), learned_tokenizer()
    vision = ViTConfig(32, 16 if stem_channels else 8, 32, layers=2, heads=2, stem_channels=stem_channels)
    text = TextConfig(tokenizer.vocab_size, tokenizer.context_length, 32, layers=2, heads=2)
    torch.manual_seed(0)
    start = {} if bias is None else {"logit_scale": 10.0, "logit_bias": bias}
    return CLIP(CLIPConfig(32, vision, text, **start)), tokenizer, scenes


class _Spoil:
    """Makes the first image of the third batch not a number."""

    calls = 0

    def __call__(self, tower: torch.nn.Module, arguments: tuple[torch.Tensor]) -> None:
        self.calls += 1
        if self.calls == 3:
            arguments[0][0] = float("nan")


def runs(arguments: list[str]) -> list[list[str]]:
    """Return the arguments of each run."""
    groups = itertools.groupby(arguments, lambda argument: argument == "then")
    return [list(group) for between, group in groups if not between]


def say_to(lines: Connection, arguments: list[str]) -> None:
    """Train as the arguments say, and write to a pipe what would go to the screen."""
    os.dup2(lines.fileno(), sys.stdout.fileno())
    main(arguments)


def take_part(rank: int, size: int, port: int, lines: Connection, arguments: list[str]) -> None:
    """Train as one of ``size`` processes that meet at a port; why this one fails, if it does, goes to the pipe, too."""
    if size > 1:
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in place.items()}
    try:
        say_to(lines, arguments)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        sys.exit(1)


def main(arguments: list[str]) -> None:
    """Train as the arguments say."""
    torch.set_num_threads(1)
    timeout = [float(argument.split("=")[1]) for argument in arguments if argument.startswith("timeout=")]
    with init_distributed(torch.device("cpu"), *timeout or [60]) as here:
        for what, folder, *changes in runs(arguments):
            given = dict(change.split("=") for change in changes)
            given.pop("timeout", None)
            train_once(what, folder, given, here)


def train_once(what: str, folder: str, given: dict[str, str], here: World) -> None:
    """Train one model, and leave what became of it in a file."""
    lose = given.pop("lose", None)  # "kill" or "stop": what happens to the last process at step 7, once
    double, spoil = given.pop("double", None), given.pop("spoil", None)  # spoil: a NaN in the last process, at step 3
    kinds = {name: type(value) for name, value in flat_settings(CONFIG).items() if value is not None}
    kinds |= {"ema": float, "micro_batch": int, "chunk_size": int, "freeze": str}
    parse = {bool: lambda text: text == "True"}
    settings = {name: parse.get(kinds[name], kinds[name])(value) for name, value in given.items()}
    config = with_flat_settings(CONFIG, **settings)
    model, tokenizer, scenes = build((4, 8, 8) if "stem" in what else (), -3.0 if config.loss == "sigmoid" else None)
    if double:
        model.double()

    def on_record(history: list) -> None:
        print("step", int(history[-1]["step"]), flush=True)

    if lose and here.rank == here.size - 1 and not (Path(folder) / "lost").exists():
        draw = scenes.show

        def lose_this_process(plan: Plan, indices: range, mirrored: float, searches: object) -> Batch:
            if indices[0] >= 7 * config.batch_size:
                (Path(folder) / "lost").touch()
                os.kill(os.getpid(), signal.SIGKILL if lose == "kill" else signal.SIGSTOP)
            return draw(plan, indices, mirrored)

        scenes.show = lose_this_process
    if spoil and here.rank == here.size - 1:
        model.image_tower.register_forward_pre_hook(_Spoil())
    history = train(model, tokenizer, scenes, config, run=folder if "run" in what else None, on_record=on_record)
    weights = {
        name: (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).clone()
        for name, tensor in model.state_dict().items()
    }
    if here.rank == 0:
        figures = {"losses": [record["loss"] for record in history], "steps": [record["step"] for record in history]}
        torch.save({"weights": weights} | figures, f"{folder}/final.pt")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except LostProcessError as error:
        sys.exit(str(error))
