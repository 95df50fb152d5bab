"""The judge that comes with the kit reads real scenes rightly."""

import pytest
import torch

from clip_tutor.applications.attribute_judge import facts_of, load_judge
from clip_tutor.applications.attribute_judge.files import SHIPPED, LoadedJudge
from clip_tutor.applications.attribute_judge.train import judge_accuracy
from clip_tutor.assets import asset
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.scenes import Scenes, Split


@pytest.fixture(scope="module")
def shipped() -> LoadedJudge:
    return load_judge()


def test_it_says_how_it_was_made(shipped: LoadedJudge):
    assert shipped.notes["command"].startswith("python -m clip_tutor.applications.attribute_judge.train ")
    assert f"--save data/{SHIPPED['attribute_judge']}" in shipped.notes["command"]
    assert asset(SHIPPED["attribute_judge"]).stat().st_size <= 1_200_000


@pytest.mark.parametrize("split", ["test", "compositional"])
def test_it_reads_scenes_that_it_has_not_seen(shipped: LoadedJudge, split: Split):
    """Of another seed than its own: the last share that it may miss is one in twenty."""
    found = judge_accuracy(shipped.judge, Scenes(shipped.objects, split, 32, seed=220), 1000)
    assert {name: share >= 0.95 for name, share in found.items()} == dict.fromkeys(found, True)


def test_it_tells_when_nothing_is_as_told(shipped: LoadedJudge):
    """With the two halves of an image exchanged a pair is, too; and a negative has another color."""
    scenes = Scenes(shipped.objects, "test", 32, seed=220, kinds=("pair",))
    batch = scenes.batch(range(300))
    told = facts_of(batch.scenes, shipped.objects)
    exchanged, negative = shipped.judge.read(batch.pixels.roll(16, dims=2)), shipped.judge.read(255 - batch.pixels)
    above = told[:, 3] == 1
    assert (exchanged[above, :2] == told[above, :2].flip(1)).all(dim=1).float().mean() > 0.95
    gray = list(BACKGROUNDS).index("gray")
    colored = told[:, 4] != gray
    assert (negative[colored, 4] == told[colored, 4]).float().mean() < 0.2
    assert torch.equal(shipped.judge.read(batch.pixels)[:, 2], told[:, 2])
