"""What training makes small: two losses of pairs, and what SigLIP 2 adds.

Each loss of pairs has a plain form, one in chunks for one machine, and one over many processes:

                     every caption competes (CLIP, ALIGN)      every pair for itself (SigLIP)
    plain            contrastive_loss                          sigmoid_loss
    in chunks        chunked_contrastive_loss                  chunked_sigmoid_loss
    many processes   distributed_contrastive_loss              ring_sigmoid_loss

The forms of a column give the same loss and the same gradients; what differs is the memory they need.

What SigLIP 2 adds makes patches know where they are: a decoder's `captioning_loss`, `self_distillation_loss` between
views, and `masked_prediction_loss` between patches. `clip_tutor.training.siglip2` puts them together.
"""

from clip_tutor.losses.captioning import captioning_loss
from clip_tutor.losses.chunked import chunked_contrastive_loss, chunked_sigmoid_loss
from clip_tutor.losses.distributed import distributed_contrastive_loss, ring_sigmoid_loss
from clip_tutor.losses.masked_prediction import masked_prediction_loss, random_mask
from clip_tutor.losses.self_distillation import self_distillation_loss
from clip_tutor.losses.sigmoid import sigmoid_loss, sigmoid_loss_spec
from clip_tutor.losses.softmax import contrastive_loss, contrastive_loss_spec

__all__ = [
    "contrastive_loss",
    "contrastive_loss_spec",
    "chunked_contrastive_loss",
    "distributed_contrastive_loss",
    "sigmoid_loss",
    "sigmoid_loss_spec",
    "chunked_sigmoid_loss",
    "ring_sigmoid_loss",
    "captioning_loss",
    "self_distillation_loss",
    "masked_prediction_loss",
    "random_mask",
]
