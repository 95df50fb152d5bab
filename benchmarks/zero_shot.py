"""Zero-shot classification from files to accuracy: how much of the time does the encoder work?

    python benchmarks/zero_shot.py --data flickr8k          a folder with test.parquet, or a folder of images

Photographs are decoded, resized and cropped by threads while the encoder works. The bar is the rate of the bare
``encode_image`` on batches that are ready in memory, measured in the same run, before and after. ViT-B/32 has random
weights: what it answers is chance, what it costs is real. Captioned sets have no classes, so the images are labelled
in turn. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from machine import cpu_name, machine

from clip_tutor import zoo
from clip_tutor.data.folder import read_folder
from clip_tutor.data.hub import parquet_pairs
from clip_tutor.data.labelled import LabelledImages
from clip_tutor.embedding import BATCH
from clip_tutor.evaluation.classification import Classification, classification
from clip_tutor.evaluation.classifier import Classifier
from clip_tutor.evaluation.encoding import CPU_BATCH, WORKERS, encode_labelled
from clip_tutor.model import CLIP
from clip_tutor.weights import load

CLASSES = 10
MODEL, SHIPPED = "ViT-B/32", "emoji"


def open_images(data: Path) -> LabelledImages:
    """Return the test photographs of a folder, still encoded, with labels in turn."""
    files = sorted([*data.glob("test.parquet"), *data.glob("test-*.parquet"), *data.glob("data/test-*.parquet")])
    pairs = parquet_pairs(files) if files else read_folder(data)
    names = tuple(f"class {n}" for n in range(CLASSES))
    rows = [pairs[n] for n in range(len(pairs))]
    return LabelledImages(names, [n % CLASSES for n in range(len(rows))], [pair.image for pair in rows])


def from_files(model: CLIP, images: LabelledImages, workers: int) -> tuple[float, Classification]:
    """Return the seconds from files to accuracy, and the result. The classifier's rows are random directions."""
    weights = torch.nn.functional.normalize(torch.randn(CLASSES, model.config.embed_dim), dim=1)
    classifier = Classifier(images.names, tuple((name,) for name in images.names), weights, 100.0, "")
    start = time.perf_counter()
    found = classification(classifier, encode_labelled(model, images, workers))
    return time.perf_counter() - start, found


@torch.no_grad()
def bare_rate(model: CLIP, seconds: float) -> float:
    """Return the images per second of ``encode_image`` on a normalized batch that is ready."""
    device, size = model.log_logit_scale.device, model.config.vision.image_size
    batch = torch.randn(CPU_BATCH if device.type == "cpu" else BATCH, 3, size, size, device=device)
    model.encode_image(batch).cpu()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds or count < 2 * len(batch):
        model.encode_image(batch).cpu()
        count += len(batch)
    return count / (time.perf_counter() - start)


def measure(model: CLIP, images: LabelledImages, workers: int, seconds: float, rounds: int) -> dict[str, float]:
    """Return rates, and the share: the median over rounds, each beside the bare rate just before and after it."""
    rates, shares, bare = [], [], [bare_rate(model, seconds)]
    for _ in range(rounds):
        took, found = from_files(model, images, workers)
        bare.append(bare_rate(model, seconds))
        rates.append(found.images / took)
        shares.append(rates[-1] / statistics.mean(bare[-2:]))
    return {
        "images_per_second": statistics.median(rates),
        "encoder_images_per_second": statistics.median(bare),
        "share_of_encoder": statistics.median(shares),
        "images": found.images,
        "left_out": len(found.problems),
        "top_1": found.top_1,
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with test.parquet, or with captions.csv")
    parser.add_argument("--images", type=int, help="the first so many only")
    parser.add_argument("--model", default=MODEL, help="of the zoo, with random weights: %(default)s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="for the bare rate, each time")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    torch.manual_seed(0)
    images = open_images(options.data)
    images = images.take(range(min(options.images or len(images), len(images))))
    model = zoo.create(options.model).eval().to(options.device)
    large = measure(model, images, options.workers, options.seconds, options.rounds)
    small = measure(load(SHIPPED).model.to(options.device), images, options.workers, options.seconds, 1)

    print(f"{machine(options.device)}; {large['images']} photographs, {options.workers} threads that decode\n")
    print(f"{'':28} {'from files':>12} {'bare encoder':>14} {'share':>7}")
    for name, found in ((f"{options.model}, random weights", large), (f"{SHIPPED}, as it ships", small)):
        rates = f"{found['images_per_second']:10.1f}/s {found['encoder_images_per_second']:12.1f}/s"
        print(f"{name:28} {rates} {found['share_of_encoder']:7.3f}")
    print()
    figures = {
        "benchmark": "zero_shot",
        "machine": torch.cuda.get_device_name() if options.device != "cpu" else cpu_name(),
        "threads": torch.get_num_threads(),
        "model": options.model,
        **large,
        "shipped_images_per_second": small["images_per_second"],
        "shipped_share_of_encoder": small["share_of_encoder"],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
