"""The figures and the widget of notebook 04: what they show, and that looks are what the tower itself uses."""

import ipywidgets
import numpy as np
import pytest
import torch

from clip_tutor.lessons.nb04_vision_transformer import plots, stills
from clip_tutor.lessons.nb04_vision_transformer.attention_maps import attention_maps
from clip_tutor.lessons.nb04_vision_transformer.board import attention_board, covered
from clip_tutor.towers import VisionTransformer, ViTConfig
from clip_tutor.towers.attention import attention, attention_weights

# matplotlib warns when a layout fails; ipywidgets 7 makes ipykernel warn of itself
pytestmark = pytest.mark.filterwarnings("error", "ignore:The `ipykernel.comm.Comm`:DeprecationWarning")
CONFIG = ViTConfig(image_size=32, patch_size=8, width=24, layers=2, heads=3)
STEM = ViTConfig(image_size=64, patch_size=16, width=24, layers=2, heads=3, stem_channels=(6, 12, 12))


def image(size: int = 32) -> torch.Tensor:
    """A gray image with a white square in its second patch."""
    pixels = torch.full((3, size, size), 90, dtype=torch.uint8)
    pixels[:, : size // 4, size // 4 : size // 2] = 255
    return pixels


# ------------------------------------------------------------------------------------------------------------ looks


@pytest.mark.parametrize("config", [CONFIG, STEM])
def test_the_stages_end_in_the_towers_answer(config: ViTConfig):
    torch.manual_seed(0)
    tower, pixels = VisionTransformer(config, embed_dim=10).eval(), torch.randn(2, 3, *[config.image_size] * 2)
    stages = tower.intermediates(pixels).token_states
    assert [stage.shape for stage in stages] == [(2, 17, 24)] * 3
    torch.testing.assert_close(tower.ln_post(stages[-1][:, 0]) @ tower.projection, tower(pixels), atol=1e-5, rtol=1e-4)


def test_looks_are_the_weights_that_the_block_mixes_values_with():
    torch.manual_seed(0)
    tower, pixels = VisionTransformer(CONFIG, embed_dim=10).eval(), torch.randn(2, 3, 32, 32)
    seen = attention_maps(tower, pixels)
    assert seen.shape == (2, 2, 3, 17, 17)
    torch.testing.assert_close(seen.sum(dim=-1), torch.ones(2, 2, 3, 17))
    for n, block in enumerate(tower.blocks):
        x = block.ln_1(tower.intermediates(pixels).token_states[n])
        _, _, values = block.attention.split_heads(x)  # each (B, K, T, D/K)
        mixed = block.attention.out((seen[:, n] @ values).transpose(1, 2).flatten(2))
        torch.testing.assert_close(mixed, block.attention(x), atol=1e-5, rtol=1e-4)


def test_a_tower_without_a_class_token_is_refused():
    tower = VisionTransformer(ViTConfig(32, 8, 24, 1, 3, pool="map"), embed_dim=24)
    with pytest.raises(ValueError, match="no class token to look from"):
        attention_maps(tower, torch.zeros(1, 3, 32, 32))


# ---------------------------------------------------------------------------------------------------------- figures


def test_the_cut_shows_each_patch_twice_and_numbers_it():
    axes = plots.patch_cut(image(), 8).axes[0]
    shown = [image.get_array() for image in axes.images]
    assert len(shown) == 1 + 2 * 16
    assert [text.get_text() for text in axes.texts][:16] == [str(n) for n in range(1, 17)]
    assert (shown[1 + 2].min(), shown[1 + 2].max()) == (255, 255), "the second patch is the white one"
    assert (shown[1 + 4].min(), shown[1 + 4].max()) == (90, 90)


def test_an_overlay_is_darkest_where_the_weight_is_largest():
    weights = torch.zeros(16)
    weights[6], weights[9] = 1.0, 0.5
    shown = plots.overlay(image(), weights).mean(axis=2)
    patches = shown.reshape(4, 8, 4, 8).mean(axis=(1, 3)).ravel()
    assert list(np.argsort(patches)[:2]) == [6, 9]
    assert patches[0] > 245, "a plain background does not tint the map"
    assert plots.overlay(image(), weights, strongest=2.0).mean(axis=2).min() > shown.min()


def test_attention_by_hand_shows_the_weights_that_attention_has():
    query, key, value = torch.randn(3, 3, 2, generator=torch.Generator().manual_seed(0))
    axes = plots.attention_by_hand(query, key, value).axes
    shown = {one.get_title(loc="left").partition(":")[0]: torch.as_tensor(one.images[0].get_array()) for one in axes}
    torch.testing.assert_close(shown["weights"].float(), attention_weights(query, key))
    torch.testing.assert_close(shown["result"].float(), attention(query, key, value))


@pytest.mark.parametrize("count", [17, 12])
def test_weights_that_do_not_fit_the_patches_are_refused(count: int):
    with pytest.raises(ValueError, match=f"{count} weights do not lie on a square grid"):
        plots.overlay(image(), torch.ones(count))


def test_the_grid_has_a_map_for_each_image_and_column():
    figure = plots.attention_grid([image()] * 2, torch.rand(2, 3, 16), ["a", "b", "c"], "Looks")
    figure.draw_without_rendering()
    assert sum(len(axes.images) for axes in figure.axes) == 2 * 4
    with pytest.raises(ValueError, match="are those of 2 images and 3 columns, not of 1 and 3"):
        plots.attention_grid([image()], torch.rand(2, 3, 16), ["a", "b", "c"], "Looks")


def test_with_a_shared_scale_an_even_map_is_pale():
    weights = torch.full((1, 2, 16), 1 / 16)
    weights[0, 1] = torch.eye(16)[3]
    own, shared = (plots.attention_grid([image()], weights, ["a", "b"], "", shared).axes[1] for shared in (False, True))
    assert own.images[0].get_array().mean() < 60 < 200 < shared.images[0].get_array().mean()


def test_the_position_map_knows_rows_from_columns():
    places = torch.eye(4).repeat_interleave(4, dim=0)  # all places of one row are alike
    figure = plots.position_similarity(places + 0.01 * torch.randn(16, 4, generator=torch.Generator().manual_seed(0)))
    figure.draw_without_rendering()
    first = figure.axes[0].images[0].get_array()
    assert first[0].min() > 0.9
    assert first[1:].max() < 0


def test_the_other_figures_can_be_drawn():
    figures = [
        plots.token_matrix(torch.rand(17, 17).softmax(dim=-1)),
        plots.norms(
            {"with": {"class": ([1, 2], [1, 1], [2, 3])}, "without": {"class": ([9, 9], [8, 8], [9, 9])}}, "Long"
        ),
        plots.attention_by_hand(torch.eye(3, 2), torch.eye(3, 2), torch.randn(3, 2)),
        plots.parted_heads({"tokens": torch.ones(1, 6, 8), "parted": torch.ones(2, 6, 4)}, "Heads"),
    ]
    for figure in figures:
        figure.draw_without_rendering()
    assert figures[1].axes[0].get_ylim() == figures[1].axes[1].get_ylim()
    assert [axes.get_title(loc="left") for axes in figures[3].axes] == ["tokens", "parted: head 1", "parted: head 2"]


# ------------------------------------------------------------------------------------------------------- the widget


def test_covered_paints_the_patches_of_highest_rank_with_the_background():
    pixels, ranks = image()[None], torch.zeros(1, 16)
    ranks[0, 1] = 1
    assert covered(pixels, ranks, 0).equal(pixels)
    assert covered(pixels, ranks, 1).unique().tolist() == [90]
    assert covered(pixels, -ranks, 15).equal(pixels), "the white patch comes last"


def board():
    torch.manual_seed(0)
    tower = VisionTransformer(CONFIG, embed_dim=10).eval()
    noise = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    return attention_board(
        {"noise": noise, "square": image()},
        look=lambda pixels: attention_maps(tower, pixels.float() / 255),
        answer=lambda pixels: "It says <b>so</b>.",
    )


def buttons_of(box: ipywidgets.Widget) -> list[ipywidgets.Button]:
    found = [box] if isinstance(box, ipywidgets.Button) else []
    return found + [one for child in getattr(box, "children", ()) for one in buttons_of(child)]


def test_a_click_on_a_patch_shows_its_looks(caplog: pytest.LogCaptureFixture):
    box = board()
    cls_token, *patches = buttons_of(box)
    assert len(patches) == 16
    before = box.screen.html.value
    assert before.count("<img") == 2 * 3
    assert "It says <b>so</b>." in before
    patches[5].click()
    assert box.controls["token"].value == 6
    assert box.screen.html.value != before
    cls_token.click()
    assert box.controls["token"].value == 0
    assert box.screen.html.value == before
    assert (box.error, caplog.records) == (None, [])


@pytest.mark.parametrize(("control", "value"), [("image", "square"), ("token", 16), ("cover", 16), ("cover", 1)])
def test_each_control_changes_what_one_sees(control: str, value: object):
    box = board()
    before = box.screen.html.value
    box.controls[control].value = value
    assert box.error is None
    assert box.screen.html.value != before


def test_which_patches_are_covered_can_be_chosen():
    box = board()
    box.controls["cover"].value = 4
    before = box.screen.html.value
    box.controls["which"].value = "least"
    assert box.screen.html.value != before


def test_the_image_lies_behind_the_buttons():
    box = board()
    patches = buttons_of(box)[1:]
    box.controls["image"].value = "square"
    assert (patches[1].style.button_color, patches[0].style.button_color) == ("#ffffff", "#5a5a5a")
    box.controls["cover"].value = 16
    assert patches[1].style.button_color == "#5a5a5a", "what is painted over is gone there, too"


@pytest.mark.slow
def test_the_stills_can_be_drawn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stills, "MOMENTS", (0, 1, 2))
    stills._run.cache_clear()
    card, board_still = stills.card(), stills.board()
    stills._run.cache_clear()
    for figure in (card, board_still):
        figure.draw_without_rendering()
    assert len(board_still.axes) == 1 + 3 * 4
