"""The house rules that a reader relies on: who may import whom, and a sentence on everything public."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "clip_tutor"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
TREES = {path: ast.parse(path.read_text("utf-8")) for path in [*MODULES, *TESTS]}

# Which packages each package may enter. Data walks one way: nothing here names a package that stands further down.
MAY_IMPORT = {
    "allocator": set(),
    "assets": set(),
    "printable": set(),
    "shell": set(),
    "tokenizers": set(),
    "patches": set(),
    "images": {"patches"},
    "towers": {"patches", "images"},
    "losses": set(),
    "model": {"images", "towers"},
    "zoo": {"images", "model", "towers"},
    "data": {"assets", "printable", "images", "tokenizers"},
    "embedding": {"images", "tokenizers", "model"},
    "weights": {"assets", "printable", "tokenizers", "images", "towers", "model", "zoo"},
    "training": {
        "allocator",
        "printable",
        "shell",
        "tokenizers",
        "images",
        "towers",
        "losses",
        "model",
        "zoo",
        "data",
        "embedding",
        "weights",
    },
    "evaluation": {
        "allocator",
        "printable",
        "shell",
        "images",
        "tokenizers",
        "towers",
        "losses",
        "model",
        "data",
        "embedding",
        "weights",
    },
    "search": {"allocator", "printable", "shell", "tokenizers", "images", "model", "data", "embedding", "weights"},
}
MAY_IMPORT["applications"] = set(MAY_IMPORT)
MAY_IMPORT["lab"] = set(MAY_IMPORT)
MAY_IMPORT["lessons"] = set(MAY_IMPORT)
# A program that is run, not imported, may use what stands beside its package.
PROGRAMS = dict.fromkeys(("training/__main__.py", "training/siglip2_train.py"), MAY_IMPORT["training"] | {"evaluation"})

# What a package may take from outside, where that is less than everything.
OUTSIDE = {
    "tokenizers": {"regex", "ftfy"},
    "images": {"torch", "numpy", "PIL"},
    "towers": {"torch"},
    "patches": {"torch"},
    "model": {"torch"},
    "losses": {"torch"},
    "assets": set(),
}
KNOW_JUPYTER = {"lab", "lessons"}
ONLY_THERE = {"IPython", "ipywidgets", "matplotlib", "umap", "google", "pygments"}
ONLY_IN_TESTS = {
    *("open_clip", "transformers", "timm", "sentencepiece", "tokenizers", "flamingo_pytorch", "diffusers", "pytest"),
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, in full: "clip_tutor.model", "torch.nn"."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full here"
            if node.module in ("clip_tutor", "clip_tutor.lessons"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names if not alias.name.startswith("__"))
            else:
                yield str(node.module)


def public_definitions(tree: ast.Module) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """Functions and classes of a module and methods of its classes, without those that begin with an underscore."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (m for m in node.body if isinstance(m, ast.FunctionDef) and not m.name.startswith("_"))


def test_rooms_import_only_what_stands_before_them():
    found = []
    for path in MODULES:
        if path == PACKAGE / "__init__.py":
            continue
        package = room_of(path)
        allowed = PROGRAMS.get(path.relative_to(PACKAGE).as_posix(), MAY_IMPORT[package]) | {package}
        entered = {name.split(".")[1] for name in imports_of(path) if name.startswith("clip_tutor.")}
        found += [f"{name_of(path)}: {package} may not import {other}" for other in sorted(entered - allowed)]
    assert found == []


def test_rooms_take_only_what_they_need_from_outside():
    found = []
    for path in MODULES:
        package = room_of(path)
        outside = {name.split(".")[0] for name in imports_of(path)} - {"clip_tutor"} - sys.stdlib_module_names
        barred = {name: "published implementations are for the tests" for name in outside & ONLY_IN_TESTS}
        if package not in KNOW_JUPYTER:
            barred |= {name: "lab and lessons are the only packages that know Jupyter" for name in outside & ONLY_THERE}
        barred |= {name: f"{package} does without it" for name in outside - OUTSIDE.get(package, outside)}
        found += [f"{name_of(path)} imports {name}: {why}" for name, why in barred.items()]
    assert found == []


def test_a_lesson_enters_no_other_lesson():
    found = []
    for path in (PACKAGE / "lessons").rglob("*.py"):
        lesson = path.relative_to(PACKAGE / "lessons").parts[0]
        for name in imports_of(path):
            other = name.removeprefix("clip_tutor.lessons.").split(".")[0]
            if name.startswith("clip_tutor.lessons.") and other != lesson:
                found.append(f"{name_of(path)} imports {name}: what two lessons need belongs in lab")
    assert found == []


def test_lab_names_no_lesson():
    found = [
        name_of(path)
        for path in MODULES
        if room_of(path) == "lab" and re.search(r"lessons\.nb\d", path.read_text("utf-8"))
    ]
    assert found == [], "lab finds a lesson by its notebook's number and name, see `Notebook.lesson`"


def test_the_order_of_rooms_has_no_circle():
    done: set[str] = set()
    while len(done) < len(MAY_IMPORT):
        ready = {package for package, may in MAY_IMPORT.items() if package not in done and may <= done | {package}}
        assert ready, f"these import each other: {set(MAY_IMPORT) - done}"
        done |= ready


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("clip_tutor", ["torch", "numpy", "PIL", "matplotlib", "IPython"]),
        ("clip_tutor.tokenizers", ["torch", "numpy", "matplotlib"]),
        (
            "clip_tutor.search, clip_tutor.training, clip_tutor.evaluation.report",
            ["matplotlib", "ipywidgets", "datasets", "faiss"],
        ),
    ],
)
def test_importing_pulls_in_nothing_it_does_not_need(module, heavy):
    program = f"import sys, {module}; print(*[name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (run.stdout.strip(), run.stderr) == ("", "")


def test_a_module_can_be_read_in_one_sitting():
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_everything_public_says_what_it_does():
    found = [f"{name_of(path)}: the module" for path in MODULES if not ast.get_docstring(TREES[path])]
    for path in MODULES:
        silent = [node.name for node in public_definitions(TREES[path]) if not ast.get_docstring(node)]
        found += [f"{name_of(path)}: {name}" for name in silent]
    assert found == [], "no docstring"


def test_everything_public_has_type_hints():
    found = []
    for path in MODULES:
        for node in public_definitions(TREES[path]):
            if isinstance(node, ast.FunctionDef):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
                bare += [] if node.returns else ["its result"]
                found += [f"{name_of(path)}: {node.name} has no type for {name}" for name in bare]
    assert found == []


def test_a_test_that_a_comment_names_exists():
    written = {name for path in TESTS for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))}
    named = {name for path in MODULES for name in re.findall(r"``(test_\w+)``", path.read_text("utf-8"))}
    assert len(named) >= 5
    assert named <= written, f"there is no such test: {', '.join(named - written)}"


def test_every_test_can_fail():
    """A test without an assertion passes whatever happens."""
    checks = re.compile(r"\bassert\b|\braises\(|\bassert_\w+\(|\bfail\(|\bexpect\w*\(")
    found = []
    for path in TESTS:
        source = path.read_text("utf-8")
        lines = source.splitlines()
        functions = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.FunctionDef)]
        bodies = {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in functions}
        helpers = {name for name, body in bodies.items() if not name.startswith("test_") and checks.search(body)}
        found += [
            f"{name_of(path)}: {name} asserts nothing"
            for name, body in bodies.items()
            if name.startswith("test_") and not checks.search(body) and not set(re.findall(r"(\w+)\(", body)) & helpers
        ]
    assert found == []


# Names that were ours alone; the field has words for them.
FORMER_NAMES = {
    *("open_picture", "embed_pictures", "embed_captions", "ask_once", "run_blocks", "class_token", "PatchStem"),
    *("with_marks", "byte_symbols", "learn_merges", "symbol_of", "id_of", "best_cut", "expected_uses", "BELLS"),
    *("cost_of_no", "require_pairs", "Learner", "Kit", "Progress", "RunConfig", "spoiled_rows", "longest_gradient"),
    *("everyones", "own_device", "average_lone_gradients", "noticing_lost_processes", "throws", "remove_drafts"),
    *("token_stages", "picture", "pictures", "take_step"),
}


def test_names_are_the_fields():
    """A reader who knows OpenCLIP needs no dictionary."""
    used = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        for name in names_in(node)
        if name in FORMER_NAMES
    }
    assert used == set()


def names_in(node: ast.AST) -> list[str]:
    """What a node gives a name to, or calls by its name."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.arg | ast.keyword):
        return [node.arg or ""]
    return [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
