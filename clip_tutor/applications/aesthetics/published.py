"""LAION's published heads, from the files that they are published in.

    sa_0_4_vit_l_14_linear.pth           weight (1, 768), bias (1)                   ─▶ LinearHead
    sac+logos+ava1-l14-linearMSE.pth     layers.0.weight, layers.0.bias, layers.2.…  ─▶ FiveLayerHead

They lie on GitHub and not on the Hub, so a file is given by its path; see `WHERE`. Each belongs to one of OpenAI's
CLIPs, with QuickGELU: ``vit_l_14`` to "ViT-L/14", ``vit_b_32`` to "ViT-B/32", ``vit_b_16`` to "ViT-B/16".
"""

from __future__ import annotations

from pathlib import Path

from clip_tutor.applications.aesthetics.heads import FiveLayerHead, LinearHead
from clip_tutor.printable import listed
from clip_tutor.weights import fit
from clip_tutor.weights.containers import file_in, read_checkpoint
from clip_tutor.weights.names.aesthetics import FIVE_LAYERS, ONE_LAYER
from clip_tutor.weights.renaming import rename, their_names

WHERE = (
    "LAION's heads lie on GitHub: sa_0_4_vit_l_14_linear.pth and its siblings in LAION-AI/aesthetic-predictor, "
    "sac+logos+ava1-l14-linearMSE.pth in christophschuhmann/improved-aesthetic-predictor"
)
_FIRST = "layers.0.weight"


def load_head(path: str | Path) -> LinearHead | FiveLayerHead:
    """Return the head in one of LAION's files, in float32 and in evaluation mode.

    Args:
        path: the file, of `torch.save` or safetensors. Nothing in it is run.

    Raises:
        FileNotFoundError: it is not there; the message says where to get it.
        ValueError: it is damaged, or holds another head; one with ReLUs between its layers among them.
    """
    try:
        file = file_in(Path(path))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}. {WHERE}: download the file there and give its path") from error
    tensors = read_checkpoint(file)
    if "layers.3.weight" in tensors:
        raise ValueError(
            f"{file} holds a head with ReLUs between its layers (they take the numbers 1, 4, …): it is no affine map; "
            "take the file whose name ends in linearMSE"
        )
    head: LinearHead | FiveLayerHead
    if _FIRST in tensors:
        table, head = FIVE_LAYERS, FiveLayerHead(tensors[_FIRST].shape[-1])
    elif "weight" in tensors:
        table, head = ONE_LAYER, LinearHead(tensors["weight"].shape[-1])
    else:
        raise ValueError(f"{file} is no aesthetic head; its tensors are {listed(sorted(tensors))}. {WHERE}")
    fit(head, rename(tensors, table, file), file, lambda name: their_names(name, table))
    return head.eval()
