"""What trains for minutes in a notebook trains for a moment where its figures do not matter.

So it is where the solutions are tried and where widgets are clicked; `make notebooks` runs everything as it stands.
"""

from collections.abc import Sequence
from typing import Any

# By notebook: lines, and what stands in their place.
SHORTER = {
    "04": {
        "B, STEPS = 64, 300": "B, STEPS = 64, 20",
        "MOMENTS = (0, 15, 40, 80, 150, STEPS - 1)": "MOMENTS = (0, 10, STEPS - 1)",
    },
    "05": {
        "things, STEPS = objects[::6][:16], 80": "things, STEPS = objects[::6][:16], 10",
        "side=32, steps=60, B=32": "side=32, steps=10, B=32",
    },
    "08": {
        "N = recipe.train.batch_size": "recipe = recipes.with_settings(recipe, steps=40); N = recipe.train.batch_size"
    },
    "13": {"SMALL, STEPS = 32, 150": "SMALL, STEPS = 32, 15", 'shipped["steps"], "yours': '20, "yours'},
    "16": {"live = [task.run(": 'task.learn = __import__("functools").partial(task.learn, steps=9); live = [task.run('},
    "17": {"ladder.climb(task, 1, ladder.LIVE,": "ladder.climb(task, 1, ladder.LOOKS[0],"},
    "18": {
        "STEPS, PEAK = 400, 3e-3": "STEPS, PEAK = 50, 3e-3",
        'encoded(clip, objects, "compositional", 300)': 'encoded(clip, objects, "compositional", 60)',
    },
    "19": {"STEPS, PEAK = 200, 4e-3": "STEPS, PEAK = 25, 4e-3"},
    "23": {"STEPS, B = 80, 32": "STEPS, B = 12, 16"},
}


def shorten(cells: Sequence[dict[str, Any]], notebook: str) -> None:
    """Replace the lines of a notebook's code cells that train, in place; a line that is not there is an error."""
    lines = SHORTER.get(notebook, {})
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for cell in code:
        cell["source"] = "".join(cell["source"])
    assert [line for line in lines if not any(line in cell["source"] for cell in code)] == []
    for cell in code:
        for line, instead in lines.items():
            cell["source"] = cell["source"].replace(line, instead)
