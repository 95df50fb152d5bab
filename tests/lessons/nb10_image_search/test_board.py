"""The board of inverted lists without a browser, and the images and words that notebook 10 is about."""

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F

from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.lab import explore
from clip_tutor.lessons.nb10_image_search import board, plots, world
from clip_tutor.lessons.nb10_image_search.exercises.lists import InvertedLists, unit_kmeans


@pytest.fixture
def parts():
    vectors = F.normalize(torch.randn(60, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    return vectors, unit_kmeans(vectors, vectors[:6], 5)


def test_the_board_counts_what_inverted_lists_find(parts):
    vectors, centers = parts
    list_of, lists = (vectors @ centers.T).argmax(dim=1), InvertedLists(vectors, centers)
    for query in vectors[:5]:
        for probes in (1, 3, 6):
            seen = board.probe(vectors, centers, list_of, query, probes)
            found = set(lists.search(query, 60, probes)[1].tolist())
            assert {row for row, place in zip(seen.rows.tolist(), seen.places, strict=True) if place < probes} == (
                found & set(seen.rows.tolist())
            )
            assert seen.compared == len(centers) + len(found)


def test_each_control_changes_the_board(parts, model, tokenizer):
    vectors, centers = parts
    images = torch.zeros(60, 3, 8, 8, dtype=torch.uint8)
    draw = board.lists_board(model, tokenizer, vectors, centers, images)
    widget = explore(draw, words="a cat", search_with=[board.WORDS, board.IMAGE], probes=(1, 6))
    widget.sweep()
    said = {name: draw(**settings).get_suptitle() for name, settings in SETTINGS.items()}
    plt.close("all")
    assert len(set(said.values())) == len(said)
    assert "10 of 10 found, 66 dot products instead of 60" in said["all"]


SETTINGS = {
    "words": {"words": "a cat", "probes": 1},
    "others": {"words": "two dogs", "probes": 1},
    "image": {"words": "a cat", "search_with": board.IMAGE, "probes": 2},
    "all": {"words": "a cat", "probes": 6},
}


def test_words_are_orange_and_images_blue():
    figure = plots.recall_by_probes((1, 2), {"words as queries": [0.1, 0.2], "images as queries": [0.3, 0.4]}, 9, "T")
    assert [line.get_color() for line in figure.axes[0].lines] == [plots.TEXT_COLOR, plots.IMAGE_COLOR]
    titles = [axes.get_title(loc="left") for axes in plots.ball_and_slice().axes]
    assert "in 1 list" in titles[0] and "in 5 lists" in titles[1]


def test_each_scene_has_five_captions_and_two_of_them_are_searches():
    scenes = Scenes(load_emoji(), "test", 64).scenes(range(40))
    captions, image_of = world.several_captions(scenes)
    assert len(captions) == 200 and image_of.tolist() == [n // 5 for n in range(200)]
    lengths = [sum(len(caption) for caption in captions[n::5]) for n in range(5)]
    assert max(lengths[3:]) < min(lengths[:3])
    assert world.several_captions(scenes)[0] == captions, "always the same"


@pytest.mark.slow
def test_animals_and_dishes_have_names_in_every_language(model):
    named = world.animals_and_dishes(model)
    assert len(named.objects) == len(named.learned) == len(named.unseen) == 285
    assert not torch.equal(named.learned, named.unseen)
    for language in world.load_emoji()[0].names:
        assert len(set(named.names(language[0]))) > 270
