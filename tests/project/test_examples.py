"""Every example in a docstring of the library runs, and gives what stands below it: the site shows them."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "clip_tutor"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules_with_examples() -> list[str]:
    """Return the modules of the library whose docstrings hold an example."""
    found = [path for path in sorted(LIBRARY.rglob("*.py")) if re.search(r"^\s*>>> ", path.read_text(), re.MULTILINE)]
    names = [".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts) for path in found]
    return [name.removesuffix(".__init__") for name in names]


@pytest.mark.slow
def test_every_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    ran = {
        name: doctest.testmod(importlib.import_module(name), optionflags=OPTIONS) for name in modules_with_examples()
    }
    assert {name: result for name, result in ran.items() if result.failed} == {}, capsys.readouterr().out
    assert all(result.attempted for result in ran.values()), (
        "an example in a comment, or in a function without its name"
    )
