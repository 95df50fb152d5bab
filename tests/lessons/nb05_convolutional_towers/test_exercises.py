"""The exercises of notebook 05: equal to the library with its own names, and wrong answers that might be taken."""

import ast
import inspect
import json

import torch
import torch.nn.functional as F
from torch import nn

from clip_tutor.lab.course.notebook_files import CHECKOUT
from clip_tutor.lessons.nb05_convolutional_towers.exercises import bottleneck, folding, layers, pool, tower
from clip_tutor.lessons.nb05_convolutional_towers.exercises.checks import randomize
from clip_tutor.lessons.nb05_convolutional_towers.small_towers import plain_block, small_tower
from clip_tutor.towers import ResNet, ResNetConfig, resnet
from clip_tutor.towers.convolution import ConvNorm
from clip_tutor.towers.pooling import AttentionPool
from tests.lessons.conftest import refusal


def with_weights_of(theirs: nn.Module, mine: nn.Module) -> nn.Module:
    """Return ``mine`` with the weights of ``theirs``, all of them random; the names must be the same."""
    torch.manual_seed(0)
    randomize(theirs)
    mine.load_state_dict(theirs.state_dict(), strict=True)
    return mine


def test_the_references_of_notebook_05_equal_the_library():
    pixels, x = torch.randn(2, 3, 64, 64), torch.randn(2, 16, 8, 8)
    config = ResNetConfig(64, (1, 2, 1, 1), width=4, heads=2)
    pairs = [
        (ConvNorm(16, 4, 3), layers.MyConvNorm(16, 4, 3), x),
        (resnet.DeepStem(8), layers.MyStem(8), pixels),
        (resnet.Bottleneck(16, 4, 1, blur=True), bottleneck.MyBottleneck(16, 4), x),
        (resnet.Bottleneck(16, 6, 2, blur=True), bottleneck.MyBottleneck(16, 6, 2), x),
        (AttentionPool(16, 4, 64, 5), pool.MyAttentionPool(16, 4, 64, 5), x),
        (ResNet(config, 5), tower.MyResNet(64, config.layers, 4, 2, 5), pixels),
    ]
    for theirs, mine, inputs in pairs:
        with_weights_of(theirs, mine)
        for training in (False, True):
            expected = theirs.train(training)(inputs.clone())
            torch.testing.assert_close(mine.train(training)(inputs), expected, atol=1e-4, rtol=1e-4)


def test_a_fold_gives_what_the_library_gives_in_evaluation():
    torch.manual_seed(0)
    layer = ConvNorm(6, 6, kernel_size=3, stride=2, groups=3)
    randomize(layer)
    x = torch.randn(2, 6, 8, 8)
    torch.testing.assert_close(folding.fold(layer.conv, layer.norm)(x), layer.eval()(x), atol=1e-5, rtol=1e-5)


def test_a_small_tower_of_the_default_parts_is_an_ordinary_resnet():
    theirs = ResNet(ResNetConfig(64, (1, 2, 1, 1), width=8, deep_stem=False, blur=False, attention_pool=False), 5)
    mine = with_weights_of(theirs, small_tower((1, 2, 1, 1), 8, 64, 5))
    pixels = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(mine.eval()(pixels), theirs.eval()(pixels), atol=1e-4, rtol=1e-4)


def test_the_layers_that_the_notebook_gives_are_the_lessons():
    cells = json.loads((CHECKOUT / "notebooks" / "05_convolutional_towers.ipynb").read_text(encoding="utf-8"))["cells"]
    for name, thing in (("conv-norm", layers.MyConvNorm), ("my-stem", layers.MyStem)):
        (given,) = ["".join(cell["source"]) for cell in cells if cell["id"] == name]
        assert ast.dump(ast.parse(given)) == ast.dump(ast.parse(inspect.getsource(thing)))


def test_a_blur_may_change_places_with_a_1_by_1_convolution_in_evaluation_only():
    torch.manual_seed(0)
    layer, x = layers.MyConvNorm(4, 6, kernel_size=1), torch.randn(3, 4, 8, 8)
    randomize(layer)
    for training in (False, True):
        before, after = layer.train(training)(F.avg_pool2d(x, 2)), F.avg_pool2d(layer(x), 2)
        assert torch.allclose(before, after, atol=1e-5) == (not training)


# ------------------------------------------------------------------------------------------ fresh wrong answers


def test_other_names_are_told_by_their_names():
    class Renamed(bottleneck.MyBottleneck):
        def __init__(self, in_channels, width, stride=1):
            super().__init__(in_channels, width, stride)
            self.downsample, self.shortcut = self.shortcut, None

    said = str(refusal("05.1", Renamed))
    assert "downsample.conv.weight (8, 6, 1, 1)" in said and "shortcut.conv.weight (8, 6, 1, 1)" in said
    assert "MyBottleneck(6, 2, 1)" in said


def test_the_ordinary_block_of_the_library_is_refused():
    assert "a block that halves" in str(refusal("05.1", plain_block))


def test_a_pool_that_takes_the_mean_of_the_queries_is_refused():
    class MeanOfQueries(pool.MyAttentionPool):
        def forward(self, feature_map):
            x = self.tokens(feature_map)
            made = self.query(x).mean(dim=1, keepdim=True), self.key(x), self.value(x)
            query, key, value = (one.unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in made)
            return self.out(pool.attend(query, key, value).transpose(1, 2).flatten(1))

    assert "the first of 3 images becomes" in str(refusal("05.2", MeanOfQueries))


def test_a_tower_without_its_own_stem_is_found():
    class OtherStem(tower.MyResNet):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.stem = resnet.PlainStem(sizes[2])

    assert "stem.conv1.conv.weight (4, 3, 7, 7)" in str(refusal("05.3", OtherStem))
