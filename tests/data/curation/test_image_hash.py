"""The perceptual hash against imagehash, and groups of near hashes against all pairs."""

import numpy as np
import pytest
from PIL import Image

from clip_tutor.data.curation.image_hash import banded_hash_groups, differing_bits, hash_groups, perceptual_hash
from tests.data.photographs import photograph


def noise(seed: int, width: int = 70, height: int = 50) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height // 5, width // 5, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("kind", ["RGB", "L", "RGBA", "P", "CMYK"])
def test_it_is_imagehashs(kind):
    imagehash = pytest.importorskip("imagehash", reason="needs imagehash: pip install ImageHash")
    images = [noise(seed, 40 + 9 * seed, 90 - 5 * seed).convert(kind) for seed in range(12)]
    images += [photograph(n).convert(kind) for n in range(12)]
    for image in images:
        assert f"{perceptual_hash(image):016x}" == str(imagehash.phash(image))


@pytest.mark.parametrize("shade", [1, 77, 128, 255])
def test_flat_images_have_one_hash(shade):
    assert perceptual_hash(Image.new("L", (57, 33), shade)) == 1 << 63, "brightness, and nothing else"


def test_it_survives_resizing_and_compression_and_tells_images_apart(tmp_path):
    images = [noise(seed, 320, 240) for seed in range(20)]
    hashes = np.array([perceptual_hash(image) for image in images], np.uint64)
    for n, image in enumerate(images):
        image.resize((150, 130)).save(tmp_path / "small.jpg", quality=60)
        again = np.uint64(perceptual_hash(Image.open(tmp_path / "small.jpg")))
        apart = differing_bits(hashes, again)
        assert apart[n] <= 6 and np.delete(apart, n).min() > 10


def test_bits_are_counted():
    hashes = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    assert differing_bits(hashes[:, None], hashes).tolist() == [
        [0, 1, 1, 64],
        [1, 0, 2, 63],
        [1, 2, 0, 63],
        [64, 63, 63, 0],
    ]


def by_hand(hashes: list[int], farthest: int) -> list[int]:
    """The first row that a chain of near hashes leads to, by walking all of them."""
    found = []
    for row in range(len(hashes)):
        reached, waiting = {row}, [row]
        while waiting:
            here = waiting.pop()
            near = {n for n, other in enumerate(hashes) if bin(hashes[here] ^ other).count("1") <= farthest} - reached
            reached |= near
            waiting += near
        found.append(min(reached))
    return found


@pytest.mark.parametrize("farthest", [0, 1, 3, 10, 64])
@pytest.mark.parametrize("seed", range(3))
def test_groups_are_all_that_a_chain_of_near_hashes_leads_to(seed, farthest):
    random = np.random.default_rng(seed)
    seeds = random.integers(0, 2**64, 12, dtype=np.uint64)
    hashes = random.choice(seeds, 60)
    for _ in range(4):  # up to four bits of each are turned
        turned = np.uint64(1) << random.integers(0, 64, 60, dtype=np.uint64)
        hashes = np.where(random.random(60) < 0.5, hashes ^ turned, hashes)
    expected = by_hand(hashes.tolist(), farthest)
    assert hash_groups(hashes, farthest).tolist() == expected
    assert banded_hash_groups(hashes, farthest).tolist() == expected


def test_no_hashes_have_no_groups():
    for groups in (hash_groups, banded_hash_groups):
        assert groups(np.array([], np.uint64), 3).tolist() == []
