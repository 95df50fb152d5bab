"""Batches with places: the scenes of the stream, a box of each, and words for it."""

import pytest
import torch

from clip_tutor.data.places import boxes
from clip_tutor.data.regions import region_batch, stacked
from clip_tutor.tokenizers.located import TASKS, LocatedTokenizer, Row


@pytest.fixture(scope="module")
def located(tokenizer):
    return LocatedTokenizer(tokenizer, bins=32)


def test_images_and_captions_are_those_of_the_stream(scenes, located):
    stream = iter(scenes.stream(located.words, 6, start=2))
    for k in (2, 3):
        expected, batch = next(stream), region_batch(scenes, located, k, 6, tasks_per_image=0)
        assert torch.equal(batch.pixels, expected.pixels) and torch.equal(batch.ids, expected.ids)
        assert not batch.rows


def test_the_rows_name_a_drawing_and_its_box(scenes, located):
    B = 24
    rows = region_batch(scenes, located, 1, B).rows
    assert tuple(rows) == TASKS
    corners, objects = boxes(scenes, scenes.training_plan(1, B))
    chosen = set()
    for b in range(B):
        words = {}
        for task in TASKS:
            ids, given = rows[task].ids[b].tolist(), int(rows[task].given[b])
            row = ids[: ids.index(located.end_id)]
            assert row[0] == located.task_ids[task]
            if task == "caption":
                assert given == 1
                continue
            place = row[-4:] if task == "referring" else row[1:5]
            words[task] = located.words.decode(row[1:-4] if task == "referring" else row[5:])
            assert given == len(row) - 4 if task == "referring" else given == 5
            box = torch.tensor(located.box(place))
            near = [(corners[b, k] - box).abs().max() <= 0.5 / 32 + 1e-6 for k in range(4)]
            assert any(near), "the box of a drawing"
            name = located.words.encode(scenes.objects[int(objects[b, near.index(True)])].noun.singular)
            assert words[task].endswith(located.words.decode(name)), "and the name of what it shows"
            chosen.add(near.index(True))
        assert words["referring"] == words["grounded"]
    assert len(chosen) > 1, "not always the first one"


def test_short_rows_are_filled_up_with_end_tokens():
    rows = stacked([(0, Row([1, 2, 9], 1)), (3, Row([1, 2, 3, 4, 9], 2))], end_id=9)
    assert rows.ids.tolist() == [[1, 2, 9, 9, 9], [1, 2, 3, 4, 9]]
    assert rows.given.tolist() == [1, 2] and rows.images.tolist() == [0, 3]


def test_tasks_take_turns_where_an_image_gets_fewer(scenes, located):
    whole = region_batch(scenes, located, 1, 7).rows
    for tasks in (1, 2):
        rows = region_batch(scenes, located, 1, 7, tasks).rows
        for task in TASKS:
            for b, ids in zip(rows[task].images.tolist(), rows[task].ids.tolist(), strict=True):
                assert ids == whole[task].ids[b].tolist()[: len(ids)], "of its own image"
        of_image = torch.cat([of_task.images for of_task in rows.values()]).bincount(minlength=7)
        assert (of_image == tasks).all()
        counts = [len(of_task.images) for of_task in rows.values()]
        assert max(counts) - min(counts) <= 1
    with pytest.raises(ValueError, match="4 tasks an image cannot be: there are 3"):
        region_batch(scenes, located, 1, 7, 4)
