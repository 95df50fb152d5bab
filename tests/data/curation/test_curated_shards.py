"""Shards in, shards out: what is kept is what it was, what is finished stays, and what is wrong is counted and said."""

import json
import os
import signal
import subprocess
import sys
import tarfile
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from clip_tutor.data.curation import records, shards
from clip_tutor.data.curation.filters import ALIGN, caption_length, min_side
from clip_tutor.data.curation.shards import card_of, curate_shard, curate_shards
from clip_tutor.data.curation.steps import FilterStep
from tests.data.archives import end_of, tar
from tests.data.curation.conftest import PER_SHARD, files_of, image_of, is_good, kept_numbers, sample, table

GOOD = [number for number in range(4 * PER_SHARD) if is_good(number)]
STEP = FilterStep(ALIGN)


# ---- what is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 5, 256])
def test_what_is_kept_is_what_it_was(crawl, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(records, "AT_ONCE", at_once)
    card = curate_shards(STEP, crawl, tmp_path / "out")
    assert kept_numbers(tmp_path / "out") == GOOD
    with tarfile.open(tmp_path / "out" / "00000.tar") as archive:
        found = [(member.name, archive.extractfile(member).read()) for member in archive]
    assert found == [file for number in GOOD if number < PER_SHARD for file in sample(number)], "all files, in order"
    rows = [number - 2 * PER_SHARD for number in GOOD if 2 * PER_SHARD <= number < 3 * PER_SHARD]
    assert parquet.read_table(tmp_path / "out" / "00002.parquet").equals(table(range(24, 36)).take(rows))
    dropped = {"min_side": 16, "caption_length": 32 - len(GOOD)}
    assert (card.shards, card.report.pairs, card.report.kept, card.report.dropped) == (4, 48, len(GOOD), dropped)


def test_the_card_says_what_decided_and_what_was_dropped(crawl, tmp_path):
    card = curate_shards(STEP, crawl, tmp_path / "out")
    said = (tmp_path / "out" / "data_card.md").read_text("utf-8")
    assert said == str(card)
    assert f"4 shards: {len(GOOD)} of 48 pairs kept." in said
    for line in (
        "| min_side | pixels = 200 |",
        "| caption_length | fewest = 3, most = 20 |",
        "| min_side | 16 | 33.3% |",
        "    00000.tar/0000: a red car, number 0",
    ):
        assert line in said.splitlines()
    told = json.loads((tmp_path / "out" / "data_card.json").read_text())
    assert (told["shards"], told["report"]["kept"]) == (4, len(GOOD))
    assert told["settings"]["aspect_ratio"] == {"most": 3.0}


def test_the_next_step_reads_what_this_one_wrote_even_where_nothing_was_kept(crawl, tmp_path):
    curate_shards(FilterStep([min_side]), crawl, tmp_path / "one")
    card = curate_shards(FilterStep([caption_length]), tmp_path / "one", tmp_path / "two")
    assert kept_numbers(tmp_path / "two") == GOOD and not card.faults
    curate_shards(FilterStep([partial(min_side, pixels=999)]), crawl, tmp_path / "none")
    card = curate_shards(STEP, tmp_path / "none", tmp_path / "end")
    assert (card.shards, card.report.pairs, card.faults) == (4, 0, {})


def test_the_order_of_shards_does_not_matter(crawl, tmp_path):
    curate_shards(STEP, crawl, tmp_path / "one")
    curate_shards(STEP, crawl[::-1], tmp_path / "two")
    one, two = files_of(tmp_path / "one"), files_of(tmp_path / "two")
    for name in ("data_card.md", "data_card.json"):
        one.pop(name), two.pop(name)  # examples come from the first shards
    assert one == two


# ---- again -----------------------------------------------------------------------------------------------------------


def test_finished_shards_are_not_done_again(crawl, tmp_path, monkeypatch):
    first = curate_shards(STEP, crawl, tmp_path / "out")
    monkeypatch.setattr(shards, "curate_shard", lambda *_: pytest.fail("there is nothing to do"))
    assert curate_shards(FilterStep(ALIGN), crawl, tmp_path / "out") == first


def test_shards_that_have_changed_and_outputs_that_are_gone_or_cut_off_are_done_again(crawl, tmp_path, monkeypatch):
    out = tmp_path / "out"
    curate_shards(STEP, crawl, out)
    os.utime(crawl[0], ns=(1, 1))
    (out / "00001.tar").write_bytes((out / "00001.tar").read_bytes()[:-9])
    (out / "00002.parquet").unlink()
    done = []

    def noted(step: FilterStep, shard: str, output: Path) -> None:
        done.append(Path(shard).name)
        curate_shard(step, shard, output)

    monkeypatch.setattr(shards, "curate_shard", noted)
    curate_shards(STEP, crawl, out)
    assert done == ["00000.tar", "00001.tar", "00002.parquet"]
    assert kept_numbers(out) == GOOD


def test_the_output_of_other_settings_is_not_mixed_in(crawl, tmp_path):
    curate_shards(STEP, crawl, tmp_path / "out")
    with pytest.raises(ValueError, match=r"00000.* is what other settings have kept .*give another folder, or delete"):
        curate_shards(FilterStep([min_side]), crawl, tmp_path / "out")
    with pytest.raises(ValueError, match="is where the shards lie: give another folder"):
        curate_shards(STEP, crawl, crawl[0].parent)
    with pytest.raises(FileNotFoundError, match="names no shard"):
        curate_shards(STEP, [], tmp_path / "nothing")


@pytest.mark.slow
@pytest.mark.posix
def test_after_a_kill_the_same_call_gives_what_one_without_a_kill_gives(crawl, tmp_path):
    program = f"""
import os, signal
from clip_tutor.data.curation.filters import ALIGN, caption_length
from clip_tutor.data.curation.steps import FilterStep
from clip_tutor.data.curation.shards import curate_shards
seen = 0
def dies_at_the_30th(pair):
    global seen
    seen += 1
    if seen == 30:
        os.kill(os.getpid(), signal.SIGKILL)
    return True
dies_at_the_30th.__name__ = "harmless"
curate_shards(FilterStep([dies_at_the_30th, *ALIGN]), {str(crawl[0].parent)!r}, {str(tmp_path / "out")!r})
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    finished = files_of(tmp_path / "out")
    assert any(name.endswith(".draft") for name in finished), "one shard was half-written"
    cards = [name for name in finished if name.startswith("cards/")]
    assert len(cards) == 2 and "data_card.md" not in finished

    def harmless(pair: object) -> bool:
        return True

    step = FilterStep([harmless, *ALIGN])
    curate_shards(step, crawl[0].parent, tmp_path / "out")
    curate_shards(step, crawl[0].parent, tmp_path / "whole")
    again = files_of(tmp_path / "out")
    assert again == files_of(tmp_path / "whole")
    assert all(again[name] == finished[name] for name in cards)


@pytest.mark.parametrize("when", [1, 3, 4])
def test_a_disk_that_fills_is_said_and_finished_shards_stay(crawl, tmp_path, monkeypatch, when):
    fsync, calls = os.fsync, []

    def full(file: int) -> None:
        calls.append(file)
        if len(calls) == when:  # each shard is synced, and its card
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"could not be written \(No space left on device\): make room on its disk, and"):
        curate_shards(STEP, crawl, tmp_path / "out")
    left = files_of(tmp_path / "out")
    assert not [name for name in left if "draft" in name]
    assert len([name for name in left if name.startswith("cards/")]) == (when - 1) // 2
    monkeypatch.undo()
    curate_shards(STEP, crawl, tmp_path / "out")
    assert kept_numbers(tmp_path / "out") == GOOD


# ---- what is wrong with shards ---------------------------------------------------------------------------------------


def test_an_archive_that_ends_early_gives_what_came_before_and_is_tried_again(crawl, tmp_path):
    whole = crawl[1].read_bytes()
    crawl[1].write_bytes(whole[: end_of(whole, image_of(17)) - 10])
    card = curate_shards(STEP, crawl, tmp_path / "out")
    assert (
        list(card.faults) == [str(crawl[1])] and "is damaged or cut off after 5 samples" in card.faults[str(crawl[1])]
    )
    assert card.report.pairs == 36 + 5, "what the cut has left of a sample is none"
    assert kept_numbers(tmp_path / "out") == [number for number in GOOD if not 17 <= number < 24]
    assert "1 shards could not be read to their end" in str(card) and str(crawl[1]) in str(card)
    crawl[1].write_bytes(whole)
    card = curate_shards(STEP, crawl, tmp_path / "out")
    assert not card.faults and kept_numbers(tmp_path / "out") == GOOD


@pytest.mark.parametrize("keep", [0, 4, 100, -20])
def test_a_table_that_was_cut_off_keeps_no_other_back(crawl, tmp_path, keep):
    crawl[2].write_bytes(crawl[2].read_bytes()[:keep])
    card = curate_shards(STEP, crawl, tmp_path / "out")
    assert list(card.faults) == [str(crawl[2])] and "was cut off" in card.faults[str(crawl[2])]
    assert kept_numbers(tmp_path / "out") == [number for number in GOOD if not 24 <= number < 36]


def test_a_table_that_is_damaged_in_the_middle_gives_all_else(tmp_path):
    path = tmp_path / "0.parquet"
    parquet.write_table(table(range(20)), path, row_group_size=5, compression="none", use_dictionary=False)
    column = parquet.ParquetFile(path).metadata.row_group(2).column(1)
    content = bytearray(path.read_bytes())
    start = column.data_page_offset
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    card = curate_shards(STEP, path, tmp_path / "out")
    assert "0.parquet is damaged from row 10 to row 15 (" in card.faults[str(path)]
    assert card.report.pairs == 15
    assert kept_numbers(tmp_path / "out") == [number for number in range(20) if is_good(number) and number // 5 != 2]


def test_pages_that_are_no_archives_and_folders_are_faults(tmp_path):
    (tmp_path / "0.tar").write_bytes(b"<html>nothing here")
    (tmp_path / "1.tar").write_bytes(b"")
    (tmp_path / "2.tar").write_bytes(tar([file for n in range(4) for file in sample(n)]))
    card = curate_shards(STEP, tmp_path, tmp_path / "out")
    assert sorted(Path(shard).name for shard in card.faults) == ["0.tar", "1.tar"]
    assert (card.shards, card.report.pairs) == (3, 4)


def test_samples_that_are_no_pairs_are_counted(tmp_path):
    good = sample(1)
    files = [
        ("a.jpg", image_of(1)),
        ("b.txt", b"no image at all"),
        ("c.jpg", b"no image"),
        ("c.txt", b"a fine caption"),
    ]
    files += [("d.jpg", image_of(2)), ("d.txt", b"caf\xe9 in Paris, France")]
    (tmp_path / "0.tar").write_bytes(tar([*files, *good]))
    card = curate_shards(STEP, tmp_path / "0.tar", tmp_path / "out")
    assert card.report.dropped == {
        "without a caption": 1,
        "without an image": 1,
        "with an image that cannot be read": 1,
        "with a .txt that is not UTF-8": 1,
    }
    assert kept_numbers(tmp_path / "out") == [1]


def test_all_captions_of_a_sample_are_to_stay(tmp_path):
    two = [("1.jpg", image_of(1)), ("1.txt", b"a fine caption\nanother fine one")]
    bad = [("2.jpg", image_of(2)), ("2.txt", b"a fine caption\nbad")]
    (tmp_path / "0.tar").write_bytes(tar([*two, *bad]))
    card = curate_shards(STEP, tmp_path / "0.tar", tmp_path / "out")
    assert kept_numbers(tmp_path / "out") == [1]
    assert (card.report.pairs, card.report.dropped) == (2, {"caption_length": 1})


def test_rows_that_are_no_pairs_are_counted_and_the_others_keep_their_bytes(tmp_path):
    captions = [
        b"a fine caption",
        b"caf\xe9 in Paris, France",
        None,
        b"",
        "ein schöner Titel".encode(),
        b"one more of them",
    ]
    # As text that was never checked: what some writers leave in a column of strings.
    raw = pa.array(captions, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
    images = pa.array([image_of(1)] * 4 + [None, b"no image"], pa.binary())
    parquet.write_table(pa.table({"caption": text, "image": images}), tmp_path / "0.parquet")
    card = curate_shards(STEP, tmp_path / "0.parquet", tmp_path / "out")
    assert (card.report.pairs, card.report.kept) == (6, 1)
    assert card.report.dropped == {
        "with a caption that is not UTF-8": 1,
        "without a caption": 2,
        "without an image": 1,
        "with an image that cannot be read": 1,
    }
    assert parquet.read_table(tmp_path / "out" / "0.parquet").to_pylist() == [
        {"caption": "a fine caption", "image": image_of(1)}
    ]


# ---- tables of collections -------------------------------------------------------------------------------------------


def test_tables_without_images_are_filtered_by_what_they_know(tmp_path):
    coyo = {
        "id": [1, 2, 3],
        "url": ["https://x/1", "https://x/2", "https://x/3"],
        "text": ["a red car", "a red car", "car"],
        "width": [640, 640, 640],
        "height": [480, 200, 480],
        "image_phash": ["e9e90c24f1d9c674", "0", None],
    }
    parquet.write_table(pa.table(coyo), tmp_path / "coyo.parquet")
    card = curate_shards(STEP, tmp_path / "coyo.parquet", tmp_path / "out")
    assert card.report.dropped == {"min_side": 1, "caption_length": 1}
    assert card.report.examples["min_side"] == ["coyo.parquet/2: a red car"]
    (some,) = records.open_records(str(tmp_path / "coyo.parquet")).read()
    assert [pair.known_hash for (pair,) in some.pairs] == [0xE9E90C24F1D9C674, 0, None]


def test_what_a_table_does_not_know_is_asked_for(tmp_path):
    parquet.write_table(pa.table({"TEXT": ["a red car"], "URL": ["https://x/1"]}), tmp_path / "laion.parquet")
    with pytest.raises(
        ValueError, match=r"size of laion\.parquet/https://x/1, and there is no image: give shards that"
    ):
        curate_shards(STEP, tmp_path / "laion.parquet", tmp_path / "out")
    assert curate_shards(FilterStep([caption_length]), tmp_path / "laion.parquet", tmp_path / "two").report.kept == 1
    parquet.write_table(pa.table({"url": ["https://x/1"]}), tmp_path / "bare.parquet")
    card = curate_shards(STEP, tmp_path / "bare.parquet", tmp_path / "three")
    assert "has no column for captions among url" in next(iter(card.faults.values()))


def test_captions_in_lists_and_images_by_their_paths(tmp_path):
    (tmp_path / "a.jpg").write_bytes(image_of(1))
    rows = {"image": ["a.jpg", "none.jpg"], "captions": [["a red car", "one more caption"], ["a red car"]]}
    parquet.write_table(pa.table(rows), tmp_path / "0.parquet")
    card = curate_shards(STEP, tmp_path / "0.parquet", tmp_path / "out")
    assert (card.report.kept, card.report.dropped) == (1, {"with an image that cannot be read": 1})


def test_a_shard_that_is_gone_when_its_turn_comes_is_a_fault(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "0.tar").write_bytes(b"what an earlier state gave")
    card = curate_shard(STEP, str(tmp_path / "0.tar"), tmp_path / "out" / "0.tar")
    assert "No such file" in card.faults[str(tmp_path / "0.tar")]
    assert files_of(tmp_path / "out").keys() == {"cards/0.tar.json"}
    assert card_of(tmp_path / "out" / "0.tar").is_file()
