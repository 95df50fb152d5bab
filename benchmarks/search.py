"""Image search: how much memory and time it takes to index a folder, and how long a search then takes.

    python benchmarks/search.py                       10,000 images of 224 × 224 pixels, made for this run
    python benchmarks/search.py --folder photos       your own

The images are made by one process and indexed by another, so that its peak of memory is its own. With the model that
comes with the kit, enlarged to read 224 pixels, one core needs four to five minutes for 10,000 images. The last line
is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from machine import cpu_name, machine
from PIL import Image

from clip_tutor.search import ImageIndex
from clip_tutor.weights import load

WORDS = ("a cat", "two dogs on a red background", "a tiny apple left of a house", "something blue")
QUERIES = 40  # searches of which the median is given


def make_images(folder: Path, count: int, size: int) -> None:
    """Write JPEG files of soft color patches: ``size`` × ``size`` pixels, no two alike."""
    chance = np.random.default_rng(0)
    for number in range(count):
        patches = Image.fromarray(chance.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        patches.resize((size, size), Image.Resampling.BICUBIC).save(folder / f"{number:06d}.jpg", quality=85)


def peak_gb() -> float:
    """Return the most memory that this process has held, in GB.

    Linux passes on what the parent held where `resource` is asked; its own file does not.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def index_folder(folder: Path, size: int) -> dict[str, object]:
    """Index a folder, search it, save it and open it again; return what that took."""
    model, tokenizer, _ = load("emoji")
    model = model.at_image_size(size)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    index, before, start = ImageIndex(model, tokenizer), peak_gb(), time.perf_counter()
    problems = index.add_files(files)
    seconds = time.perf_counter() - start
    peak = peak_gb()
    if not len(index):
        raise SystemExit(f"{folder} holds no image that can be read: {next(iter(problems.items()), 'it is empty')}")
    searches = []
    for number in range(QUERIES):
        start = time.perf_counter()
        index.search(WORDS[number % len(WORDS)], k=10)
        searches.append(time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "index.safetensors")
        index.save(file)
        saved = file.stat().st_size
        again = ImageIndex.open(file, model, tokenizer)
    asked = index.names[:: max(1, len(index) // 10)]
    found = sum(again.search(image=name, k=1)[0].name == name for name in asked)
    return {
        "images": len(index),
        "left_out": len(problems),
        "image_size": size,
        "index_seconds": seconds,
        "images_per_second": len(index) / seconds,
        "start_gb": before,
        "index_peak_gb": peak,
        "search_milliseconds": 1000 * statistics.median(searches),
        "saved_mb": saved / 1e6,
        "found_itself": found / len(asked),
    }


def main() -> None:
    """Make images and index them in another process; or index a folder, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=10_000, help="how many to make")
    parser.add_argument("--size", type=int, default=224, help="pixels of each side, of the images and for the model")
    parser.add_argument("--folder", type=Path, help="index the images in this folder instead")
    options = parser.parse_args()
    if options.folder is None:
        with tempfile.TemporaryDirectory() as place:
            make_images(Path(place), options.images, options.size)
            command = [sys.executable, __file__, "--folder", place, "--size", str(options.size)]
            raise SystemExit(subprocess.run(command).returncode)
    figures = index_folder(options.folder, options.size)
    print(f"{machine()}\n")
    print(f"{figures['images']:,} images indexed at {figures['image_size']} pixels, {figures['left_out']:,} left out")
    print(f"{'indexing':24} {figures['index_seconds']:8.1f} s   {figures['images_per_second']:.1f} images a second")
    print(f"{'peak of memory':24} {figures['index_peak_gb']:8.2f} GB  {figures['start_gb']:.2f} GB before the first")
    print(f"{'a search for words':24} {figures['search_milliseconds']:8.2f} ms")
    print(f"{'the index on the disk':24} {figures['saved_mb']:8.1f} MB")
    print(f"{'an image finds itself':24} {figures['found_itself']:8.0%}\n")
    where = {"benchmark": "search", "machine": cpu_name(), "threads": torch.get_num_threads()}
    print(json.dumps(where | figures))


if __name__ == "__main__":
    main()
