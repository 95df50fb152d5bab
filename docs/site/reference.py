"""The pages of the library's reference: one for each package, in the order of the layout, a section for each module."""

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path

# From the ground up: a package imports only from those above its own.
ORDER = (
    *("tokenizers", "images", "towers", "model", "zoo", "losses", "weights", "data", "embedding", "evaluation"),
    *("training", "search", "applications", "lab", "lessons"),
)


def reference_pages(folder: Path, only: Sequence[str] = ()) -> None:
    """Write into ``folder`` the page of each package, or of those in ``only`` ("losses"), and one that lists them."""
    names = [name for name in _top_level() if not only or name in only]
    folder.mkdir(parents=True)
    pages = ["clip_tutor", *(page for name in names for page in _packages(f"clip_tutor.{name}"))]
    for page in pages:
        (folder / f"{page}.rst").write_text(_page(page), encoding="utf-8")
    listed = "\n".join(f"   {page.removeprefix('clip_tutor.')} <{page}>" for page in pages)
    text = f"{_title('The library', '=')}{_INTRODUCTION}\n.. toctree::\n   :maxdepth: 1\n\n{listed}\n"
    (folder / "index.rst").write_text(text, encoding="utf-8")


_INTRODUCTION = """
Every public module of ``clip_tutor``, from its docstrings, in the order in which data walks through: a package imports
only from those above it. The examples are run by the tests.
"""


def _top_level() -> list[str]:
    """Return the packages and modules of the kit in the order of the layout, those that it does not name last."""
    return sorted(_public("clip_tutor"), key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def _packages(name: str) -> Iterator[str]:
    """Yield a module or package of the top level, and the packages in it, each of which has a page."""
    yield name
    for inside in _public(name):
        if hasattr(importlib.import_module(f"{name}.{inside}"), "__path__"):
            yield from _packages(f"{name}.{inside}")


def _page(name: str) -> str:
    """Return the page of a package: what it says of itself, then its modules; of a module, that alone."""
    modules = [
        f"{name}.{inside}"
        for inside in (_public(name) if name != "clip_tutor" else [])
        if not hasattr(importlib.import_module(f"{name}.{inside}"), "__path__")
    ]
    sections = "".join(f"\n{_title(module.rsplit('.')[-1], '-')}\n{_members(module)}" for module in modules)
    return f"{_title(name, '=')}\n{_members(name)}{sections}"


def _members(module: str) -> str:
    return f".. automodule:: {module}\n   :members:\n   :ignore-module-all:\n"


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _public(package: str) -> list[str]:
    """Return the names of the modules and packages in a package that have no leading underscore."""
    path = getattr(importlib.import_module(package), "__path__", [])
    return [one.name for one in pkgutil.iter_modules(path) if not one.name.startswith("_")]
