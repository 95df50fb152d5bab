"""The exercises of notebook 04: equal to the library with its own names, and wrong answers that were once taken."""

import ast
import inspect
import json

import torch
import torch.nn.functional as F
from torch import nn

from clip_tutor.lab.course.notebook_files import CHECKOUT
from clip_tutor.lessons.nb04_vision_transformer.exercises import attention, block, further, tower
from clip_tutor.towers import VisionTransformer, ViTConfig
from clip_tutor.towers import attention as library
from clip_tutor.towers.pooling import MAPHead
from clip_tutor.towers.single_query import attend
from clip_tutor.towers.vit import PatchEmbed
from clip_tutor.weights import load
from tests.lessons.conftest import refusal

CONFIG = ViTConfig(image_size=32, patch_size=8, width=24, layers=2, heads=3, activation="quick_gelu")


def with_weights_of(theirs: nn.Module, mine: nn.Module) -> nn.Module:
    """Return ``mine`` with the weights of ``theirs``, all of them random; the names must be the same."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in theirs.parameters():
            weights.normal_(0.0, 0.3)
    mine.load_state_dict(theirs.state_dict(), strict=True)
    return mine


def test_the_references_of_notebook_04_equal_the_library():
    x, pixels = torch.randn(2, 5, 24), torch.randn(2, 3, 32, 32)
    pairs = [
        (library.Attention(24, 3), attention.MyAttention(24, 3), x),
        (library.MLP(24, "gelu"), block.MyMLP(24), x),
        (library.MLP(24, "quick_gelu"), block.MyMLP(24, library.QuickGELU()), x),
        (library.Block(24, 3, "gelu"), block.MyBlock(24, 3), x),
        (PatchEmbed(CONFIG), tower.MyPatchEmbed(8, 24), pixels),
        (VisionTransformer(CONFIG, 10), tower.MyViT(32, 8, 24, 2, 3, 10, library.QuickGELU()), pixels),
        (MAPHead(24, 3, "gelu"), further.MyMAPHead(24, 3), x),
    ]
    for theirs, mine, inputs in pairs:
        torch.testing.assert_close(with_weights_of(theirs, mine)(inputs), theirs(inputs), atol=1e-4, rtol=1e-4)
    query, key, value = torch.randn(3, 2, 7, 4)
    mask = library.causal_mask(7)
    torch.testing.assert_close(attention.attend(query, key, value, mask), library.attention(query, key, value, mask))


def test_a_causal_block_is_the_block_with_a_mask():
    theirs, mine = library.Block(24, 3, "gelu", causal=True), block.MyBlock(24, 3)
    x = torch.randn(2, 5, 24)
    mine = with_weights_of(theirs, mine)
    torch.testing.assert_close(mine(x, library.causal_mask(5)), theirs(x), atol=1e-4, rtol=1e-4)


def test_one_query_equals_the_librarys():
    layer = library.Attention(16, 1).requires_grad_(False)
    nn.init.eye_(layer.out.weight), nn.init.zeros_(layer.out.bias)
    key, value = nn.Linear(16, 16).requires_grad_(False), nn.Linear(16, 16).requires_grad_(False)
    one, x = torch.randn(3, 16), torch.randn(3, 9, 16)
    for part in ("weight", "bias"):
        for one_layer, chunk in zip((key, value), getattr(layer.qkv, part).chunk(3)[1:], strict=True):
            getattr(one_layer, part).copy_(chunk)
    query = F.linear(one, layer.qkv.weight[:16], layer.qkv.bias[:16])
    torch.testing.assert_close(further.single_query_attention(query, x, key, value), attend(layer, one, x))


def test_the_whole_tower_loads_the_weights_that_ship():
    theirs = load("emoji").model.image_tower
    c = theirs.config
    mine = tower.MyViT(c.image_size, c.patch_size, c.width, c.layers, c.heads, 128, patch_embed=theirs.patch_embed)
    mine.eval().load_state_dict(theirs.state_dict(), strict=True)
    pixels = torch.randn(4, 3, 64, 64)
    torch.testing.assert_close(mine(pixels), theirs(pixels), atol=1e-5, rtol=1e-5)


def test_the_patch_embedding_that_the_notebook_gives_is_the_lessons():
    cells = json.loads((CHECKOUT / "notebooks" / "04_vision_transformer.ipynb").read_text(encoding="utf-8"))["cells"]
    (given,) = ["".join(cell["source"]) for cell in cells if cell["id"] == "patch-embed"]
    assert ast.dump(ast.parse(given)) == ast.dump(ast.parse(inspect.getsource(tower.MyPatchEmbed)))


# ------------------------------------------------------------------------------------------ fresh wrong answers


def test_other_names_are_told_by_their_names():
    class Renamed(attention.MyAttention):
        def __init__(self, width, heads):
            super().__init__(width, heads)
            self.to_qkv = self.qkv
            del self.qkv

    said = str(refusal("04.3", Renamed))
    assert "to_qkv.bias (18,), to_qkv.weight (18, 6) where qkv.bias (18,), qkv.weight (18, 6) should be" in said


def test_a_value_that_no_gradient_reaches_is_found():
    def attend(query, key, value, mask=None):
        return attention.attend(query, key, value.detach(), mask)

    assert "no gradient reaches value" in str(refusal("04.2", attend))


def test_a_class_token_that_is_never_trained_is_found():
    class Cut(tower.MyViT):
        def forward(self, pixels):
            x = self.patch_embed(pixels)
            x = torch.cat([self.cls_token.detach().expand(len(x), 1, -1), x], dim=1) + self.pos_embed
            return self.ln_post(self.blocks(self.ln_pre(x))[:, 0]) @ self.projection

    assert "no gradient reaches cls_token" in str(refusal("04.6", Cut))
