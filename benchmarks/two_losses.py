"""The same tiny model with the softmax loss and with the sigmoid loss: the race of notebook 13.

    python benchmarks/two_losses.py --save data/curves/two_losses.json

For each batch size and seed the two runs have the same random weights, the same batches in the same order, the same
number of steps and the same learning rates. Each starts as its authors have it: the softmax loss with a temperature of
0.07, the sigmoid loss with a scale of 10; its bias is the one that fits its batch. Unseen pairs, the same for all, say
what was learned: recall@10 among 300 of them on the way, and at the end, for each of 1,000 captions, whether its image
is among the ten best. Tables come first; the last line is one JSON object.
"""

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path

import torch
from machine import machine

from clip_tutor import zoo
from clip_tutor.data.batches import BatchSource
from clip_tutor.data.scenes import Batch, Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation import retrieval
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training import TrainConfig, train
from clip_tutor.training.recipes import RECIPES, prepare

LEARNING_RATE = 1.5e-3
LOOK = 300  # unseen pairs, on the way
UNSEEN = 1000  # at the end
EVERY = 20  # steps between two records
KEPT = ("step", "loss", "logit_scale", "recall_at_10")  # of a record


def cosines(model: CLIP, tokenizer: Tokenizer, unseen: Batch, count: int) -> torch.Tensor:
    """Return the cosines (count, count) of unseen captions (rows) and images."""
    images = encode_images(model, unseen.pixels[:count])
    return encode_texts(model, tokenizer, unseen.captions[:count]) @ images.T


def run(loss: str, N: int, seed: int, steps: int, source: BatchSource, tokenizer: Tokenizer, unseen: Batch) -> dict:
    """Train once; return the curve, and what was found at the end, a character for each caption."""
    torch.manual_seed(seed)
    start = {"logit_scale": 10.0, "logit_bias": -math.log(N - 1)} if loss == "sigmoid" else {}
    model = CLIP(replace(zoo.MODELS["tiny"], **start)).to(memory_format=torch.channels_last)
    history = train(
        model,
        tokenizer,
        source,
        TrainConfig(N, LEARNING_RATE, steps, seed=seed, workers=1, loss=loss, record_every=EVERY),
        evaluate=lambda now: {"recall_at_10": retrieval.recall_at_k(cosines(now, tokenizer, unseen, LOOK), 10)},
        evaluate_every=2 * EVERY,
    )
    found = retrieval.ranks(cosines(model, tokenizer, unseen, UNSEEN)) < 10
    records = [{name: round(record[name], 5) for name in KEPT if name in record} for record in history]
    bias = None if model.logit_bias is None else round(model.logit_bias.item(), 4)
    hits = "".join("1" if hit else "0" for hit in found.tolist())
    return {"loss": loss, "batch": N, "seed": seed, "history": records, "bias": bias, "hits": hits}


def main() -> None:
    """Train all, print, save."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 192])
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 2], help="for each batch size how many")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--save", help="a JSON file for the curves")
    options = parser.parse_args()
    _, tokenizer, scenes = prepare(RECIPES["first_light"])
    assert isinstance(scenes, Scenes)
    unseen = Scenes(scenes.objects, "test", scenes.size)
    shown = unseen.batch(unseen.distinct(UNSEEN))
    result = {"benchmark": "two_losses", "machine": machine(), "steps": options.steps, "look": LOOK, "runs": []}
    for N, seeds in zip(options.batches, options.seeds, strict=True):
        for seed in range(seeds):
            for loss in ("softmax", "sigmoid"):
                one = run(loss, N, seed, options.steps, scenes, tokenizer, shown)
                result["runs"].append(one)
                share = one["hits"].count("1") / UNSEEN
                print(f"{loss:8} N = {N:4}, seed {seed}: recall@10 among {UNSEEN:,} is {share:.3f}", flush=True)
                if options.save:  # what is there, should the rest be stopped
                    Path(options.save).write_text(json.dumps(result) + "\n", encoding="utf-8")
    ends = {f"{one['loss']}, {one['batch']}, {one['seed']}": one["hits"].count("1") / UNSEEN for one in result["runs"]}
    print(json.dumps({"benchmark": "two_losses", "machine": machine(), "steps": options.steps, "recall_at_10": ends}))


if __name__ == "__main__":
    main()
