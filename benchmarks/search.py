"""Image search at size: how fast, how exact, how much memory; and what indexing costs beside the encoder alone.

    python benchmarks/search.py                                    a million encoded scenes, made once (an hour)
    python benchmarks/search.py --vectors v.npy --text-queries t.npy --image-queries i.npy        other vectors
    python benchmarks/search.py --photos flickr8k                  where the photographs lie (test.parquet, or files)

Vectors and queries are arrays of (N, E) numbers, float16 or float32. Probes are tuned on the text queries with even
numbers; what is reported comes from those with odd numbers. A query is timed from its vector to its hits. Every part
runs in a process of its own, so that a peak of memory is its own. The last line is one JSON object.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine
from numpy.typing import NDArray
from PIL import Image
from scene_vectors import COUNT, Files, make

from clip_tutor import zoo
from clip_tutor.data.hub import parquet_pairs
from clip_tutor.embedding import encode_images
from clip_tutor.search import ImageIndex, Store, VectorIndex, exact_search
from clip_tutor.search.encode import FILES_AT_ONCE, pixels_of
from clip_tutor.search.scan import scan
from clip_tutor.search.tuning import recall_at_k
from clip_tutor.weights import load

K = 10
QUERIES = 500  # of each kind that are answered and timed
EXACT = 20  # of them are timed with exact search
PHOTOS = 1000
AT_ONCE = 16_384  # vectors that go into the store together
ROOT = Path(__file__).parents[1]


def unit_rows(file: Path) -> NDArray[Any]:
    """Return the (N, E) array of a file, mapped.

    Raises:
        SystemExit: it is none.
    """
    try:
        array = np.load(file, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise SystemExit(f"{file} cannot be read as vectors ({error}): give an array that numpy.save wrote") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f" or not len(array):
        raise SystemExit(f"{file} holds no (N, E) array of float16 or float32 numbers")
    return array


def normalized(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Return rows of unit length."""
    rows = np.array(vectors, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


# ---- vectors ---------------------------------------------------------------------------------------------------------


def build(folder: Path, files: Files) -> dict[str, float]:
    """Put the vectors into a store and build lists, tuned on the even text queries."""
    vectors = unit_rows(files.vectors)
    store = Store.create(folder, "benchmark", vectors.shape[1])
    for start in range(0, len(vectors), AT_ONCE):
        some = normalized(vectors[start : start + AT_ONCE])
        store.append(some, [f"scene {start + n}" for n in range(len(some))])
    index, start_time = VectorIndex(store), time.perf_counter()
    tuning = index.build_lists(normalized(unit_rows(files.text_queries)), "captions of other scenes")
    print(f"{len(store):,} vectors; {tuning}", file=sys.stderr)
    return {"build_seconds": time.perf_counter() - start_time, "probes": tuning.probes, "lists": tuning.lists}


def held_out(files: Files) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the text queries that were not tuned on, and as many image queries."""
    text, image = unit_rows(files.text_queries), unit_rows(files.image_queries)
    return normalized(text[1::2][:QUERIES]), normalized(image[:QUERIES])


def answer(folder: Path, files: Files) -> dict[str, Any]:
    """Open the index and answer 1,000 queries, one at a time; return how long that took, and the rows found."""
    sets = held_out(files)
    start = time.perf_counter()
    index = VectorIndex(Store.open(folder))
    figures: dict[str, Any] = {"open_seconds": time.perf_counter() - start}
    peak = anonymous_gb()
    for name, queries in zip(("text", "image"), sets, strict=True):
        index.search(queries[:1], K)
        times, rows = [], []
        for query in queries:
            start = time.perf_counter()
            found = index.search(query[None], K)[1]
            times.append(time.perf_counter() - start)
            rows.append([*found[0].tolist(), *[-1] * (K - found.shape[1])])
            peak = max(peak, anonymous_gb())
        figures |= {f"median_{name}_query_ms": 1000 * statistics.median(times), f"rows_{name}": rows}
    return figures | {"peak_gb": peak}


def exact(folder: Path, files: Files, rows: dict[str, list[list[int]]]) -> dict[str, float]:
    """Answer the same queries exactly, and return which share of the hits found is right."""
    store = Store.open(folder)
    figures = {}
    for name, queries in zip(("text", "image"), held_out(files), strict=True):
        tenth = exact_search(store.vectors, queries, min(K, len(store)))[0][:, -1]
        figures[f"recall_at_10_{name}"] = recall_at_k(store.vectors, queries, np.array(rows[name]), tenth)
    times = []
    for query in held_out(files)[0][:EXACT]:
        start = time.perf_counter()
        exact_search(store.vectors, query[None], K)
        times.append(time.perf_counter() - start)
    return figures | {"exact_query_ms": 1000 * statistics.median(times)}


# ---- files -----------------------------------------------------------------------------------------------------------


def write_photographs(folder: Path, photos: Path | None) -> str:
    """Write a thousand photographs as files, and return where they come from."""
    beside = sorted(ROOT.parent.glob("*/data/flickr8k"))
    found = photos or next((place for place in (ROOT / "data" / "flickr8k", *beside) if place.is_dir()), None)
    parquet = found if found is None or found.suffix == ".parquet" else found / "test.parquet"
    if parquet is not None and parquet.is_file():
        pairs = parquet_pairs(parquet)
        for n in range(min(PHOTOS, len(pairs))):
            (folder / f"{n:04d}.jpg").write_bytes(pairs[n].image)  # type: ignore[arg-type]
        return str(parquet)
    if found is not None:
        for n, path in enumerate(list(scan(found).files)[:PHOTOS]):
            (folder / f"{n:04d}{Path(path).suffix}").write_bytes(Path(path).read_bytes())
        return str(found)
    make_images(folder, PHOTOS, 500)
    return "made for this run, for want of --photos"


def share_of_encoder(folder: Path, place: Path) -> dict[str, float]:
    """Index the photographs with ViT-B/32 and random weights, between two halves of the bare encoder's work."""
    torch.manual_seed(0)
    model, tokenizer = zoo.create("ViT-B/32").eval(), load("emoji").tokenizer
    files = list(scan(folder).files)
    pixels = torch.stack([pixels_of(model, file) for file in files[: 2 * FILES_AT_ONCE]])

    def bare() -> float:
        """Return the seconds that encoding as many images as half of the files takes, already decoded."""
        start = time.perf_counter()
        for n in range(0, len(files) // 2, FILES_AT_ONCE):
            batch = pixels[n % len(pixels) :][: min(FILES_AT_ONCE, len(files) // 2 - n)]
            encode_images(model, batch)
        return time.perf_counter() - start

    encode_images(model, pixels[:8])
    first = bare()
    start = time.perf_counter()
    index = ImageIndex.open(place, model, tokenizer, create=True)
    update = index.update(folder)
    indexing = time.perf_counter() - start
    encoding = (first + bare()) * len(files) / (2 * (len(files) // 2))
    return {"index_share_of_encoder": encoding / indexing, "photos": update.added, "index_seconds": indexing}


def make_images(folder: Path, count: int, size: int) -> None:
    """Write JPEG files of soft color patches: ``size`` × ``size`` pixels, no two alike."""
    chance = np.random.default_rng(0)
    for number in range(count):
        patches = Image.fromarray(chance.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        patches.resize((size, size), Image.Resampling.BICUBIC).save(folder / f"{number:06d}.jpg", quality=85)


def index_many(folder: Path, place: Path, size: int) -> dict[str, float]:
    """Index a folder with the model that comes with the kit, enlarged; return the peak of memory."""
    model, tokenizer, _ = load("emoji")
    index = ImageIndex.open(place, model.at_image_size(size), tokenizer, create=True)
    start = time.perf_counter()
    update = index.update(folder)
    return {
        "index_peak_gb": peak_gb(),
        "many": update.added,
        "many_per_second": update.added / (time.perf_counter() - start),
    }


# ---- memory ----------------------------------------------------------------------------------------------------------


def status_gb(key: str) -> float | None:
    """Return a line of what Linux knows of this process' memory, in GB."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024 / 1e9
    except (OSError, StopIteration):
        return None


def peak_gb() -> float:
    """Return the most memory that this process has held, in GB, mapped files that were read included.

    Linux passes on what the parent held where `resource` is asked; its own file does not.
    """
    if (peak := status_gb("VmHWM")) is not None:
        return peak
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def anonymous_gb() -> float:
    """Return the memory of this process that no file stands behind, in GB; where that is not told, its peak."""
    now = status_gb("RssAnon")
    return peak_gb() if now is None else now


# ---- all of it -------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "build": lambda where: build(Path(where["index"]), files_of(where)),
    "answer": lambda where: answer(Path(where["index"]), files_of(where)),
    "exact": lambda where: exact(Path(where["index"]), files_of(where), where["rows"]),
    "photos": lambda where: share_of_encoder(Path(where["folder"]), Path(where["place"])),
    "many": lambda where: index_many(Path(where["folder"]), Path(where["place"]), where["size"]),
}


def files_of(where: dict[str, Any]) -> Files:
    """Return the paths that a part was given."""
    return Files(*map(Path, where["files"]))


def run_part(name: str, **where: Any) -> dict[str, Any]:
    """Run one part in a fresh process, and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        told, says = Path(folder, "told.json"), Path(folder, "says.json")
        told.write_text(json.dumps(where), encoding="utf-8")
        run = subprocess.run([sys.executable, __file__, "--part", name, str(told), str(says)])
        if run.returncode:
            raise SystemExit(f"the part {name} of the benchmark failed with status {run.returncode}: see above")
        return dict(json.loads(says.read_text(encoding="utf-8")))


def main() -> None:
    """Measure everything, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vectors", type=Path, help="(N, E) vectors of images (.npy)")
    parser.add_argument("--text-queries", type=Path, help="(Q, E) vectors of captions of other images")
    parser.add_argument("--image-queries", type=Path, help="(Q, E) vectors of other images")
    parser.add_argument("--count", type=int, default=COUNT, help="how many scenes, where no vectors are given")
    parser.add_argument("--photos", type=Path, help="Flickr8k's test.parquet, its folder, or a folder of photographs")
    parser.add_argument("--images", type=int, default=10_000, help="how many images to make and index")
    parser.add_argument("--size", type=int, default=224, help="pixels of each side of those images")
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        name, told, says = options.part
        Path(says).write_text(
            json.dumps(PARTS[name](json.loads(Path(told).read_text(encoding="utf-8")))), encoding="utf-8"
        )
        return
    given = [options.vectors, options.text_queries, options.image_queries]
    if any(given) and not all(given):
        parser.error("--vectors, --text-queries and --image-queries belong together: give all three, or none")
    files = [str(file) for file in (given if all(given) else make(options.count))]
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as home:
        index = str(Path(home, "index"))
        figures |= run_part("build", index=index, files=files)
        found = run_part("answer", index=index, files=files)
        rows = {name: found.pop(f"rows_{name}") for name in ("text", "image")}
        figures |= found | run_part("exact", index=index, files=files, rows=rows)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, "photos")
        folder.mkdir()
        source = write_photographs(folder, options.photos)
        figures |= run_part("photos", folder=str(folder), place=str(Path(home, "index")))
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, "images")
        folder.mkdir()
        make_images(folder, options.images, options.size)
        figures |= run_part("many", folder=str(folder), place=str(Path(home, "index")), size=options.size)
    print(f"{machine()}\n")
    for what, value in (
        ("a text query", f"{figures['median_text_query_ms']:8.2f} ms   {figures['recall_at_10_text']:.4f} recall@10"),
        ("an image query", f"{figures['median_image_query_ms']:8.2f} ms   {figures['recall_at_10_image']:.4f}"),
        ("exact search", f"{figures['exact_query_ms']:8.2f} ms"),
        ("lists, probes", f"{figures['lists']:8,}      {figures['probes']} of them, {figures['build_seconds']:.0f} s"),
        ("opening the index", f"{figures['open_seconds']:8.3f} s"),
        ("peak while searching", f"{figures['peak_gb']:8.2f} GB  anonymous memory"),
        ("indexing photographs", f"{figures['index_share_of_encoder']:8.2f} × the encoder alone"),
        ("", f"{figures['photos']:8,} photographs: {source}"),
        ("peak while indexing", f"{figures['index_peak_gb']:8.2f} GB  {figures['many']:,} images made for this run"),
        ("", f"{figures['many_per_second']:8.1f} images a second"),
    ):
        print(f"{what:24}{value}")
    keys = ("median_text_query_ms", "median_image_query_ms", "recall_at_10_text", "recall_at_10_image")
    keys += ("exact_query_ms", "open_seconds", "index_share_of_encoder", "index_peak_gb", "peak_gb")
    print("\n" + json.dumps({key: figures[key] for key in keys}))


if __name__ == "__main__":
    main()
