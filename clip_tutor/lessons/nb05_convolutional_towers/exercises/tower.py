"""Exercise 05.3: CLIP's ResNet, from stem to attention pool."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import demand_gradients, demand_names, in_words, random_tensor
from clip_tutor.lessons.nb05_convolutional_towers.exercises.bottleneck import MyBottleneck
from clip_tutor.lessons.nb05_convolutional_towers.exercises.checks import use_with
from clip_tutor.lessons.nb05_convolutional_towers.exercises.layers import MyStem
from clip_tutor.lessons.nb05_convolutional_towers.exercises.pool import MyAttentionPool


class MyResNet(nn.Module):
    """CLIP's ResNet: a stem, four stages of bottleneck blocks, an attention pool."""

    def __init__(self, image_size: int, layers: Sequence[int], width: int, heads: int, embed_dim: int) -> None:
        """Make the parts; layers says how many blocks each stage has, width how many channels the stem gives."""
        super().__init__()
        self.stem = MyStem(width)
        self.stage1 = self.make_stage(width, width, layers[0], stride=1)
        self.stage2 = self.make_stage(4 * width, 2 * width, layers[1], stride=2)
        self.stage3 = self.make_stage(8 * width, 4 * width, layers[2], stride=2)
        self.stage4 = self.make_stage(16 * width, 8 * width, layers[3], stride=2)
        self.pool = MyAttentionPool(32 * width, heads, (image_size // 32) ** 2, embed_dim)

    def make_stage(self, in_channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
        """Return blocks of this width in a row. The first takes in_channels and the stride, all others stride 1."""
        first = MyBottleneck(in_channels, width, stride)
        return nn.Sequential(first, *(MyBottleneck(4 * width, width) for _ in range(blocks - 1)))

    def feature_map(self, pixels: Tensor) -> Tensor:
        """Return (B, 32·width, H/32, W/32), what each place of the image shows, from pixels (B, 3, H, W)."""
        x = self.stem(pixels)  # (B, width, H/4, W/4)
        x = self.stage2(self.stage1(x))  # (B, 8·width, H/8, W/8)
        return self.stage4(self.stage3(x))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return image features (B, E), of any length, from normalized pixels (B, 3, H, W)."""
        return self.pool(self.feature_map(pixels))


_use_all = use_with(lambda: MyResNet)


def _use(kind, task, arguments, *inputs):  # type: ignore[no-untyped-def]  # of any class that has these methods
    if task != "map":
        return _use_all(kind, task, arguments, *inputs)

    class Mapped(kind):  # type: ignore[misc, valid-type]
        def forward(self, pixels: Tensor) -> Tensor:
            return self.feature_map(pixels)

    return _use_all(Mapped, "evaluation", arguments, *inputs)


_SMALL = (64, (1, 3, 1, 1), 4, 2, 5)  # image_size, layers, width, heads, embed_dim


def _check_resnet(resnet: Attempt) -> str:
    demand_names(resnet, RESNET, _SMALL)
    right_use, pixels = RESNET.as_function(MyResNet), random_tensor(2, 3, 64, 64)
    found = resnet("map", _SMALL, pixels)
    demand(
        isinstance(found, Tensor) and found.shape == (2, 128, 2, 2),
        f"feature_map gives {describe(found)} for 2 images of 64 × 64 and width 4",
        "a tensor (2, 128, 2, 2): 32 times the width, a 32nd of the side",
    )
    for arguments, side in ((_SMALL, 64), ((32, (2, 1, 1, 2), 4, 4, 3), 32)):
        pixels = random_tensor(2, 3, side, side, seed=side)
        for mode in ("evaluation", "training"):
            result, right = (use(mode, arguments, pixels) for use in (resnet, right_use))
            demand(
                isinstance(result, Tensor) and result.shape == right.shape,
                f"the result is {describe(result)} for 2 images and embed_dim {arguments[4]}",
                f"a tensor {tuple(right.shape)}: one vector an image",
            )
            demand(
                same(result, right),
                f"in {mode} mode the first image becomes {in_words(result[0], right[0])}, with layers {arguments[1]}",
                in_words(right[0], result[0]),
            )
    demand_gradients(resnet, _SMALL, random_tensor(2, 3, 64, 64))
    return "names, the map, equal to the reference on 2 towers in evaluation and in training, the gradients"


class _StrideEverywhere(MyResNet):
    def make_stage(self, in_channels, width, blocks, stride):  # type: ignore[no-untyped-def]
        rest = (MyBottleneck(4 * width, width, stride) for _ in range(blocks - 1))
        return nn.Sequential(MyBottleneck(in_channels, width, stride), *rest)


class _StrideLast(MyResNet):
    def make_stage(self, in_channels, width, blocks, stride):  # type: ignore[no-untyped-def]
        if blocks == 1:
            return super().make_stage(in_channels, width, blocks, stride)
        first = MyBottleneck(in_channels, width)
        middle = (MyBottleneck(4 * width, width) for _ in range(blocks - 2))
        return nn.Sequential(first, *middle, MyBottleneck(4 * width, width, stride))


class _FirstStageHalves(MyResNet):
    def __init__(self, image_size, layers, width, heads, embed_dim):  # type: ignore[no-untyped-def]
        super().__init__(image_size, layers, width, heads, embed_dim)
        self.stage1 = self.make_stage(width, width, layers[0], stride=2)


class _SameWidth(MyResNet):
    def __init__(self, image_size, layers, width, heads, embed_dim):  # type: ignore[no-untyped-def]
        super().__init__(image_size, layers, width, heads, embed_dim)
        stages = [self.make_stage(4 * width, width, blocks, stride=2) for blocks in layers[1:]]
        self.stage2, self.stage3, self.stage4 = stages
        self.pool = MyAttentionPool(4 * width, heads, (image_size // 32) ** 2, embed_dim)


class _OneMore(MyResNet):
    def make_stage(self, in_channels, width, blocks, stride):  # type: ignore[no-untyped-def]
        return super().make_stage(in_channels, width, blocks + 1, stride)


class _OneBlock(MyResNet):
    def make_stage(self, in_channels, width, blocks, stride):  # type: ignore[no-untyped-def]
        again = MyBottleneck(4 * width, width)
        return nn.Sequential(MyBottleneck(in_channels, width, stride), *[again] * (blocks - 1))


class _PositionsOfSides(MyResNet):
    def __init__(self, image_size, layers, width, heads, embed_dim):  # type: ignore[no-untyped-def]
        super().__init__(image_size, layers, width, heads, embed_dim)
        self.pool = MyAttentionPool(32 * width, heads, image_size // 32, embed_dim)


class _MeanOfMap(MyResNet):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        found = self.feature_map(pixels).mean(dim=(2, 3), keepdim=True)
        return self.pool(found.expand(-1, -1, *[int((len(self.pool.pos_embed) - 1) ** 0.5)] * 2))


class _UnitLength(MyResNet):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        return F.normalize(super().forward(pixels), dim=-1)


class _ForgottenStage(MyResNet):
    def feature_map(self, pixels):  # type: ignore[no-untyped-def]
        return self.stage3(self.stage2(self.stage1(self.stem(pixels))))


RESNET = Exercise(
    id="05.3",
    title="CLIP's ResNet",
    difficulty=2,
    minutes=12,
    kept=True,
    reference=MyResNet,
    use=_use,
    check=_check_resnet,
    hints=(
        "One stage hands 4·(its width) channels to the next. With width 64 the stem gives 64 channels: what does "
        "stage1 take in and give, and stage2?",
        "`make_stage`: one MyBottleneck with in_channels and the stride, then blocks − 1 of them with 4·width channels "
        "in and stride 1, all in an `nn.Sequential`.",
        "The widths of the stages are width, 2·width, 4·width and 8·width; only stage1 has stride 1. The image has "
        "been halved five times at the end, so the map has (image_size / 32)² places of 32·width channels.",
    ),
    mutants=(
        Mutant(_StrideEverywhere, "every block of a stage halves: only its first one does"),
        Mutant(_StrideLast, "the last block of a stage halves: it is the first one"),
        Mutant(_FirstStageHalves, "stage1 halves, too: the stem has made the image four times smaller already"),
        Mutant(_SameWidth, "all stages are equally wide: the width doubles whenever height and width are halved"),
        Mutant(_OneMore, "a block too many in each stage: the first one counts"),
        Mutant(_OneBlock, "one block stands at several places of a stage: make a new one for each"),
        Mutant(_PositionsOfSides, "the pool has a position for each row of the map only: the map has rows × columns"),
        Mutant(_UnitLength, "the features have length 1: the tower leaves that to whoever compares them"),
        Mutant(_ForgottenStage, "stage4 is not used"),
    ),
)
