"""Do captions say what is there? The captioner that ships, on unseen scenes, beside four controls.

    python benchmarks/captioning.py                                2,000 scenes
    python benchmarks/captioning.py --neighbors 300000             retrieval from as many scenes as it was trained on
    python benchmarks/captioning.py --gpt2                         and the speed of GPT-2, which takes a minute or two
    python benchmarks/captioning.py --plain runs/plain.safetensors a captioner of another CLIP beside it

    shuffled    captions of the same captioner, each written from another scene's vector
    blind       a small language model that never saw an image, trained here on the same captions
    nearest     the caption of the training scene whose vector is nearest

`caption_object_share` sets the objects that captions name against those that CLIP itself tells apart, one prompt an
object, on the same scenes: those of a single thing, which is what the zero-shot question is about. No captioner can
say what the vector does not hold. `caption_beats_retrieval` is the difference of the shares of captions in which all
facts are right, with the interval of the paired differences. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from caption_scores import caption_scores
from language_model import gpt2_tokens_per_second
from machine import machine

from clip_tutor.applications.captioning.blind import blind_captions, train_blind
from clip_tutor.applications.captioning.controls import nearest_captions, shuffled
from clip_tutor.applications.captioning.facts import CaptionReader
from clip_tutor.applications.captioning.files import load_captioner
from clip_tutor.applications.captioning.report import ALL, caption_report, fact_hits
from clip_tutor.applications.captioning.scene_captions import encode_scenes, references, scene_captions
from clip_tutor.applications.captioning.train import SEED
from clip_tutor.applications.captioning.writing import write_captions
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.evaluation.featurizer import paired_difference
from clip_tutor.evaluation.results import write_json

SCENES = 2000
BLIND_STEPS = 600
GPT2_TOKENS, GPT2_ROUNDS = 60, 7


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scenes", type=int, default=SCENES, help="unseen ones: %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="of these; the training scenes' stays: %(default)s")
    parser.add_argument("--neighbors", type=int, default=20_000, help="training scenes to retrieve from: %(default)s")
    parser.add_argument("--vectors", type=Path, help="a folder in which their vectors are kept")
    parser.add_argument("--captioner", default="captioner", help="the one that ships, or a file")
    parser.add_argument("--plain", type=Path, help="the file of a captioner of another CLIP")
    parser.add_argument("--gpt2", action="store_true", help="measure the tokens a second of GPT-2, too")
    parser.add_argument("--save", type=Path, help="a JSON file for all figures")
    options = parser.parse_args()
    captioner, tokenizer, clip, _ = load_captioner(options.captioner)
    objects, size = load_emoji(), clip.config.vision.image_size
    test = Scenes(objects, "test", size, options.seed)
    train = Scenes(objects, "train", size, SEED)
    reader, scenes = CaptionReader(objects), test.scenes(range(options.scenes))
    vectors = encode_scenes(clip, test, options.scenes).float()
    train_vectors = encode_scenes(clip, train, options.neighbors, options.vectors)
    train_captions = scene_captions(train, range(options.neighbors))

    started = time.perf_counter()
    captions = {"captioner": write_captions(captioner, tokenizer, vectors)}
    per_second = options.scenes / (time.perf_counter() - started)
    captions["shuffled"] = write_captions(captioner, tokenizer, shuffled(vectors))
    blind = train_blind(train_captions, tokenizer, steps=BLIND_STEPS)
    captions["blind"] = blind_captions(blind, tokenizer, options.scenes)
    captions["nearest"] = nearest_captions(vectors, train_vectors, train_captions)
    if options.plain:
        other = load_captioner(options.plain)
        other_vectors = encode_scenes(other.clip, test, options.scenes).float()
        captions["plain"] = write_captions(other.captioner, other.tokenizer, other_vectors)
    hits = {name: fact_hits(written, scenes, reader) for name, written in captions.items()}
    reports = {name: caption_report(written, scenes, reader) for name, written in captions.items()}
    wanted = references(test, range(options.scenes))
    scores = {name: caption_scores(written, wanted) for name, written in captions.items()}
    zero_shot = attribute_hits(clip, tokenizer, vectors, scenes, objects, ensemble=False)
    beaten = paired_difference(hits["captioner"][ALL], hits["nearest"][ALL])

    print(f"{machine()};  {options.scenes:,} unseen scenes, {options.neighbors:,} to retrieve from\n")
    facts = list(reports["captioner"].shares)
    print(f"{'':20}" + "".join(f"{name:>12}" for name in captions) + f"{'zero-shot':>12}")
    for fact in facts:
        asked = zero_shot.get("object" if fact == "object, one" else "" if fact == "object" else fact)
        last = f"{asked.float().mean().item():12.3f}" if asked is not None else ""
        print(f"{fact:20}" + "".join(f"{reports[name].shares[fact].right:12.3f}" for name in captions) + last)
    print(f"{'captions that differ':20}" + "".join(f"{report.collapse.distinct:12.3f}" for report in reports.values()))
    for n, name in enumerate(("BLEU-4", "CIDEr")):
        print(f"{name:20}" + "".join(f"{scores[one][n]:12.1f}" for one in captions))
    print(f"\nall facts right, the captioner and the nearest caption\n{beaten}")
    print(f"{per_second:,.0f} captions a second\n")
    for n in range(5):
        print(f"{scenes[n].caption!r}\n    {captions['captioner'][n]!r}")

    shares = reports["captioner"].shares
    object_zero_shot = zero_shot["object"].float().mean().item()
    figures = {
        "benchmark": "captioning",
        "machine": machine(),
        "scenes": options.scenes,
        "caption_background_right": shares["background"].right,
        "caption_count_right": shares["count"].right,
        "caption_object_right": shares["object, one"].right,
        "zero_shot_object": object_zero_shot,
        "caption_object_share": shares["object, one"].right / object_zero_shot,
        "caption_relation_right": shares["relation"].right,
        "caption_all_right": shares[ALL].right,
        "caption_beats_retrieval": beaten.difference,
        "caption_beats_retrieval_low": beaten.low,
        "caption_beats_retrieval_high": beaten.high,
        "captions_per_second": per_second,
    }
    if options.gpt2:
        figures |= gpt2_tokens_per_second(GPT2_TOKENS, GPT2_ROUNDS)
    if options.save:
        every = {
            name: {fact: share.right for fact, share in report.shares.items()}
            | {"distinct": report.collapse.distinct}
            | scores[name]._asdict()
            for name, report in reports.items()
        }
        write_json(options.save, figures | {"neighbors": options.neighbors, "captioners": every})
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
