"""One source for the course: what it writes, that it writes it once, and that drift is seen. All on a copy."""

import importlib.util
import json
import shutil
import sys
import types
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from matplotlib.figure import Figure
from PIL import Image

from clip_tutor.lab import course_map
from clip_tutor.lab.course.__main__ import main
from clip_tutor.lab.course.cells import SECTIONS, start_up
from clip_tutor.lab.course.formatting import IN_WORDS
from clip_tutor.lab.course.glossary import read_glossary
from clip_tutor.lab.course.minutes import minutes
from clip_tutor.lab.course.notebook_files import CHECKOUT, generated_key, update
from clip_tutor.lab.course.stills import MOST_BYTES, draw_stills, to_image, to_webp
from clip_tutor.lab.course.syllabus import read_syllabus
from clip_tutor.lab.exercises import exercises_of
from clip_tutor.lessons.nb00_start_here import stills as tour_stills

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
name = "between"
part = "Learning"
title = "In between"
idea = "the second idea"
promise = "You go on."
minutes = 30
needs = "a CPU"

[[notebook]]
number = 8
name = "training"
part = "Learning"
title = "Training"
idea = "the third idea"
promise = "You train."
minutes = 40
needs = "two cores"
builds_on = [0, 7]
ready = true
"""
README = "# Kit\n\n<!-- course:start -->\n<!-- course:end -->\n\nThe end.\n"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small checkout with notebooks 00 and 08, begun but not written."""
    folder = tmp_path_factory.mktemp("begun")
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "course.toml").write_text(COURSE)
    (folder / "README.md").write_text(README)
    (folder / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/us/kit"\n')
    for number in ("0", "8"):
        assert main(["--new", number], root=folder) == 0
    return folder


@pytest.fixture
def root(begun: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may change."""
    return shutil.copytree(begun, tmp_path / "checkout")


def read(root: Path, name: str = "08_training") -> dict:
    return json.loads((root / "notebooks" / f"{name}.ipynb").read_text())


def write(root: Path, notebook: dict, name: str = "08_training") -> None:
    (root / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook))


def cell(notebook: dict, key: str) -> str:
    return "".join(next(cell["source"] for cell in notebook["cells"] if generated_key(cell) == key))


def test_a_new_notebook_is_valid_and_has_every_section(root: Path):
    path = root / "notebooks" / "08_training.ipynb"
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert path.read_text() == nbformat.writes(notebook) + "\n", "just as Jupyter saves it"
    headings = [cell.source.splitlines()[0] for cell in notebook.cells if cell.source.startswith("## ")]
    assert headings == [f"## {section}" for section in SECTIONS]


def test_a_new_notebook_has_a_folder_for_its_lesson_and_what_is_there_stays(root: Path):
    lesson = root / "clip_tutor" / "lessons" / "nb07_between"
    lesson.mkdir(parents=True)
    (lesson / "plots.py").write_text("mine = True\n")
    assert main(["--new", "7"], root=root) == 0
    assert sorted(path.name for path in lesson.iterdir()) == ["__init__.py", "exercises.py", "plots.py", "stills.py"]
    assert (lesson / "plots.py").read_text() == "mine = True\n"
    names: dict = {}
    exec((lesson / "exercises.py").read_text(), names)
    assert names["EXERCISES"] == ()
    assert names["__doc__"] == "Exercises of notebook 07, between."


def test_the_header_holds_title_promise_image_and_facts(root: Path):
    header = cell(read(root, "00_start_here"), "header")
    assert header.startswith("# 00 · Start here\n\nYou see it work.\n\n")
    assert "![Cats, found by the word](images/00_card.webp)" in header
    facts = cell(read(root), "header").splitlines()[-1]
    assert facts == (
        "*time* 75 minutes · *needs* two cores · *builds on* [00 · Start here](00_start_here.ipynb), "
        "07 · In between (coming) · [open in Colab](https://colab.research.google.com/github/us/kit/blob/main/"
        "notebooks/08_training.ipynb)"
    )


def test_links_lead_past_notebooks_that_are_still_to_be_written(root: Path):
    assert cell(read(root, "00_start_here"), "links") == "---\n\n[08 · Training](08_training.ipynb) →"
    assert cell(read(root), "links").startswith("---\n\n← [00 · Start here](00_start_here.ipynb) · ")


def test_the_start_up_cell_is_the_same_in_all_and_holds_the_repository(root: Path):
    assert cell(read(root), "setup") == cell(read(root, "00_start_here"), "setup")
    assert "git+https://github.com/us/kit" in cell(read(root), "setup")


def test_the_readmes_table_lists_what_is_there_and_what_is_coming(root: Path):
    table = (root / "README.md").read_text()
    assert "| 00 | [Start here](notebooks/00_start_here.ipynb) | the first idea | 10 |" in table, "its exercises alone"
    assert "| 07 | In between *(coming)* | the second idea |  |" in table
    assert table.startswith("# Kit\n")
    assert table.endswith("<!-- course:end -->\n\nThe end.\n")


def test_every_exercise_stands_before_what_goes_wrong_in_practice(root: Path):
    cells = read(root)["cells"]
    keys = [generated_key(cell) or "".join(cell["source"]).splitlines()[0] for cell in cells]
    first, last = keys.index("## Go further") + 1, keys.index("## What goes wrong in practice")
    parts = ("exercise", "stub", "check", "solution")
    assert keys[first:last] == [f"{part}:{exercise.id}" for exercise in exercises_of("08") for part in parts]


def test_stub_check_hints_and_solution_say_what_the_exercise_says(root: Path):
    notebook = read(root)
    assert cell(notebook, "exercise:08.1") == "### 08.1 · A CLIP of your own\n\n●○○ · 10 minutes"
    stub = cell(notebook, "stub:08.1")
    assert stub.startswith("class MyCLIP(nn.Module):")
    assert stub.endswith('"""\n        raise NotImplementedError("08.1")')
    assert "F.normalize" not in stub
    assert cell(notebook, "check:08.1") == 'MyCLIP = lab.check("08.1", MyCLIP)'
    solution = cell(notebook, "solution:08.1")
    assert "return image_features, text_features, self.log_logit_scale.exp()\n```" in solution
    assert solution.count("<details>") == solution.count("</details>") == 4
    places = [solution.index(f"Hint {number}") for number in (1, 2, 3)]
    assert places == sorted(places)
    assert solution.index("</details>") > places[2], "a hint unfolds inside the one before it"


def test_minutes_are_computed_of_words_code_and_exercises():
    words = {
        "cell_type": "markdown",
        "metadata": {},
        "source": ["word " * 2000, "<details>", "folded " * 900, "</details>"],
    }
    code = {"cell_type": "code", "metadata": {}, "source": ["k = 1\n", "\n"] * 150}
    hidden = {**code, "metadata": {"jupyter": {"source_hidden": True}}}
    stub = {**code, "metadata": {"clip_tutor": "stub:08.1"}}
    assert minutes([words], []) == 10
    assert minutes([words, code, hidden, stub], []) == 20
    assert minutes([words, code], exercises_of("08")) == 5 * round(
        (20 + sum(e.minutes for e in exercises_of("08"))) / 5
    )


def test_prose_hides_its_code_and_figures_fold_their_text(root: Path):
    notebook = read(root)
    code = {"cell_type": "code", "id": "x", "metadata": {}, "outputs": [], "execution_count": None}
    notebook["cells"].insert(2, {**code, "source": ["k = 1\n", 'Markdown(f"**{k}**")']})
    text = "*Figure:* a line\nthat rises.\n\nGo on."
    notebook["cells"].insert(3, {"cell_type": "markdown", "id": "y", "metadata": {}, "source": [text]})
    write(root, notebook)
    update(root)
    prose, figure = read(root)["cells"][2:4]
    assert prose["metadata"] == {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert "".join(figure["source"]) == f"{IN_WORDS}\n\nA line\nthat rises.\n\n</details>\n\nGo on."
    assert update(root) == []


def test_a_second_run_changes_nothing(root: Path):
    assert update(root) == []
    assert main(["--check"], root=root) == 0


@pytest.mark.parametrize("change", ["edited", "lost"])
def test_drift_of_each_cell_is_seen_and_mended(root: Path, change: str, capsys: pytest.CaptureFixture):
    before = read(root)
    for key in ("header", "setup", "links", "exercise:08.2", "stub:08.1", "check:08.3", "solution:08.1"):
        notebook = read(root)
        found = next(cell for cell in notebook["cells"] if generated_key(cell) == key)
        if change == "edited":
            found["source"] = ["another thing"]
        else:
            notebook["cells"].remove(found)
        write(root, notebook)
        assert main(["--check"], root=root) == 1, key
        assert "notebooks/08_training.ipynb has drifted" in capsys.readouterr().out, key
        assert read(root) == notebook, f"a check writes nothing, and {key} has changed"
        assert main([], root=root) == 0, key
        assert read(root) == before, key


def test_drift_of_the_readme_is_seen_and_mended(root: Path):
    readme = root / "README.md"
    good = readme.read_text()
    readme.write_text(good.replace("the third idea", "another"))
    assert update(root, check=True) == ["README.md"]
    assert update(root) == ["README.md"]
    assert readme.read_text() == good


def test_what_the_author_wrote_is_left_alone(root: Path):
    notebook = read(root)
    place = next(n for n, cell in enumerate(notebook["cells"]) if generated_key(cell) == "stub:08.1")
    own = {"cell_type": "markdown", "id": "mine", "metadata": {"tags": ["a"]}, "source": ["The task.\n", "It is easy."]}
    notebook["cells"].insert(place, own)
    write(root, notebook)
    assert update(root, check=True) == []
    notebook["cells"] = [cell for cell in notebook["cells"] if generated_key(cell) != "header"]
    write(root, notebook)
    update(root)
    assert own in read(root)["cells"]


def test_a_cell_of_an_exercise_that_is_no_more_is_taken_away(root: Path):
    before = read(root)
    notebook = read(root)
    stale = {**notebook["cells"][0], "id": "stale", "metadata": {"clip_tutor": "stub:08.9"}}
    notebook["cells"].insert(4, stale)
    write(root, notebook)
    update(root)
    assert read(root) == before


def test_a_generated_cell_that_is_there_twice_is_refused(root: Path):
    notebook = read(root)
    notebook["cells"].append(notebook["cells"][0])
    write(root, notebook)
    with pytest.raises(ValueError, match="twice: header"):
        update(root)


def test_a_readme_without_a_place_for_the_table_is_refused(root: Path):
    (root / "README.md").write_text("# Kit\n")
    with pytest.raises(ValueError, match=r"course:start"):
        update(root)


def test_a_notebook_that_is_there_is_not_begun_again(root: Path):
    with pytest.raises(SystemExit, match="is there already"):
        main(["--new", "8"], root=root)
    with pytest.raises(SystemExit, match="lists no notebook 3"):
        main(["--new", "3"], root=root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("number = 7", "number = 0", "the numbers must rise"),
        ("builds_on = [0, 7]", "builds_on = [9]", r"notebook 08 cannot build on \[9\]"),
        ('title = "Training"\n', "", "notebook 8.*title"),
        ('title = "Training"\n', 'title = "Training"\ncolour = "red"\n', "notebook 8.*colour"),
    ],
)
def test_a_mistake_in_the_course_file_is_told(tmp_path: Path, old: str, new: str, message: str):
    path = tmp_path / "course.toml"
    path.write_text(COURSE.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_syllabus(path)


def test_the_courses_own_file_lists_its_notebooks():
    course = read_syllabus(CHECKOUT / "notebooks" / "course.toml")
    assert [notebook.number for notebook in course] == list(range(24))
    assert course[0].file == "00_start_here.ipynb"
    assert course[8].file == "08_training.ipynb"


def test_the_map_shows_every_notebook_and_links_those_that_are_there():
    html = course_map().data
    for notebook in read_syllabus():
        assert f"{notebook.id} · {notebook.title}" in html
        assert (f'href="{notebook.file}"' in html) == notebook.ready


# ------------------------------------------------------------------------------------------ the start-up cell


@pytest.mark.parametrize(("colab", "installed", "installs"), [(1, 0, 1), (1, 1, 0), (0, 0, 0)])
def test_the_start_up_cell_installs_the_kit_in_colab_only(
    monkeypatch: pytest.MonkeyPatch, colab: bool, installed: bool, installs: bool
):
    ran = []
    shell = types.SimpleNamespace(run_line_magic=lambda name, line: ran.append((name, line)))
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    if not installed:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code = TransformerManager().transform_cell(start_up("https://example.org/kit"))
    names = {"get_ipython": lambda: shell}
    exec(code, names)
    assert ran == [("pip", 'install --quiet "clip-tutor @ git+https://example.org/kit"')] * installs
    assert str(names["device"]) in ("cpu", "cuda")


# --------------------------------------------------------------------------------------------------------------- stills


def test_stills_are_drawn_where_the_header_looks_for_them(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tour_stills, "card", lambda: Figure(figsize=(9, 2)))
    assert draw_stills(root, only=["01"]) == []
    (path,) = draw_stills(root, only=["00"])
    assert path == root / "notebooks" / "images" / "00_card.webp"
    assert Image.open(path).size == (1600, 356)


def test_a_still_without_a_function_is_told(root: Path):
    path = root / "notebooks" / "course.toml"
    path.write_text(COURSE.replace("stills.card", "stills.poster"))
    with pytest.raises(ValueError, match=r"write poster\(\) in lessons/nb00_start_here/stills.py"):
        draw_stills(root)


def test_a_still_that_is_too_large_is_refused():
    noise = Image.effect_noise((500, 400), 200).convert("RGB")
    with pytest.raises(ValueError, match=rf"a still may have {MOST_BYTES:,}: show less"):
        to_webp(noise)
    assert len(to_webp(Image.effect_noise((300, 300), 90).convert("RGB"))) <= MOST_BYTES


def test_a_still_is_a_figure_or_an_image():
    with pytest.raises(TypeError, match="not as a str"):
        to_image("<b>cat</b>")


def test_the_glossary_is_written_into_the_notebooks_and_a_page(root: Path):
    (root / "notebooks" / "glossary.toml").write_text(
        '[[term]]\nterm = "InfoNCE"\nplain = "The loss."\nnotebook = 8\n\n'
        '[[term]]\nterm = "batch"\nplain = "Pairs at once."\nnotebook = 0\nalso = [8]\n'
    )
    update(root)
    assert cell(read(root), "words").endswith("| **batch** | Pairs at once. |\n| **InfoNCE** | The loss. |")
    assert "InfoNCE" not in cell(read(root, "00_start_here"), "words")
    assert generated_key(read(root)["cells"][-2]) == "words"
    assert "| **InfoNCE** | The loss. | [08](08_training.ipynb) |" in (root / "notebooks" / "glossary.md").read_text()
    assert update(root) == []
    (root / "notebooks" / "glossary.toml").write_text('[[term]]\nterm = "x"\nplain = "y"\n')
    with pytest.raises(ValueError, match=r"glossary.toml: .*notebook"):
        update(root)


def test_every_term_is_explained_in_one_form():
    terms = read_glossary(CHECKOUT / "notebooks" / "glossary.toml")
    assert [term for term in terms if term.plain[0].islower() or term.plain.endswith(".")] == []
