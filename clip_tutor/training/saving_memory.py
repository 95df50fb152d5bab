"""Two ways to trade: memory for a second look, and a slow first step for faster ones after it.

    usual          forward: every block keeps its inside ──────────────▶ backward uses it
    checkpointed   forward: every block keeps its input only ─▶ backward computes the inside again, a block at a time

Neither changes a parameter, its name, or the numbers beyond rounding.
"""

from functools import partial

from torch.utils.checkpoint import checkpoint

from clip_tutor.model import CLIP
from clip_tutor.towers.attention import Block, PostNormBlock
from clip_tutor.towers.convnext import ConvNeXtBlock
from clip_tutor.towers.nfnet import NFNetBlock

_BLOCKS = (Block, PostNormBlock, ConvNeXtBlock, NFNetBlock)


def checkpoint_activations(model: CLIP) -> None:
    """Let each block of a transformer, a ConvNeXt or an NFNet keep nothing but its input for the backward pass.

    That costs one more forward pass, about a third more time, and what is kept shrinks to a row of inputs and one
    block's inside. The last block of a tower that is read at one token (`forward_blocks`) keeps hardly more, and goes
    without. Dropped paths fall alike both times. ResNets and EfficientNets have BatchNorm inside their blocks,
    whose running figures would move twice, and are left as they are: ``test_blocks_with_batchnorm_are_left_alone``.

    Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost".
    """
    for module in model.modules():
        if isinstance(module, _BLOCKS):
            module.forward = partial(checkpoint, module.forward, use_reentrant=False)  # type: ignore[method-assign]


def compile_towers(model: CLIP) -> None:
    """Compile the towers in place with ``torch.compile``: the first step takes a minute or so, later ones less.

    Images always have one shape, so the image tower is compiled whole. Captions do not, so the text tower is
    compiled block by block, for any shape.
    """
    model.image_tower.compile()
    for block in model.text_tower.get_submodule("blocks").children():
        block.compile(dynamic=True)
