"""Copies: equal files, near images, and the groups that chains of them make."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from clip_tutor.data import duplicates
from clip_tutor.data.duplicates import difference_hash, distances, file_key, groups_of, near_pairs, thumbnails


def test_only_equal_bytes_have_equal_keys():
    assert file_key(b"an image") == file_key(b"an image")
    assert len({file_key(bytes([n])) for n in range(256)}) == 256


def test_thumbnails_are_mean_colors_in_levels():
    pixels = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    pixels[0, 0, :2, :4] = 200  # the first field of 8 × 8, and the one to its right
    small = thumbnails(pixels).view(3, 8, 8)
    assert small[0, 0, :3].tolist() == [200, 200, 0]
    assert small[1:].sum() == 0


def test_thumbnails_of_any_size_are_alike():
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 255, (6, 6, 3), dtype=np.uint8)).resize((96, 96))
    large, small = (torch.from_numpy(np.array(one)).permute(2, 0, 1)[None] for one in (image, image.resize((48, 48))))
    assert distances(thumbnails(large), thumbnails(small)).item() < 3


def test_a_hash_says_where_it_gets_brighter_and_not_how_bright_it_is():
    ramp = torch.arange(0, 90, 5, dtype=torch.uint8).expand(1, 3, 18, 18)
    assert difference_hash(ramp).all()
    assert not difference_hash(ramp.flip(3)).any()
    random = torch.randint(0, 120, (1, 3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert distances(difference_hash(random), difference_hash(2 * random)).item() == 0


def test_equal_images_are_not_apart_at_all():
    pixels = torch.randint(0, 256, (60, 3, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    small = thumbnails(pixels)
    assert distances(small, small).diagonal().max() == 0


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_near_pairs_are_all_of_them_the_nearest_first(rows: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(duplicates, "_ROWS", rows)
    vectors = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    apart = (vectors[:, None] - vectors).square().mean(dim=2).sqrt()
    expected = {(a, b) for a in range(40) for b in range(a + 1, 40) if apart[a, b] <= 0.5}
    pairs, lengths = near_pairs(vectors, 0.5)
    assert {(a, b) for a, b in pairs.tolist()} == expected
    assert len(pairs) == len(expected)
    assert lengths.tolist() == sorted(lengths.tolist())
    torch.testing.assert_close(lengths, apart[pairs[:, 0], pairs[:, 1]], rtol=0, atol=1e-3)


@pytest.mark.parametrize("count", [0, 10, 60, 400])
def test_groups_are_the_connected_components(count: int):
    pairs = torch.randint(100, (count, 2), generator=torch.Generator().manual_seed(count)).numpy()
    ones = np.ones(count)
    _, right = connected_components(coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(100, 100)), directed=False)
    found = groups_of(pairs.tolist(), 100)
    for row in range(100):
        assert found[row] == int((right == right[row]).nonzero()[0][0]), "called by its first row"


def test_of_no_images_there_are_no_pairs_and_no_groups():
    pairs, lengths = near_pairs(torch.zeros(0, 64, dtype=torch.bool), 3)
    assert (pairs.shape, len(lengths)) == ((0, 2), 0)
    groups = groups_of(pairs.tolist(), 0)
    assert (groups.tolist(), groups.dtype) == ([], torch.long)


def test_a_long_chain_is_no_trouble():
    assert groups_of([(n, n + 1) for n in reversed(range(50_000))], 50_001).unique().tolist() == [0]
