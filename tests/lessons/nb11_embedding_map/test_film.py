"""The film and the saved map that ship, how vectors are kept, and what is drawn of them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clip_tutor.evaluation import retrieval_report
from clip_tutor.evaluation.modality_gap import modality_gap
from clip_tutor.lab import explore
from clip_tutor.lessons.nb11_embedding_map import film, plots, reel, space
from clip_tutor.lessons.nb11_embedding_map.saved_layouts import saved_layouts
from clip_tutor.weights import load


@pytest.fixture(scope="module")
def frames() -> list[film.Frame]:
    return film.open_film()


def test_the_film_keeps_its_vectors():
    torch.manual_seed(0)
    cone = torch.randn(1, 1, 1, 32) + torch.tensor([0.001, 0.3, 1.0]).view(3, 1, 1, 1) * torch.randn(3, 2, 50, 32)
    vectors = F.normalize(cone, dim=-1)  # the first frame all but one point
    again = film.unpack(film.pack(vectors))
    cosines = [part @ part.transpose(-1, -2) for part in (vectors, again)]
    assert (cosines[0] - cosines[1]).abs().max() < 0.01
    # The little that tells images of the first frame apart is kept, too: the vectors themselves in 127 steps would not.
    spread = [part[0, 0].std(dim=0).mean().item() for part in (vectors, again)]
    assert spread[0] == pytest.approx(spread[1], rel=0.02)


def test_the_film_is_of_one_training(frames):
    assert [frame.step for frame in frames] == list(film.STEPS)
    assert len(film.pairs_of_film().captions) == len(frames[0].image_features) == film.PAIRS
    recalls = [retrieval_report(one.image_features, one.text_features)["recall_at_1"] for one in frames]
    gaps = [modality_gap(one.image_features, one.text_features).gap for one in frames]
    assert recalls[0] < 0.05 and recalls[-1] > 0.9 and gaps[0] > 1 and gaps[-1] < 0.5
    assert all(frame.umap.shape == (2 * film.PAIRS, 2) and frame.umap.isfinite().all() for frame in frames)


@pytest.mark.slow
def test_the_saved_map_is_of_the_shipped_model_and_of_these_pairs():
    model, _, _ = load("emoji")
    captions = space.pairs_of_map().captions
    layouts = saved_layouts(model, captions)
    assert list(layouts) == ["UMAP", "PCA", "t-SNE"]
    assert {places.shape for places in layouts.values()} == {(2 * space.PAIRS, 2)}
    with pytest.raises(ValueError, match="other pairs"):
        saved_layouts(model, captions[::-1])


def test_a_shuffled_pair_is_never_a_true_one():
    for N in (2, 5, 240):
        order = reel.shuffled(N)
        assert sorted(order) == list(range(N)) and (order != np.arange(N)).all()


def test_a_pca_turns_no_more_than_it_must(frames):
    places = reel.pca_places([frames[-1], frames[-1]])
    np.testing.assert_allclose(places[0], places[1], atol=1e-4)


@pytest.mark.slow
def test_the_scrubber_draws_every_frame(frames):
    scrubber = explore(reel.projector(frames), frame=(0, len(frames) - 1))
    scrubber.controls["frame"].value = len(frames) - 1
    assert scrubber.error is None
    figure = reel.projector(frames)(14)
    assert "Step 780: 9" in figure.get_suptitle() and [axes.get_title("left") for axes in figure.axes] == list(
        reel.KINDS
    )


@pytest.mark.slow
def test_the_figures_stand(frames):
    one = frames[3]
    pair = (one.image_features, one.text_features)
    assert len(reel.film_strip(frames, [0, 14], "t").axes) == 6
    assert len(plots.cones({"a": pair, "b": pair}).axes) == 2
    assert plots.toy_gap(*space.toy()).axes[0].get_legend()
    counts = torch.tensor([0, 3, 9])
    assert len(plots.occurrences({"a": counts, "b": counts * 0 + 2}, 4, "t").axes) == 2
    curves = {"Recall": {"whitened": [0.1, 0.5], "not scaled": [0.2, 0.6]}}
    assert len(plots.over_directions([2, 4], curves, "t", torch.tensor([2.0, 1.0, 0.0])).axes) == 2
    assert len(plots.along_the_gap([0, 1], [1, 0], {"a": [1, 1], "b": [1, 0.9]}, [0.1, 0.2]).axes) == 3
    assert len(plots.training_curves([0, 10], {"Gap": {"g": [1, 0]}, "U": {"images": [0, -1]}}, "t").axes) == 2


@pytest.mark.slow
def test_a_wish_is_granted_by_the_same_thing_on_the_color_wished_for():
    model, tokenizer, _ = load("emoji")
    wish = space.wishes(model, look_through=600)
    assert (wish.old != wish.new).all()
    wanted = [
        next(
            row
            for row, scene in enumerate(wish.scenes)
            if scene.objects[0] == wish.scenes[start].objects[0] and scene.background == list(space.BACKGROUNDS)[new]
        )
        for start, new in zip(wish.rows.tolist(), wish.new.tolist(), strict=True)
    ]
    assert wish.fulfilled(torch.tensor(wanted)).all()
    assert wish.fulfilled(wish.rows)[:, 1].sum() == 0  # the image itself is on the old color
    assert (wish.found(wish.start) != wish.rows).all()
    assert wish.color_words(model, tokenizer).shape == wish.color_images().shape == (12, 128)
