"""What `curation.py` measures of shards: filters and hashes on images, and Ray against one process."""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from clip_tutor.data.curation.automaton import QueryMatcher
from clip_tutor.data.curation.balance_step import BalanceStep
from clip_tutor.data.curation.counted_shards import count_shards
from clip_tutor.data.curation.filters import ALIGN
from clip_tutor.data.curation.image_hash import perceptual_hash
from clip_tutor.data.curation.parallel import count_on_ray, curate_on_ray
from clip_tutor.data.curation.shards import curate_shards
from clip_tutor.data.curation.steps import FilterStep
from clip_tutor.data.curation.zipf_text import zipf_lines
from clip_tutor.images import load_image

IMAGES, SIDE = 2000, 256  # of a shard; pixels, as img2dataset stores them
SHARDS, CAPTIONS, QUERIES, T = 8, 5000, 50_000, 50


@dataclass
class ShardFigures:
    """Pairs and images that one core does in a second of its time."""

    filtered: float
    hashed: float
    bytes_of_pair: float


def image_shard(shard: Path) -> list[bytes]:
    """Write an archive of smooth random images with captions, and return the images."""
    random, images = np.random.default_rng(0), []
    with tarfile.open(shard, "w") as archive:
        for number, caption in enumerate(islice(zipf_lines(IMAGES * 16, 1, 16), IMAGES)):
            small = Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8))
            file = io.BytesIO()
            small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(file, "JPEG", quality=95)
            images.append(file.getvalue())
            for kind, content in (("jpg", file.getvalue()), ("txt", caption.encode())):
                member = tarfile.TarInfo(f"{number:06}.{kind}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return images


def measure_shards(folder: Path) -> ShardFigures:
    """Filter a shard of images as ALIGN did, and hash them."""
    images = image_shard(folder / "images.tar")
    start = time.process_time()
    curate_shards(FilterStep(ALIGN), folder / "images.tar", folder / "filtered")
    filtered = time.process_time() - start
    start = time.process_time()
    for image in images:
        perceptual_hash(load_image(image, convert=True))
    hashed = time.process_time() - start
    return ShardFigures(IMAGES / filtered, IMAGES / hashed, (folder / "images.tar").stat().st_size / IMAGES)


def ray_equal(queries: Path, folder: Path) -> bool | None:
    """Return whether two workers of a local Ray write what one process writes; None where Ray is not installed."""
    if find_spec("ray") is None:
        return None
    import ray

    (folder / "captions").mkdir()
    lines = zipf_lines(SHARDS * CAPTIONS * 16, 3, 16)
    for shard in range(SHARDS):
        captions = list(islice(lines, CAPTIONS))
        rows = {"key": [f"{shard:03}{row:06}" for row in range(len(captions))], "caption": captions}
        parquet.write_table(pa.table(rows), folder / "captions" / f"{shard:05}.parquet")
    matcher = QueryMatcher(queries.read_text(encoding="utf-8").split("\n")[:QUERIES])
    for last in (False, False, False, True):  # on a busy machine it may need more than the half minute that it waits
        try:
            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
            break
        except Exception:
            ray.shutdown()
            if last:
                raise
    written = []
    for name, count, curate in (("one", count_shards, curate_shards), ("ray", count_on_ray, curate_on_ray)):
        counted = count(matcher, folder / "captions", folder / name / "counts")
        curate(BalanceStep(matcher, counted.counts, T), folder / "captions", folder / name / "kept")
        files = sorted(file for file in (folder / name).rglob("*") if file.is_file())
        written.append({str(file.relative_to(folder / name)): file.read_bytes() for file in files})
    ray.shutdown()
    return written[0] == written[1]
