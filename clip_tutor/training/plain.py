"""The whole of training in its plainest form: everything else in this package makes it faster or harder to break.

    data ─▶ (pixels, ids) ─ model ─▶ features ─ loss ─▶ gradients ─ clip ─▶ AdamW ─▶ clamp the temperature ─▶ print

With the same settings, one process and float32, `clip_tutor.training.train` ends with the same weights to the last bit:
``test_the_engine_learns_what_the_plain_loop_learns``.
"""

import torch
from torch import Tensor

from clip_tutor.data.batches import BatchSource
from clip_tutor.losses import contrastive_loss
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.config import MAX_GRAD_NORM
from clip_tutor.training.schedule import make_optimizer, warmup_cosine


def train(
    model: CLIP,
    tokenizer: Tokenizer,
    source: BatchSource,
    batch_size: int,
    learning_rate: float,
    steps: int,
    warmup_steps: int = 50,
    weight_decay: float = 0.1,
) -> None:
    """Train ``model`` in place with the softmax loss, and print the loss of each step.

    Args:
        source: where pairs come from, `Scenes` or `Photos`; the image size must be the model's.
        batch_size: B; each of B images is told apart from the others by its caption.
        learning_rate: at the peak, after ``warmup_steps``.
    """
    device = model.log_logit_scale.device
    optimizer = make_optimizer(model, weight_decay)
    batches = iter(source.stream(tokenizer, batch_size))
    model.train()
    for step in range(steps):
        batch = next(batches)
        lr = warmup_cosine(step, steps, warmup_steps, learning_rate)
        loss, scale = train_step(model, optimizer, batch.pixels.to(device), batch.ids.to(device), lr)
        print(f"step {step + 1} of {steps}: loss {loss:.3f}, temperature 1/{scale:.1f}")
    model.eval()


def train_step(
    model: CLIP, optimizer: torch.optim.Optimizer, pixels: Tensor, ids: Tensor, lr: float
) -> tuple[Tensor, Tensor]:
    """Learn from one batch, and return its loss and the scale it was measured with.

    Args:
        pixels: (B, 3, H, W) uint8.
        ids: (B, T); row i describes image i.
        lr: the learning rate of this step.
    """
    for group in optimizer.param_groups:
        group["lr"] = lr
    image_features, text_features, logit_scale, _ = model(model.config.preprocessing.normalize(pixels), ids)
    loss = contrastive_loss(image_features, text_features, logit_scale)
    optimizer.zero_grad()
    loss.backward()
    # A batch with a rare clash of captions can throw a small model far off: clip such gradients.
    torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
    optimizer.step()
    model.clamp_logit_scale()
    return loss.detach(), logit_scale.detach()
