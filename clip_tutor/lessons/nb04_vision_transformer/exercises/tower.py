"""Exercise 04.6: the whole tower."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import demand_gradients, demand_names, in_words, random_tensor
from clip_tutor.lessons.nb04_vision_transformer.exercises.block import MyBlock
from clip_tutor.lessons.nb04_vision_transformer.exercises.checks import quick_gelu, use_with
from clip_tutor.lessons.nb04_vision_transformer.exercises.patches import patchify


class MyPatchEmbed(nn.Module):
    """The patch embedding: each patch, by one matrix, becomes a vector of D numbers."""

    def __init__(self, P: int, D: int) -> None:
        """Make the matrix, in the shape of a convolution's weight, (D, 3, P, P), as the library keeps it."""
        super().__init__()
        self.proj = nn.Conv2d(3, D, kernel_size=P, stride=P, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, N, D) from (B, 3, H, W)."""
        return patchify(pixels, self.proj.kernel_size[0]) @ self.proj.weight.flatten(1).T


class MyViT(nn.Module):
    """CLIP's Vision Transformer: patches and a class token go through blocks, and the class token is read."""

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        width: int,
        layers: int,
        heads: int,
        embed_dim: int,
        activation: Callable[[Tensor], Tensor] = F.gelu,
        patch_embed: nn.Module | None = None,
    ) -> None:
        """Make the parts; cls_token, pos_embed and projection start as random normal numbers times 1/√D."""
        super().__init__()
        N, scale = (image_size // patch_size) ** 2, width**-0.5
        self.patch_embed = MyPatchEmbed(patch_size, width) if patch_embed is None else patch_embed
        self.cls_token = nn.Parameter(scale * torch.randn(width))
        self.pos_embed = nn.Parameter(scale * torch.randn(1 + N, width))
        self.ln_pre = nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(MyBlock(width, heads, activation) for _ in range(layers)))
        self.ln_post = nn.LayerNorm(width)
        self.projection = nn.Parameter(scale * torch.randn(width, embed_dim))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return image features (B, E), of any length, from normalized pixels (B, 3, H, W)."""
        x = self.patch_embed(pixels)  # (B, N, D)
        cls_token = self.cls_token.expand(len(x), 1, -1)  # (B, 1, D)
        x = torch.cat([cls_token, x], dim=1) + self.pos_embed  # (B, 1+N, D)
        x = self.blocks(self.ln_pre(x))  # (B, 1+N, D)
        return self.ln_post(x[:, 0]) @ self.projection  # (B, E)


class _Stem(nn.Module):
    """Another patch embedding, to be handed in."""

    def __init__(self, P: int, D: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, D, P, stride=P)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.convolution(pixels).flatten(2).transpose(1, 2)


_SMALL = (8, 4, 8, 2, 2, 5)  # image, patch, width, layers, heads, embed_dim: N = 4


def _check_vit(vit: Attempt) -> str:
    demand_names(vit, VIT, _SMALL)
    right_use, pixels = VIT.as_function(MyViT), random_tensor(3, 3, 8, 8)
    result, right = vit("forward", _SMALL, pixels), right_use("forward", _SMALL, pixels)
    demand(
        isinstance(result, Tensor) and result.shape == (3, 5),
        f"the result is {describe(result)} for 3 images and embed_dim 5",
        "a tensor (3, 5): one vector an image",
    )
    demand(
        same(result, right), f"the first image becomes {in_words(result[0], right[0])}", in_words(right[0], result[0])
    )
    for arguments, side in (
        ((12, 4, 8, 3, 4, 2), 12),
        ((*_SMALL, quick_gelu), 8),
        ((*_SMALL, F.gelu, _Stem(4, 8)), 8),
    ):
        pixels = random_tensor(2, 3, side, side)
        result, right = vit("forward", arguments, pixels), right_use("forward", arguments, pixels)
        what = {6: "3 blocks of 4 heads", 7: "QuickGELU", 8: "a patch embedding that was handed in"}[len(arguments)]
        demand(same(result, right), f"other features with {what}", "the library's, to five digits")
    demand_gradients(vit, _SMALL, random_tensor(3, 3, 8, 8))
    for name in ("cls_token", "pos_embed", "projection"):
        spread = vit("spread", (8, 4, 4096, 0, 2, 4), name)
        demand(
            spread == 1.0,
            f"a fresh {name} has a spread of {spread:.1f}/√D",
            "1/√D, so that a token begins with a length of about 1",
        )
    return "names, equal to the library's on 4 towers, with another patch embedding, the gradients, fresh weights"


class _Mean(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        x = self.patch_embed(pixels)
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], dim=1) + self.pos_embed
        return self.ln_post(self.blocks(self.ln_pre(x)).mean(dim=1)) @ self.projection


class _LastToken(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        x = self.patch_embed(pixels)
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], dim=1) + self.pos_embed
        return self.ln_post(self.blocks(self.ln_pre(x))[:, -1]) @ self.projection


class _ClassLast(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        x = self.patch_embed(pixels)
        x = torch.cat([x, self.cls_token.expand(len(x), 1, -1)], dim=1) + self.pos_embed
        return self.ln_post(self.blocks(self.ln_pre(x))[:, -1]) @ self.projection


class _FirstOfClassLast(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        x = self.patch_embed(pixels)
        x = torch.cat([x, self.cls_token.expand(len(x), 1, -1)], dim=1) + self.pos_embed
        return self.ln_post(self.blocks(self.ln_pre(x))[:, 0]) @ self.projection


class _Placeless(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        x = self.patch_embed(pixels)
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], dim=1)
        return self.ln_post(self.blocks(self.ln_pre(x))[:, 0]) @ self.projection


class _ClassPlaceless(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        x = self.patch_embed(pixels) + self.pos_embed[1:]
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], dim=1)
        return self.ln_post(self.blocks(self.ln_pre(x))[:, 0]) @ self.projection


class _NoPre(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        x = self.patch_embed(pixels)
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], dim=1) + self.pos_embed
        return self.ln_post(self.blocks(x)[:, 0]) @ self.projection


class _PreTooEarly(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        x = self.patch_embed(pixels)
        x = self.ln_pre(torch.cat([self.cls_token.expand(len(x), 1, -1), x], dim=1)) + self.pos_embed
        return self.ln_post(self.blocks(x)[:, 0]) @ self.projection


class _NoPost(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        x = self.patch_embed(pixels)
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], dim=1) + self.pos_embed
        return self.blocks(self.ln_pre(x))[:, 0] @ self.projection


class _UnitLength(MyViT):
    def forward(self, pixels):  # type: ignore[no-untyped-def]
        return F.normalize(super().forward(pixels), dim=-1)


class _OneBlock(MyViT):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        self.blocks = nn.Sequential(*([self.blocks[0]] * len(self.blocks)))


class _OwnStem(MyViT):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments[:7])


class _ViTGelu(MyViT):
    def __init__(self, image, patch, width, layers, heads, embed_dim, activation=F.gelu, patch_embed=None):  # type: ignore[no-untyped-def]
        super().__init__(image, patch, width, layers, heads, embed_dim, F.gelu, patch_embed)


class _Loud(MyViT):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        for weights in (self.cls_token, self.pos_embed, self.projection):
            nn.init.normal_(weights)


class _Frozen(MyViT):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        self.pos_embed.requires_grad_(False)


VIT = Exercise(
    id="04.6",
    title="The tower",
    difficulty=3,
    minutes=20,
    kept=True,
    reference=MyViT,
    use=use_with(lambda: MyViT),
    check=_check_vit,
    hints=(
        "`__init__` is the table of names, line by line: three parameters, two LayerNorms, the patch embedding, and "
        "the blocks. How many positions are there?",
        "One class token serves all images: `expand` it to (B, 1, D) and put it before the patches with `torch.cat`. "
        "The positions (1+N, D) are added to all tokens, the class token among them.",
        "Then ln_pre, the blocks, and of all tokens only the first, `x[:, 0]`. What is left is ln_post and one matrix "
        "product with the projection.",
    ),
    mutants=(
        Mutant(_Mean, "the mean of all tokens is read: CLIP reads the class token alone"),
        Mutant(_LastToken, "the last token is read, which is a patch: the class token is the first"),
        Mutant(_ClassLast, "the class token stands at the end: then every token gets the position of its neighbor"),
        Mutant(_FirstOfClassLast, "the class token stands at the end, and a patch is read: put it before the patches"),
        Mutant(_Placeless, "the positions are never added"),
        Mutant(_ClassPlaceless, "the class token gets no position: it has one of its own, the first"),
        Mutant(_NoPre, "ln_pre is never used"),
        Mutant(_PreTooEarly, "ln_pre comes before the positions: they are added first"),
        Mutant(_NoPost, "ln_post is never used: the last block leaves the stream as long as it has grown"),
        Mutant(_UnitLength, "the features have length 1: the tower leaves that to whoever compares them"),
        Mutant(_OneBlock, "one block stands in all places: make a new one for each"),
        Mutant(_OwnStem, "the patch embedding that was handed in is not used"),
        Mutant(_ViTGelu, "the activation is not handed on to the blocks"),
        Mutant(_Loud, "random numbers without the scale: these tokens begin √D times as long"),
        Mutant(_Frozen, "the positions are not trained: an nn.Parameter asks for its gradient unless told not to"),
    ),
)
