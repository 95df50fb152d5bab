"""Training a Flamingo: captions open the gates, and episodes teach it to read the prompt.

    captions   <image> two cats on a red background end         what an image shows
    episodes   <image> x end  <image> y end  …  <image> x end   which letter: only the examples tell

A step takes a batch of each and adds up their losses. Captions come alone at first: whatever of an image helps to name
it comes through the gates at once. Episodes give no such hint. To read the right letter off the examples, a token must
have its image, know which example is like it, and copy that one's letter; each of the three pays only if the other two
are there. So the task begins with its simplest form, in which the image asked about is one of the examples again, and
turns by and by into the real one, in which it shares nothing with them but the value in question.

Sources: Alayrac et al. 2022, section 2.4 (a weighted sum of losses); Bengio et al. 2009 (from simple to hard).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from clip_tutor.applications.captioning.training import CaptionBatches
from clip_tutor.applications.flamingo.episodes import ASKED, Attribute, EpisodeMaker
from clip_tutor.applications.flamingo.loss import flamingo_loss
from clip_tutor.applications.flamingo.model import Flamingo
from clip_tutor.training.config import Record
from clip_tutor.training.interrupts import interruptible
from clip_tutor.training.schedule import make_optimizer, warmup_cosine

NAMELESS: Attribute = "component"
TASKS = (*ASKED, *[NAMELESS] * len(ASKED))  # half of the episodes ask about what has no name


@dataclass(frozen=True)
class FlamingoTraining:
    """How a Flamingo is trained."""

    steps: int = 5000
    captions_alone: int = 600  # steps before the episodes begin
    repeated_until: int = 1600  # up to this step all episodes show two images again and again
    real_from: int = 2600  # from this step on most show others; in between ever more
    repeated_share: float = 0.2  # of the episodes at the end: whatever makes images alike goes on to count
    captions: int = 24  # of a batch
    episodes: int = 48  # of a batch
    shots: tuple[int, ...] = (4, 2, 4, 8)  # examples of an episode: one number after the other
    learning_rate: float = 2e-3  # at the peak
    warmup_steps: int = 50
    seed: int = 0

    def repeated(self, step: int) -> float:
        """Return the share of episodes whose images are two, shown again and again."""
        left = (self.real_from - step) / (self.real_from - self.repeated_until)
        return max(self.repeated_share, min(1.0, left))


def caption_loss(flamingo: Flamingo, captions: CaptionBatches, step: int) -> Tensor:
    """Return the loss of batch ``step`` of captions, each behind the mark of its image."""
    places, ids = captions.batch(step)  # (B, N, D_image), (B, T)
    ids = F.pad(ids, (1, 0), value=flamingo.image_id)  # (B, 1 + T)
    return flamingo_loss(flamingo(places[:, None], ids), ids, flamingo.image_id, captions.end_id)


def episode_loss(
    flamingo: Flamingo, features: Tensor, episodes: EpisodeMaker, config: FlamingoTraining, step: int
) -> Tensor:
    """Return the loss of batch ``step`` of episodes: of the letters of all examples, and of the one asked for."""
    shots = config.shots[step % len(config.shots)]
    batch = episodes.episodes(TASKS, shots, config.episodes, (config.seed, step), repeated=config.repeated(step))
    ids = torch.cat([batch.token_ids, batch.answers[:, None]], dim=1)  # (B, 3 · S + 2)
    places = features[torch.from_numpy(batch.scenes)].float()  # (B, S + 1, N, D_image)
    return flamingo_loss(flamingo(places, ids), ids, flamingo.image_id, episodes.end_id)


def train_flamingo(
    flamingo: Flamingo,
    features: Tensor,
    captions: CaptionBatches,
    episodes: EpisodeMaker,
    config: FlamingoTraining,
    evaluate: Callable[[Flamingo], Record] | None = None,
    every: int = 200,
) -> list[Record]:
    """Train a Flamingo in place and return a record of every so many steps; Ctrl-C ends it after the step at hand.

    Args:
        features: (M, N, D_image), the places of M scenes.
        captions: batches of such places and captions.
        episodes: of the M scenes, made with their features.
        evaluate: called with each record; what it returns joins it.
        every: a record stands for so many steps.
    """
    optimizer = make_optimizer(flamingo, weight_decay=0.01)
    history: list[Record] = []
    losses: list[tuple[float, float]] = []
    flamingo.train()
    with interruptible() as interrupted, tqdm(total=config.steps, unit="step") as bar:
        for step in range(config.steps):
            if interrupted.is_set():
                break
            for group in optimizer.param_groups:
                group["lr"] = warmup_cosine(step, config.steps, config.warmup_steps, config.learning_rate)
            of_captions, of_episodes = caption_loss(flamingo, captions, step), torch.zeros(())
            if step >= config.captions_alone:
                of_episodes = episode_loss(flamingo, features, episodes, config, step)
            optimizer.zero_grad()
            (of_captions + of_episodes).backward()
            torch.nn.utils.clip_grad_norm_(flamingo.trained_parameters(), 1.0)
            optimizer.step()
            losses.append((of_captions.item(), of_episodes.item()))
            bar.update()
            if (step + 1) % every == 0:
                of_captions_mean, of_episodes_mean = np.mean(losses, axis=0).tolist()
                losses.clear()
                record: Record = {"step": step + 1, "caption_loss": of_captions_mean, "loss": of_episodes_mean}
                if evaluate:
                    record |= evaluate(flamingo.eval())
                    flamingo.train()
                history.append(record)
                bar.set_postfix_str(f"captions {of_captions_mean:.3f}, episodes {of_episodes_mean:.3f}")
    flamingo.eval()
    return history
