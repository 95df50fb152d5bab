"""The sigmoid loss: every image with every caption, and each time one question, do these two belong together?

                  caption 1   caption 2   caption 3
    image 1   [   yes          no          no    ]    N · N questions, each answered for itself:
    image 2   [   no           yes         no    ]    no row or column has to be summed up first,
    image 3   [   no           no          yes   ]    so any part of the table can be scored anywhere

    loss = -1/N · sum over i, j of log sigmoid(z_ij (t · x_i · y_j + b)),    z_ij = +1 if i = j, else -1

The sum is divided by N, not by N²: an image has one caption however large the batch, and its pull must not fade.

Training starts with t = 10 (t' = log 10 is what is learned) and b = -10. Of N answers one is yes, so a model that
knows nothing should say yes with probability 1/N, that is b = -ln(N - 1); -10 fits N = 22,027, and a batch of 128
would have -4.84. Starting with b = 0 the first steps would only unlearn the yes: N · ln 2 instead of about ln N + 1.

Source: Zhai et al. 2023 (SigLIP), section 3.2 and algorithm 1; big_vision ``trainers/proj/image_text/siglip.py``.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.losses.pairs import check_features


def sigmoid_loss_spec(
    image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float, logit_bias: Tensor | float
) -> Tensor:
    """The loss written out pair by pair: slow, and the definition that `sigmoid_loss` must equal."""
    N = len(image_features)
    total = torch.zeros(())
    for n in range(N):
        for m in range(N):
            z = 1 if n == m else -1
            logit = logit_scale * (image_features[n] * text_features[m]).sum() + logit_bias
            total = total - torch.log(1 / (1 + math.e ** (-z * logit)))
    return total / N


def sigmoid_loss(
    image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float, logit_bias: Tensor | float
) -> Tensor:
    """Return the cross-entropy of all yes-or-no questions about a batch, summed over pairs and divided by B, in nats.

    Args:
        image_features: (B, E), rows of unit length; row i belongs to row i of the captions.
        text_features: (B, E), rows of unit length.
        logit_scale: scalar, 1 / temperature.
        logit_bias: scalar, what is added to every logit.

    Raises:
        ValueError: the two do not have the same shape, or their rows are not of unit length.
    """
    check_features(image_features, text_features)
    B = len(image_features)
    z = 2 * torch.eye(B, dtype=image_features.dtype, device=image_features.device) - 1  # (B, B), +1 on the diagonal
    logits = z * (logit_scale * image_features @ text_features.T + logit_bias)  # (B, B), now all of them should be high
    return -F.logsigmoid(logits).sum() / B
