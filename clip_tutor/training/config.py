"""What decides a training run, and what it keeps track of."""

from dataclasses import dataclass, field
from typing import Literal

from clip_tutor.training.checking import ABOVE_0, FROM_0, SHARE_BELOW_1, Allowed, at_least, require_values

Record = dict[str, float]  # step, seconds, loss, logit_scale, lr, pairs_per_second, and what `evaluate` adds
Loss = Literal["softmax", "sigmoid"]
Precision = Literal["auto", "float32", "bfloat16"]
TowerName = Literal["image", "text"]
MAX_GRAD_NORM = 1.0
CHECKPOINT = "checkpoint.safetensors"  # in the folder of a run


ALLOWED = {
    "batch_size": Allowed(lambda pairs: pairs >= 2, "2 or more: each caption needs an image that is not its own"),
    "learning_rate": ABOVE_0,
    "steps": at_least(1),
    "seconds": ABOVE_0,
    "warmup_steps": FROM_0,
    "weight_decay": FROM_0,
    "seed": Allowed(lambda seed: 0 <= seed < 1 << 32, "from 0 to 4,294,967,295"),
    "label_smoothing": SHARE_BELOW_1,
    "layer_decay": Allowed(lambda share: 0 < share <= 1, "above 0 and at most 1, where all layers learn alike"),
    "max_grad_norm": Allowed(lambda length: length > 0, "above 0; infinity shortens none"),
    "ema": SHARE_BELOW_1,
    "micro_batch": at_least(1),
    "chunk_size": at_least(1),
    "workers": FROM_0,
    "record_every": at_least(1),
    "checkpoint_every": at_least(1),
}


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The length is given in steps, in seconds, or in both: whichever comes first ends the run.

    Raises:
        ValueError: a setting is of another kind than here, or of a value that no run could use.
    """

    batch_size: int  # N images and N captions, each the others' wrong answer, over all processes together
    learning_rate: float  # at the peak
    steps: int = 1_000_000
    seconds: float | None = None  # wall time; the cosine is stretched to end with it
    warmup_steps: int = 50
    weight_decay: float = 0.1
    seed: int = 0
    # what is asked of a batch
    loss: Loss = "softmax"
    label_smoothing: float = 0.0  # of the softmax loss; ALIGN has 0.1
    # which weights move, and how far
    freeze: TowerName | None = None  # a tower that stays as it is: LiT freezes the image tower
    layer_decay: float = 1.0  # each layer learns at this share of the rate of the one above: for fine-tuning, 0.7 or so
    max_grad_norm: float = MAX_GRAD_NORM  # longer ones are shortened to this length
    ema: float | None = None  # keep an average of the weights, with this decay: 0.999 or so
    # how it fits into memory and time; the numbers stay the same but for rounding
    precision: Precision = "auto"  # bfloat16 where the processor has it in hardware
    micro_batch: int | None = None  # gradient caching: as many pairs a process holds a graph of at once
    chunk_size: int | None = None  # rows of the logits that the loss holds at once
    checkpoint_activations: bool = False  # compute the blocks' insides twice instead of keeping them
    compile: bool = False
    shard: bool = False  # weights and optimizer are cut up among the processes: for models that fit on none of them
    # who draws, and what is written down
    workers: int = 0  # processes that prepare batches ahead of time, for each process that trains
    record_every: int = 10  # steps
    checkpoint_every: int = 500  # steps

    def __post_init__(self) -> None:
        require_values(self, ALLOWED)
        if self.micro_batch is not None and self.micro_batch > self.batch_size:
            raise ValueError(
                f"micro_batch: is {self.micro_batch}, and must be at most the batch_size of {self.batch_size}, of "
                "which it is a part: leave it out if the whole batch fits into memory"
            )


@dataclass
class TrainState:
    """How far a run has come."""

    step: int = 0
    seconds: float = 0.0
    history: list[Record] = field(default_factory=list)
    skipped_steps: int = 0  # batches that gave NaN or infinity
    skipped_images: int = 0  # images that did not decode
