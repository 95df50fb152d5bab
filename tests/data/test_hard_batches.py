"""Hard batches: in which one fact twins differ, and that nothing withheld slips in."""

from collections import Counter

import numpy as np
import pytest
import torch

from clip_tutor.data.captions import RELATION_WORDS
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji, load_emoji
from clip_tutor.data.hard_batches import NEAR, Facts, Wordings, has_twins
from clip_tutor.data.scenes import KINDS, Plan, Scenes

B = 64


def facts_of(plan: Plan) -> Facts:
    first, second = plan.objects.T
    return Facts(plan.kind, first, second, plan.number, plan.size, plan.relation, plan.background)


def hard_plans(scenes: Scenes, count: int = 20) -> list[Facts]:
    """The facts of the first hard batches: those that differ from what would have been drawn evenly."""
    even = Scenes(scenes.objects, seed=scenes.seed)
    found = []
    for k in range(10 * count):
        ours, theirs = facts_of(scenes.training_plan(k, B)), facts_of(even.training_plan(k, B))
        if any((a != b).any() for a, b in zip(ours, theirs, strict=True)):
            found.append(ours)
    return found[:count]


@pytest.fixture(scope="module", params=["everyday", "all"])
def vocabulary(request):
    return find_emoji(FIRST_WORDS) if request.param == "everyday" else load_emoji()


def test_half_of_the_batches_stay_as_they_were_drawn(vocabulary):
    hard, even = Scenes(vocabulary, twins=0.5), Scenes(vocabulary)
    same = [
        all((a == b).all() for a, b in zip(hard.training_plan(k, 8), even.training_plan(k, 8), strict=True))
        for k in range(400)
    ]
    assert 0.42 < np.mean(same) < 0.58


def test_no_withheld_pair_is_shown(vocabulary):
    scenes = Scenes(vocabulary, twins=0.5)
    for facts in hard_plans(scenes):
        rows, pairs = np.arange(B), facts.kind == KINDS.index("pair")
        assert scenes.permitted_colors(facts)[rows, facts.background].all()
        assert scenes.permitted_sides(facts.first, facts.second)[rows, facts.relation][pairs].all()
        assert (facts.first != facts.second)[pairs].all()


def test_twins_differ_in_one_fact(vocabulary):
    changed: Counter[str] = Counter()
    for facts in hard_plans(Scenes(vocabulary, twins=0.5)):
        for i in range(B // 2):
            a, b = (Facts(*(column[row] for column in facts)) for row in (i, i + B // 2))
            differing = [name for name in Facts._fields if getattr(a, name) != getattr(b, name)]
            assert len(differing) == 1, "twins share everything else, the background too"
            changed[KINDS[a.kind], differing[0]] += 1
            if differing == ["relation"]:
                assert {a.relation, b.relation} in ({0, 1}, {2, 3}), "the same axis, the other way round"
            if differing == ["first"]:
                assert (b.first - a.first) % len(vocabulary) <= NEAR
            if differing == ["number"]:
                assert {a.number, b.number} <= {2, 3, 4}
    assert set(changed) == {("one", "first"), ("one", "size"), ("several", "number"), ("pair", "relation")}


def test_an_odd_batch_has_its_length(vocabulary):
    scenes = Scenes(vocabulary, twins=0.5)
    assert all(len(scenes.training_plan(k, 7).kind) == 7 for k in range(8))


def test_ranks_share_a_hard_batch(objects, tokenizer):
    scenes = Scenes(objects, size=32, twins=0.5, wordings=Wordings(0, 1000))
    for k in range(6):
        whole = next(iter(scenes.stream(tokenizer, 8, start=k)))
        shares = [next(iter(scenes.stream(tokenizer, 8, start=k, rank=rank, world=2))) for rank in range(2)]
        assert torch.equal(torch.cat([share.pixels for share in shares]), whole.pixels)


def test_wordings_come_in_between_start_and_end():
    wordings = Wordings(100, 300)
    assert [wordings.mirrored(seen) for seen in (0, 100, 200, 300, 10**9)] == [0, 0, 0.25, 0.5, 0.5]


@pytest.mark.parametrize(("mirrored", "low", "high"), [(0.0, 0, 0), (0.25, 0.2, 0.3), (0.5, 0.45, 0.55)])
def test_relations_are_told_from_the_side_that_was_asked_for(objects, mirrored, low, high):
    scenes = Scenes(objects, kinds=("pair",))
    batch = scenes.show(scenes.plan(range(2000)), range(2000), mirrored)
    turned = [*RELATION_WORDS["right of"], *RELATION_WORDS["below"]]
    share = np.mean([any(f" {words} " in caption for words in turned) for caption in batch.captions])
    assert low <= share <= high


def test_a_fact_stays_true_whichever_side_it_is_told_from(objects):
    scenes = Scenes(objects, kinds=("pair",))
    for mirrored in (0.0, 1.0):
        for scene in scenes.show(scenes.plan(range(200)), range(200), mirrored).scenes:
            a, b = (emoji.noun.singular for emoji in scene.objects)
            told_as_planned = any(f" {words} " in scene.caption for words in RELATION_WORDS[scene.relation])
            if a in scene.caption and b in scene.caption and a not in b and b not in a:
                assert (scene.caption.index(a) < scene.caption.index(b)) == told_as_planned


def test_only_the_kinds_that_were_asked_for_are_shown(objects):
    assert set(Scenes(objects, kinds=("one", "pair")).plan(range(500)).kind) == {0, 2}


def test_searches_stand_in_for_captions_except_among_twins(objects, tokenizer):
    told, searched = (Scenes(objects, size=32, twins=0.5, searches=share) for share in (0.0, 0.999))
    kept = {True: [], False: []}
    for k in range(24):
        one, other = (next(iter(scenes.stream(tokenizer, 32, start=k))) for scenes in (told, searched))
        assert torch.equal(one.pixels, other.pixels), "the same scenes, in other words"
        width = max(one.ids.shape[1], other.ids.shape[1])
        a, b = (torch.nn.functional.pad(ids, (0, width - ids.shape[1])) for ids in (one.ids, other.ids))
        kept[has_twins(told, k)].append((a == b).all(dim=1).float().mean().item())
    assert min(kept[True]) == 1, "twins are told in full: a search might leave out the one fact in which they differ"
    assert max(kept[False]) < 0.5


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_so_many_batches_are_made_of_twins(objects, share):
    scenes = Scenes(objects, twins=share)
    assert np.mean([has_twins(scenes, k) for k in range(1000)]) == pytest.approx(share, abs=0.04)
