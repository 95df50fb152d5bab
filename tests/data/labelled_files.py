"""Tiny data sets in the very formats that their authors publish."""

import hashlib
import json
import pickle
import struct
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat


def image_file(path: Path, n: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20 + n, 20), (10 * n % 256, 60, 90)).save(path)
    return path


def _pickled(path: Path, content: dict) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_cifar(root: Path, hundred: bool) -> dict[str, object]:
    """Two images a file; return what torchvision's class is to know about the files instead of its checksums."""
    folder = root / ("cifar-100-python" if hundred else "cifar-10-batches-py")
    key = "fine_labels" if hundred else "labels"
    rng = np.random.default_rng(0)

    def batch(name: str, labels: list[int]) -> list[str]:
        pixels = rng.integers(0, 256, (len(labels), 3072), np.uint8)
        return [name, _pickled(folder / name, {"data": pixels, key: labels})]

    train = [batch("train", [0, 1])] if hundred else [batch(f"data_batch_{n}", [n % 2, 1]) for n in range(1, 6)]
    test = [batch("test" if hundred else "test_batch", [1, 0, 1])]
    meta = "meta" if hundred else "batches.meta"
    names = "fine_label_names" if hundred else "label_names"
    checksum = _pickled(folder / meta, {names: ["apple", "aquarium_fish"]})
    return {"train_list": train, "test_list": test, "meta": {"filename": meta, "key": names, "md5": checksum}}


def write_mnist(root: Path) -> None:
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 4), ("t10k", 3)):
        images, labels = np.full((count, 28, 28), 7, np.uint8), np.arange(count, dtype=np.uint8)
        head = struct.pack(">IIII", 0x803, count, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels.tobytes())


def write_food(root: Path) -> None:
    folder = root / "food-101"
    (folder / "meta").mkdir(parents=True)
    for split, start in (("train", 0), ("test", 2)):
        rows = {name: [f"{name}/{n}" for n in range(start, start + 2)] for name in ("apple_pie", "baklava")}
        (folder / "meta" / f"{split}.json").write_text(json.dumps(rows))
        for names in rows.values():
            for name in names:
                image_file(folder / "images" / f"{name}.jpg")


def write_pets(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    for split in ("trainval", "test"):
        lines = [
            f"{name}_{n} {label} 1 {n}" for label, name in ((1, "Abyssinian"), (2, "american_bulldog")) for n in (1, 2)
        ]
        (folder / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")
        for line in lines:
            image_file(folder / "images" / f"{line.split()[0]}.jpg")


def write_flowers(root: Path) -> dict[str, object]:
    folder = root / "flowers-102"
    for n in range(1, 7):
        image_file(folder / "jpg" / f"image_{n:05d}.jpg", n)
    savemat(folder / "imagelabels.mat", {"labels": np.array([1, 1, 2, 2, 102, 3])})
    savemat(folder / "setid.mat", {"trnid": np.array([1, 2]), "valid": np.array([3]), "tstid": np.array([6, 4, 5])})
    sums = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in ("imagelabels.mat", "setid.mat")}
    files = {"label": ("imagelabels.mat", sums["imagelabels.mat"]), "setid": ("setid.mat", sums["setid.mat"])}
    return {"_file_dict": {"image": ("102flowers.tgz", ""), **files}}


def write_folders(root: Path, names: tuple[str, ...], each: int = 2, suffix: str = "jpg") -> None:
    for name in names:
        for n in range(each):
            image_file(root / name / f"{n}.{suffix}", n)
