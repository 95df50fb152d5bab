"""Automata in a file: several small rules, and what each was trained for.

"mushroom" ─ hidden.weight, hidden.bias, change.weight ─▶ automata.safetensors
           └ config, goal and notes as JSON            ─▶ its metadata, under the same name
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from clip_tutor.applications.guidance.automaton import Automaton, AutomatonConfig
from clip_tutor.assets import asset
from clip_tutor.weights import fit, read_tensors, write_tensors

SHIPPED = "checkpoints/automata.safetensors"


@dataclass(frozen=True)
class Goal:
    """What an automaton was trained for: a caption, judged by CLIP, or the drawing of an emoji, pixel by pixel."""

    caption: str  # what an image of it is compared with; it taught the automaton only if there is no drawing
    drawing: str = ""  # the emoji's character; "" if CLIP taught it
    side: int = 24  # of the grid, in cells


class LoadedAutomaton(NamedTuple):
    """One automaton of a file."""

    automaton: Automaton  # in evaluation mode, its weights frozen
    goal: Goal
    notes: dict[str, Any]  # command, machine, CLIP, training and figures


def save_automata(path: str | Path, automata: Mapping[str, LoadedAutomaton]) -> None:
    """Write automata to one safetensors file, atomically, in float32.

    Raises:
        OSError: the file could not be written; what was at ``path`` is still there.
    """
    tensors = {f"{name}.{key}": t for name, one in automata.items() for key, t in one.automaton.state_dict().items()}
    facts = {
        name: {"config": asdict(one.automaton.config), "goal": asdict(one.goal), "notes": one.notes}
        for name, one in automata.items()
    }
    write_tensors(path, tensors, {"automata": json.dumps(facts)})


def read_automata(path: str | Path) -> dict[str, LoadedAutomaton]:
    """Return the automata in a file that `save_automata` wrote, by name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut off, or holds no automata.
    """
    tensors, metadata = read_tensors(path)
    automata = {}
    try:
        for name, facts in json.loads(metadata["automata"]).items():
            automaton = Automaton(AutomatonConfig(**facts["config"]))
            automata[name] = LoadedAutomaton(automaton, Goal(**facts["goal"]), facts["notes"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path} holds tensors, but does not say which automata they belong to ({error!r}): "
            "load a file written by save_automata"
        ) from error
    for name, one in automata.items():
        own = {key[len(name) + 1 :]: tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}
        fit(one.automaton.requires_grad_(False).eval(), own, f"{path}, automaton {name!r},")
    return automata


@lru_cache(maxsize=1)
def _shipped() -> dict[str, LoadedAutomaton]:
    return read_automata(asset(SHIPPED))


def list_automata() -> list[str]:
    """Return the names of the automata that come with the kit."""
    return list(_shipped())


def load_automaton(name: str) -> LoadedAutomaton:
    """Return one of the automata that come with the kit.

    Raises:
        KeyError: none of them has this name; the message lists those there are.
    """
    if name not in _shipped():
        raise KeyError(f"no automaton is called {name!r}: take one of {', '.join(_shipped())}")
    return _shipped()[name]
