"""What training makes small: two losses, each in a plain form, in chunks for one machine, and over many processes.

                     every caption competes (CLIP, ALIGN)      every pair for itself (SigLIP)
    plain            contrastive_loss                          sigmoid_loss
    in chunks        chunked_contrastive_loss                  chunked_sigmoid_loss
    many processes   distributed_contrastive_loss              ring_sigmoid_loss

The forms of a column give the same loss and the same gradients; what differs is the memory they need.
"""

from clip_tutor.losses.chunked import chunked_contrastive_loss, chunked_sigmoid_loss
from clip_tutor.losses.distributed import distributed_contrastive_loss, ring_sigmoid_loss
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
]
