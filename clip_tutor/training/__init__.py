"""Training: a schedule, a loop, checkpoints that survive a crash, and the recipes of the kit's own models.

plain.py                               the whole of training on one page: read it first
loop.py, step.py                       the engine: the same loop and step, for runs that are long or large
loss.py, precision.py, gradient_cache.py, saving_memory.py, groups.py, ema.py, schedule.py      what a step is made of
batch_loader.py, recorder.py, run_folder.py, skipped.py, interrupts.py, rng.py, …           what the loop calls
"""

from clip_tutor.training.config import Efficiency, Record, TrainConfig
from clip_tutor.training.loop import train

__all__ = ["Efficiency", "Record", "TrainConfig", "train"]
