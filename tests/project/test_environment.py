"""environment.yml and pyproject.toml name the same dependencies, and the code imports no others."""

import ast
import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# What conda-forge calls otherwise.
CONDA_NAMES = {"torch": "pytorch", "playwright": "playwright-python"}
# What pip installs there as well.
BY_PIP = ["ray", "pymilvus", "milvus-lite", "pycocoevalcap", "flamingo-pytorch", "sphinx-mathjax-offline"]


def bounds(requirement: Requirement) -> tuple[str, frozenset[str]]:
    return canonicalize_name(requirement.name), frozenset(map(str, requirement.specifier))


def test_environment_matches_pyproject() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = dict(bounds(Requirement(line)) for line in listed if isinstance(line, str))
    (by_pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    assert by_pip.pop() == "-e .", "environment.yml must install the kit itself, at last"
    assert [Requirement(line).name for line in by_pip] == BY_PIP
    conda |= dict(bounds(Requirement(line)) for line in by_pip)
    assert conda.pop("python") == frozenset([PROJECT["requires-python"]])
    conda.pop("pip")

    wanted = {}
    for line in (*PROJECT["dependencies"], *EXTRAS["lab"], *EXTRAS["test"], *EXTRAS["site"]):
        name, versions = bounds(Requirement(line))
        wanted[CONDA_NAMES.get(name, name)] = versions
    assert conda == wanted, "environment.yml and pyproject.toml differ: change both"


@pytest.mark.parametrize("name", ["torch", "torchvision"])
def test_torch_has_a_lower_bound_only(name: str) -> None:
    """A cap or a local version (+cpu) would tear apart a torch and a torchvision that a reader already has."""
    (line,) = [line for line in PROJECT["dependencies"] if Requirement(line).name == name]
    (specifier,) = Requirement(line).specifier
    assert (specifier.operator, Requirement(line).url) == (">=", None)
    assert "+" not in specifier.version


def imported_modules(source: str) -> Iterator[str]:
    """The top-level names of what a piece of Python imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def notebook_source(path: Path) -> str:
    """A notebook's code cells without the lines that only IPython understands (%pip, !ls)."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in [*"".join(cell["source"]).splitlines(), ""]]
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + "pass" if line.lstrip().startswith(("%", "!")) else line
        for line in lines
    )


def undeclared(sources: dict[Path, str], requirements: list[str]) -> dict[str, str]:
    """Modules that neither Python, the kit nor a required distribution provides, with a file that wants them."""
    providers = importlib.metadata.packages_distributions()
    declared = {canonicalize_name(Requirement(line).name) for line in requirements}
    missing = {}
    for path, source in sources.items():
        neighbors = {beside.stem for beside in path.parent.glob("*.py")}
        for module in imported_modules(source):
            if module in sys.stdlib_module_names or module in {"clip_tutor", "tests", "google"} | neighbors:
                continue
            if not declared & {canonicalize_name(name) for name in providers.get(module, [module])}:
                missing[module] = str(path.relative_to(ROOT))
    return missing


def python_files(*folders: str) -> dict[Path, str]:
    return {path: path.read_text() for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))}


AT_HAND = ["diffusers"]  # notebook 22 hands token states to a published U-Net, and says so where there is none


@pytest.mark.slow
def test_library_and_notebooks_import_base_dependencies_only() -> None:
    """Colab installs the base and nothing else. What a notebook shows only where it is at hand is named here."""
    notebooks = {path: notebook_source(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    assert undeclared(python_files("clip_tutor"), PROJECT["dependencies"]) == {}
    assert undeclared(notebooks, [*PROJECT["dependencies"], *AT_HAND]) == {}


@pytest.mark.slow
def test_tests_benchmarks_and_site_import_declared_dependencies_only() -> None:
    everything = [*PROJECT["dependencies"], *EXTRAS["lab"], *EXTRAS["test"], *EXTRAS["site"]]
    assert undeclared(python_files("tests", "benchmarks", "docs"), everything) == {}


def test_published_implementations_stay_in_the_tests() -> None:
    """The library is written from scratch: what it is compared with must not creep into it."""
    modules = {module for source in python_files("clip_tutor").values() for module in imported_modules(source)}
    assert not modules & {"open_clip", "timm", "transformers", "clip", "flamingo_pytorch", "diffusers"}
