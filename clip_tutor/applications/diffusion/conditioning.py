"""From a prompt to the token states that an image is made from, as Stable Diffusion does it.

    "a dog" ─ tokenizer ─▶ start a dog end  …  (77 ids) ─ text tower ─ final LayerNorm ─▶ (77, D) ─▶ U-Net

                version 1                                 version 2
    CLIP        OpenAI's ViT-L/14, D = 768                OpenCLIP's ViT-H-14, D = 1024
    states      behind the last block                     behind the block before it
    padding     the end token again (49407)               0

CLIP's own vector does not depend on the padding. These states do: the places behind the end token see the caption and
each other, and the U-Net looks at them, too. Rows that are filled up another way give another image.

Sources: CompVis/stable-diffusion and Stability-AI/stablediffusion, ``ldm/modules/encoders/modules.py``, classes
FrozenCLIPEmbedder and FrozenOpenCLIPEmbedder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from clip_tutor.embedding import device_of, looking_only
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.towers.text import StatesLayer

PromptPadding = Literal["end", "zero"]


@dataclass(frozen=True)
class Conditioning:
    """How prompts become states."""

    layer: StatesLayer
    padding: PromptPadding
    clip: str  # the published model that is used so, as `clip_tutor.load` knows it
    weights: str


STABLE_DIFFUSION_1 = Conditioning(-1, "end", "ViT-L/14", "openai")
STABLE_DIFFUSION_2 = Conditioning(-2, "zero", "ViT-H-14", "laion2b_s32b_b79k")


def prompt_ids(
    tokenizer: Tokenizer, prompts: str | Sequence[str], padding: PromptPadding, truncate: bool = False
) -> Tensor:
    """Return (B, T), whole rows of ids of B prompts.

    Args:
        padding: what fills a row behind its end token: "end", the end token again, or "zero", the id 0.
        truncate: cut a prompt that is too long instead of raising.

    Raises:
        TypeError: a prompt is not a string.
        ValueError: a prompt is too long and ``truncate`` is off, or there is no such padding.
    """
    if padding not in get_args(PromptPadding):
        raise ValueError(
            f"there is no padding {padding!r}: take 'end', which repeats the end token as Stable Diffusion 1 does, or "
            "'zero', as version 2 does"
        )
    prompts = [prompts] if isinstance(prompts, str) else prompts
    fill = tokenizer.end_id if padding == "end" else 0
    rows = [tokenizer([prompt], truncate=truncate, pad="longest")[0] for prompt in prompts]
    return torch.tensor([row + [fill] * (tokenizer.context_length - len(row)) for row in rows])


def encode_prompts(
    model: CLIP,
    tokenizer: Tokenizer,
    prompts: str | Sequence[str],
    conditioning: Conditioning = STABLE_DIFFUSION_1,
    truncate: bool = False,
) -> Tensor:
    """Return (B, T, D), the states of B prompts, on the model's device; "" has the states of no caption.

    Args:
        conditioning: `STABLE_DIFFUSION_1` or `STABLE_DIFFUSION_2`.
        truncate: cut a prompt that is too long instead of raising.

    Raises:
        TypeError, ValueError: see `prompt_ids` and `CLIP.encode_text_states`.

    >>> from clip_tutor.weights import load
    >>> model, tokenizer, _ = load("emoji")
    >>> encode_prompts(model, tokenizer, ["two cats", ""]).shape[0]
    2
    """
    ids = prompt_ids(tokenizer, prompts, conditioning.padding, truncate).to(device_of(model))
    with looking_only(model):
        return model.encode_text_states(ids, conditioning.layer)
