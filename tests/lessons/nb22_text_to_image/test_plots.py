"""The figures and widgets of notebook 22: what stands in them, and that each control changes what is seen."""

import io
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from clip_tutor.applications.attribute_judge import load_judge
from clip_tutor.applications.diffusion import alphas_cumprod, from_pixels, sample, to_pixels
from clip_tutor.lessons.nb22_text_to_image import boards, embeddings, plots, worlds
from clip_tutor.lessons.nb22_text_to_image.attention_exercise import MyCrossAttention
from clip_tutor.lessons.nb22_text_to_image.worlds import Moment, Word

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


def drawn(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40, metadata={"Software": None})
    return file.getvalue()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def seen(figure: Figure) -> tuple[bytes, ...]:
    """Return the images of a figure, whatever its title says, once it has been drawn."""
    drawn(figure)
    return tuple(image.get_array().tobytes() for axes in figure.axes for image in axes.images)


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(256, (count, 3, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_the_curves_are_those_of_the_schedules():
    tables = {"cosine": alphas_cumprod("cosine"), "linear": alphas_cumprod("linear")}
    figure = plots.schedule_curves(tables, "Two")
    assert [line.get_ydata()[500] for line in figure.axes[0].lines] == [table[500] for table in tables.values()]
    drawn(figure)
    figure = plots.mistakes_grow(tables, "Two")
    noise, v = figure.axes[0].lines[:2]
    table = tables["cosine"]
    assert noise.get_ydata()[900] == pytest.approx(((1 - table[900]) / table[900]).sqrt().item())
    assert max(v.get_ydata()) <= 1 < noise.get_ydata()[900]
    drawn(figure)


def test_both_ways_to_count_stand_at_the_same_dots():
    said = texts(plots.two_scales("Line"))
    assert said[0:4] == ["s = 0", "w = −1", "s = 1", "w = 0"]
    drawn(plots.two_scales("Line"))


def test_rows_have_their_names_and_heads():
    figure = plots.image_rows({"first": images(3), "second": images(3, 1)}, ["a", "b", "c"], "Rows")
    assert texts(figure) == ["first", "second", "a", "b", "c"]
    assert len(figure.axes[0].images) == 6
    drawn(figure)


def test_bars_have_their_intervals():
    right, apart = {1.0: (0.5, 0.4, 0.6), 3.0: (0.9, 0.8, 0.95)}, {1.0: (0.3, 0.2, 0.4), 3.0: (0.2, 0.1, 0.3)}
    figure = plots.guidance_figure(right, apart, "Bars")
    heights = [[patch.get_height() for patch in axes.patches] for axes in figure.axes]
    assert heights == [[0.5, 0.9], [0.3, 0.2]]
    drawn(figure)


def test_the_loss_is_averaged_over_ten_steps():
    history = [{"images": 32 * (n + 1), "loss": float(n)} for n in range(20)]
    run = {"images": [64, 128], "unseen_loss": [0.2, 0.1]}
    figure = plots.training_figure(history, run)
    own, kit = (axes.lines[0].get_ydata() for axes in figure.axes)
    assert own[0] == 0 and own[-1] == sum(range(10, 20)) / 10 and list(kit) == [0.2, 0.1]
    drawn(figure)
    drawn(plots.training_figure(history[:1], run))


def test_who_finds_the_caption_has_a_curve_for_each():
    figure = plots.found_over_time([0, 500], {"one": [1.0, 0.5], "other": [0.9, 0.1]}, "Found")
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[1.0, 0.5], [0.9, 0.1]]
    drawn(figure)


def test_each_embedding_is_joined_to_its_image_in_one_plane():
    vectors = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0))
    figure = plots.three_clouds(vectors[0], {"own": vectors[1], "moved": vectors[2]}, "Clouds")
    own, moved = figure.axes
    *joined, real, other = own.lines
    assert len(joined) == 6 and [axes.get_title(loc="left") or axes.get_title() for axes in (own, moved)] == [
        "own",
        "moved",
    ]
    for n, line in enumerate(joined):
        (x, to_x), (y, to_y) = line.get_data()
        assert (x, y) == tuple(other.get_xydata()[n]) and (to_x, to_y) == tuple(real.get_xydata()[n])
    assert (moved.lines[-2].get_xydata() == real.get_xydata()).all()
    drawn(figure)


def moment_of(words: int) -> tuple[Moment, list[Word]]:
    shares = torch.rand(words, 8, 8, generator=torch.Generator().manual_seed(0))
    shares = shares / shares.sum(dim=0)
    noisy, x0 = images(2)
    return Moment(500, noisy, x0, shares), [Word(f"word{n}", (n,)) for n in range(words)]


@pytest.mark.parametrize(("words", "shown"), [(1, 1), (5, 5), (6, 6), (10, 10), (30, 10)])
def test_a_moment_has_a_map_for_each_word_up_to_ten(words: int, shown: int):
    moment, names = moment_of(words)
    figure = plots.moment_figure(moment, names, 10, "Moment")
    said = texts(figure)
    named = [axes.get_title(loc="center") for axes in figure.axes if "word" in axes.get_title(loc="center")]
    assert len(said) == len(named) == shown and named[-1] == f"word{words - 1}", "the last one is the padding"
    drawn(figure)
    if words < 10:
        assert texts(plots.word_maps(moment.x0, names, moment.shares, "Words")) == said


def test_a_message_holds_its_words():
    figure = plots.message("too long " * 30)
    assert "too long" in texts(figure)[0]
    drawn(figure)


@pytest.fixture(scope="module")
def painter() -> worlds.Painter:
    return worlds.kit_painter()


def test_words_have_the_tokens_of_their_row(painter: worlds.Painter):
    tokenizer = painter.kit.tokenizer
    prompt = "a rocket left of a strawberry on a turquoise background"
    words = worlds.words_of(tokenizer, prompt)
    row = tokenizer([prompt])[0]
    assert [word.text for word in words] == [worlds.START, *prompt.split(), worlds.PADDING]
    assert [token for word in words for token in word.tokens] == list(range(len(row)))
    for word in words[1:-1]:
        assert tokenizer.decode([row[token] for token in word.tokens]).strip() == word.text
    assert row[words[-1].tokens[0]] == tokenizer.end_id
    assert [word.text for word in worlds.words_of(tokenizer, "")] == [worlds.START, worlds.PADDING]
    with pytest.raises(ValueError, match="truncate=True"):
        worlds.words_of(tokenizer, "word " * 100)


def test_another_class_does_the_cross_attention(painter: worlds.Painter):
    mine = worlds.with_attention(painter.kit.denoiser, MyCrossAttention)
    assert sum(isinstance(part, MyCrossAttention) for part in mine.modules()) >= 1
    given = torch.randn(1, 3, 32, 32), torch.tensor([500]), painter.states(["two cats"])
    with torch.no_grad():
        torch.testing.assert_close(mine(*given), painter.kit.denoiser(*given), rtol=0, atol=1e-5)


def test_a_painter_draws_what_the_library_does_and_its_film_ends_there(painter: worlds.Painter):
    prompt, settings = "a cake on a blue background", (3, 2.0, 2)  # seed, guidance, steps
    film = painter.film(prompt, *settings)
    image = painter.draw([prompt], seed=3, guidance=2.0, steps=2)
    states, random = painter.states([prompt]), torch.Generator().manual_seed(3)
    assert torch.equal(image, to_pixels(sample(painter.kit.denoiser, states, painter.null_states, 2, 2.0, random)))
    assert [moment.t for moment in film] == [999, 499] and torch.equal(film[-1].x0, image[0])
    torch.testing.assert_close(film[0].shares.sum(dim=0), torch.ones(32, 32))
    assert painter.film(prompt, *settings) is film


def test_a_judge_finds_real_scenes_right_and_blank_ones_wrong():
    scenes = worlds.everyday_scenes("test")
    batch, judge = scenes.batch(range(8)), load_judge()
    assert worlds.right_share(judge, batch.pixels, batch.scenes).tolist() == [1.0] * 8
    assert worlds.right_share(judge, torch.zeros_like(batch.pixels), batch.scenes).sum() == 0


def test_distances_are_root_mean_squares():
    black, white = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.full((3, 4, 4), 255, dtype=torch.uint8)
    assert worlds.apart(torch.stack([black, white])) == pytest.approx(1.0)
    assert worlds.apart(torch.stack([black, white, white])) == pytest.approx(2 / 3)


def test_the_small_world_shows_one_of_six_things():
    world = worlds.small_world("train", 20, 16)
    assert world.pixels.shape == (20, 3, 16, 16) and from_pixels(world.pixels).abs().max() <= 1
    nouns = [emoji.noun.singular for emoji in worlds.few_objects()]
    assert all(sum(noun in caption for noun in nouns) == 1 and "background" in caption for caption in world.captions)


START: dict[str, Any] = {"caption": "a cat on a red background", "guidance": 3.0, "steps": 2, "seed": 0}


@pytest.mark.slow
def test_each_control_of_the_draw_board_changes_it(painter: worlds.Painter):
    before = drawn(boards.draw_board(painter, **START))
    for setting in (
        *({"caption": caption} for caption in ("", "zzqx ♥ <b>&", "a cat " * 60)),
        *({"guidance": guidance} for guidance in (0.5, 1.0, 12.0)),
        *({"steps": steps} for steps in (1, 3)),
        {"seed": 20},
    ):
        assert drawn(boards.draw_board(painter, **START | setting)) != before


@pytest.mark.slow
def test_each_control_of_the_film_board_changes_it(painter: worlds.Painter, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(boards, "FRAMES", 4)
    start: dict[str, Any] = {"caption": "a cat on a red background", "guidance": 3.0, "seed": 0, "frame": 2}
    before = drawn(boards.film_board(painter, **start))
    for setting in (
        *({"caption": caption} for caption in ("", "zzqx ♥ <b>&", "a cat " * 60)),
        *({"frame": frame} for frame in (0, 3)),
        {"guidance": 10.0},
        {"seed": 20},
    ):
        assert drawn(boards.film_board(painter, **start | setting)) != before
    last = boards.film_board(painter, **start | {"frame": 3})
    assert last.axes[0].get_title(loc="center") == "x_t, t = 249"


@pytest.fixture(scope="module")
def embedder() -> embeddings.Embedder:
    return embeddings.kit_embedder()


@pytest.fixture(scope="module")
def quick(embedder: embeddings.Embedder) -> embeddings.Embedder:
    """Return one whose images need not look well."""
    return embeddings.Embedder(embedder.kit, embedder.difference, steps=5)


def test_three_embeddings_are_unit_vectors_and_the_prior_comes_nearest(embedder: embeddings.Embedder):
    scenes = worlds.everyday_scenes("test").scenes(range(12))
    found = embedder.of_captions([scene.caption for scene in scenes], seed=0)
    images = torch.cat([embedder.of_scene(scene) for scene in scenes])
    assert list(found) == [embeddings.OWN, embeddings.MOVED, embeddings.PRIOR]
    for each in found.values():
        torch.testing.assert_close(each.norm(dim=1), torch.ones(12))
    own, moved, prior = ((each * images).sum(dim=1).mean() for each in found.values())
    assert own < moved < prior


def test_a_scene_comes_again_from_its_own_noise(embedder: embeddings.Embedder):
    scene = embeddings.scenes_to_turn()[0]
    (image,) = worlds.everyday_scenes("test").batch([scene.index]).pixels
    for way in (embeddings.EDIT, embeddings.ARC):
        again = embedder.redraw(scene, embedder.turned(scene, "a huge rocket on a green background", 0.0, way))[0]
        assert (again.float() - image.float()).abs().mean() < 8, "gray levels of 255"
    with pytest.raises(ValueError, match="say what is to change"):
        embedder.turned(scene, worlds.told(scene), 0.3, embeddings.EDIT)


def test_the_scenes_to_turn_show_one_large_thing_each_another_one():
    scenes = embeddings.scenes_to_turn()
    assert len({scene.objects[0].character for scene in scenes}) == len(scenes) == embeddings.TURNED
    assert {(scene.kind, scene.size) for scene in scenes} == {("one", "huge")}


def test_each_attribute_is_judged_alone():
    batch, judge = worlds.everyday_scenes("test").batch(range(8)), load_judge()
    for name, right in embeddings.judged(judge, batch.pixels, batch.scenes).items():
        assert right.tolist() == [1.0] * 8, name
    turned = embeddings.judged(judge, batch.pixels.roll(1, 0), batch.scenes)
    told = [scene.background for scene in batch.scenes]
    assert turned["background"].tolist() == [float(told[n] == told[n - 1]) for n in range(8)]
    assert turned["object"].sum() == 0


@pytest.mark.slow
def test_each_control_of_the_three_board_changes_it(quick: embeddings.Embedder):
    start: dict[str, Any] = {"caption": "a cat on a red background", "guidance": 2.0, "seed": 0}
    before = drawn(boards.three_board(quick, **start))
    for setting in (
        *({"caption": caption} for caption in ("", "zzqx ♥ <b>&", "a cat " * 60)),
        *({"guidance": guidance} for guidance in (1.0, 8.0)),
        {"seed": 20},
    ):
        assert drawn(boards.three_board(quick, **start | setting)) != before, setting


@pytest.mark.slow
def test_each_control_of_the_turn_board_changes_it(quick: embeddings.Embedder):
    text = "a huge rocket on a green background"
    start: dict[str, Any] = {"number": 0, "text": text, "way": embeddings.EDIT, "share": 0.3, "seed": 0}
    before = seen(boards.turn_board(quick, **start))
    same = worlds.told(embeddings.scenes_to_turn()[0])
    for setting in (
        {"number": embeddings.TURNED - 1},
        *({"text": text} for text in ("", "zzqx ♥ <b>&", "a cat " * 60, same)),
        {"way": embeddings.ARC},
        *({"share": share} for share in (0.0, 1.0)),
        {"seed": 20},
    ):
        assert seen(boards.turn_board(quick, **start | setting)) != before, setting
