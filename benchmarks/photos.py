"""Photographs with human captions: train a CLIP on them from nothing, then count what it finds.

    python benchmarks/photos.py --data flickr8k                      a folder with train.parquet and test.parquet
    python benchmarks/photos.py --data my_photos                     a folder of images with captions.csv
    python benchmarks/photos.py --data flickr8k --test flickr8k/validation.parquet      to choose settings by

Where there is no test split, a tenth of the images is held out. The tokenizer, too, reads training captions only.
The clock runs from opening the files to the last step. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from machine import cpu_name, machine

from clip_tutor import zoo
from clip_tutor.data.batches import Photos, shuffled_order
from clip_tutor.data.folder import read_folder
from clip_tutor.data.hub import parquet_pairs
from clip_tutor.data.pairs import Pair, PairSet
from clip_tutor.evaluation.report import photo_report
from clip_tutor.images import load_image, resize
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.training import TrainConfig, train

CPU = "tiny", TrainConfig(batch_size=128, learning_rate=1.5e-3, label_smoothing=0.1, workers=1)
GPU = "small", TrainConfig(batch_size=512, learning_rate=1e-3, label_smoothing=0.1, warmup_steps=200, workers=12)
SCALE = (0.5, 1.0)  # of the rectangles that training cuts out
MOST_IN_MEMORY = 20_000  # images; of a larger set each is decoded when its turn comes


def find_split(data: Path, split: str) -> PairSet | None:
    """Return a split of a folder: Parquet files called after it, or a folder of that name with a caption file."""
    for folder in (data, data / "data"):
        if files := sorted([*folder.glob(f"{split}.parquet"), *folder.glob(f"{split}-*.parquet")]):
            return parquet_pairs(files)
    return read_folder(data / split) if (data / split).is_dir() else None


def open_pairs(path: Path) -> PairSet:
    """Return the pairs of a Parquet file, or of a folder with a caption file."""
    return parquet_pairs(path) if path.suffix == ".parquet" else read_folder(path)


def open_splits(data: Path, test: Path | None) -> tuple[list[Pair], list[Pair], str]:
    """Return training pairs, test pairs, and where the latter come from."""
    train_set = (find_split(data, "train") if data.is_dir() else None) or open_pairs(data)
    test_set = open_pairs(test) if test else find_split(data, "test") if data.is_dir() else None
    pairs = [train_set[n] for n in range(len(train_set))]
    if test_set is not None:
        return pairs, [test_set[n] for n in range(len(test_set))], str(test or "the test split")
    order = shuffled_order(len(pairs), seed=0, epoch=0)
    held_out = max(1, len(pairs) // 10)
    return (
        [pairs[n] for n in order[held_out:]],
        [pairs[n] for n in order[:held_out]],
        "a tenth of the images, held out: there is no test split",
    )


def in_memory(pairs: list[Pair], side: int) -> list[Pair]:
    """Return the pairs with images decoded once and for all, their shorter side at most ``side`` pixels.

    Decoding a JPEG file takes as long as all the rest of making a sample. Damaged files stay: training names them.
    """
    small = []
    for pair in pairs:
        try:
            image = load_image(pair.image, convert=True)
        except (FileNotFoundError, ValueError):
            small.append(pair)
        else:
            small.append(pair._replace(image=resize(image, side) if min(image.size) > side else image))
    return small


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder, or a Parquet file with images inside")
    parser.add_argument("--test", type=Path, help="what to measure on, instead of the folder's test split")
    parser.add_argument("--seconds", type=float, default=600.0, help="wall time for preparation and training together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    started = time.perf_counter()
    name, settings = CPU if options.device == "cpu" else GPU
    config = zoo.MODELS[name]
    size = config.vision.image_size
    pairs, test_pairs, where = open_splits(options.data, options.test)
    test_pairs = [pair for pair in test_pairs if pair.captions]
    captions = [caption for pair in pairs for caption in pair.captions]
    print(f"{len(pairs):,} images with {len(captions):,} captions; measured on {where}: {len(test_pairs):,} images")
    torch.manual_seed(options.seed)
    tokenizer = BPETokenizer.train(captions, config.text.vocab_size, config.text.context_length)
    model = zoo.create(name).to(options.device).to(memory_format=torch.channels_last)
    source = Photos(
        in_memory(pairs, size * 3 // 2) if len(pairs) <= MOST_IN_MEMORY else pairs,
        size,
        seed=options.seed,
        scale=SCALE,
        mirror=True,
    )
    left = options.seconds - (time.perf_counter() - started) - 3  # grace for the last step and for stopping workers
    if left <= 0:
        raise SystemExit(f"preparation alone took {options.seconds - left:.0f} s: give more --seconds")
    history = train(model, tokenizer, source, replace(settings, seconds=left, seed=options.seed))
    train_seconds = time.perf_counter() - started
    report = photo_report(model, tokenizer, test_pairs)

    last = history[-1]
    parameters = sum(p.numel() for p in model.parameters())
    steps, epochs = int(last["step"]), last["step"] * settings.batch_size / len(pairs)
    print(f"\n{machine(options.device)}")
    print(f"model {name}, {parameters / 1e6:.2f} M parameters, {size} px; {settings.batch_size} pairs a batch")
    print(f"{steps} steps, {epochs:.1f} epochs in {train_seconds:.1f} s, preparation included\n")
    images, sentences = report["test_images"], report["test_captions"]
    print(f"{f'{images:,} images, {sentences:,} captions':34} @1     @5     @10")
    for title, key in (("caption finds its image", "text_to_image"), ("image finds a caption", "image_to_text")):
        print(f"{title:34} " + "  ".join(f"{report[f'{key}_recall_at_{k}']:.3f}" for k in (1, 5, 10)))
    print(f"{'chance, first line':34} " + "  ".join(f"{k / images:.3f}" for k in (1, 5, 10)))
    low, high = (report[f"text_to_image_recall_at_10_{end}"] for end in ("low", "high"))
    print(f"95 % interval of the first line @10: {low:.3f} to {high:.3f}\n")
    figures = {
        "benchmark": "photos",
        "machine": torch.cuda.get_device_name() if options.device != "cpu" else cpu_name(),
        "threads": torch.get_num_threads(),
        "seed": options.seed,
        "measured_on": where,
        "parameters": parameters,
        "steps": steps,
        "epochs": epochs,
        "train_seconds": train_seconds,
        "pairs_per_second": steps * settings.batch_size / train_seconds,
        "waiting": sum(record["waiting"] for record in history) / len(history),
        "skipped_images": last["skipped_images"],
    }
    print(json.dumps(figures | report))


if __name__ == "__main__":
    main()
