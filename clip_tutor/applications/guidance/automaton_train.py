"""Train the automata that come with the kit, or some of them:

    python -m clip_tutor.applications.guidance.automaton_train --save data/checkpoints/automata.safetensors

Each is trained with a seed of its own and written as soon as it is finished; those that the file already has, and that
are not trained again (``--only``), stay in it.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean

import torch

from clip_tutor.applications.guidance.automaton import Automaton, AutomatonConfig
from clip_tutor.applications.guidance.automaton_files import Goal, LoadedAutomaton, read_automata, save_automata
from clip_tutor.applications.guidance.automaton_objectives import (
    CaptionObjective,
    TowardsCaption,
    TowardsDrawing,
    drawing_on_white,
)
from clip_tutor.applications.guidance.automaton_regrowth import regrowth
from clip_tutor.applications.guidance.automaton_training import AutomatonTraining, train_automaton
from clip_tutor.embedding import encode_texts
from clip_tutor.printable import printable
from clip_tutor.shell import run_from_shell
from clip_tutor.training.outputs import how_it_was_made, require_places
from clip_tutor.weights import fingerprint, load

GOALS = {
    "mushroom": Goal("a mushroom on a white background", drawing="🍄"),
    "stars": Goal("four stars on a blue background"),
    "bricks": Goal("four bricks on a brown background"),
    "rose": Goal("a rose on a green background"),
    "fire": Goal("a fire on a black background"),
}
# What a drawing takes: it is grown from one cell, and its rule has more to learn.
DRAWING = AutomatonTraining(iterations=5000, damaged=2)
# What a caption takes: the grid is filled at once.
CAPTION = AutomatonTraining(iterations=400, fewest_steps=16, most_steps=24, pool=32, learning_rate=5e-3)
CURVE = 20  # iterations for each number that is noted


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.applications.guidance.automaton_train")
    parser.add_argument("--clip", default="emoji", help="as clip_tutor.load opens it: %(default)s")
    parser.add_argument("--only", nargs="+", choices=list(GOALS), default=list(GOALS), help="which; all if not given")
    parser.add_argument("--iterations", type=int, help="of each, instead of its own number")
    parser.add_argument("--save", type=Path, required=True, help="the file of the automata (.safetensors)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train, measure, save.

    Raises:
        KeyError, ValueError, OSError: the CLIP or the place to write cannot be used.
    """
    options = parse(arguments)
    require_places(model=options.save)
    clip, tokenizer, _ = load(options.clip)
    clip.requires_grad_(False)
    for name in options.only:
        goal = GOALS[name]
        torch.manual_seed(0)  # of the first weights
        automaton = Automaton(AutomatonConfig(mortal=bool(goal.drawing)))
        config = replace(DRAWING if goal.drawing else CAPTION, side=goal.side)
        config = replace(config, iterations=options.iterations or config.iterations)
        objective = (
            TowardsDrawing(goal.drawing, goal.side)
            if goal.drawing
            else TowardsCaption(automaton, clip, tokenizer, goal.caption, CaptionObjective())
        )
        start = time.perf_counter()
        losses = train_automaton(automaton, objective, config)
        seconds = time.perf_counter() - start
        if len(losses) < config.iterations:
            sys.exit(f"stopped in the training of {name}: it was not saved")
        automaton.requires_grad_(False).eval()
        (text,) = encode_texts(clip, tokenizer, [goal.caption])
        target = drawing_on_white(goal.drawing, goal.side) if goal.drawing else None
        looks = regrowth(automaton, clip, text, goal.side, target)
        notes = {
            **how_it_was_made("clip_tutor.applications.guidance.automaton_train", arguments),
            "clip": {"name": options.clip, "fingerprint": fingerprint(clip)},
            "training": asdict(config),
            "seconds": round(seconds),
            "loss": [round(mean(losses[n : n + CURVE]), 4) for n in range(0, len(losses), CURVE)],
            "regrowth": [look._asdict() for look in looks],
        }
        others = read_automata(options.save) if options.save.exists() else {}
        save_automata(options.save, others | {name: LoadedAutomaton(automaton, goal, notes)})
        print(printable(f"{name}, {seconds:.0f} s: saved to {options.save}", sys.stdout))
        for look in looks:
            said = {key: round(mean(values), 3) for key, values in look._asdict().items() if key != "moment" and values}
            print(f"  {look.moment:16}", said, flush=True)


if __name__ == "__main__":
    run_from_shell(main)
