"""What decides a training run, and what it keeps track of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_type_hints

from clip_tutor.training.checking import ABOVE_0, FROM_0, SHARE_BELOW_1, Allowed, at_least, require_values

Record = dict[str, float]  # step, seconds, loss, logit_scale, lr, pairs_per_second, and what `evaluate` adds
Loss = Literal["softmax", "sigmoid"]
Precision = Literal["auto", "float32", "float16", "bfloat16"]
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
    "workers": FROM_0,
    "record_every": at_least(1),
    "checkpoint_every": at_least(1),
}
ALLOWED_EFFICIENCY = {"micro_batch": at_least(1), "chunk_size": at_least(1)}


@dataclass(frozen=True)
class Efficiency:
    """How a run fits into memory and time. The numbers stay the same but for rounding.

    Raises:
        ValueError: a setting is of another kind than here, or two do not go together.
    """

    precision: Precision = "auto"  # bfloat16, else float16, where the processor has it: `clip_tutor.training.precision`
    micro_batch: int | None = None  # gradient caching: as many pairs a process holds a graph of at once
    chunk_size: int | None = None  # rows of the logits that the loss holds at once
    checkpoint_activations: bool = False  # compute the blocks' insides twice instead of keeping them
    compile: bool = False
    shard: bool = False  # weights and optimizer are cut up among the processes: for models that fit on none of them

    def __post_init__(self) -> None:
        require_values(self, ALLOWED_EFFICIENCY)
        if self.precision == "float16" and self.shard:
            raise ValueError(
                "float16 needs gradients that are whole, to see in all processes alike whether they overflow: leave "
                "out shard, or take precision='bfloat16' or 'float32'"
            )


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
    max_grad_norm: float = MAX_GRAD_NORM  # the norm to which longer gradients are clipped
    ema: float | None = None  # keep an average of the weights, with this decay: 0.999 or so
    # how batches are prepared, and what is written down
    workers: int = 0  # processes that prepare batches ahead of time, for each process that trains
    record_every: int = 10  # steps
    checkpoint_every: int = 500  # steps
    efficiency: Efficiency = Efficiency()  # how it fits into memory and time

    def __post_init__(self) -> None:
        require_values(self, ALLOWED)
        micro_batch = self.efficiency.micro_batch
        if micro_batch is not None and micro_batch > self.batch_size:
            raise ValueError(
                f"micro_batch: is {micro_batch}, and must be at most the batch_size of {self.batch_size}, of "
                "which it is a part: leave it out if the whole batch fits into memory"
            )
        if self.loss == "sigmoid" and self.label_smoothing:
            raise ValueError("label smoothing belongs to the softmax loss: leave it out, or take loss='softmax'")
        if self.ema is not None and self.efficiency.shard:
            raise ValueError("an average of the weights (ema) needs them whole: leave out shard, or ema")


def flat_settings(config: TrainConfig) -> dict[str, Any]:
    """Return all settings by name, those of `Efficiency` among the others: as a shell and a checkpoint have them."""
    settings = asdict(config)
    return settings | settings.pop("efficiency")


def flat_types() -> dict[str, Any]:
    """Return the type of each of the `flat_settings`."""
    kinds = get_type_hints(TrainConfig)
    del kinds["efficiency"]
    return kinds | get_type_hints(Efficiency)


def with_flat_settings(config: TrainConfig, **settings: Any) -> TrainConfig:
    """Return the config with some of its `flat_settings` changed, or all of its ``efficiency``.

    Raises:
        ValueError: the settings cannot be used.

    >>> with_flat_settings(TrainConfig(64, 1e-3), steps=9, micro_batch=8).efficiency.micro_batch
    8
    """
    efficiency = settings.pop("efficiency", config.efficiency)
    inner = {name: settings.pop(name) for name in get_type_hints(Efficiency) if name in settings}
    return replace(config, efficiency=replace(efficiency, **inner), **settings)


@dataclass
class TrainState:
    """How far a run has come."""

    step: int = 0
    seconds: float = 0.0
    history: list[Record] = field(default_factory=list)
    skipped_steps: int = 0  # batches that gave NaN or infinity
    overflow_steps: int = 0  # steps that were skipped because gradients overflowed float16 at the loss scale
    skipped_images: int = 0  # images that did not decode

    def finished(self, config: TrainConfig) -> bool:
        """Return whether the steps or the seconds of the run are over."""
        out_of_time = config.seconds is not None and self.seconds >= config.seconds
        return out_of_time or self.step >= config.steps

    def total_steps(self, config: TrainConfig) -> int:
        """Return how many steps the run will have: given, or estimated from the pace so far."""
        if config.seconds is None or self.step == 0:
            return config.steps
        return min(config.steps, int(self.step * config.seconds / self.seconds))
