"""Which parameters decay, which learn at which rate, and which stay as they are to the last bit."""

import copy
import math

import pytest
import torch

from clip_tutor import zoo
from clip_tutor.losses import contrastive_loss
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import (
    BertConfig,
    ConvNeXtConfig,
    EfficientNetConfig,
    NaFlexConfig,
    NFNetConfig,
    ResNetConfig,
    TextConfig,
    ViTConfig,
)
from clip_tutor.training.groups import freeze, layers_above, parameter_groups, train_mode
from clip_tutor.training.schedule import make_optimizer

TEXT = TextConfig(60, 8, 16, layers=3, heads=2)


@pytest.mark.parametrize("stem_channels", [(), (4, 8, 8)])
def test_only_matrices_decay(make_model, stem_channels):
    model = make_model(stem_channels=stem_channels)
    decaying, others = parameter_groups(model, 0.2)
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.2, 0.0)
    name_of = {parameter: name for name, parameter in model.named_parameters()}
    held_back = {name_of[parameter] for parameter in others["params"]}
    assert {name_of[parameter] for parameter in decaying["params"]} == set(name_of.values()) - held_back
    assert len(decaying["params"]) + len(others["params"]) == len(name_of)
    norms = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.LayerNorm | torch.nn.BatchNorm2d)
    }
    biases = {name for name in name_of.values() if name.endswith("bias")}
    assert held_back == norms | biases | {"log_logit_scale", "image_tower.cls_token"}


def test_gains_of_standardized_convolutions_do_not_decay():
    model = clip(VISION["NFNet"])
    held_back = set(parameter_groups(model, 0.2)[1]["params"])
    gains = [parameter for name, parameter in model.named_parameters() if name.endswith("gain")]
    assert len(gains) == 4 + 4 * 5 + 4 + 1 + 5  # stem, blocks, shortcuts, last convolution; a skip gain each block
    assert held_back.issuperset(gains)


# ---- layers ---------------------------------------------------------------------------------------------------------

VISION = {
    "ViT": ViTConfig(32, 16, 16, layers=3, heads=2),
    "ViT with a stem": ViTConfig(32, 16, 16, layers=3, heads=2, stem_channels=(4, 4, 8)),
    "SigLIP": ViTConfig(32, 16, 16, layers=3, heads=2, ln_pre=False, patch_bias=True, pool="map"),
    "NaFlex": NaFlexConfig(16, 2, 16, layers=3, heads=2, mlp_width=32),
    "ResNet": ResNetConfig(32, (1, 2, 1, 1), width=8, heads=4),
    "ConvNeXt": ConvNeXtConfig(32, (1, 2, 1, 1), (4, 8, 8, 16)),
    "EfficientNet": EfficientNetConfig(32, width=0.25),
    "NFNet": NFNetConfig(32, (1, 2, 1, 1), (16, 16, 16, 16), 16, group_width=8),
}


def clip(vision, text=TEXT, **settings):
    torch.manual_seed(0)
    return CLIP(CLIPConfig(16, vision, text, **settings))


def of(model, tower):
    """How many layers stand above each part of a tower, and its names by that number."""
    parts: dict[int, set[str]] = {}
    for name, layers in layers_above(model).items():
        if name.startswith(tower):
            parts.setdefault(layers, set()).add(name.removeprefix(f"{tower}."))
    return parts


def parts(names, depth=1):
    return {".".join(name.split(".")[:depth]) for name in names}


def test_every_parameter_has_a_place():
    for vision in VISION.values():
        for text in (TEXT, BertConfig(60, 8, 8, 16, layers=2, heads=2, mlp_width=32)):
            model = clip(vision, text, logit_bias=-10.0)
            assert set(layers_above(model)) == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("vision", ["ViT", "ViT with a stem", "SigLIP", "NaFlex"])
def test_blocks_of_an_image_transformer_count_from_above(vision):
    model = clip(VISION[vision])
    places = of(model, "image_tower")
    below = {"ViT": {"patch_embed", "cls_token", "pos_embed", "ln_pre"}, "SigLIP": {"patch_embed", "pos_embed"}}
    below |= {"ViT with a stem": below["ViT"], "NaFlex": {"patch_embed", "pos_embed"}}
    above = {"ln_post", "projection"} if vision.startswith("ViT") else {"ln_post", "head"}
    assert sorted(places) == [0, 1, 2, 3]
    assert parts(places[3]) == below[vision]
    assert parts(places[2], 2) == {"blocks.0"}
    assert parts(places[1], 2) == {"blocks.1"}
    assert parts(places[0]) == {"blocks"} | above
    assert {part for part in parts(places[0], 2) if part.startswith("blocks")} == {"blocks.2"}


def test_blocks_of_a_text_tower_count_from_above():
    places = of(clip(VISION["ViT"]), "text_tower")
    assert parts(places[3]) == {"token_embedding", "pos_embed"}
    assert [parts(places[n], 2) for n in (2, 1)] == [{"blocks.0"}, {"blocks.1"}]
    assert parts(places[0]) == {"blocks", "ln_final", "projection"}
    bert = of(clip(VISION["ViT"], BertConfig(60, 8, 8, 16, layers=2, heads=2, mlp_width=32)), "text_tower")
    assert parts(bert[2]) == {"token_embedding", "pos_embed", "segments", "ln_embedding"}
    assert parts(bert[1], 2) == {"blocks.0"}
    assert parts(bert[0]) == {"blocks", "projection"}


def test_stages_of_a_convolutional_tower_count_from_above():
    resnet = of(clip(VISION["ResNet"]), "image_tower")
    assert [parts(resnet[n]) for n in range(5)] == [{"stage4", "pool"}, {"stage3"}, {"stage2"}, {"stage1"}, {"stem"}]
    convnext = of(clip(VISION["ConvNeXt"]), "image_tower")
    assert [parts(convnext[n], 2) for n in (1, 2, 3)] == [{"stages.2"}, {"stages.1"}, {"stages.0"}]
    assert parts(convnext[0]) == {"stages", "norm", "projection"}
    assert parts(convnext[4]) == {"stem"}
    nfnet = of(clip(VISION["NFNet"]), "image_tower")
    assert [parts(nfnet[n], 2) for n in (1, 2, 3)] == [{"stages.2"}, {"stages.1"}, {"stages.0"}]
    assert parts(nfnet[0]) == {"stages", "final_conv", "projection"}
    assert parts(nfnet[4]) == {"stem"}
    efficientnet = of(clip(VISION["EfficientNet"]), "image_tower")
    blocks = [parts(efficientnet[n], 2) for n in range(1, 7)]
    firsts = [11, 8, 5, 3, 1, 0]  # after 1, 2, 2, 3, 3 and 4 blocks
    ends = [15, 11, 8, 5, 3, 1]
    assert blocks == [{f"blocks.{i}" for i in range(a, b)} for a, b in zip(firsts, ends, strict=True)]
    assert parts(efficientnet[0], 2) == {"blocks.15", "projection.weight", "projection.bias"}
    assert parts(efficientnet[7]) == {"stem"}


def test_rates_fall_from_layer_to_layer():
    model = clip(VISION["ViT"], TextConfig(60, 8, 16, layers=1, heads=2))
    groups = parameter_groups(model, 0.2, layer_decay=0.5)
    assert [(g["scale"], g["weight_decay"]) for g in groups] == [
        (scale, decay) for scale in (1, 0.5, 0.25, 0.125) for decay in (0.2, 0.0)
    ]
    scale_of = {parameter: group["scale"] for group in groups for parameter in group["params"]}
    assert len(scale_of) == sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    image, text = model.image_tower, model.text_tower
    expected = {
        model.log_logit_scale: 1,
        image.projection: 1,
        image.blocks[2].mlp.fc1.weight: 1,
        image.blocks[1].ln_1.bias: 0.5,
        image.blocks[0].attention.qkv.weight: 0.25,
        image.pos_embed: 0.125,
        text.blocks[0].mlp.fc2.weight: 1,
        text.token_embedding.weight: 0.5,  # one block, so one layer below it
    }
    assert {parameter: scale_of[parameter] for parameter in expected} == expected
    assert {group["scale"] for group in parameter_groups(model, 0.2)} == {1.0}, "from scratch all learn alike"
    assert [group["scale"] for group in make_optimizer(model, 0.2, layer_decay=0.5).param_groups] == [
        group["scale"] for group in groups
    ]


def test_a_published_model_has_a_group_for_each_of_its_layers():
    with torch.device("meta"):
        model = CLIP(zoo.MODELS["ViT-B/32"])
    scales = sorted({group["scale"] for group in parameter_groups(model, 0.2, layer_decay=0.75)})
    assert scales == pytest.approx([0.75**layers for layers in range(12, -1, -1)])
    assert math.isclose(scales[0], 0.0317, rel_tol=1e-2), "the patches learn thirty times slower than the heads"


def test_wrong_decays_and_wrapped_models_are_refused(model):
    with pytest.raises(ValueError, match=r"layer_decay=0 .* take 1"):
        parameter_groups(model, 0.2, layer_decay=0)
    with pytest.raises(ValueError, match=r"layer_decay=1\.5"):
        parameter_groups(model, 0.2, layer_decay=1.5)
    with pytest.raises(ValueError, match=r"layers of a Sequential .* give the CLIP itself"):
        parameter_groups(torch.nn.Sequential(model), 0.2, layer_decay=0.9)


# ---- frozen towers --------------------------------------------------------------------------------------------------


def train_a_little(model):
    optimizer = make_optimizer(model, weight_decay=0.2)
    train_mode(model)
    for step in range(3):
        torch.manual_seed(step)
        output = model(torch.randn(4, 3, 32, 32), torch.randint(1, 60, (4, 8)))
        optimizer.zero_grad()
        contrastive_loss(output.image_features, output.text_features, output.logit_scale).backward()
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * group["scale"]
        optimizer.step()


@pytest.mark.parametrize("vision", ["ViT with a stem", "ResNet", "ConvNeXt", "EfficientNet", "NFNet"])
@pytest.mark.parametrize("tower", ["image", "text"])
def test_a_frozen_tower_stays_as_it_was(vision, tower):
    model = clip(VISION[vision])
    freeze(model, tower)
    before = copy.deepcopy(model.state_dict())
    train_a_little(model)
    for name, tensor in model.state_dict().items():
        if name.startswith(f"{tower}_tower"):
            assert torch.equal(tensor, before[name]), name
    other = "text" if tower == "image" else "image"
    moved = {n for n, t in model.state_dict().items() if n.startswith(other) and not torch.equal(t, before[n])}
    assert len(moved) > 0.8 * sum(name.startswith(other) for name in before)
    assert model.training
    assert model.get_submodule(f"{other}_tower").training
    assert not any(module.training for module in model.get_submodule(f"{tower}_tower").modules())


def test_a_frozen_tower_costs_no_gradient_and_no_group():
    model = clip(VISION["ResNet"])
    freeze(model, "image")
    grouped = {parameter for group in parameter_groups(model, 0.2) for parameter in group["params"]}
    assert grouped == set(model.text_tower.parameters()) | {model.log_logit_scale}
    assert not model.encode_image(torch.randn(2, 3, 32, 32)).requires_grad, "nothing is kept for a backward pass"
    train_mode(model)
    assert not model.image_tower.training
    model.image_tower.requires_grad_(True)
    train_mode(model)
    assert model.image_tower.training, "thawed, it trains again"


def test_only_towers_can_be_frozen(model):
    with pytest.raises(ValueError, match=r"no 'vision' tower .* 'image' or 'text'"):
        freeze(model, "vision")
