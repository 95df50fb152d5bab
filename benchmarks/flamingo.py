"""Flamingo: nothing changes before the training, and afterwards the examples of a prompt teach something.

    python benchmarks/flamingo.py                      2,000 episodes a figure, some minutes
    python benchmarks/flamingo.py --seed 1             other episodes of the same unseen scenes
    python benchmarks/flamingo.py --scenes-seed 7      other unseen scenes; those of seed 19 were looked at in training

`flamingo_noop_max_difference` sets a freshly built Flamingo beside its frozen language model, on random images and
texts about them. `flamingo_shots_gain` is how much more often a question that training never asked is answered right
with four true examples than with the letters of the same four permuted, with the 95 % interval of the paired
differences. `nfnet_vs_timm_max_difference` compares F0's vectors of unit length with timm's, on the same random weights
and images. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json

import timm
import torch
import torch.nn.functional as F
from machine import machine

from clip_tutor.applications.captioning import load_captioner
from clip_tutor.applications.flamingo import Flamingo, FlamingoConfig, load_flamingo
from clip_tutor.applications.flamingo.episodes import NEVER_ASKED, Attribute, EpisodeMaker
from clip_tutor.applications.flamingo.few_shot import few_shot_hits, order_effect, shots_gain
from clip_tutor.applications.flamingo.train import ATTRIBUTES, SEED, encode_places
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation import bootstrap_interval
from clip_tutor.towers.nfnet import NFNETS, NFNet
from clip_tutor.weights.names.open_clip import NFNET
from clip_tutor.weights.renaming import rename

UNSEEN = 10_000  # scenes that the episodes show
SHOTS = (2, 4, 8)


@torch.no_grad()
def noop_difference() -> float:
    """Return the greatest difference between a fresh Flamingo's logits and its language model's."""
    torch.manual_seed(0)
    captioner, tokenizer, _, _ = load_captioner()
    model = captioner.language_model
    flamingo = Flamingo(FlamingoConfig(image_width=96), model)
    texts = ["a cat on a red background", "two dogs and more words about them", "x"]
    ids = [tokenizer.encode(text) for text in texts]
    length = max(map(len, ids))
    words = torch.tensor([[*row, *[tokenizer.end_id] * (length - len(row))] for row in ids])  # (3, T)
    marks = torch.full((3, 1), flamingo.image_id)
    prompt = torch.cat([marks, words[:, :3], marks, words[:, 3:]], dim=1)  # (3, 2 + T)
    with_images = flamingo(torch.randn(3, 2, 49, 96), prompt)
    without = model(flamingo.embed(prompt))
    return (with_images - without).abs().max().item()


@torch.no_grad()
def nfnet_difference() -> float:
    """Return the greatest difference between F0's vectors of images and timm's, both made as long as one."""
    torch.manual_seed(0)
    theirs = timm.create_model("dm_nfnet_f0", num_classes=0).eval()
    for name, parameter in theirs.named_parameters():
        if name.endswith("gain"):
            torch.nn.init.uniform_(parameter, 0.5, 1.5)  # at 0, as skip gains begin, no branch would be compared
    ours = NFNet(NFNETS["F0"], embed_dim=NFNETS["F0"].features).eval()
    state = {f"visual.trunk.{name}": tensor for name, tensor in theirs.state_dict().items()}
    renamed = rename(state | {"visual.head.proj.weight": torch.eye(NFNETS["F0"].features)}, NFNET, "timm")
    ours.load_state_dict({name.removeprefix("image_tower."): tensor for name, tensor in renamed.items()})
    pixels = torch.randn(2, 3, NFNETS["F0"].image_size, NFNETS["F0"].image_size)
    return (F.normalize(ours(pixels)) - F.normalize(theirs(pixels))).abs().max().item()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--episodes", type=int, default=2000, help="of each figure: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the episodes")
    parser.add_argument("--scenes-seed", type=int, default=SEED + 1, help="of the unseen scenes: %(default)s")
    parser.add_argument("--flamingo", default="flamingo", help="the one that ships, or a file")
    options = parser.parse_args()
    flamingo, tokenizer, tower, preprocessing, _ = load_flamingo(options.flamingo)
    unseen = Scenes(find_emoji(FIRST_WORDS), "test", tower.config.image_size, options.scenes_seed)
    features = encode_places(tower, preprocessing, unseen, UNSEEN)
    maker = EpisodeMaker(unseen, UNSEEN, tokenizer, flamingo.image_id)

    def share(attributes: list[Attribute], shots: int, labels: str) -> str:
        hits = few_shot_hits(flamingo, features, maker, attributes, shots, options.episodes, options.seed, labels)
        low, high = bootstrap_interval(hits.float())
        return f"{hits.float().mean():.3f} ({low:.3f} to {high:.3f})"

    print(f"\n{machine()};  {options.episodes:,} episodes a figure, of {UNSEEN:,} unseen scenes; guessing gives 0.5\n")
    print(f"{'asked about':14}{'shots':>6}   {'true letters':24}{'permuted':24}{'flipped':24}")
    for attribute in ATTRIBUTES:
        for shots in SHOTS:
            told = "".join(f"{share([attribute], shots, labels):24}" for labels in ("true", "permuted", "flipped"))
            print(f"{attribute:14}{shots:6}   {told}{'never asked in training' if attribute in NEVER_ASKED else ''}")
    of_each = {
        name: shots_gain(flamingo, features, maker, [name], 4, options.episodes, options.seed) for name in NEVER_ASKED
    }
    gain = shots_gain(flamingo, features, maker, NEVER_ASKED, 4, options.episodes * len(NEVER_ASKED), options.seed)
    print(f"\nfour examples, questions never asked in training, true letters against permuted\n{gain}\n")
    for name, one in of_each.items():
        print(f"{name:12} {one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f})")
    effect = order_effect(flamingo, features, maker, ATTRIBUTES, 4, options.episodes, seed=options.seed)
    print(f"\nall attributes, four examples in four orders: {effect.changed:.3f} of the answers change; right in")
    print(
        f"{effect.right_last:.3f} if the last example has the letter asked for, and in {effect.wrong_last:.3f} if not\n"
    )
    figures = {
        "benchmark": "flamingo",
        "machine": machine(),
        "flamingo_noop_max_difference": noop_difference(),
        "flamingo_shots_gain": gain.difference,
        "flamingo_shots_gain_interval": [gain.low, gain.high],
        "flamingo_shots_gain_each": {name: [one.difference, one.low, one.high] for name, one in of_each.items()},
        "order_effect": effect._asdict(),
        "nfnet_vs_timm_max_difference": nfnet_difference(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
