"""Patch features, probe, pointing and boxes: against plain forms, other libraries, and models that know the answer."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import jaccard_score

from clip_tutor.data.places import boxes, object_masks
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.dense import (
    as_grid,
    box_hits,
    class_iou,
    fit_patch_probe,
    joint_patch_features,
    mean_iou,
    patch_features,
    patch_labels,
    pointing,
    probe_mean_iou,
    segment,
)
from clip_tutor.evaluation.dense.pointing_game import centers_inside
from clip_tutor.evaluation.featurizer import LinearClassifier, probe_features
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import NaFlexConfig, ResNetConfig, TextConfig, ViTConfig

SIGLIP = {"ln_pre": False, "patch_bias": True, "pool": "map", "activation": "gelu"}


def model_with(vision) -> CLIP:
    torch.manual_seed(0)
    model = CLIP(CLIPConfig(24, vision, TextConfig(50, 8, width=24, layers=1, heads=2))).eval()
    for name, tensor in model.image_tower.named_parameters():
        if name.endswith("bias"):  # zero at the start: one that is left out would not be missed
            torch.nn.init.normal_(tensor, std=0.3)
    return model


CLIP_VIT = ViTConfig(32, 8, width=24, layers=2, heads=2)
SIGLIP_VIT = ViTConfig(32, 8, width=24, layers=2, heads=2, **SIGLIP)
NAFLEX = NaFlexConfig(patch_size=8, grid_size=4, width=24, layers=2, heads=2, mlp_width=40)


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


# ---- features ------------------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("vision", [SIGLIP_VIT, NAFLEX])
def test_the_head_pools_the_patches(vision, pixels):
    model = model_with(vision)
    tokens = patch_features(model, pixels)
    assert tokens.shape == (3, 16, 24)
    expected = model.encode_image(model.config.preprocessing.normalize(pixels))
    torch.testing.assert_close(model.image_tower.head(tokens), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_patches_stand_behind_the_class_token(pixels):
    model = model_with(CLIP_VIT)
    tower = model.image_tower
    every = tower.ln_post(tower.blocks(tower.embed(model.config.preprocessing.normalize(pixels))))  # (B, 1+N, D)
    torch.testing.assert_close(every[:, 0], probe_features(model, pixels))
    torch.testing.assert_close(patch_features(model, pixels), every[:, 1:])


@torch.no_grad()
@pytest.mark.parametrize("vision", [SIGLIP_VIT, NAFLEX])
def test_a_patch_beside_captions_is_the_image_of_that_patch_alone(vision, pixels):
    """The pool that may see one token only gives what each patch says: the value of the attention, and the MLP."""
    model = model_with(vision)
    head, tokens = model.image_tower.head, patch_features(model, pixels)
    joint = joint_patch_features(model, pixels)
    for n in (0, 5, 15):
        alone = torch.arange(16) == n
        torch.testing.assert_close(joint[:, n], F.normalize(head(tokens, alone[None, None, None]), dim=-1))
    _, _, value_weight = head.attention.qkv.weight.chunk(3)
    value = head.attention.out(tokens @ value_weight.T + head.attention.qkv.bias.chunk(3)[2])  # (B, N, D)
    torch.testing.assert_close(joint, F.normalize(value + head.mlp(head.ln(value)), dim=-1), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_class_token_leaves_the_values_of_the_last_block(pixels):
    """MaskCLIP: the last block without queries and keys, its values and its MLP as they are."""
    model = model_with(CLIP_VIT)
    tower = model.image_tower
    x = tower.blocks[0](tower.embed(model.config.preprocessing.normalize(pixels)))  # (B, 1+N, D)
    last = tower.blocks[1]
    value = last.ln_1(x) @ last.attention.qkv.weight.chunk(3)[2].T + last.attention.qkv.bias.chunk(3)[2]
    x = x + last.attention.out(value)
    x = x + last.mlp(last.ln_2(x))
    expected = F.normalize(tower.ln_post(x[:, 1:]) @ tower.projection, dim=-1)
    torch.testing.assert_close(joint_patch_features(model, pixels), expected, atol=1e-5, rtol=1e-5)


def test_towers_without_patches_say_so(pixels):
    model = model_with(ResNetConfig(32, (1, 1, 1, 1), width=8, heads=4))
    for features in (patch_features, joint_patch_features):
        with pytest.raises(ValueError, match=r"is a ResNet, whose .* take a model with a Vision Transformer"):
            features(model, pixels)
    with pytest.raises(ValueError, match="12 patches are no square"):
        as_grid(torch.zeros(1, 12, 4))


# ---- segmentation --------------------------------------------------------------------------------------------------


def test_a_patch_has_the_class_of_most_of_its_pixels():
    masks = torch.full((1, 4, 4), -1)
    masks[0, :2, 2:] = torch.tensor([[3, 3], [3, -1]])  # three of four: class 4
    masks[0, 2:, :2] = torch.tensor([[5, -1], [-1, -1]])  # one of four: background
    masks[0, 2:, 2:] = 7
    assert patch_labels(masks, 4).tolist() == [[0, 4, 0, 8]]
    assert patch_labels(masks, 16).view(4, 4).tolist() == (masks[0] + 1).tolist()
    for patches in (9, 5):
        with pytest.raises(ValueError, match="do not tile masks of 4 pixels"):
            patch_labels(masks, patches)


def test_the_probe_is_scikit_learns_on_features_of_unit_variance():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (40, 9), generator=generator)
    labels[labels == 1] = 4  # classes 1 and 3 have no patch
    features = torch.randn(40, 9, 6, generator=generator) * torch.arange(1, 7) + 5 + 2 * labels[..., None] ** 0.5
    probe = fit_patch_probe(features, labels, classes=5)
    x = features.flatten(0, 1).double()
    theirs = LogisticRegression(C=1.0, max_iter=1000).fit(
        ((x - x.mean(0)) / x.std(0)).numpy(), labels.flatten().numpy()
    )
    assert theirs.classes_.tolist() == [0, 2, 4]
    expected = torch.from_numpy(theirs.decision_function(((x - x.mean(0)) / x.std(0)).numpy()))
    torch.testing.assert_close(probe.logits(x)[:, [0, 2, 4]], expected, atol=1e-5, rtol=1e-5)
    assert set(probe.predict(x).tolist()) <= {0, 2, 4}


def test_logits_are_enlarged_before_one_class_wins():
    """Between a patch that is sure and one that is not, the sure one wins more than half of the way."""
    probe = LinearClassifier(torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    features = torch.tensor([[[9.0, 0.0], [0.0, 1.0], [9.0, 0.0], [0.0, 1.0]]])  # (1, 4, 2): left sure of class 0
    classes = segment(probe, features, 8)
    assert classes.shape == (1, 8, 8)
    assert classes[0, 0].tolist() == [0] * 6 + [1] * 2


def test_iou_equals_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    predicted, truth = torch.randint(0, 5, (2, 6, 10, 10), generator=generator)
    theirs = jaccard_score(truth.flatten().numpy(), predicted.flatten().numpy(), average=None)
    iou = class_iou(predicted, truth, 7)
    torch.testing.assert_close(iou[:5].double(), torch.from_numpy(theirs))
    assert iou[5:].isnan().all(), "classes that are nowhere count for nothing"
    assert mean_iou(predicted, truth, 7) == pytest.approx(theirs.mean())
    with pytest.raises(ValueError, match=r"pixels \(2, 3, 3\) and a truth for \(1, 3, 3\)"):
        class_iou(torch.zeros(2, 3, 3, dtype=torch.long), torch.zeros(1, 3, 3, dtype=torch.long), 2)


def test_all_background_has_next_to_no_overlap(objects):
    scenes = Scenes(objects, "test", 64)
    truth = object_masks(scenes, scenes.plan(range(200))) + 1
    assert (truth == 0).float().mean() > 0.5, "most pixels are background"
    assert mean_iou(torch.zeros_like(truth), truth, 49) < 1 / 49


@pytest.mark.slow
def test_patches_that_know_their_object_have_a_high_overlap(objects, monkeypatch):
    """In place of a tower, its ideal: a token says which object fills most of its patch. What is lost is the grid's."""
    found = {}
    for side in (4, 8):

        def tell(model, pixels, side=side):
            scenes = model.pop(0)
            labels = patch_labels(object_masks(scenes, scenes.plan(range(len(pixels)))), side**2)
            return F.one_hot(labels, 49).float()

        monkeypatch.setattr("clip_tutor.evaluation.dense.segmentation.patch_features", tell)
        known, unseen = Scenes(objects, "train", 64), Scenes(objects, "test", 64)
        found[side] = probe_mean_iou([known, unseen], known, unseen, 200, 60)
    assert found[4] < 0.4 < found[8] < 1, "coarse patches pay for it"


# ---- pointing ------------------------------------------------------------------------------------------------------


def test_a_center_lies_in_a_box_or_not():
    box = torch.tensor([0.3, 0.0, 0.9, 0.2])  # of centers at 1/8, 3/8, 5/8, 7/8 two and a half across, one down
    assert centers_inside(box, 4).view(4, 4).int().tolist() == [[0, 1, 1, 1], [0] * 4, [0] * 4, [0] * 4]
    assert centers_inside(box.expand(2, 3, 4), 4).shape == (2, 3, 16)


def test_who_knows_both_points_right_and_who_knows_one_every_second_time(objects, model, tokenizer, monkeypatch):
    pairs = Scenes(objects, "test", 32, kinds=("pair",))
    corners, rows = boxes(pairs, pairs.plan(range(100)))
    inside = centers_inside(corners[:, :2], 4)  # (B, 2, N)
    can = inside.any(dim=2)  # a narrow thing may have no center of a patch in its box
    names = torch.eye(len(objects))
    where = "clip_tutor.evaluation.dense.pointing_game."
    monkeypatch.setattr(where + "encode_texts", lambda *_: names[rows[:, :2].unique()])
    knows = (inside[..., None] * names[rows[:, :2]][:, :, None]).sum(dim=1)  # (B, N, objects)
    monkeypatch.setattr(where + "joint_patch_features", lambda *_: knows)
    found = pointing(model, tokenizer, pairs, 100)
    assert torch.equal(found.hits, can)
    assert found.chance == pytest.approx(inside.float().mean().item())
    assert 0.05 < found.chance < 0.3 and found.accuracy > 0.9 and found.mixed_up == 0
    swapped = (inside.flip(1)[..., None] * names[rows[:, :2]][:, :, None]).sum(dim=1)
    monkeypatch.setattr(where + "joint_patch_features", lambda *_: swapped)
    found = pointing(model, tokenizer, pairs, 100)
    assert found.accuracy < 0.1 and found.mixed_up > 0.9


def test_a_model_points_at_patches_of_pairs_only(objects, model, tokenizer):
    found = pointing(model, tokenizer, Scenes(objects, "test", 32, kinds=("pair",)), 20)
    assert found.hits.shape == (20, 2)
    with pytest.raises(ValueError, match=r'make the scenes with kinds=\("pair",\)'):
        pointing(model, tokenizer, Scenes(objects, "test", 32), 20)


# ---- referring -----------------------------------------------------------------------------------------------------


def test_a_box_is_right_when_more_than_half_overlaps():
    truth = torch.tensor([[0.0, 0.0, 0.5, 0.5]]).expand(6, 4)
    nothing = float("nan")
    said = torch.tensor(
        [
            [0.0, 0.0, 0.5, 0.5],
            [0.125, 0.0, 0.625, 0.5],  # 3 of 5 parts
            [0.1875, 0.0, 0.6875, 0.5],  # 5 of 11 parts
            [0.0, 0.0, 0.5, 0.25],  # just half
            [0.5, 0.5, 0.0, 0.0],  # ends before it begins
            [nothing, nothing, nothing, nothing],
        ]
    )
    assert box_hits(said, truth).tolist() == [True, True, False, False, False, False]
    with pytest.raises(ValueError, match=r"said \(6, 4\) and true ones \(1, 4\)"):
        box_hits(said, truth[:1])
    with pytest.raises(ValueError, match="a true box is none"):
        box_hits(truth[:1], said[4:5])
