"""The learner's own file: what is kept, what is not, and what later notebooks take from it."""

import linecache
import math
import subprocess
import sys

import pytest
import torch

from clip_tutor.lab import check, my_parts, show_source
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lab.my_clip import __main__ as shell
from clip_tutor.lab.my_clip import find, keep
from clip_tutor.lab.my_clip.file import MyFile


def double(x: torch.Tensor) -> torch.Tensor:
    """Return twice x."""
    return x + x


class Doubler(torch.nn.Module):
    """Doubles."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return twice x."""
        return double(x)


def _check(twice: Attempt) -> str:
    demand(twice(torch.tensor(3.0)) == 6, "not 6", "6")
    return "twice three is six"


FUNCTION = Exercise("91.1", "Twice", 1, 1, double, _check, ("a", "b"), (Mutant(lambda x: x, "once"),), kept=True)
CLASS = Exercise("91.2", "A doubler", 1, 1, Doubler, _check, ("a", "b"), (), kept=True, use=lambda kind, x: kind()(x))
BOTH = {exercise.id: exercise for exercise in (FUNCTION, CLASS)}


@pytest.fixture(autouse=True)
def file(file, monkeypatch):
    """Where the learner's file will be; the two exercises of this module are the course's."""
    monkeypatch.setattr("clip_tutor.lab.exercises.find_exercise", BOTH.__getitem__)
    monkeypatch.setattr("clip_tutor.lab.exercises.check.find_exercise", BOTH.__getitem__)
    return file


def cell(code: str, **names):
    """Run code as a notebook's cell, and return its namespace."""
    name = f"<cell {abs(hash(code))}>"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    namespace = {"__name__": "__main__", "torch": torch, **names}
    exec(compile(code, name, "exec"), namespace)
    return namespace


RIGHT = "def double(x: torch.Tensor) -> torch.Tensor:\n    # my own way\n    return 2 * x\n"


def in_a_fresh_process(file):
    command = [sys.executable, "-c", f"import runpy; runpy.run_path({str(file)!r})"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_what_is_right_is_kept_as_it_was_written(file, capsys):
    assert check("91.1", own := cell(RIGHT)["double"]) is own
    assert "Kept in my_clip.py." in capsys.readouterr().out
    text = file.read_text()
    assert "# %% 91.1 · Twice\ndef double" in text and "# my own way" in text and "import torch\n" in text
    assert in_a_fresh_process(file) == ""


def test_what_is_wrong_is_not_kept(file):
    with pytest.raises(AssertionError):
        check("91.1", cell("def double(x):\n    return x")["double"])
    assert not file.exists()


def test_a_stub_goes_on_with_the_kept_part_else_with_the_librarys(capsys):
    stub = cell('def double(x):\n    raise NotImplementedError("91.1")')["double"]
    assert check("91.1", stub) is double
    check("91.1", cell(RIGHT)["double"])
    own = check("91.1", stub)
    assert own is not double and own(torch.tensor(2.0)) == 4
    assert "yours, from my_clip.py" in capsys.readouterr().out


def test_a_class_is_kept_and_uses_the_kept_function(file):
    check("91.1", cell(RIGHT)["double"])
    code = "class Doubler(torch.nn.Module):\n    def forward(self, x):\n        return double(x)\n"
    check("91.2", cell(code, double=cell(RIGHT)["double"])["Doubler"])
    assert MyFile.read(file).exercises == ["91.1", "91.2"]
    assert file.read_text().count("def double") == 1
    assert find(CLASS)()(torch.tensor(2.0)) == 4
    assert in_a_fresh_process(file) == ""


def test_a_class_of_the_notebook_is_shown_beside_the_librarys():
    code = "class Doubler(torch.nn.Module):\n    def forward(self, x):\n        return 2 * x\n"
    shown = show_source(cell(code)["Doubler"], torch.nn.Linear).data
    assert "this notebook" in shown and "Doubler" in shown


def test_a_part_that_uses_the_librarys_imports_it_until_there_is_an_own_one(file):
    code = "class Doubler(torch.nn.Module):\n    def forward(self, x):\n        return pi_rounded(x)\n"
    keep(CLASS, cell(code, pi_rounded=math.floor)["Doubler"])
    assert "from math import floor as pi_rounded" in file.read_text()
    keep(CLASS, cell(code.replace("pi_rounded", "double"), double=double)["Doubler"])
    assert f"from {__name__} import double" in file.read_text()
    check("91.1", cell(RIGHT)["double"])
    assert f"from {__name__} import double" not in file.read_text()


def test_helpers_come_along(file):
    code = "def half_of(x):\n    return x / 2\n\n\ndef double(x):\n    return 4 * half_of(x)\n"
    check("91.1", cell(code)["double"])
    assert "def half_of" in file.read_text()
    assert in_a_fresh_process(file) == ""


def test_a_value_of_another_cell_is_named_and_nothing_is_written(file, capsys):
    check("91.1", cell("def double(x):\n    return FACTOR * x", FACTOR=2)["double"])
    assert "not kept in my_clip.py: `FACTOR` stands in another cell: define it inside double" in capsys.readouterr().out
    assert not file.exists()


def test_nothing_is_overwritten_without_a_copy(file):
    check("91.1", cell(RIGHT)["double"])
    by_hand = file.read_text().replace("# my own way", "# by hand")
    file.write_text(by_hand)
    check("91.1", cell(RIGHT.replace("2 * x", "x * 2"))["double"])
    copies = [path for path in file.parent.iterdir() if path != file]
    assert [path.read_text() for path in copies] == [by_hand]
    assert "x * 2" in file.read_text()


def test_what_was_edited_by_hand_is_checked_again(file, capsys):
    check("91.1", cell(RIGHT)["double"])
    good = file.read_text()
    file.write_text(good.replace("2 * x", "3 * x"))
    assert find(FUNCTION) is None
    assert "The double in my_clip.py is not right: not 6" in capsys.readouterr().out
    file.write_text(good + "\ndef broken(:\n")
    assert find(FUNCTION) is None
    assert "my_clip.py does not run (SyntaxError, line" in capsys.readouterr().out
    file.write_text(good + "\nEXTRA = 1  # mine\n")
    assert find(FUNCTION)(torch.tensor(2.0)) == 4


def test_later_notebooks_say_whose_part_is_whose(capsys):
    check("91.1", cell(RIGHT)["double"])
    capsys.readouterr()
    own, librarys = my_parts("91.1", "91.2")
    assert own is not double and librarys is Doubler
    said = capsys.readouterr().out
    assert said == "yours, from my_clip.py: double (91.1) · the library's: Doubler (91.2)\n"


def test_the_shell_tests_each_part(file, monkeypatch, capsys):
    monkeypatch.setattr(shell, "all_exercises", lambda: list(BOTH.values()))
    assert shell.main(["--test"]) == 1
    assert "there is no my_clip.py here" in capsys.readouterr().out
    check("91.1", cell(RIGHT)["double"])
    capsys.readouterr()
    assert shell.main(["--test"]) == 0
    said = capsys.readouterr().out
    assert "91.1  double                   right   twice three is six" in said
    assert "91.2  Doubler                  missing exercise 91.2" in said
    file.write_text(file.read_text().replace("2 * x", "3 * x"))
    assert shell.main(["--test"]) == 1
    assert "wrong   not 6; expected 6" in capsys.readouterr().out


def test_the_source_of_a_decorated_function_is_shown_with_its_decorator():
    function = "@torch.no_grad()\ndef find(words):\n    return words\n\n\n"
    names = cell(function + "class Finder:\n    @torch.no_grad()\n    def go(self):\n        return 1\n")
    shown = show_source(names["find"], names["Finder"]).data
    assert "no_grad" in shown and "words" in shown and "Finder" in shown
