"""One run: a small model, trained on pairs some of whose captions are damaged, and how many unseen scenes it names.

    N pairs ─ damage ─ a filter keeps some ─ shuffled, as often as N needs ─▶ N / 64 steps ─▶ accuracy on clean scenes

A filter costs no steps: what it keeps is read again until N pairs were seen, as in DataComp. Two shapes of model learn
from the same batches: CLIP's (a Vision Transformer, CLIP's text tower) and ALIGN's (EfficientNet, BERT).
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from clip_tutor.data.batches import as_ids, shuffled_order
from clip_tutor.lessons.nb15_learning_from_noise.world import CONTEXT, PIXELS, VOCABULARY, Pool, World
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import Tokenizer, WordPieceTokenizer
from clip_tutor.towers import BertConfig, EfficientNetConfig, TextConfig, ViTConfig
from clip_tutor.training import TrainConfig
from clip_tutor.training.schedule import warmup_cosine
from clip_tutor.training.step import Trainer

PAIRS, RATE, WARMUP = 64, 4e-3, 10  # of a batch; at the peak; steps
Shape = Literal["CLIP", "ALIGN"]
_LATE = 20  # steps at the end whose loss is kept
_SETTLE = 16  # batches from which BatchNorm's statistics are taken after training


class Outcome(NamedTuple):
    """What came of a run."""

    accuracy: float  # on clean, unseen scenes
    loss: float  # in training, over the last steps
    scale: float  # what one over the temperature became


def create(shape: Shape, vocabulary: int = VOCABULARY) -> CLIP:
    """Return an untrained model, drawn from torch's global generator.

    ALIGN's scale started at 1 and had 1.2 million steps to grow; here are a few hundred, so both start at 1/0.07.
    """
    if shape == "CLIP":
        vision = ViTConfig(PIXELS, 16, 48, layers=1, heads=2, activation="gelu", stem_channels=(16, 32, 64))
        text = TextConfig(vocabulary, CONTEXT, 48, layers=1, heads=2, activation="gelu")
        return CLIP(CLIPConfig(64, vision, text)).to(memory_format=torch.channels_last)
    efficient = EfficientNetConfig(PIXELS, width=0.5, depth=0.3, drop_path=0.0)
    bert = BertConfig(vocabulary, CONTEXT, CONTEXT, 48, layers=1, heads=2, mlp_width=192)
    return CLIP(CLIPConfig(64, efficient, bert)).to(memory_format=torch.channels_last)


def tokenizer_of(world: World, shape: Shape) -> Tokenizer:
    """Return the tokenizer that a shape of model reads with."""
    return world.tokenizer if shape == "CLIP" else WordPieceTokenizer.train(world.read, VOCABULARY, CONTEXT)


def learn(
    world: World,
    pool: Pool,
    captions: list[str],
    seed: int,
    kept: Tensor | None = None,
    label_smoothing: float = 0.0,
    shape: Shape = "CLIP",
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> tuple[CLIP, Outcome]:
    """Train a model on the pairs of a pool that are ``kept`` (N,), and return it with what came of it."""
    torch.manual_seed(seed)
    tokenizer = tokenizer_of(world, shape)
    model = create(shape, tokenizer.vocab_size)
    rows = torch.arange(len(captions)) if kept is None else kept.nonzero()[:, 0]
    steps, losses = len(captions) // PAIRS, []
    trainer = Trainer(model.train(), TrainConfig(PAIRS, RATE, steps, label_smoothing=label_smoothing))
    chosen = batches(rows, seed)
    for step in range(steps):
        batch = next(chosen)
        ids = as_ids(tokenizer, [captions[row] for row in batch.tolist()])
        done = trainer.step(pool.pixels[batch], ids, warmup_cosine(step, steps, WARMUP, RATE))
        losses.append(done.loss)
        on_step(step + 1, done.loss)
    if shape == "ALIGN":  # whose BatchNorm forgets so slowly that a short run ends before its first guess is gone
        normalize = model.config.preprocessing.normalize
        update_bn([normalize(pool.pixels[next(chosen)]) for _ in range(_SETTLE)], model.image_tower)
    accuracy = world.hits(model.eval(), tokenizer).float().mean().item()
    late = losses[-_LATE:]
    return model, Outcome(accuracy, sum(late) / len(late), model.log_logit_scale.exp().item())


def batches(rows: Tensor, seed: int) -> Iterator[Tensor]:
    """Yield batches of 64 of these rows without end: each row once in an epoch, in another order each time.

    Raises:
        ValueError: there are fewer rows than a batch needs.
    """
    if len(rows) < PAIRS:
        raise ValueError(f"{len(rows)} pairs are less than a batch of {PAIRS}: this filter keeps too few")
    epoch = 0
    while True:
        order = torch.from_numpy(shuffled_order(len(rows), seed, epoch))
        for start in range(0, len(rows) - PAIRS + 1, PAIRS):
            yield rows[order[start : start + PAIRS]]
        epoch += 1
