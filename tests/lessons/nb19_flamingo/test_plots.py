"""The figures and widgets of notebook 19: what stands in them, and that each control changes what is seen."""

import io
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from clip_tutor.applications.flamingo import load_flamingo
from clip_tutor.applications.flamingo.masks import image_mask
from clip_tutor.lab.plots.style import FAINT, IMAGE_COLOR, TEXT_COLOR
from clip_tutor.lessons.nb19_flamingo import boards, plots, worlds
from clip_tutor.weights import load

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


def drawn(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40, metadata={"Software": None})
    return file.getvalue()


def bars_of_color(figure: Figure, color: str) -> int:
    wanted = torch.tensor([int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    faces = [torch.tensor(patch.get_facecolor()[:3]) for axes in figure.axes for patch in axes.patches]
    return sum(bool((face - wanted).abs().max() < 0.01) for face in faces)


def a_run(steps: int = 5) -> dict[str, Any]:
    return {
        "steps": [200 * (n + 1) for n in range(steps)],
        "loss": [0.0, *(0.7 - n / 10 for n in range(steps - 1))],
        "caption_loss": [2.0 - n / 10 for n in range(steps)],
        "gates": [[[0.1 * n, -0.2 * n], [0.0, 0.05 * n]] for n in range(steps)],
        "accuracy": {"object": [0.5 + n / 20 for n in range(steps)], "size": [0.5] * steps},
    }


def test_the_small_world_has_places_and_captions():
    clip, tokenizer, _ = load("emoji")
    part = worlds.seen_by(clip, "test", 10)
    vision = clip.config.vision
    assert part.places.shape == (10, (vision.image_size // vision.patch_size) ** 2, vision.width)
    assert len(part.captions) == len(part.scenes) == len(part.pixels) == 10
    rows = worlds.interleaved(tokenizer, ["a cat", "two red cats"], 7777)
    assert rows[:, 0].tolist() == [7777, 7777] and rows[0, -1] == rows[1, -1] == tokenizer.end_id
    assert tokenizer.decode([n for n in rows[0, 1:].tolist() if n != tokenizer.end_id]) == "a cat"


def test_the_grid_is_the_mask():
    tokens = ["so", "<image>", "red", "<image>"]
    ids = torch.tensor([[1, 9, 1, 9]])
    masks = {attend: image_mask(ids, 9, 2, attend)[0] for attend in ("preceding", "all")}
    figure = plots.mask_grid(tokens, masks, "Two")
    seen = sum(int(mask.sum()) for mask in masks.values())
    assert bars_of_color(figure, IMAGE_COLOR) == seen == 3 + 4
    assert bars_of_color(figure, FAINT) == 16 - seen
    assert [text.get_text() for text in figure.axes[0].texts] == ["sees none"]
    drawn(figure)


def test_what_counts_is_orange():
    figure = plots.counted(["so", "<image>", "red", "end", "end"], [False, False, True, True, False], "Five")
    assert bars_of_color(figure, TEXT_COLOR) == 2 and bars_of_color(figure, IMAGE_COLOR) == 1
    drawn(figure)


def test_curves_of_gates_and_losses_are_those_of_the_run():
    figure = plots.gate_curve([-1.0, 0.0, 1.0], [0.5, 0.0, 0.7], "Gate")
    assert list(figure.axes[0].lines[1].get_ydata()) == [0.0]
    drawn(figure)
    history = [{"step": n, "loss": 3.0 - n, "gates": [[0.1 * n, 0.2], [0.3, -0.4]]} for n in (1, 2)]
    drawn(plots.training_figure(history[:1]))
    figure = plots.training_figure(history, {"blind": 1.5})
    assert list(figure.axes[0].lines[0].get_ydata()) == [2.0, 1.0]
    assert [list(line.get_ydata()) for line in figure.axes[1].lines[:2]] == [[0.1, 0.2], [0.2, 0.2]]
    drawn(figure)
    figure = plots.first_steps({"gates": [1.0, 2.0], "rest": [0.0, 0.5]}, "First")
    assert sum(len(line.get_xdata()) for line in figure.axes[0].lines if line.get_marker() == "x") == 1
    drawn(figure)


def test_the_shots_have_intervals_around_their_shares():
    share, low, high = plots.share_of(30, 100)
    assert share == 0.3 and 0.2 < low < 0.25 and 0.35 < high < 0.4
    assert plots.share_of(0, 50) == (0.0, 0.0, 0.0)
    counts = {"2": [1000, 2000], "8": [1500, 2000]}
    shots = {name: {kind: counts for kind in plots.LABELS} for name in ("object", "size", "kind", "place")}
    figure = plots.shot_curves(shots, ("object",))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert "never" not in titles[0] and "never" in titles[1]
    assert len(figure.axes) == 6
    drawn(figure)


def test_episodes_are_drawn_from_where_they_begin():
    figure = plots.learned_curves(a_run(), ("object",))
    letters, captions = figure.axes[0].lines
    assert list(letters.get_xdata()) == [400, 600, 800, 1000] and len(captions.get_xdata()) == 5
    assert [line.get_linestyle() for line in figure.axes[1].lines[:2]] == ["-", "--"]
    run = a_run() | {"accuracy": {f"attribute {n}": [0.5] * 5 for n in range(9)}}
    assert len(plots.learned_curves(run, ()).axes[1].lines) == 9 + 1  # and the line of guessing
    drawn(figure)


@pytest.mark.parametrize("moment", [0, 4, 99])
def test_the_gate_board_shows_its_moment(moment: int):
    run = a_run()
    figure = boards.gate_board(run, moment)
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    gates = run["gates"][min(moment, 4)]
    assert heights == pytest.approx([gates[0][0], gates[1][0], gates[0][1], gates[1][1]])
    drawn(figure)


def test_the_mask_board_takes_any_text():
    start = "a <image> b <image> c"
    for text in (
        "",
        "   ",
        "zzqx ♥ <b>&",
        "no image here",
        "<image>" * 40,
        "word " * 100,
        "<image>a<image>",
        "x" * 300,
    ):
        for attend in ("preceding", "all"):
            drawn(boards.mask_board(text, attend))
    assert drawn(boards.mask_board(start, "all")) != drawn(boards.mask_board(start, "preceding"))
    assert drawn(boards.mask_board(start, "all")) != drawn(boards.mask_board(start + " <image>", "all"))
    assert bars_of_color(boards.mask_board("<image>a<image>", "preceding"), IMAGE_COLOR) == 3


@pytest.fixture(scope="module")
def examiner() -> worlds.Examiner:
    return worlds.Examiner(load_flamingo())


def test_an_examiner_gives_what_the_library_gives(examiner: worlds.Examiner):
    flamingo = examiner.kit.flamingo
    batch = examiner.episodes("object", 2, 3)
    places = examiner.places(batch.scenes)
    assert places.shape[:2] == (3, 3)
    torch.testing.assert_close(examiner.places(batch.scenes[1:2])[0], places[1])
    with torch.no_grad():
        logits = flamingo(places, batch.token_ids)[:, -1]  # (B, V)
    expected = logits.gather(1, batch.choices).softmax(dim=1)
    found = examiner.probabilities(places, batch.token_ids, batch.choices)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    again = examiner.episodes("object", 2, 3, "flipped")
    assert (again.scenes == batch.scenes).all() and not torch.equal(again.token_ids, batch.token_ids)


@pytest.mark.slow
def test_each_control_of_the_shots_board_changes_it(examiner: worlds.Examiner):
    start: dict[str, Any] = {"attribute": "object", "shots": 4, "labels": "true", "episode": 0}
    figure = boards.shots_board(examiner, **start)
    before, letters = drawn(figure), [text.get_text() for text in figure.axes[0].texts]
    swapped = boards.shots_board(examiner, **start | {"labels": "flipped"}).axes[0].texts
    assert sorted(letters) == ["?", "x", "x", "y", "y"]
    assert [text.get_text() for text in swapped] == [{"x": "y", "y": "x"}.get(letter, letter) for letter in letters]
    for setting in (
        *({"attribute": name} for name in ("size", "relation")),
        *({"shots": number} for number in (0, 8)),
        *({"labels": labels} for labels in ("permuted", "flipped")),
        {"episode": boards.EPISODES - 1},
    ):
        assert drawn(boards.shots_board(examiner, **start | setting)) != before
