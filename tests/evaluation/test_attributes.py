"""Questions about one attribute at a time, answered by a good reader of captions, and by chance."""

import re
import zlib

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.data.captions import RELATION_WORDS, several, singular
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import RELATIONS, Scene, Scenes
from clip_tutor.evaluation import attributes, report, zero_shot
from clip_tutor.evaluation.attributes import (
    attribute_hits,
    background_prompts,
    count_prompts,
    in_setting,
    object_prompts,
    relation_prompts,
)

ENSEMBLE = pytest.mark.parametrize("ensemble", [False, True])


@pytest.fixture(scope="module")
def unseen(objects) -> list[Scene]:
    return Scenes(objects, "test").scenes(range(400))


@pytest.fixture(scope="module")
def pair(unseen) -> Scene:
    return next(scene for scene in unseen if scene.kind == "pair")


@pytest.fixture(scope="module")
def group(unseen) -> Scene:
    return next(scene for scene in unseen if scene.kind == "several")


def blank(prompts: list[str], words: list[str]) -> set[str]:
    """The prompts with one attribute's words blanked out, whatever article stood before them."""
    pattern = rf"\b(an? )?({'|'.join(sorted(words, key=len, reverse=True))})\b"
    return {re.sub(pattern, "_", prompt) for prompt in prompts}


def test_a_setting_brings_its_article():
    assert in_setting("a dog", "orange") == "a dog on an orange background"
    assert in_setting("a dog", "red") == "a dog on a red background"


def test_an_object_is_asked_for_by_its_name() -> None:
    objects = load_emoji()
    prompts = object_prompts(objects, ensemble=False)
    assert prompts == [[singular(emoji.noun)] for emoji in objects]
    assert len({prompt for (prompt,) in prompts}) == len(objects)


def test_an_ensemble_of_object_prompts_adds_the_names_that_no_other_object_has() -> None:
    objects = load_emoji()
    prompts = object_prompts(objects, ensemble=True)
    assert [group[0] for group in prompts] == [singular(emoji.noun) for emoji in objects]
    assert prompts[[emoji.noun.singular for emoji in objects].index("baby")][:2] == ["a baby", "an infant"]
    flat = [prompt for group in prompts for prompt in group]
    assert len(set(flat)) == len(flat) > 1.2 * len(objects), "what two objects are called says nothing of either"
    for emoji, group in zip(objects, prompts, strict=True):
        assert set(group) <= {singular(noun) for noun in (emoji.noun, *emoji.synonyms)}


@ENSEMBLE
def test_count_prompts_differ_in_the_number_alone(group, ensemble):
    prompts = count_prompts(group, ensemble)
    noun = group.objects[0].noun
    assert [choices[0] for choices in prompts] == [
        singular(noun),
        *(several(noun, n) for n in (2, 3, 4)),
    ]
    for alternatives in zip(*prompts, strict=True):
        words = [singular(noun), *(several(noun, n) for n in (2, 3, 4))]
        assert len(set(alternatives)) == 4
        assert len(blank(list(alternatives), words)) == 1


@ENSEMBLE
def test_relation_prompts_differ_in_the_relation_alone(pair, ensemble):
    prompts = relation_prompts(pair, ensemble)
    assert len(prompts) == len(RELATIONS)
    for alternatives in zip(*prompts, strict=True):
        assert len(set(alternatives)) == len(RELATIONS)
        assert len(blank(list(alternatives), [words for both in RELATION_WORDS.values() for words in both])) == 1


def test_all_eight_wordings_of_a_relation_are_asked(unseen):
    pairs = [scene for scene in unseen if scene.kind == "pair"]
    told = [prompt for scene in pairs for (prompt,) in relation_prompts(scene, ensemble=False)]
    for words in ("to the left of", "to the right of", "above", "over", "below", "under"):
        assert sum(f" {words} " in prompt for prompt in told) >= len(pairs) / 3
    assert any(re.search(r"(?<!to the) left of", prompt) for prompt in told)
    assert all(len(prompts) == 4 for prompts in relation_prompts(pairs[0], ensemble=True))


def test_an_ensemble_asserts_nothing(objects, group, pair):
    asked = [object_prompts(objects, True), count_prompts(group, True), relation_prompts(pair, True)]
    prompts = [prompt for question in asked for candidates in question for prompt in candidates]
    assert not any(re.search(rf"\b({'|'.join(BACKGROUNDS)}) background", prompt) for prompt in prompts)


@ENSEMBLE
def test_background_prompts_differ_in_the_color_alone(pair, group, ensemble):
    for scene in (pair, group):
        prompts = background_prompts(scene, ensemble)
        assert len(prompts) == len(BACKGROUNDS)
        assert (len(prompts[0]) > 1) == ensemble
        assert len(set(prompts[0])) == len(prompts[0])
        for alternatives in zip(*prompts, strict=True):
            assert len(set(alternatives)) == len(BACKGROUNDS)
            assert len(blank(list(alternatives), list(BACKGROUNDS))) == 1
    assert several(group.objects[0].noun, group.count) in background_prompts(group, False)[0][0]


# ---- answers --------------------------------------------------------------------------------------------------------


def full_truth(scene: Scene) -> str:
    nouns = [emoji.noun for emoji in scene.objects]
    if scene.relation:
        words = RELATION_WORDS[scene.relation][scene.index % 2]  # as this scene is asked
        thing = f"{singular(nouns[0])} {words} {singular(nouns[1])}"
    else:
        thing = several(nouns[0], scene.count) if scene.count > 1 else singular(nouns[0])
    return in_setting(thing, scene.background)


def bags_of_words(model, tokenizer, captions, truncate=False) -> torch.Tensor:
    """Stands in for a good pair of towers: a caption's vector says which words are in it, and nothing else."""
    features = torch.zeros(len(captions), 1000)
    for row, caption in zip(features, captions, strict=True):
        row[[zlib.crc32(word.encode()) % 1000 for word in caption.split()]] = 1
    return F.normalize(features, dim=1)


@pytest.fixture
def good_reader(monkeypatch):
    """Let the questions be put to `bags_of_words`."""
    monkeypatch.setattr(attributes, "encode_texts", bags_of_words)
    monkeypatch.setattr(zero_shot, "encode_texts", bags_of_words)


@ENSEMBLE
def test_who_reads_well_answers_well(good_reader, unseen, objects, ensemble):
    images = bags_of_words(None, None, [full_truth(scene) for scene in unseen])
    hits = attribute_hits(None, None, images, unseen, objects, ensemble)
    assert list(hits) == ["object", "count", "relation", "background"]
    assert min(hit.float().mean().item() for hit in hits.values()) > 0.9, "a bag of words trips over red apples alone"
    kinds = [scene.kind for scene in unseen]
    asked = {"object": kinds.count("one"), "count": len(kinds) - kinds.count("pair"), "relation": kinds.count("pair")}
    assert {name: len(hit) for name, hit in hits.items()} == {
        name: n if name == "object" else min(n, attributes.AT_MOST)
        for name, n in (asked | {"background": len(kinds)}).items()
    }


@pytest.mark.slow
@ENSEMBLE
def test_who_looks_at_other_images_answers_by_chance(good_reader, unseen, objects, ensemble):
    images = bags_of_words(None, None, [full_truth(scene) for scene in unseen])
    hits = attribute_hits(None, None, images.roll(1, 0), unseen, objects, ensemble)
    rates = {name: hit.float().mean().item() for name, hit in hits.items()}
    chance = {"object": 1 / len(objects), "count": 0.45, "relation": 0.25, "background": 1 / len(BACKGROUNDS)}
    assert rates == pytest.approx(chance, abs=0.15)


def test_a_model_that_has_diverged_answers_nothing(model, tokenizer, objects, unseen):
    hits = attribute_hits(model, tokenizer, torch.full((40, 16), torch.nan), unseen[:40], objects, False)
    assert {name for name, hit in hits.items() if hit.any()} == set(), "not the first candidate, which is often right"


def test_a_question_that_fits_no_scene_has_no_answers(model, tokenizer, objects, unseen):
    singles = [scene for scene in unseen if scene.kind == "one"][:3]
    hits = attribute_hits(model, tokenizer, torch.ones(3, 16) / 4, singles, objects, False)
    assert {name: len(hit) for name, hit in hits.items()} == {"object": 3, "count": 3, "relation": 0, "background": 3}


def test_the_full_report_is_flat_and_complete(model, tokenizer, objects):
    figures = report.full_report(model, tokenizer, objects, count=60, asked=60)
    sides = [f"{way}recall_at_{k}" for way in ("", "image_to_text_") for k in (1, 5, 10)]
    zero_shots = [f"zero_shot_{name}" for name in ("object", "count", "relation", "background")]
    expected = [*sides, "recall_at_1_low", "recall_at_1_high", *(f"compositional_{name}" for name in sides)]
    assert set(figures) == {*expected, *zero_shots, *(f"{name}_ensemble" for name in zero_shots)}
    assert all(isinstance(value, float) and 0 <= value <= 1 for value in figures.values())
    assert figures["recall_at_1_low"] <= figures["recall_at_1"] <= figures["recall_at_1_high"]
    assert report.retrieval_on(model, tokenizer, objects, "test", 60) == {name: figures[name] for name in sides}
    assert report.full_report(model, tokenizer, objects, count=60, asked=60) == figures
