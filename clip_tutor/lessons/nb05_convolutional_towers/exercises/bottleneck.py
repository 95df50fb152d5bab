"""Exercise 05.1: CLIP's bottleneck block, which blurs before it skips."""

import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import demand_gradients, demand_names, in_words, random_tensor
from clip_tutor.lessons.nb05_convolutional_towers.exercises.checks import use_with
from clip_tutor.lessons.nb05_convolutional_towers.exercises.layers import MyConvNorm


class MyBottleneck(nn.Module):
    """CLIP's bottleneck block: narrow, 3 × 3, wide again, added to what came in; a mean halves it, never a stride."""

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        """Make the layers: conv1, conv2 and conv3, and shortcut where the shape changes (else None).

        in_channels come in, width are inside, 4·width go out. stride 2 halves height and width.
        A new block adds nothing: the weight of the last BatchNorm, conv3.norm.weight, starts at 0.
        """
        super().__init__()
        out_channels = 4 * width
        self.conv1 = MyConvNorm(in_channels, width, kernel_size=1)
        self.conv2 = MyConvNorm(width, width, kernel_size=3)
        self.conv3 = MyConvNorm(width, out_channels, kernel_size=1)
        nn.init.zeros_(self.conv3.norm.weight)
        self.blur = nn.AvgPool2d(stride)
        reshapes = stride > 1 or in_channels != out_channels
        self.shortcut = MyConvNorm(in_channels, out_channels, kernel_size=1) if reshapes else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 4·width, H/stride, W/stride) from (B, in_channels, H, W)."""
        branch = F.relu(self.conv1(x))  # (B, width, H, W)
        branch = self.blur(F.relu(self.conv2(branch)))  # (B, width, H/stride, W/stride)
        if self.shortcut is not None:
            x = self.shortcut(self.blur(x))  # (B, 4·width, H/stride, W/stride)
        return F.relu(self.conv3(branch) + x)


_KINDS = {  # in_channels, width, stride
    "a block that keeps its shape": (8, 2, 1),
    "a block that only makes it wider": (6, 2, 1),
    "a block that halves": (8, 2, 2),
    "a block that halves and makes it wider": (4, 3, 2),
}


def _check_bottleneck(block: Attempt) -> str:
    for what, arguments in _KINDS.items():
        demand_names(block, BOTTLENECK, arguments, f", in {what}, MyBottleneck{arguments}")
    x = random_tensor(2, 8, 4, 4).abs()
    fresh = block("fresh", (8, 2, 1), x)
    demand(
        isinstance(fresh, Tensor) and same(fresh.detach(), x),
        "a new block that keeps its shape changes what comes in",
        "the positive x that came in: the branch adds 0 as long as conv3.norm.weight is 0",
        "`nn.init.zeros_` sets a weight to 0",
    )
    right_use = BOTTLENECK.as_function(MyBottleneck)
    for what, (in_channels, width, stride) in _KINDS.items():
        x = random_tensor(3, in_channels, 8, 6, seed=stride)
        for mode in ("evaluation", "training"):
            result, right = (use(mode, (in_channels, width, stride), x) for use in (block, right_use))
            demand(
                isinstance(result, Tensor) and result.shape == right.shape,
                f"{describe(result)} from (3, {in_channels}, 8, 6), by {what}",
                describe(right),
            )
            pixel, right_pixel = result[0, :, 1, 1], right[0, :, 1, 1]
            demand(
                same(result, right),
                f"in {mode} mode {what} makes {in_words(pixel, right_pixel)} of the place at row 1, column 1",
                in_words(right_pixel, pixel),
            )
    demand_gradients(block, (8, 2, 2), random_tensor(2, 8, 4, 4))
    return "names, a new block adds nothing, 4 shapes of block in evaluation and in training, the gradients"


class _Strided(MyBottleneck):
    def __init__(self, in_channels, width, stride=1):  # type: ignore[no-untyped-def]
        super().__init__(in_channels, width, stride)
        self.conv2 = MyConvNorm(width, width, kernel_size=3, stride=stride)
        if self.shortcut is not None:
            self.shortcut = MyConvNorm(in_channels, 4 * width, kernel_size=1, stride=stride)
        self.blur = nn.Identity()  # type: ignore[assignment]


class _ShortcutSkips(MyBottleneck):
    def forward(self, x):  # type: ignore[no-untyped-def]
        branch = self.conv3(self.blur(F.relu(self.conv2(F.relu(self.conv1(x))))))
        step = self.blur.kernel_size
        return F.relu(branch + (x if self.shortcut is None else self.shortcut(x[..., ::step, ::step])))


class _BranchSkips(MyBottleneck):
    def forward(self, x):  # type: ignore[no-untyped-def]
        step = self.blur.kernel_size
        branch = self.conv3(F.relu(self.conv2(F.relu(self.conv1(x))))[..., ::step, ::step])
        return F.relu(branch + (x if self.shortcut is None else self.shortcut(self.blur(x))))


class _BlurTooEarly(MyBottleneck):
    def forward(self, x):  # type: ignore[no-untyped-def]
        branch = self.conv3(F.relu(self.conv2(self.blur(F.relu(self.conv1(x))))))
        return F.relu(branch + (x if self.shortcut is None else self.shortcut(self.blur(x))))


class _BlurBeforeActivation(MyBottleneck):
    def forward(self, x):  # type: ignore[no-untyped-def]
        branch = self.conv3(F.relu(self.blur(self.conv2(F.relu(self.conv1(x))))))
        return F.relu(branch + (x if self.shortcut is None else self.shortcut(self.blur(x))))


class _BlurTooLate(MyBottleneck):
    def forward(self, x):  # type: ignore[no-untyped-def]
        branch = self.blur(self.conv3(F.relu(self.conv2(F.relu(self.conv1(x))))))
        return F.relu(branch + (x if self.shortcut is None else self.shortcut(self.blur(x))))


class _Maximum(MyBottleneck):
    def __init__(self, in_channels, width, stride=1):  # type: ignore[no-untyped-def]
        super().__init__(in_channels, width, stride)
        self.blur = nn.MaxPool2d(stride)  # type: ignore[assignment]


class _LastActivationInside(MyBottleneck):
    def forward(self, x):  # type: ignore[no-untyped-def]
        branch = self.conv3(self.blur(F.relu(self.conv2(F.relu(self.conv1(x))))))
        return F.relu(branch) + (x if self.shortcut is None else self.shortcut(self.blur(x)))


class _NoLastActivation(MyBottleneck):
    def forward(self, x):  # type: ignore[no-untyped-def]
        branch = self.conv3(self.blur(F.relu(self.conv2(F.relu(self.conv1(x))))))
        return branch + (x if self.shortcut is None else self.shortcut(self.blur(x)))


class _NoActivationInside(MyBottleneck):
    def forward(self, x):  # type: ignore[no-untyped-def]
        branch = self.conv3(self.blur(self.conv2(self.conv1(x))))
        return F.relu(branch + (x if self.shortcut is None else self.shortcut(self.blur(x))))


class _AddsAtOnce(MyBottleneck):
    def __init__(self, in_channels, width, stride=1):  # type: ignore[no-untyped-def]
        super().__init__(in_channels, width, stride)
        nn.init.ones_(self.conv3.norm.weight)


class _AlwaysShortcut(MyBottleneck):
    def __init__(self, in_channels, width, stride=1):  # type: ignore[no-untyped-def]
        super().__init__(in_channels, width, stride)
        self.shortcut = MyConvNorm(in_channels, 4 * width, kernel_size=1)


class _ShortcutOnlyIfWider(MyBottleneck):
    def __init__(self, in_channels, width, stride=1):  # type: ignore[no-untyped-def]
        super().__init__(in_channels, width, stride)
        if in_channels == 4 * width:
            self.shortcut = None


class _Cut(MyBottleneck):
    def forward(self, x):  # type: ignore[no-untyped-def]
        branch = self.conv3(self.blur(F.relu(self.conv2(F.relu(self.conv1(x))))).detach())
        return F.relu(branch + (x if self.shortcut is None else self.shortcut(self.blur(x))))


BOTTLENECK = Exercise(
    id="05.1",
    title="A bottleneck that blurs",
    difficulty=3,
    minutes=15,
    kept=True,
    reference=MyBottleneck,
    use=use_with(lambda: MyBottleneck),
    check=_check_bottleneck,
    hints=(
        "`__init__` is the table, line by line. None of the four convolutions has a stride. What halves height and "
        "width then, and at which two places of the drawing?",
        "`nn.AvgPool2d(stride)` takes the mean of each stride × stride square, and with stride 1 it does nothing. It "
        "has no weights, so one of them can serve both the branch and the shortcut.",
        "Branch: conv1, ReLU, conv2, ReLU, blur, conv3. Shortcut, where the shape changes: blur, then its convolution. "
        "Then the sum, and a last ReLU.",
    ),
    mutants=(
        Mutant(
            _Strided,
            "a stride of 2 in the convolutions: that is the ordinary block, which keeps every second pixel without a "
            "look at the others",
        ),
        Mutant(
            _ShortcutSkips,
            "the shortcut skips: of four pixels it looks at one and throws three away. Take their mean first",
        ),
        Mutant(_BranchSkips, "the branch skips pixels behind conv2: take their mean"),
        Mutant(
            _BlurTooEarly,
            "the blur stands before conv2: the 3 × 3 convolution then sees the coarse image only. It comes behind it",
        ),
        Mutant(
            _BlurBeforeActivation,
            "the blur stands before conv2's ReLU: the ReLU makes new fine detail, so the blur comes after it",
        ),
        Mutant(
            _BlurTooLate,
            "the blur stands behind conv3: in evaluation that gives the same numbers, for four times the work of "
            "conv3, and in training its BatchNorm measures other ones. Blur first",
        ),
        Mutant(_Maximum, "the largest of each square: a maximum makes new fine detail, the mean removes it"),
        Mutant(
            _LastActivationInside,
            "the last ReLU stands on the branch, before the addition: then a block could never subtract. It comes "
            "after it",
        ),
        Mutant(_NoLastActivation, "the last ReLU is missing: it comes after the addition"),
        Mutant(_NoActivationInside, "no ReLU between the convolutions: three of them in a row are no more than one"),
        Mutant(_AddsAtOnce, "conv3.norm.weight starts at 1, as BatchNorm makes it: set it to 0"),
        Mutant(
            _AlwaysShortcut,
            "a shortcut in every block: where the shape stays, x itself is added, and nothing stands in its way",
        ),
        Mutant(
            _ShortcutOnlyIfWider,
            "no shortcut where only height and width change: x is then twice as large as what it is added to",
        ),
        Mutant(_Cut, "the branch is cut before conv3: conv1 and conv2 would never learn"),
    ),
)
