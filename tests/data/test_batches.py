"""Batches of real images: the same whoever draws them, and none lost to a damaged file."""

import itertools
import os
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from clip_tutor.data.batches import Photos, TrainBatch, as_ids, shuffled, shuffled_order
from clip_tutor.data.pairs import Pair, PairStream
from clip_tutor.images import center_crop, resize
from clip_tutor.images.drafts import draft_decode
from clip_tutor.tokenizers import BPETokenizer, UnigramTokenizer, WordPieceTokenizer
from clip_tutor.towers import BertConfig, TextConfig, build_tower
from tests.data.photographs import captions_of, encoded, make_pairs, photograph

SIZE = 16


@pytest.fixture(scope="module")
def words() -> BPETokenizer:
    return BPETokenizer.train([c for n in range(40) for c in captions_of(n)], 600, context_length=32)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return make_pairs(20)


def take(source: Photos, words: BPETokenizer, number: int, batch_size: int = 6, workers: int = 0, **where: int):
    loader = DataLoader(source.stream(words, batch_size, **where), batch_size=None, num_workers=workers)
    return list(itertools.islice(loader, number))


def assert_same(ours: TrainBatch, theirs: TrainBatch) -> None:
    assert torch.equal(ours.pixels, theirs.pixels)
    assert torch.equal(ours.ids, theirs.ids)
    assert ours[2:] == theirs[2:]


def flat(lists: list[list[str]]) -> list[str]:
    return list(itertools.chain.from_iterable(lists))


def joined(parts: list[TrainBatch], words: BPETokenizer) -> TrainBatch:
    captions = [words.decode(row) for part in parts for row in part.ids.tolist()]
    names = [name for part in parts for name in part.names]
    skipped = [reason for part in parts for reason in part.skipped]
    return TrainBatch(torch.cat([part.pixels for part in parts]), as_ids(words, captions), names, skipped)


def test_a_batch_is_bytes_ids_and_names(pairs, words):
    (batch,) = take(Photos(pairs, SIZE), words, 1)
    assert (batch.pixels.shape, batch.pixels.dtype) == ((6, 3, SIZE, SIZE), torch.uint8)
    assert batch.ids.shape[0] == 6 and batch.ids.dtype == torch.int64
    assert batch.skipped == []
    for name, row, pixels in zip(batch.names, batch.ids.tolist(), batch.pixels, strict=True):
        number = int(name.split("-")[1].split(".")[0])
        assert words.decode(row) in captions_of(number), "the caption is one of its own image's"
        seen = np.asarray(photograph(number)).mean(axis=(0, 1))
        assert np.abs(pixels.double().mean(dim=(1, 2)).numpy() - seen).max() < 4, "and so are the pixels"


def test_an_epoch_shows_every_image_once_and_the_next_in_another_order(pairs, words):
    seen = [batch.names for batch in take(Photos(pairs, SIZE), words, 8, batch_size=5)]
    first, second = flat(seen[:4]), flat(seen[4:])
    assert sorted(first) == sorted(second) == sorted(pair.name for pair in pairs)
    assert first != second
    assert [n.names for n in take(Photos(pairs, SIZE, seed=1), words, 4, batch_size=5)] != seen[:4]


def test_what_does_not_fill_a_batch_waits_for_another_epoch(pairs, words):
    seen = [batch.names for batch in take(Photos(pairs, SIZE), words, 200)]
    assert all(len(set(flat(seen[k : k + 3]))) == 18 for k in range(0, 198, 3))
    counts = Counter(flat(seen))
    assert len(counts) == 20 and max(counts.values()) - min(counts.values()) < 25, (
        "the two left out are not always the same"
    )


def test_all_captions_of_an_image_are_drawn_about_equally(words):
    said = Counter(
        words.decode(row)[-1]
        for batch in take(Photos(make_pairs(5), SIZE), words, 100, 5)
        for row in batch.ids.tolist()
    )
    assert sorted(said) == list("abcde")
    assert all(65 < count < 135 for count in said.values()), said


@pytest.mark.parametrize("augment", [True, False])
def test_a_run_that_continues_sees_the_batches_it_would_have_seen(pairs, words, augment):
    photos = Photos(pairs, SIZE, augment)
    for ours, theirs in zip(take(photos, words, 4, start=5), take(photos, words, 9)[5:], strict=True):
        assert_same(ours, theirs)


def test_workers_change_nothing(pairs, words):
    photos = Photos(pairs, SIZE)
    for ours, theirs in zip(take(photos, words, 5, start=2, workers=2), take(photos, words, 5, start=2), strict=True):
        assert_same(ours, theirs)


@pytest.mark.parametrize("broken", [(), (3, 7, 12)])
def test_ranks_share_the_batch_that_one_would_see(words, broken):
    photos = Photos(make_pairs(20, broken), SIZE)
    whole = take(photos, words, 7)
    ranks = [take(photos, words, 7, rank=rank, world=3) for rank in range(3)]
    for k, batch in enumerate(whole):
        parts = [batches[k] for batches in ranks]
        assert all(len(part.names) == 2 for part in parts)
        assert_same(joined(parts, words), joined([batch], words))


def test_without_augmenting_the_middle_is_shown_as_preprocessing_has_it(words):
    images = [Pair(str(n), photograph(n), ("a",)) for n in range(3)]
    (batch,) = take(Photos(images, SIZE, augment=False), words, 1, batch_size=3)
    for name, pixels in zip(batch.names, batch.pixels, strict=True):
        expected = np.asarray(center_crop(resize(photograph(int(name)), SIZE), SIZE))
        assert (pixels.permute(1, 2, 0).numpy() == expected).all()


def test_augmenting_shows_another_rectangle_each_time(words):
    one = [Pair("wide", photograph(1, 400, 400), ("a",))]
    shown = torch.stack([batch.pixels[0] for batch in take(Photos(one, SIZE), words, 12, batch_size=1)])
    assert len({image.numpy().tobytes() for image in shown}) > 6, "where no rectangle fits, it is the middle"
    middle = Photos(one, SIZE, augment=False).pixels(one[0].image, 0)
    assert (shown.double() - middle).abs().mean() < 8, "but most of the image each time"


def test_half_of_the_images_are_mirrored_if_asked():
    ramp = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (200, 1))).convert("RGB")  # dark left, light right
    for mirror in (True, False):
        photos = Photos([], SIZE, mirror=mirror)
        left_dark = [photos.pixels(ramp, chance / 200)[0, 0].double().diff().mean() > 0 for chance in range(200)]
        assert (70 < sum(left_dark) < 130) if mirror else all(left_dark)


def test_scale_says_how_much_of_the_image_is_left():
    ramp = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (200, 1))).convert("RGB")
    for scale, least in (((0.9, 1.0), 0.7), ((0.25, 0.3), 0.35)):
        spans = [Photos([], SIZE, scale=scale).pixels(ramp, chance / 50)[0, 0].double() for chance in range(50)]
        widths = [(row[-1] - row[0]).item() / (200 * (SIZE - 1) / SIZE) for row in spans]  # of the image's width
        assert least < min(widths), (min(widths), max(widths))
        assert max(widths) <= 1.02 if scale[1] == 1 else max(widths) < 0.72, (min(widths), max(widths))


def test_an_image_that_does_not_decode_is_named_and_another_stands_in(words):
    broken = (3, 7, 12)
    photos = Photos(make_pairs(40, broken), SIZE)
    reasons = set()
    for batch in take(photos, words, 5, batch_size=8):
        assert len(set(batch.names)) == 8, "nobody is in the batch twice"
        assert not {f"photo-{n}.jpg" for n in broken} & set(batch.names)
        reasons |= set(batch.skipped)
    assert {reason.split(":")[0] for reason in reasons} == {f"photo-{n}.jpg" for n in broken}
    assert all("damaged or cut off" in reason for reason in reasons)


def test_missing_files_and_missing_captions_are_skipped_with_their_reason(words, tmp_path):
    good = make_pairs(6)
    bad = [Pair("gone", tmp_path / "gone.jpg", ("a",)), Pair("mute", encoded(9), ()), Pair("text", b"hello", ("a",))]
    (batch,) = take(Photos(good + bad, SIZE), words, 1, batch_size=9)
    assert len(batch.names) == 9 and set(batch.names) == {pair.name for pair in good}, "a small set repeats some"
    skipped = dict(reason.split(": ", 1) for reason in batch.skipped)
    assert "No such file" in skipped["gone"]
    assert skipped["mute"] == "it has no caption"
    assert "not an image" in skipped["text"]


@pytest.mark.posix
def test_what_is_no_file_at_all_is_skipped_with_its_reason(words, tmp_path):
    """A pipe would keep the worker waiting for ever."""
    os.mkfifo(tmp_path / "pipe.jpg")
    bad = [Pair("pipe", tmp_path / "pipe.jpg", ("a",)), Pair("folder", tmp_path, ("a",)), Pair("none", None, ("a",))]
    (batch,) = take(Photos(make_pairs(6) + bad, SIZE), words, 1, batch_size=9)
    skipped = dict(reason.split(": ", 1) for reason in batch.skipped)
    assert "is a pipe or a device" in skipped["pipe"]
    assert "is a folder" in skipped["folder"]
    assert "this is NoneType" in skipped["none"]


def test_a_set_that_is_mostly_unreadable_is_an_error_with_examples(words):
    photos = Photos(make_pairs(40, broken=tuple(range(30))), SIZE)
    with pytest.raises(ValueError, match=r"cannot be used, too many to go on.*\n  photo-\d+.jpg: .*damaged"):
        take(photos, words, 1, batch_size=20)
    with pytest.raises(ValueError, match="3 images of batch 0 cannot be used"):
        take(Photos(make_pairs(3, broken=(0, 1, 2)), SIZE), words, 1, batch_size=1)


def test_impossible_batches_are_refused(pairs, words):
    with pytest.raises(ValueError, match="a batch of 21 pairs cannot be drawn from a set of 20"):
        Photos(pairs, SIZE).stream(words, 21)
    with pytest.raises(ValueError, match="rank 0 of 4 cannot take an equal share of 6"):
        Photos(pairs, SIZE).stream(words, 6, world=4)
    with pytest.raises(ValueError, match="rank 2 of 2"):
        Photos(pairs, SIZE).stream(words, 6, rank=2, world=2)


def test_a_large_jpeg_is_decoded_small():
    data = encoded(3, width=400, height=300)
    assert draft_decode(data, 64).size == (100, 75)
    assert draft_decode(encoded(3, "PNG", 400, 300), 64).size == (400, 300)
    whole = center_crop(resize(photograph(3, 400, 300), 32), 32)
    assert (
        np.abs(
            Photos([], 32, augment=False).pixels(data, 0).permute(1, 2, 0).numpy() - np.asarray(whole).astype(int)
        ).mean()
        < 2
    )


def test_rows_are_only_as_long_as_the_tower_must_see(words):
    """CLIP's and BERT's towers compute the same from short rows; SigLIP's reads the last place and takes whole ones."""
    captions = ["picture", "picture aa"]
    T = 16
    pieces = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "picture"], T)
    unigrams = UnigramTokenizer.train(captions, 20, T)
    for tokenizer, config in (
        (words, TextConfig(words.vocab_size, words.context_length, width=8, layers=1, heads=2)),
        (pieces, BertConfig(pieces.vocab_size, T, T, width=8, layers=1, heads=2, mlp_width=8)),
        (unigrams, TextConfig(unigrams.vocab_size, T, width=8, layers=1, heads=2, causal=False, pool="last")),
    ):
        torch.manual_seed(0)
        tower = build_tower(config, 4).eval()
        ids = as_ids(tokenizer, captions)
        assert (ids.shape[1] < tokenizer.context_length) == (tokenizer is not unigrams)
        torch.testing.assert_close(tower(ids), tower(torch.tensor(tokenizer(captions))))


def test_the_order_of_an_epoch_is_a_permutation_of_its_own():
    orders = [shuffled_order(1000, seed, epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for order in orders:
        assert sorted(order) == list(range(1000))
    for one, other in itertools.combinations(orders, 2):
        assert (one == other).sum() < 10


# -------------------------------------------------------------------------------------------------------- streams


class Shards(PairStream):
    """Pairs in lists, as shards that are dealt to workers like cards."""

    def __init__(self, shards: list[list[Pair]]) -> None:
        self.shards = shards

    def pairs(self, rank: int, world: int, worker: int, workers: int, epoch: int) -> Iterator[Pair]:
        for shard in self.shards[rank * workers + worker :: world * workers]:
            yield from shard


def in_shards(number: int, size: int = 4, broken: tuple[int, ...] = ()) -> Shards:
    pairs = make_pairs(number * size, broken)
    return Shards([pairs[n * size : (n + 1) * size] for n in range(number)])


def test_a_stream_shows_each_pair_once_an_epoch(words):
    seen = [batch.names for batch in take(Photos(in_shards(5), SIZE), words, 10, batch_size=4)]
    first, second = flat(seen[:5]), flat(seen[5:])
    assert sorted(first) == sorted(second) == sorted(f"photo-{n}.jpg" for n in range(20))
    assert first != second


def test_ranks_and_workers_see_different_shards_in_batches_of_one_size(words):
    photos = Photos(in_shards(8), SIZE)
    ranks = [take(photos, words, 4, batch_size=6, workers=2, rank=rank, world=2) for rank in range(2)]
    assert all(len(batch.names) == 3 for batches in ranks for batch in batches)
    mine, theirs = ({name for batch in batches for name in batch.names} for batches in ranks)
    assert mine.isdisjoint(theirs)
    assert len(mine) == len(theirs) == 12, "four batches of three, and none of them seen before"


def test_a_rank_with_fewer_pairs_begins_its_next_epoch_early(words):
    uneven = Photos(Shards([make_pairs(9), make_pairs(14)[9:]]), SIZE)
    long, short = ([b.names for b in take(uneven, words, 3, 6, rank=rank, world=2)] for rank in range(2))
    assert len(set(flat(long))) == 9
    assert len(set(flat(short))) == 5


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_that_continues_sees_the_batches_it_would_have_seen(words, workers):
    photos = Photos(in_shards(4, broken=(2, 9)), SIZE)
    through = take(photos, words, 9, batch_size=3, workers=workers)
    for start in (1, 4):
        again = take(photos, words, 9 - start, batch_size=3, workers=workers, start=start)
        for ours, theirs in zip(again, through[start:], strict=True):
            assert_same(ours, theirs)


def test_a_damaged_image_of_a_stream_is_replaced_by_one_that_is_still_seen_in_its_turn(words):
    photos = Photos(in_shards(5, broken=(2, 9, 13)), SIZE)
    seen = take(photos, words, 5, batch_size=4)
    skipped = [reason for batch in seen for reason in batch.skipped]
    assert {reason.split(":")[0] for reason in skipped} == {"photo-2.jpg", "photo-9.jpg", "photo-13.jpg"}
    names = Counter(name for batch in seen for name in batch.names)
    assert len(names) >= 17 and sum(names.values()) == 20


def test_a_worker_without_pairs_says_so(words):
    with pytest.raises(ValueError, match="worker 0 of 1 on rank 1 of 2 got no pair at all"):
        take(Photos(in_shards(1), SIZE), words, 1, batch_size=2, rank=1, world=2)


def test_the_buffer_mixes_what_it_holds_and_loses_nothing():
    pairs = [Pair(str(n), b"", ()) for n in range(300)]
    mixed = [int(p.name) for p in shuffled(pairs, np.random.default_rng(0), size=50)]
    assert sorted(mixed) == list(range(300)) != mixed
    assert all(number <= place + 50 for place, number in enumerate(mixed)), "nothing comes before it was read"
    assert (np.array(mixed) - np.arange(300))[:250].std() > 20, "and they do not all come equally late"
    again = [int(p.name) for p in shuffled(pairs, np.random.default_rng(0), size=50)]
    assert again == mixed != [int(p.name) for p in shuffled(pairs, np.random.default_rng(1), size=50)]
