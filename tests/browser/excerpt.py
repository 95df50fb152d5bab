"""An excerpt of a notebook: chosen cells, and of the code above them what they need.

The notebooks are run whole elsewhere. A test that plays with one widget leaves out what the widget does not read:

    cells = excerpt(json.loads(path.read_text())["cells"], ["prompt-lab"])
"""

import ast
from collections.abc import Collection
from typing import Any

Cell = dict[str, Any]


def excerpt(cells: list[Cell], wanted: Collection[str]) -> list[Cell]:
    """Return the cells with the ``wanted`` ids, and the code cells above that set a name which these read.

    Read from below: a cell belongs to it if it sets, or calls a method of, a name that is needed further down. A name
    that was set anew is not needed above. The start-up cell always belongs to it.

    Raises:
        ValueError: a wanted id is not among the cells.
    """
    if missing := set(wanted) - {cell["id"] for cell in cells}:
        raise ValueError(f"there is no cell {', '.join(sorted(missing))}")
    code = {cell["id"]: ast.parse("".join(cell["source"])) for cell in cells if _is_read(cell)}
    imported = {name for tree in code.values() for name in _imported_by(tree)}
    kept, needed = [], set[str]()
    for cell in reversed(cells):
        if cell["metadata"].get("clip_tutor") == "setup":
            kept.append(cell)
        elif cell["id"] in code:
            set_anew, changed, read = _names(code[cell["id"]])
            if cell["id"] in wanted or needed & (set_anew | (changed - imported)):
                kept.append(cell)
                needed = (needed - set_anew) | read
        elif cell["id"] in wanted:
            kept.append(cell)
    return kept[::-1]


def _is_read(cell: Cell) -> bool:
    return cell["cell_type"] == "code" and cell["metadata"].get("clip_tutor") != "setup"  # which has a %-command


def _names(tree: ast.Module) -> tuple[set[str], set[str], set[str]]:
    """Return the names that a cell sets for certain, those that it may change, and those of others that it reads."""
    set_anew, changed, own = _imported_by(tree), set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.comprehension | ast.For):
            own |= _names_in(node.target, ast.Store)
        elif isinstance(node, ast.FunctionDef | ast.Lambda):
            own |= _names_in(node, ast.Store) | {
                argument.arg for argument in ast.walk(node) if isinstance(argument, ast.arg)
            }
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            changed |= _names_in(node.value.func, ast.Load)  # model.eval(), index.add(…)
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            changed |= _names_in(node, ast.Load)  # norm.weight[:] = 0
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            set_anew.add(statement.name)
        elif isinstance(statement, ast.Assign):
            set_anew |= {name for target in statement.targets for name in _names_in(target, ast.Store)}
        else:
            changed |= _names_in(statement, ast.Store)
    return set_anew, changed - own, _names_in(tree, ast.Load) - own


def _imported_by(tree: ast.AST) -> set[str]:
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return {(name.asname or name.name).split(".")[0] for node in imports for name in node.names}


def _names_in(tree: ast.AST, use: type[ast.expr_context]) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, use)}
