"""What it takes to learn left from right: twins in the batch, a curriculum of wordings, or both.

    python benchmarks/relations.py --seeds 2                            four recipes, two seeds each: half an hour
    python benchmarks/relations.py --save data/curves/relations.json

Every recipe trains the tiny model on the same number of scenes of two things. In half of the batches the twins are
mirror images; the wordings "right of" and "below" come in between 30 and 70 % of the run. Relation accuracy is measured
on unseen scenes with all eight wordings, four candidates each. `text_cosine` is the mean cosine between the vectors of
"a left of b" and "a right of b": 1 means that the text tower ignores the word. `image_probe` is the accuracy of a
linear classifier that reads the four relations of one pair of objects off the image vectors. Tables come first; the
last line is one JSON object.
"""

import argparse
import json
import statistics
from pathlib import Path

import torch
from machine import machine
from sklearn.linear_model import LogisticRegression

from clip_tutor import zoo
from clip_tutor.data.captions import RELATION_WORDS, singular
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.hard_batches import Wordings
from clip_tutor.data.scenes import RELATIONS, Batch, Scenes
from clip_tutor.data.sources import CAPTIONS_PER_OBJECT
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.training import TrainConfig, train

RECIPES = ("neither", "twins", "wordings", "both")
BATCH = 192
LOOKS = 5  # at the model while it trains
PROBED = ("🍕", "🚀")


def probe(model: CLIP, seed: int) -> float:
    """Return how often a linear classifier reads the relation of a fixed pair off an image vector."""
    objects = find_emoji([*PROBED, *(one for one in FIRST_WORDS if one not in PROBED)])
    scenes = Scenes(objects, "test", seed=seed, kinds=("pair",))
    plan = scenes.plan(range(1600))
    objects_of_all = torch.tensor([0, 1]).expand(1600, 2).numpy()
    plan = plan._replace(objects=objects_of_all)  # the same two, wherever the plan puts them
    features = encode_images(model, scenes.show(plan, range(1600)).pixels).numpy()
    classifier = LogisticRegression(C=100, max_iter=2000).fit(features[:800], plan.relation[:800])
    return float(classifier.score(features[800:], plan.relation[800:]))


def figures(model: CLIP, tokenizer: BPETokenizer, unseen: Batch, seed: int) -> dict[str, float]:
    """Return what the model knows of relations."""
    objects = find_emoji(FIRST_WORDS)
    features = encode_images(model, unseen.pixels)
    hits = attribute_hits(model, tokenizer, features, unseen.scenes, objects, ensemble=False)["relation"]
    pairs = [[singular(emoji.noun) for emoji in scene.objects] for scene in unseen.scenes[:200]]
    left, right = (
        encode_texts(model, tokenizer, [f"{a} {RELATION_WORDS[side][1]} {b}" for a, b in pairs])
        for side in RELATIONS[:2]
    )
    return {
        "relation": hits.float().mean().item(),
        "text_cosine": (left * right).sum(dim=1).mean().item(),
        "image_probe": probe(model, seed),
    }


def run(recipe: str, pairs: int, seed: int) -> dict[str, list[float]]:
    """Train once; return each figure's curve."""
    torch.manual_seed(seed)
    wordings = Wordings(3 * pairs // 10, 7 * pairs // 10) if recipe in ("wordings", "both") else None
    share = 0.5 if recipe in ("twins", "both") else 0.0
    objects = find_emoji(FIRST_WORDS)
    scenes = Scenes(objects, seed=seed, twins=share, wordings=wordings, kinds=("pair",))
    captions = (scene.caption for scene in scenes.scenes(range(CAPTIONS_PER_OBJECT * len(objects))))
    shape = zoo.config("tiny")
    tokenizer = BPETokenizer.train(captions, shape.text.vocab_size, shape.text.context_length)
    model = CLIP(shape).to(memory_format=torch.channels_last)
    unseen = Scenes(objects, "test", seed=seed, kinds=("pair",)).batch(range(1000))
    steps = pairs // BATCH
    history = train(
        model,
        tokenizer,
        scenes,
        TrainConfig(BATCH, 1.5e-3, steps=steps, seed=seed),
        evaluate=lambda model: figures(model, tokenizer, unseen, seed),
        evaluate_every=max(1, steps // LOOKS),
    )
    looks = [record for record in history if "relation" in record]
    curve = {name: [look[name] for look in looks] for name in ("relation", "text_cosine", "image_probe")}
    return {"pairs": [look["step"] * BATCH for look in looks], **curve}


def main() -> None:
    """Train all, print, save."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=100_000, help="scenes of two things, for each run")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--save", help="a JSON file for the curves")
    options = parser.parse_args()
    curves = {recipe: [run(recipe, options.pairs, seed) for seed in range(options.seeds)] for recipe in RECIPES}
    print(f"\n{machine()};  the tiny model, {options.pairs:,} scenes of two things, seeds 0 to {options.seeds - 1}\n")
    print(f"{'':12} relation (of 4)   text cosine   image probe      each seed's relation")
    last = {
        recipe: {name: [run[name][-1] for run in runs] for name in ("relation", "text_cosine", "image_probe")}
        for recipe, runs in curves.items()
    }
    for recipe, named in last.items():
        means = {name: statistics.mean(values) for name, values in named.items()}
        each = " ".join(f"{value:.3f}" for value in named["relation"])
        told = f"{means['relation']:15.3f} {means['text_cosine']:13.3f} {means['image_probe']:13.3f}"
        print(f"{recipe:12} {told}      {each}")
    result = {"benchmark": "relations", "machine": machine(), "pairs": options.pairs, "curves": curves}
    if options.save:
        Path(options.save).parent.mkdir(parents=True, exist_ok=True)
        Path(options.save).write_text(json.dumps(result) + "\n", encoding="utf-8")
    print(json.dumps({"benchmark": "relations", "machine": machine(), "pairs": options.pairs} | last))


if __name__ == "__main__":
    main()
