"""The settings name the loss, and the model's output is all that it needs."""

import pytest
import torch
import torch.nn.functional as F

from clip_tutor import losses
from clip_tutor.model import CLIPOutput
from clip_tutor.training import TrainConfig
from clip_tutor.training.config import with_flat_settings
from clip_tutor.training.loss import loss_function

CONFIG = TrainConfig(batch_size=12, learning_rate=1e-3)


def output(bias=None):
    generator = torch.Generator().manual_seed(0)
    images, texts = (F.normalize(torch.randn(12, 8, generator=generator), dim=-1) for _ in range(2))
    return CLIPOutput(images, texts, torch.tensor(9.0), None if bias is None else torch.tensor(bias))


@pytest.mark.parametrize("chunk_size", [None, 5])
def test_the_settings_name_the_loss(chunk_size):
    out = output(bias=-2.0)
    for smoothing in (0.0, 0.1):
        loss = loss_function(with_flat_settings(CONFIG, label_smoothing=smoothing, chunk_size=chunk_size))
        torch.testing.assert_close(loss(out), losses.contrastive_loss(*out[:3], label_smoothing=smoothing))
        torch.testing.assert_close(loss(output()), loss(out), msg="the softmax loss does not look at the bias")
    loss = loss_function(with_flat_settings(CONFIG, loss="sigmoid", chunk_size=chunk_size))
    torch.testing.assert_close(loss(out), losses.sigmoid_loss(*out))


def test_the_sigmoid_loss_needs_a_bias():
    with pytest.raises(ValueError, match="learns a bias, and this model has none: build it with CLIPConfig"):
        loss_function(with_flat_settings(CONFIG, loss="sigmoid"))(output())
