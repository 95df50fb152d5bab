"""The shared figures: what stands in them, not how they look; and what they say of input that does not fit."""

import math
import sys
import types
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from clip_tutor.lab import gallery, layouts, plots, style
from clip_tutor.lab.plots.layouts import pca_layout, tsne_layout, umap_layout
from clip_tutor.lab.widgets.gallery import as_image
from tests.lab.conftest import texts

IMAGES = [np.full((8, 8, 3), shade, np.uint8) for shade in range(0, 250, 20)]
CAPTIONS = [f"a picture of {n} cats, $5 & a long way to the end of the line" for n in range(len(IMAGES))]
HISTORY = [
    {"step": s, "seconds": 2.0 * s, "loss": 5 - s / 2, "logit_scale": 14.0 + s, "batch_size": 64}
    | ({"recall_at_1": s / 10} if s % 2 else {})
    for s in range(5)
]


pytestmark = pytest.mark.usefixtures("course_style")


@pytest.mark.parametrize(("rows", "columns", "values"), [(8, 8, 64), (3, 5, 15), (2, 11, 0), (1, 1, 1)])
def test_small_similarity_matrices_show_their_values(rows: int, columns: int, values: int):
    matrix = torch.linspace(-1, 1, rows * columns).reshape(rows, columns).requires_grad_()
    figure = plots.similarity_matrix(matrix, IMAGES[:columns], CAPTIONS[:rows], "A title")
    assert len(texts(figure)) == values
    assert len(figure.axes[0].child_axes) == columns
    assert [label.get_text().replace("\n", " ") for label in figure.axes[0].get_yticklabels()] == CAPTIONS[:rows]
    assert figure.get_suptitle() == "A title"
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("images", "captions")


def test_a_whole_batch_is_drawn_without_labels_and_on_a_scale_of_ones_own():
    figure = plots.similarity_matrix(np.eye(64), limits=(-1, 1))
    assert texts(figure) == []
    assert figure.axes[0].images[0].get_clim() == (-1, 1)


def test_a_similarity_matrix_lying_on_its_side_is_noticed():
    with pytest.raises(ValueError, match=r"3 × 5 need 3 captions \(rows\) and 5 images.*transpose"):
        plots.similarity_matrix(np.zeros((3, 5)), IMAGES[:3], CAPTIONS[:5])


@pytest.mark.parametrize("count", [1, 5, 6, 13])
def test_a_grid_shows_every_image_with_its_caption(count: int):
    figure = plots.image_grid(IMAGES[:count], CAPTIONS[:count], title="Images")
    assert len(figure.axes[0].images) == count
    assert len(texts(figure)) == count


def test_a_grid_needs_as_many_captions():
    with pytest.raises(ValueError, match="3 images need as many captions, not 2"):
        plots.image_grid(IMAGES[:3], CAPTIONS[:2])


def test_the_training_curve_marks_the_loss_of_guessing():
    figure = plots.training_curve(HISTORY)
    assert texts(figure) == [f"guessing: ln 64 = {math.log(64):.2f}"]
    loss, temperature, recall = figure.axes
    assert loss.lines[1].get_linestyle() == "--"
    assert list(loss.lines[1].get_ydata()) == [math.log(64)] * 2
    assert temperature.lines[0].get_ydata()[0] == pytest.approx(1 / 14)
    assert [tuple(point) for point in recall.lines[0].get_xydata()] == [(64, 0.1), (192, 0.3)], "over the pairs seen"
    assert all(axes.get_title(loc="left") and axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)


@pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails
@pytest.mark.parametrize("length", [0, 1])
def test_a_live_curve_can_begin_with_nothing(length: int):
    figure = plots.training_curve(HISTORY[:length])
    figure.draw_without_rendering()
    assert figure.axes


def test_bars_come_longest_first():
    figure = plots.bars(["cat", "dog", "car"], torch.tensor([0.2, 0.7, 0.1]), IMAGES[0])
    assert texts(figure) == ["70%", "20%", "10%"]
    assert [label.get_text() for label in figure.axes[-1].get_yticklabels()] == ["dog", "cat", "car"]
    assert len(texts(plots.bars(CAPTIONS, np.ones(13) / 13, top=4))) == 4


def test_bars_need_a_probability_for_each_name():
    with pytest.raises(ValueError, match=r"2 names need 2 probabilities, not an array of shape \(3,\)"):
        plots.bars(["cat", "dog"], [0.1, 0.2, 0.7])


def test_maps_stand_side_by_side_in_the_two_colors():
    xy = np.random.default_rng(0).normal(size=(2, 30, 2))
    figure = plots.embedding_map({"UMAP": tuple(xy), "PCA": (xy[0], xy[1][:7])})
    figure.draw_without_rendering()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["UMAP", "PCA"]
    assert [len(points.get_offsets()) for points in figure.axes[1].collections] == [30, 7]
    assert len(figure.axes[0].lines) == 1, "pairs are tied"
    assert len(figure.axes[1].lines) == 0, "there are no pairs"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["images", "captions"]


def test_the_pair_of_colors_can_be_told_apart_without_color():
    def luminance(color: str) -> float:
        red, green, blue = (int(color[n : n + 2], 16) / 255 for n in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    assert abs(luminance(style.IMAGE_COLOR) - luminance(style.TEXT_COLOR)) > 0.05
    shades = [
        luminance("#" + "".join(f"{round(255 * c):02x}" for c in style.SEQUENTIAL(x)[:3])) for x in (0.0, 0.3, 0.6, 1.0)
    ]
    assert shades == sorted(shades, reverse=True)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (5, 4), 255),
        Image.new("RGBA", (5, 4), "white"),
        np.full((4, 5, 3), 255, np.uint8),
        torch.full((3, 4, 5), 255, dtype=torch.uint8),
        torch.ones(3, 4, 5),
    ],
)
def test_images_of_every_kind_become_arrays(image: object):
    array = as_image(image)
    assert (array.shape, array.dtype, array.min()) == ((4, 5, 3), np.uint8, 255)


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (8, 8), (8, 8, 4)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="an image has shape"):
        as_image(np.zeros(shape, np.uint8))


def test_a_gallery_shows_images_captions_and_scores():
    html = gallery(IMAGES[:2], ["a <cat>", 'a "dog"'], [0.51, 0.25])
    assert html.count("<img") == 2
    assert 'alt="a &lt;cat&gt;"' in html
    assert "0.51" in html
    assert "<cat>" not in html


def test_a_gallery_needs_as_many_captions():
    with pytest.raises(ValueError, match="2 images need as many"):
        gallery(IMAGES[:2], ["a cat"])


def test_pca_keeps_the_two_widest_directions():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 6)) * [0.1, 9, 0.1, 4, 0.1, 0.1] + 7
    xy = pca_layout(torch.tensor(values))
    assert xy.shape == (50, 2)
    assert abs(np.corrcoef(xy[:, 0], values[:, 1])[0, 1]) > 0.999
    assert abs(np.corrcoef(xy[:, 1], values[:, 3])[0, 1]) > 0.98


def test_umap_is_imported_when_called_and_given_a_seed(monkeypatch: pytest.MonkeyPatch):
    asked: dict = {}

    class Mapper:
        def __init__(self, **settings: object) -> None:
            asked.update(settings)

        def fit_transform(self, values: np.ndarray) -> np.ndarray:
            return values[:, :2]

    assert "umap" not in vars(layouts)
    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Mapper))
    assert umap_layout(torch.eye(9, 5)).shape == (9, 2)
    assert asked == {"n_neighbors": 8, "metric": "cosine", "random_state": 0, "n_jobs": 1}


@pytest.mark.parametrize("count", [3, 2001])
@pytest.mark.parametrize("layout", [umap_layout, tsne_layout])
def test_neighbors_are_those_of_some_points_and_not_too_many(layout: Callable[..., np.ndarray], count: int):
    with pytest.raises(ValueError, match="takes 4 to 2,000 vectors"):
        layout(np.zeros((count, 5)))


@pytest.mark.parametrize("layout", layouts.LAYOUTS.values(), ids=layouts.LAYOUTS)
def test_no_layout_is_made_of_nan(layout: Callable[..., np.ndarray]):
    values = np.ones((8, 3))
    values[6, 1] = np.nan
    with pytest.raises(ValueError, match="1 of 8 vectors hold NaN or infinity, the first in row 6"):
        layout(values, 0)


@pytest.mark.parametrize("layout", [umap_layout, tsne_layout])
def test_identical_vectors_have_no_neighbors(layout: Callable[..., np.ndarray]):
    with pytest.raises(ValueError, match="all 8 vectors are the same"):
        layout(np.ones((8, 3)))
    assert np.abs(pca_layout(np.ones((8, 3)))).max() == 0


@pytest.mark.slow
@pytest.mark.parametrize("count", [5, 30])
@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_a_layout_is_the_same_again_with_the_same_seed(name: str, count: int):
    values = np.random.default_rng(0).normal(size=(count, 8))
    places = layouts.LAYOUTS[name](values, 3)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert np.array_equal(places, layouts.LAYOUTS[name](values, 3))


def test_a_layout_is_made_of_vectors():
    with pytest.raises(ValueError, match="vectors"):
        pca_layout(np.zeros(5))
