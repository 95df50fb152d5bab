"""The pages of the site in one folder, laid out like the checkout, so that their links keep their meaning.

index.md              the front page, from `course.toml`
notebooks/NN_….ipynb  the lectures, executed, see `lectures`; beside them images/, figures/ and glossary.md
docs/….md             the pages of docs/
reference/….rst       the library, see `reference`
files/NN_….ipynb      the notebooks as they are, to download
"""

import json
import os
import re
import shutil
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from lectures import FIGURES, FILES, lecture, word_place
from reference import reference_pages

from clip_tutor.lab.course.executed import is_fresh
from clip_tutor.lab.course.glossary import Term, read_glossary
from clip_tutor.lab.course.notebook_files import as_text
from clip_tutor.lab.course.syllabus import Notebook, read_syllabus, tomllib

_CODE_OR_LINK = re.compile(
    r"^```.*?^```|`[^`\n]*`|\]\((?!\w+:|#)(?P<target>[^)\s#]+)(?P<fragment>#[^)\s]*)?\)", re.DOTALL | re.MULTILINE
)

_HOW = (
    "Each lecture is a notebook, shown as it ran. Read it here; to write the exercises, have them checked and use the "
    "widgets, open it in Colab or on a machine of your own."
)


def write_pages(root: Path, folder: Path, only: Sequence[str] = (), packages: Sequence[str] = ()) -> None:
    """Write the pages of the site of the checkout at ``root`` into ``folder``: all, or of some notebooks and packages.

    Raises:
        ValueError: a notebook has no fresh executed copy, or one of its cells has failed.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project["urls"]["Repository"]
    course = [one for one in read_syllabus(root / "notebooks" / "course.toml") if one.ready]
    course = [one for one in course if not only or one.id in only]
    terms = read_glossary(root / "notebooks" / "glossary.toml")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "notebooks" / "images", folder / "notebooks" / "images")
    (folder / FILES).mkdir()
    for one in course:
        shutil.copy(root / "notebooks" / one.file, folder / FILES)
        page = lecture(_executed(root, one), one, repository, terms, folder / "notebooks" / FIGURES)
        (folder / "notebooks" / one.file).write_text(as_text(page), encoding="utf-8")
    guides = sorted((root / "docs").glob("*.md"))
    shutil.copytree(root / "docs", folder / "docs", ignore=shutil.ignore_patterns("site"))
    (folder / "notebooks" / "glossary.md").write_text(_glossary(terms, course), encoding="utf-8")
    (folder / "index.md").write_text(_front(course, guides, project["description"]), encoding="utf-8")
    reference_pages(folder / "reference", packages)
    _point_elsewhere(folder, repository)


def _executed(root: Path, notebook: Notebook) -> dict[str, object]:
    """Return the executed copy of a notebook.

    Raises:
        ValueError: there is none, or it ran with other code or data.
    """
    copy = root / "build" / "executed" / notebook.file
    if not is_fresh(copy, root / "notebooks" / notebook.file, root):
        raise ValueError(
            f"{notebook.file} has no fresh executed copy: something has changed since its last run, or that failed. "
            f"Run make notebooks ARGS=notebooks/{notebook.file}"
        )
    executed: dict[str, object] = json.loads(copy.read_text(encoding="utf-8"))
    return executed


def _front(course: Sequence[Notebook], guides: Sequence[Path], promise: str) -> str:
    """Return the front page: every lecture with its image, part by part, and the navigation of the whole site."""
    lines = ["# clip_tutor", "", f"{promise}.", "", _HOW, ""]
    navigation = []
    for part, notebooks in groupby(course, key=lambda one: one.part):
        here = list(notebooks)
        lines += [f"## {part}", "", "{.lectures}", *map(_card, here), ""]
        navigation.append(_toctree(part, [f"notebooks/{one.file.removesuffix('.ipynb')}" for one in here]))
    navigation.append(_toctree("Beyond the lectures", [f"docs/{guide.stem}" for guide in guides]))
    navigation.append(_toctree("To look things up", ["notebooks/glossary", "reference/index"]))
    return "\n".join([*lines, *navigation])


def _card(notebook: Notebook) -> str:
    page = f"notebooks/{notebook.file}"
    card = "card" in notebook.stills
    image = f"[![](notebooks/{notebook.still_file('card')})]({page})\n  " if card else ""
    return f"- {image}**[{notebook.id} · {notebook.title}]({page})**\n  {notebook.idea} · {notebook.minutes} minutes"


def _toctree(caption: str, pages: Sequence[str]) -> str:
    listed = "\n".join(pages)
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def _glossary(terms: Sequence[Term], course: Sequence[Notebook]) -> str:
    """Return the page of all terms, each with links back: to where it is explained, and to where it comes again."""
    by_number = {notebook.number: notebook for notebook in course}
    entries = []
    for one in terms:
        again = [by_number[number] for number in one.also if number in by_number]
        ways = [f"[{one.notebook:02}](#{word_place(one)})"] if one.notebook in by_number else []
        ways += [f"[{notebook.id}]({notebook.file})" for notebook in again]
        entries.append(f"{one.term}\n  {one.plain} ({', '.join(ways)})" if ways else f"{one.term}\n  {one.plain}")
    listed = "\n\n".join(entries)
    head = "# Glossary\n\nThe words of the field as this course uses them, with the lectures that explain them.\n\n"
    return f"{head}```{{glossary}}\n{listed}\n```\n"


def _point_elsewhere(folder: Path, repository: str) -> None:
    """Let links to files of the checkout that are no page lead to the repository on the web."""
    for path in folder.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        path.write_text(_with_links(text, path.parent, folder, repository), encoding="utf-8")
    for path in (folder / "notebooks").glob("*.ipynb"):
        page = json.loads(path.read_text(encoding="utf-8"))
        for cell in page["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = _with_links("".join(cell["source"]), path.parent, folder, repository)
            for data in [output["data"] for output in cell.get("outputs", ()) if "data" in output]:
                if "text/markdown" in data:
                    data["text/markdown"] = _with_links("".join(data["text/markdown"]), path.parent, folder, repository)
                if "text/html" in data:
                    data["text/html"] = _to_pages("".join(data["text/html"]), path.parent, repository)
        path.write_text(as_text(page), encoding="utf-8")


def _with_links(text: str, here: Path, folder: Path, repository: str) -> str:
    """Return Markdown in ``here`` whose links to what is not in ``folder`` lead to the web; code is left alone."""

    def place(found: re.Match[str]) -> str:
        target, fragment = found["target"], found["fragment"] or ""
        if target is None or (here / target).exists():
            return found[0]
        inside = Path(os.path.relpath(here / target, folder))
        return f"]({repository}/blob/main/{inside.as_posix()}{fragment})"

    return _CODE_OR_LINK.sub(place, text)


def _to_pages(html: str, here: Path, repository: str) -> str:
    """Return HTML in ``here`` whose links to notebooks lead to their pages, or to the web if there is none."""

    def place(found: re.Match[str]) -> str:
        to_page = f"{found[1]}.html" if (here / f"{found[1]}.ipynb").exists() else None
        return f'href="{to_page or f"{repository}/blob/main/notebooks/{found[1]}.ipynb"}"'

    return re.sub(r'href="(\d\d_\w+)\.ipynb"', place, html)
