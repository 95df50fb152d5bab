"""The widgets of notebook 19: gates that open, the mask of a text that is typed, and a Flamingo asked with shots."""

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.figure import Figure

from clip_tutor.applications.flamingo.episodes import Attribute, Labels
from clip_tutor.applications.flamingo.masks import image_mask
from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb19_flamingo.plots import GATES, MARK, mask_grid
from clip_tutor.lessons.nb19_flamingo.worlds import Examiner

MOST_TOKENS = 30  # words of a text that are drawn
MARK_ID = 1
EPISODES = 12  # that can be looked at


def gate_board(run: Mapping[str, Any], moment: int) -> Figure:
    """Draw the gates of each block at a moment of a training, and where on its way that is.

    Args:
        run: "steps", "loss" and "gates", as the training records them.
        moment: which of the steps; the last one if there are not so many.
    """
    moment = min(moment, len(run["steps"]) - 1)
    gates = run["gates"][moment]
    figure, (now, way) = canvas(10, 3.4, columns=2)
    for which, name in enumerate(GATES):
        places = [block + (which - 0.5) * 0.38 for block in range(len(gates))]
        values = [pair[which] for pair in gates]
        now.bar(places, values, 0.34, color=(IMAGE_COLOR, COLORS[5])[which], label=name)
        for place, value in zip(places, values, strict=True):
            above = "bottom" if value >= 0 else "top"
            now.text(place, value, f"{value:.2f}".replace("-0.00", "0.00"), ha="center", va=above, size=9)
    now.axhline(0, color=MUTED, linewidth=0.8)
    now.set_xticks(range(len(gates)), [f"block {block + 1}" for block in range(len(gates))])
    now.set(ylim=(-1.1, 1.1), xlabel="gated block", ylabel="tanh of the gate")
    now.set_title(f"At step {run['steps'][moment]:,}")
    now.grid(axis="x", visible=False)
    now.legend()
    way.plot(run["steps"], run["loss"], color=INK)
    way.plot(run["steps"][moment], run["loss"][moment], "o", color=IMAGE_COLOR, markersize=9)
    way.set(xlabel="step", ylabel="nats", ylim=(0, None), title=f"The loss: {run['loss'][moment]:.2f}")
    figure.suptitle("How far the gates are open")
    return figure


def mask_board(text: str, attend: str) -> Figure:
    """Draw which images each word of a text may see; the images stand in it as ``<image>``."""
    words = text.replace(MARK, f" {MARK} ").split()
    kept = words[:MOST_TOKENS]
    images = kept.count(MARK)
    ids = torch.tensor([[MARK_ID if word == MARK else 0 for word in kept]], dtype=torch.long)
    mask = image_mask(ids, MARK_ID, images, attend)[0]  # type: ignore[arg-type]
    left_out = f", the first {MOST_TOKENS} of {len(words)} words" if len(words) > len(kept) else ""
    if not kept:
        return _empty("no word yet: type a text, and <image> where an image stands")
    shown = [word if len(word) <= 16 else f"{word[:15]}…" for word in kept]
    many = f"{images} image{'' if images == 1 else 's'}"
    return mask_grid(shown, {attend: mask}, f"Which image may each word look at? {many}{left_out}")


def _empty(words: str) -> Figure:
    figure, (axes,) = canvas(7, 1.2, image=True)
    axes.text(0.5, 0.5, words, ha="center", va="center", color=MUTED)
    figure.suptitle("Nothing to see")
    return figure


def shots_board(examiner: Examiner, attribute: Attribute, shots: int, labels: Labels, episode: int) -> Figure:
    """Draw the examples of an episode with their letters, the image asked about, and how probable each letter is.

    Args:
        shots: how many examples, an even number.
        labels: "true", "permuted" or "flipped".
        episode: which of the first twelve.
    """
    batch = examiner.episodes(attribute, shots, EPISODES, labels)
    row = slice(episode, episode + 1)
    places = examiner.places(batch.scenes[row])
    probabilities = examiner.probabilities(places, batch.token_ids[row], batch.choices[row])[0].tolist()
    decode = examiner.kit.tokenizer.decode
    told = [decode([token]).strip() for token in batch.token_ids[episode, 1::3].tolist()]
    names = [decode([token]).strip() for token in batch.choices[episode].tolist()]
    right = decode([int(batch.answers[episode])]).strip()
    wide = 1.15 * (shots + 1)
    figure = Figure(figsize=(wide + 3.4, 2.5), layout="constrained")
    shown, bars = figure.subplots(1, 2, width_ratios=[wide, 2.4])
    pixels = examiner.scenes.batch(batch.scenes[episode].tolist()).pixels
    for place, (image, letter) in enumerate(zip(pixels, [*told, "?"], strict=True)):
        shown.imshow(as_image(image), extent=(place + 0.04, place + 0.96, 0.04, 0.96))
        shown.text(place + 0.5, -0.16, letter, ha="center", va="center", size=15, weight="bold", color=TEXT_COLOR)
    shown.set(xlim=(0, shots + 1), ylim=(-0.35, 1.0))
    shown.set_axis_off()
    for name, probability in sorted(zip(names, probabilities, strict=True)):
        bars.barh(name, probability, color=TEXT_COLOR if name == right else FAINT, height=0.5)
    bars.set(xlim=(0, 1), ylim=(1.6, -0.6), xlabel="probability")
    bars.set_title(f"right: {right}", fontsize=10)
    bars.grid(axis="y", visible=False)
    given = "" if labels == "true" or not shots else f", labels {labels}"
    figure.suptitle(f"Which {attribute}? {shots} examples{given}")
    return figure
