"""Training: a schedule, a loop, checkpoints that survive a crash, and the recipes of the kit's own models."""

from clip_tutor.training.loop import Record, TrainConfig, train

__all__ = ["Record", "TrainConfig", "train"]
