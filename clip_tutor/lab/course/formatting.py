"""What a notebook's cells look like to the reader, brought about for the author.

a cell that ends in ``Markdown(f"…")``      shows its result, and its input is hidden
a paragraph that begins with ``*Figure:*``  folds away below the figure: what it shows, for those who cannot see it
"""

import ast
import copy
import re
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

IN_WORDS = "<details><summary>The figure in words</summary>"
_FIGURE = re.compile(r"^\*Figure:\*\s*(.*?)(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)


def formatted(cell: dict[str, Any]) -> dict[str, Any]:
    """Return a cell as it should be: prose without its code, figures' texts folded. A second time changes nothing."""
    cell = copy.deepcopy(cell)
    source = "".join(cell["source"])
    if cell["cell_type"] == "code":
        _hide(cell["metadata"], ends_in_prose(source))
    elif _FIGURE.search(source):
        folded = _FIGURE.sub(lambda found: f"{IN_WORDS}\n\n{found[1][:1].upper()}{found[1][1:]}\n\n</details>", source)
        cell["source"] = folded.splitlines(keepends=True)
    return cell


def ends_in_prose(source: str) -> bool:
    """Return whether the last line of a code cell is a call of ``Markdown``; what is no Python yet is not."""
    try:
        body = ast.parse(TransformerManager().transform_cell(source)).body
    except SyntaxError:
        return False
    last = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
    return isinstance(last, ast.Call) and isinstance(last.func, ast.Name) and last.func.id == "Markdown"


def _hide(metadata: dict[str, Any], hidden: bool) -> None:
    jupyter = metadata.pop("jupyter", {})
    jupyter.pop("source_hidden", None)
    metadata.pop("cellView", None)
    if hidden:
        jupyter["source_hidden"] = True
        metadata["cellView"] = "form"  # the same for Colab
    if jupyter:
        metadata["jupyter"] = jupyter
