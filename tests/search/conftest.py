"""What the tests of search share: files of scenes, and a tiny model's index of them."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from clip_tutor.search import ImageIndex, encode_shard, read_shard_of_vectors, vector_shards
from clip_tutor.search import __main__ as shell


def as_image(pixels: torch.Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def png(pixels: torch.Tensor) -> bytes:
    """A file of (3, H, W) pixels."""
    file = io.BytesIO()
    as_image(pixels).save(file, "PNG")
    return file.getvalue()


PER_SHARD = 40


def unit(count: int, E: int = 16, seed: int = 0) -> np.ndarray:
    """Random vectors of unit length: (count, E) float32."""
    vectors = np.random.default_rng(seed).standard_normal((count, E)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def photos(tmp_path, scenes) -> Path:
    """A folder of eight images, half of them in a folder below."""
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    for n, pixels in enumerate(scenes.batch(range(8)).pixels):
        as_image(pixels).save(folder / ("below" if n % 2 else ".") / f"{n}.png")
    return folder


@pytest.fixture
def open_index(tmp_path, model, tokenizer) -> Callable[[], ImageIndex]:
    """A function that opens the same index on the disk each time."""
    return lambda: ImageIndex.open(tmp_path / "photos.index", model, tokenizer, create=True)


def found(index: ImageIndex) -> list[str]:
    """The files that can be found, as they are called."""
    return sorted(Path(hit.name).name for hit in index.search("a cat", k=1000, group_from=2))


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What the shell prints, given these arguments."""
    shell.main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def collection(tmp_path, scenes) -> list[Path]:
    """Two archives and two Parquet files of 40 scenes each; in the first, one image more that is damaged."""
    images = [png(pixels) for pixels in scenes.batch(range(4 * PER_SHARD)).pixels]
    folder = tmp_path / "shards"
    folder.mkdir()
    for n in range(2):
        some = images[n * PER_SHARD : (n + 1) * PER_SHARD]
        files = {f"{n}{k}.png": image for k, image in enumerate(some)}
        files |= {f"{n}{k}.txt": b"a scene" for k in range(PER_SHARD)}
        write_tar(
            folder / f"0000{n}.tar",
            dict(sorted((files | ({"bad.png": b"\x89PNG", "bad.txt": b"nothing"} if not n else {})).items())),
        )
    for n in (2, 3):
        some = images[n * PER_SHARD : (n + 1) * PER_SHARD]
        rows = [{"bytes": image, "path": f"{k}.png"} for k, image in enumerate(some)]
        parquet.write_table(pa.table({"image": rows}), folder / f"0000{n}.parquet")
    return sorted(folder.iterdir())


def vectors_of(folder: Path) -> dict[str, np.ndarray]:
    rows: dict[str, np.ndarray] = {}
    for shard in vector_shards(folder):
        for vectors, names in read_shard_of_vectors(shard):
            assert not rows.keys() & set(names)
            rows |= dict(zip(names, vectors, strict=True))
    return rows


@pytest.fixture
def alone(collection, model, tmp_path) -> Path:
    """The collection, encoded in this process."""
    folder = tmp_path / "alone"
    folder.mkdir()
    for shard in collection:
        encode_shard(model, str(shard), folder / f"{shard.stem}.parquet")
    return folder
