"""What decides a training run, and what it keeps track of."""

from dataclasses import dataclass, field

Record = dict[str, float]  # step, seconds, loss, logit_scale, learning_rate, pairs_per_second, and what `evaluate` adds


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The length is given in steps, in seconds, or in both: whichever comes first ends the run."""

    batch_size: int  # N pictures and N captions, each the others' wrong answer
    learning_rate: float  # at the peak
    steps: int = 1_000_000
    seconds: float | None = None  # wall time; the cosine is stretched to end with it
    warmup_steps: int = 50
    weight_decay: float = 0.1
    seed: int = 0
    workers: int = 0  # processes that draw scenes ahead of time
    record_every: int = 10  # steps
    checkpoint_every: int = 500  # steps


@dataclass
class Progress:
    """How far a run has come."""

    step: int = 0
    seconds: float = 0.0
    history: list[Record] = field(default_factory=list)
