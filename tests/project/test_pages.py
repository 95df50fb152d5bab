"""What the pages in docs/ and the README name is there: files, sections of notebooks, commands, settings, imports."""

import argparse
import ast
import importlib
import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from clip_tutor import zoo
from clip_tutor.evaluation import __main__ as evaluation
from clip_tutor.search import __main__ as search
from clip_tutor.training import __main__ as training
from clip_tutor.training.settings import read_settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PARSERS = {
    "clip_tutor.training": training.parse,
    "clip_tutor.evaluation": evaluation.parse,
    "clip_tutor.search": search.parse,
}
# A section is named behind its notebook, "[08](…): *The film*", or before it, "*The film* in notebook [08](…)".
LINK = r"\[(\d\d)\]\(\.\./notebooks/(\S+?\.ipynb)\)"
BEHIND, BEFORE = re.compile(LINK + r"(?::|,)? \*([^*]+)\*"), re.compile(r"\*([^*]+)\* in notebook " + LINK)


def text_of(page: Path) -> str:
    """A page's words with single spaces between them: a line may break anywhere."""
    return " ".join(page.read_text("utf-8").split())


def blocks(page: Path, kind: str) -> list[str]:
    """The code of a page that is marked as of this kind."""
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def headings(notebook: Path) -> set[str]:
    """The headings of a notebook, without marks."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    lines = [line for cell in cells if cell["cell_type"] == "markdown" for line in "".join(cell["source"]).splitlines()]
    return {line.lstrip("# ").replace("*", "").strip() for line in lines if line.startswith("#")}


def named_sections(page: Path) -> list[tuple[str, str]]:
    """The sections that a page leads to, each with its notebook's file name."""
    text = text_of(page)
    behind = [(file, title) for _, file, title in BEHIND.findall(text)]
    return behind + [(file, title) for title, _, file in BEFORE.findall(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    text = page.read_text("utf-8")
    without_code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", without_code)
    lost = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert lost == []
    for number, file in re.findall(LINK, text):
        assert file.startswith(number), f"[{number}] leads to {file}"


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.stem)
def test_named_sections_of_notebooks_are_there(page):
    known = {file: headings(ROOT / "notebooks" / file) for file, _ in named_sections(page)}
    assert [(file, title) for file, title in named_sections(page) if title not in known[file]] == []


def test_every_recurring_question_has_an_answer_and_most_a_cell():
    page = ROOT / "docs" / "what_went_wrong.md"
    questions = re.split(r"^### ", page.read_text("utf-8"), flags=re.M)[1:]
    assert len(questions) >= 32
    assert len(named_sections(page)) >= len(questions)
    bare = [one.splitlines()[0] for one in questions if len(one.split()) < 15]
    assert bare == [], "a question without an answer"


def shell_commands(page: Path) -> list[list[str]]:
    """The commands of a page, split as a shell would, without comments."""
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def module_of(words: list[str]) -> tuple[str, list[str]]:
    """The module that a command runs with ``-m``, and what it is told; "" for any other command."""
    if "-m" not in words or words[0] not in ("python", "torchrun"):
        return "", words
    place = words.index("-m")
    return words[place + 1], words[place + 2 :]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_take_what_they_are_told(page, capsys):
    for words in shell_commands(page):
        module, arguments = module_of(words)
        if module:
            assert importlib.util.find_spec(module), " ".join(words)
        if module in PARSERS:
            try:
                assert isinstance(PARSERS[module](arguments), argparse.Namespace)
            except SystemExit as refused:
                pytest.fail(f"{' '.join(words)}: {refused}; {capsys.readouterr().err}")
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.M), words
        elif words[0] == "python" and words[1].startswith("benchmarks/"):
            assert (ROOT / words[1]).exists(), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_settings_are_read(page, tmp_path):
    for block in blocks(page, "yaml"):
        file = tmp_path / "settings.yaml"
        file.write_text(block, encoding="utf-8")
        settings = read_settings(file)
        assert settings.model in zoo.list_models()


def imported(tree: ast.Module) -> list[tuple[str, str]]:
    """Each module of the kit that a block imports from, and the name."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [(str(node.module), one.name) for node in nodes for one in node.names if "clip_tutor" in str(node.module)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_of_a_page_names_what_the_kit_has(page):
    for block in blocks(page, "python"):
        tree = ast.parse(block)
        for module, name in imported(tree):
            assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"
        used = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "ct"}
        assert used <= set(importlib.import_module("clip_tutor").__all__), used


def test_the_moving_picture_moves_and_is_small():
    animation = ROOT / "docs" / "images" / "demo.webp"
    assert animation.stat().st_size <= 2_000_000
    with Image.open(animation) as opened:
        assert opened.n_frames > 20
