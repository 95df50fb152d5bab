"""The site: a small course is built once with Sphinx and looked into; what must fail a build does."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from PIL import Image
from playwright.sync_api import Browser

from clip_tutor.lab.course.executed import fingerprint_of, keep, stale

CHECKOUT = Path(__file__).parents[2]
SITE_CODE = CHECKOUT / "docs" / "site"
REPOSITORY = "https://github.com/clip-tutor/clip-tutor"

COURSE = """
[[notebook]]
number = 0
name = "start_here"
part = "The tour"
title = "Start here"
idea = "the first idea"
promise = "You see it work."
minutes = 20
needs = "a CPU"
ready = true
stills.card = "Cats, found by the word"

[[notebook]]
number = 7
name = "loss"
part = "Learning"
title = "The loss"
idea = "the second idea"
promise = "You go on."
minutes = 30
needs = "a CPU"
builds_on = [0]
ready = true
"""
GLOSSARY = """
[[term]]
term = "InfoNCE"
plain = "which of N candidates belongs to this one?"
notebook = 7
also = [0]
"""
GUIDE = (
    "# Far away\n\n[The loss](../notebooks/07_loss.ipynb), and `benchmarks/` has [a table](../benchmarks/losses.py).\n"
)
WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
FOLD = "<details><summary>{}</summary>\n\n{}\n\n</details>\n\n"
STILL = FOLD.format("No kernel here? This is what it looks like.", "![A still of a board](images/00_card.webp)")

Cell = dict[str, Any]


def prose(source: str, key: str | None = None) -> Cell:
    return nbformat.v4.new_markdown_cell(source, metadata={"clip_tutor": key} if key else {})


def code(source: str, *outputs: Cell, **metadata: Any) -> Cell:
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)


def shows(**data: str | dict[str, str]) -> Cell:
    kinds = {"html": "text/html", "markdown": "text/markdown", "plain": "text/plain", "widget": VIEW}
    return nbformat.v4.new_output("display_data", {kinds[kind]: value for kind, value in data.items()})


def model(kind: str, **state: Any) -> dict[str, Any]:
    return {"model_name": f"{kind}Model", "state": state}


TOUR = [
    prose(f"# 00 · Start here\n\n![Cats](images/00_card.webp)\n\n[open in Colab]({REPOSITORY})", "header"),
    prose("## Why\n\nA sesquipedalian sentence, and $x^2$. [On](07_loss.ipynb)"),
    code("print('seen')", nbformat.v4.new_output("stream", text="said by a cell")),
    code("secret = 1\nMarkdown(f'{secret} thing')", shows(markdown="1 *thing*"), jupyter={"source_hidden": True}),
    code("lab.explore(board)", shows(widget={"model_id": "box"}, plain="Explorer(children=())")),
    prose(FOLD.format("The figure in words", "A board.") + STILL + "Try it."),
    code("lab.predict()", shows(widget={"model_id": "box"}, plain="Prediction(children=())")),
    prose(FOLD.format("Solution", "```python\nreturn rows[0](columns)\n```")),
    prose("### Words you will meet in papers\n\n| | |\n|---|---|\n| **InfoNCE** | which of N |", "words"),
]
LOSS = [
    prose(f"# 07 · The loss\n\n*time* 30 minutes · [open in Colab]({REPOSITORY})", "header"),
    prose("## Why\n\nIt is called **InfoNCE**."),
    code("lab.course_map()", shows(html='<a href="00_start_here.ipynb">a map\'s way</a>')),
]
STATES = {
    "box": model(
        "VBox",
        _dom_classes=["kit-asks"],
        layout="IPY_MODEL_wide",
        children=["IPY_MODEL_question", "IPY_MODEL_choice", "IPY_MODEL_step", "IPY_MODEL_hidden", "IPY_MODEL_sheet"],
    ),
    "question": model("HTML", value="Does <i>order</i> matter?"),
    "choice": model("ToggleButtons", _options_labels=["yes", "rather not"], index=None),
    "step": model("IntSlider", description="step", value=0),
    "hidden": model("HTML", value="not to be seen", layout="IPY_MODEL_none"),
    "sheet": model("HTML", value="<style>.kit-asks { color: teal }</style>", layout="IPY_MODEL_none"),
    "none": model("Layout", display="none"),
    "wide": model("Layout", flex_flow="row wrap", width=None, _view_name="LayoutView"),
}


def write_course(root: Path, tour: list[Cell] = TOUR) -> None:
    """Write a checkout of two notebooks, with the copies that a run of the tests would leave."""
    notebooks = root / "notebooks"
    (notebooks / "images").mkdir(parents=True)
    Image.new("RGB", (64, 32), "orange").save(notebooks / "images" / "00_card.webp")
    shutil.copy(CHECKOUT / "pyproject.toml", root)
    (notebooks / "course.toml").write_text(COURSE)
    (notebooks / "glossary.toml").write_text(GLOSSARY)
    (root / "docs").mkdir()
    (root / "docs" / "far_away.md").write_text(GUIDE)
    for name, cells in {"00_start_here": tour, "07_loss": LOSS}.items():
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        file = notebooks / f"{name}.ipynb"
        nbformat.write(notebook, file)
        notebook.metadata.widgets = {WIDGETS: {"state": STATES}}
        keep(notebook, root / "build" / "executed" / file.name, fingerprint_of(file, root))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the small course, with one package of the library in its reference."""
    root = tmp_path_factory.mktemp("checkout")
    write_course(root)
    command = [sys.executable, SITE_CODE / "build.py", "--root", root, "--packages", "losses"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "build" / "site" / "html"


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SITE_CODE)
    return __import__("pages")


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SITE_CODE)
    return __import__("links")


def text_of(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page.read_text()))


@pytest.mark.slow
def test_a_lecture_is_shown_as_it_ran(site: Path) -> None:
    page, text = (site / "notebooks" / "00_start_here.html").read_text(), text_of(site / "notebooks/00_start_here.html")
    assert "said by a cell" in text
    assert "1 thing" in text and "secret" not in text, "an input that the notebook hides is hidden here"
    assert re.search(r"<details><summary>The figure in words</summary>\s*<p>A board", page)
    assert re.search(r"<details><summary>Solution</summary>", page) and "rows[0](columns)" in text.replace("&#39;", "'")
    assert "A still of a board" in page and "No kernel here?" not in page, (
        "the still stands open in place of the widget"
    )
    assert "Does <i>order</i> matter?" in page and "yes · rather not" in text and "step 0" in text, (
        "a widget without a still shows its state"
    )
    assert '<div class="widget-box widget-vbox kit-asks" style="flex-flow:row wrap">' in page
    assert "<style>.kit-asks { color: teal }</style>" in page
    assert "not to be seen" not in text and "children=()" not in text


@pytest.mark.slow
def test_a_lecture_leads_to_colab_and_to_its_file(site: Path) -> None:
    page = (site / "notebooks" / "00_start_here.html").read_text()
    assert "open in Colab" in page and f'href="{REPOSITORY}/blob/main/notebooks/00_start_here.ipynb"' in page
    (file,) = re.findall(r'href="\.\./(_downloads/\w+/00_start_here\.ipynb)"', page)
    assert json.loads((site / file).read_text())["cells"], "the notebook itself lies beside the pages"


@pytest.mark.slow
def test_navigation_follows_the_course(site: Path) -> None:
    page = (site / "index.html").read_text()
    names = ["The tour", "00 · Start here", "Learning", "07 · The loss", "Far away", "Glossary", "The library"]
    places = [page.index(f">{name}<") for name in names]
    assert places == sorted(places)


@pytest.mark.slow
def test_links_to_files_lead_to_their_pages_or_to_the_repository(site: Path) -> None:
    assert '<a href="00_start_here.html">a map\'s way</a>' in (site / "notebooks" / "07_loss.html").read_text()
    page = (site / "docs" / "far_away.html").read_text()
    assert 'href="../notebooks/07_loss.html"' in page
    assert f'href="{REPOSITORY}/blob/main/benchmarks/losses.py"' in page


@pytest.mark.slow
def test_words_and_glossary_lead_to_each_other(site: Path) -> None:
    glossary = (site / "notebooks" / "glossary.html").read_text()
    assert 'href="07_loss.html#word-infonce"' in glossary, "back to where it stands in bold for the first time"
    assert 'href="00_start_here.html"' in glossary
    for name in ("00_start_here", "07_loss"):
        assert 'href="glossary.html#term-InfoNCE"' in (site / "notebooks" / f"{name}.html").read_text(), name


@pytest.mark.slow
def test_the_search_finds_words_of_a_lecture_and_names_of_the_library(site: Path) -> None:
    index = (site / "searchindex.js").read_text()
    assert "sesquipedalian" in index and "contrastive_loss" in index


@pytest.mark.slow
def test_formulas_need_no_network(site: Path) -> None:
    page = (site / "notebooks" / "00_start_here.html").read_text()
    assert 'src="../_static/tex-svg-full.js' in page
    assert (site / "_static" / "tex-svg-full.js").stat().st_size > 1e6


@pytest.mark.slow
def test_the_reference_shows_docstrings_with_their_drawings_and_leads_to_the_source(site: Path) -> None:
    page = (site / "reference" / "clip_tutor.losses.html").read_text()
    assert 'id="clip_tutor.losses.softmax.contrastive_loss"' in page
    assert re.search(rf'href="{REPOSITORY}/blob/main/clip_tutor/losses/softmax.py#L\d+-L\d+"', page)
    assert re.search(r"<pre><span></span>[^<]*image 1   \[   high", page), "a drawing keeps its columns"


def test_faults_are_found_in_a_site(tmp_path: Path, links: ModuleType) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">fine</a> <a href="b.html#nowhere">1</a> <a href="c.html">2</a> <a href="https://x.org">fine</a>'
        '<img src="https://x.org/i.png"> <script src="//x.org/s.js"></script> <link rel="stylesheet" href="https://x.org/s.css">'
    )
    (tmp_path / "b.html").write_text('<h1 id="there">b</h1>')
    (tmp_path / "s.css").write_text("@font-face { src: url('https://x.org/f.woff2') } p { background: url(s.png) }")
    assert links.faults(tmp_path) == [
        "a.html takes https://x.org/i.png from elsewhere",
        "a.html takes //x.org/s.js from elsewhere",
        "a.html takes https://x.org/s.css from elsewhere",
        "a.html links to b.html#nowhere, and that page has no such place",
        "a.html links to c.html, and there is no such file",
        "s.css takes https://x.org/f.woff2 from elsewhere",
    ]


FAILED = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["no"])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (code("int('cat')", FAILED), "00_start_here.ipynb makes no page, since a cell failed with ValueError:\n\nint"),
        (nbformat.v4.new_code_cell("x = 1"), "since a cell has not run:\n\nx = 1"),
    ],
    ids=["failed", "not run"],
)
def test_a_cell_that_failed_fails_the_build(tmp_path: Path, pages: ModuleType, cell: Cell, message: str) -> None:
    write_course(tmp_path, [*TOUR, cell])
    with pytest.raises(ValueError, match=re.escape(message)):
        pages.write_pages(tmp_path, tmp_path / "source")


def test_a_notebook_that_has_changed_since_its_run_fails_the_build(tmp_path: Path, pages: ModuleType) -> None:
    write_course(tmp_path)
    with (tmp_path / "notebooks" / "07_loss.ipynb").open("a") as file:
        file.write("\n")
    with pytest.raises(ValueError, match=r"07_loss\.ipynb has no fresh executed copy.*make notebooks"):
        pages.write_pages(tmp_path, tmp_path / "source")


@pytest.mark.parametrize(
    ("changed", "runs_again"),
    [
        ("notebooks/07_loss.ipynb", ["07"]),
        ("clip_tutor/lessons/nb07_loss/plots.py", ["07"]),
        ("clip_tutor/losses/softmax.py", ["00", "07"]),
        ("data/model.safetensors", ["00", "07"]),
        ("docs/far_away.md", []),
    ],
)
def test_what_has_changed_decides_which_notebooks_run_again(
    tmp_path: Path, changed: str, runs_again: list[str]
) -> None:
    write_course(tmp_path / "before")
    shutil.copytree(tmp_path / "before", tmp_path / "after")  # each folder's library is read once in a process
    assert stale(tmp_path / "before") == []
    file = tmp_path / "after" / changed
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as opened:
        opened.write("\n")
    assert [one.id for one in stale(tmp_path / "after")] == runs_again


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_open_from_a_folder_without_a_network(site: Path, browser: Browser, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    heard: list[str] = []
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else heard.append(request.url)
    )
    page.on("pageerror", lambda error: heard.append(str(error)))
    for name in ("index", "notebooks/00_start_here", "notebooks/glossary", "reference/clip_tutor.losses"):
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"
    page.goto((site / "notebooks" / "00_start_here.html").as_uri())
    page.locator("mjx-container").wait_for(timeout=30_000)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light == (scheme == "light")
    page.goto((site / "search.html").as_uri() + "?q=sesquipedalian")
    page.locator("#search-results a", has_text="00 · Start here").first.wait_for(timeout=30_000)
    assert heard == []
    page.close()


@pytest.mark.browser
@pytest.mark.slow
def test_code_has_more_room_than_prose_and_no_page_is_wider_than_its_screen(site: Path, browser: Browser) -> None:
    room = """place => document.querySelector(place).getBoundingClientRect().width
        / parseFloat(getComputedStyle(document.body).fontSize)"""
    for width in (800, 1010, 1100, 1280, 1320, 1440, 1700, 2400):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.goto((site / "notebooks" / "00_start_here.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"too wide at {width} pixels"
        assert page.evaluate(room, "article section section > p") <= 46
        if width in (1280, 1700, 2400):
            assert page.evaluate(room, ".cell_input pre") > 55, f"no room for code at {width} pixels"
        page.close()
