"""An average of the weights over the last steps, which is often a better model than the last step's own.

    weights   ╱╲╱╲_╱╲╱‾╲╱      each step follows its own few pairs, so the weights tremble around where they go
    average   ╱‾‾‾‾‾‾‾‾‾‾      average ← decay · average + (1 - decay) · weights

With a decay of 0.999 the average remembers about the last 1,000 steps. It costs a copy of the weights and one walk over
them a step; training itself does not notice it.
"""

import copy

import torch
from torch import nn

from clip_tutor.model import CLIP


class EMA:
    """The exponential moving average of a model's weights; ``ema.model`` is the averaged model, in evaluation.

    The average begins as the untrained model, which must be forgotten soon. So at step s, counted from 1, the decay is
    at most (1 + s) / (10 + s), and the average is always over the newer part of the run:
    ``test_the_start_is_forgotten``.

    Args:
        model: not yet wrapped or sharded, where it is to be trained.
        decay: the share of the average that stays at each step once the warm-up is over.

    Raises:
        ValueError: the decay is not between 0 and 1.

    Source: Polyak and Juditsky 1992 for averaging; TensorFlow ``tf.train.ExponentialMovingAverage`` (``num_updates``)
    for the warm-up.
    """

    def __init__(self, model: CLIP, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(
                f"decay {decay} is not a share of the average that stays: take a number from 0 to just below 1, "
                "for instance 1 - 10 / steps, which remembers the last tenth of the run"
            )
        self.decay, self.step = decay, 0
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: CLIP) -> None:
        """Let the weights of the model, after a step, into the average.

        Buffers are copied: BatchNorm's running figures are averages already, and counters cannot be averaged.
        """
        self.step += 1
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        move_average(self.model, model, decay)


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Let the weights of a model into an average of them, in place; buffers are copied.

    Args:
        average: a copy of the model.
        decay: the share of the average that stays.

    Raises:
        ValueError: the average is no copy of the model: a parameter has another name or shape.
    """
    ours, newest = dict(average.named_parameters()), dict(model.named_parameters())
    if ours.keys() != newest.keys():
        name = min(ours.keys() ^ newest.keys())
        raise ValueError(f"only one of the average and the model has {name!r}: make the average with copy.deepcopy")
    for name, parameter in newest.items():
        if ours[name].shape != parameter.shape:
            raise ValueError(
                f"{name} has shape {tuple(ours[name].shape)} in the average and {tuple(parameter.shape)} in the model: "
                "weights are averaged one by one, so make the average (a teacher of its student, too) with "
                "copy.deepcopy"
            )
    torch._foreach_lerp_(list(ours.values()), list(newest.values()), 1 - decay)
    for buffer, newer in zip(average.buffers(), model.buffers(), strict=True):
        buffer.copy_(newer)
