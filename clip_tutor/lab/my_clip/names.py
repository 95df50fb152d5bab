"""What a piece of a notebook needs to stand by itself: its source, the helpers that it calls, the imports."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import linecache
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any


class MissingNameError(NameError):
    """A name that stands in a notebook's cell and nowhere else."""


@dataclass
class Piece:
    """Code that stands by itself behind its imports."""

    code: list[str] = field(default_factory=list)  # definitions, helpers first
    imports: list[str] = field(default_factory=list)


def source_of(thing: Any) -> str:
    """Return the source of a function or class, of a notebook's cell, too; of a decorated one with its decorators.

    ``inspect`` finds a class of a notebook only from Python 3.13 on; here it is looked up where its methods stand.

    Raises:
        OSError: its source is nowhere.
    """
    function = inspect.unwrap(thing) if isinstance(thing, FunctionType) else _a_method(thing)
    if function is None:
        return inspect.getsource(thing)
    text = "".join(linecache.getlines(function.__code__.co_filename))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == thing.__name__ and _holds(node, function):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    raise OSError(f"the source of {thing.__name__} is nowhere")


def _a_method(thing: Any) -> FunctionType | None:
    own = (inspect.unwrap(value) for value in vars(thing).values() if isinstance(value, FunctionType))
    return next((value for value in own if value.__qualname__.startswith(f"{thing.__qualname__}.")), None)


def _holds(node: ast.FunctionDef | ast.ClassDef, function: FunctionType) -> bool:
    return node.lineno - 1 <= function.__code__.co_firstlineno <= (node.end_lineno or 0) or any(
        decorator.lineno == function.__code__.co_firstlineno for decorator in node.decorator_list
    )


def alone(thing: Any, there: set[str]) -> Piece:
    """Return what a function or class of a notebook needs to stand by itself.

    Args:
        there: names that the file defines already.

    Raises:
        MissingNameError: it uses a value of the notebook that is no function, no class and nothing imported.
    """
    piece = Piece()
    _collect(thing, piece, set(there))
    return piece


def _collect(thing: Any, piece: Piece, there: set[str]) -> None:
    code = source_of(thing)
    there.add(thing.__name__)
    function = inspect.unwrap(thing) if isinstance(thing, FunctionType) else _a_method(thing)
    namespace = function.__globals__ if function else {}
    for name in sorted(names_used(code) - there - set(dir(builtins))):
        if name not in namespace:
            raise MissingNameError(f"`{name}` is defined nowhere")
        value = namespace[name]
        if line := import_line(name, value):
            piece.imports.append(line)
        elif isinstance(value, FunctionType | type):
            _collect(value, piece, there)
        else:
            raise MissingNameError(f"`{name}` stands in another cell: define it inside {thing.__name__}")
        there.add(name)
    piece.code.append(code)


def names_used(code: str) -> set[str]:
    """Return the names that a piece of code takes from outside, builtins among them."""

    def of_table(table: symtable.SymbolTable) -> Iterator[str]:
        for symbol in table.get_symbols():
            outside = symbol.is_global() if table.get_type() != "module" else not symbol.is_local()
            if symbol.is_referenced() and (outside or symbol.is_global()):
                yield symbol.get_name()
        for inner in table.get_children():
            yield from of_table(inner)

    top = symtable.symtable(code, "a cell", "exec")
    defined = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    return set(of_table(top)) - defined


def import_line(name: str, value: Any) -> str | None:
    """Return the line that binds ``name`` to ``value``, None for what a notebook has made itself."""
    if isinstance(value, ModuleType):
        parent, _, leaf = value.__name__.rpartition(".")
        if value.__name__ == name:
            return f"import {name}"
        return f"from {parent} import {leaf}" if parent and leaf == name else f"import {value.__name__} as {name}"
    module, own_name = getattr(value, "__module__", None), getattr(value, "__qualname__", name)
    if not module or module == "__main__":
        return None
    try:
        same = getattr(importlib.import_module(module), own_name, None) is value
    except ImportError:
        return None
    if not same:
        return None
    return f"from {module} import {own_name}" + ("" if own_name == name else f" as {name}")
