"""What a taste tracks, and what is left when it may not."""

import pytest
import torch
from sklearn.feature_selection import f_classif

from clip_tutor.applications.aesthetics import (
    LinearHead,
    attribute_directions,
    audit,
    explained_share,
    scene_attributes,
    without,
)
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from tests.applications.aesthetics.conftest import COLORS, E


def labels(N: int) -> list[str]:
    return [COLORS[n % 4] for n in range(N)]


def test_the_share_is_that_of_an_analysis_of_variance(features, taste):
    scores, colors = features @ taste, labels(80)
    (f,), _ = f_classif(scores[:, None].numpy(), colors)
    assert explained_share(scores, colors) == pytest.approx(3 * f / (3 * f + 76), rel=1e-5)


def test_an_attribute_that_is_tracked_is_found_and_one_that_is_not_is_not(random):
    colors = labels(200)
    scores = torch.tensor([color == "red" for color in colors]) + 0.5 * torch.randn(200, generator=random)
    found = audit(scores, {"halves": ["left", "right", "right", "left", "left"] * 40, "background": colors})
    assert list(found.shares) == ["background", "halves"]
    background, halves = found.shares.values()
    assert background.tracked and background.explained > 0.3 and not halves.tracked


def test_shuffled_labels_explain_their_number(random):
    """(M − 1) / (N − 1) on average: with many groups of few images that is a lot."""
    names = [str(n % 20) for n in range(60)]
    share = audit(torch.randn(60, generator=random), {"group": names}).shares["group"]
    assert share.groups == 20 and share.chance == pytest.approx(19 / 59, abs=0.02)
    assert not share.tracked


def test_every_scene_has_every_label():
    scenes = Scenes(load_emoji(), "test", 64).scenes(range(40))
    found = scene_attributes(scenes)
    assert {len(column) for column in found.values()} == {40}
    kinds = zip(scenes, found["size"], found["relation"], strict=True)
    assert all(
        (size == "none", relation == "none") == (s.kind != "one", s.kind != "pair") for s, size, relation in kinds
    )


def test_scores_that_are_all_equal_are_refused():
    with pytest.raises(ValueError, match="no variance"):
        explained_share(torch.ones(4), labels(4))
    with pytest.raises(ValueError, match=r"scores \(4,\) and 5 labels"):
        explained_share(torch.rand(4), labels(5))


def test_without_its_directions_a_head_scores_all_groups_alike(features, taste):
    colors = labels(80)
    head = LinearHead.of(taste, 2.0)
    directions = attribute_directions(features, colors)
    assert directions.shape == (3, E)
    torch.testing.assert_close(directions @ directions.T, torch.eye(3, dtype=torch.float64))
    left = without(head, directions)
    assert left.bias == 2 and explained_share(head(features).detach(), colors) > 0.01
    assert explained_share(left(features).detach(), colors) < 1e-9


def test_directions_need_two_groups_and_the_space_of_the_head(features):
    with pytest.raises(ValueError, match="at least two kinds"):
        attribute_directions(features, ["red"] * 80)
    with pytest.raises(ValueError, match=r"\(R, 7\) for this head"):
        without(LinearHead(7), attribute_directions(features, labels(80)))
