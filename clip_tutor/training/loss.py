"""The loss that a run's settings name, in the form that fits: plain, in chunks, or over several processes.

    model ─▶ CLIPOutput (features, scale, bias) ─ loss ─▶ scalar

The step and the gradient cache see nothing but this one signature.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from clip_tutor import losses
from clip_tutor.model import CLIPOutput
from clip_tutor.training.config import TrainConfig
from clip_tutor.training.processes import world

LossFunction = Callable[[CLIPOutput], Tensor]  # features in the type in which the loss is to be computed → a scalar

NO_BIAS = (
    "the sigmoid loss learns a bias, and this model has none: build it with CLIPConfig(logit_bias=-10.0, "
    "logit_scale=10.0), or for small batches with a bias of -ln(batch size - 1)"
)


def loss_function(config: TrainConfig) -> LossFunction:
    """Return the loss of a batch as a function of the model's output for it.

    With several processes each gives its own rows of the batch, and all get the loss of the whole.

    Raises:
        ValueError: (when called) the sigmoid loss is given a model's output without a bias.
    """
    softmax, sigmoid = _softmax_loss(config), _sigmoid_loss(config)

    def loss(output: CLIPOutput) -> Tensor:
        *inputs, logit_bias = output
        if config.loss == "softmax":
            return softmax(*inputs)
        if logit_bias is None:
            raise ValueError(NO_BIAS)
        return sigmoid(*inputs, logit_bias)

    return loss


def _softmax_loss(config: TrainConfig) -> Callable[..., Tensor]:
    if world().size > 1:
        return partial(losses.distributed_contrastive_loss, label_smoothing=config.label_smoothing)
    if chunk_size := config.efficiency.chunk_size:
        return partial(losses.chunked_contrastive_loss, label_smoothing=config.label_smoothing, chunk_size=chunk_size)
    return partial(losses.contrastive_loss, label_smoothing=config.label_smoothing)


def _sigmoid_loss(config: TrainConfig) -> Callable[..., Tensor]:
    if world().size > 1:
        return losses.ring_sigmoid_loss
    if chunk_size := config.efficiency.chunk_size:
        return partial(losses.chunked_sigmoid_loss, chunk_size=chunk_size)
    return losses.sigmoid_loss
