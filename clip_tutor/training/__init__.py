"""Training: a schedule, a loop, checkpoints that survive a crash, and the recipes of the kit's own models."""

from clip_tutor.training.config import Record, TrainConfig
from clip_tutor.training.loop import train

__all__ = ["Record", "TrainConfig", "train"]
