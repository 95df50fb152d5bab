"""`import clip_tutor as ct` shows what one came for, loads nothing heavy, and its examples run."""

import doctest
import importlib
import inspect
import subprocess
import sys

import pytest

import clip_tutor

NAMES = [name for name in clip_tutor.__all__ if name != "__version__"]
CLASSES_WITHOUT_EXAMPLE = {"CLIP", "TrainConfig"}  # `create` and `train` show how they are used


def test_tab_completion_shows_the_entry_points():
    assert {"load", "create", "list_models", "list_weights", "train", "ImageIndex", "zero_shot"} <= set(dir(clip_tutor))


@pytest.mark.parametrize("name", NAMES)
def test_each_entry_point_is_documented_with_an_example_that_runs(name):
    value = getattr(clip_tutor, name)
    assert inspect.getdoc(value)
    module = importlib.import_module(clip_tutor._MODULE_OF[name])
    home = importlib.import_module(inspect.unwrap(value).__module__)
    assert getattr(module, name) is value
    (found,) = (test for test in doctest.DocTestFinder(recurse=False).find(value, name, home, vars(home).copy()))
    assert bool(found.examples) != (name in CLASSES_WITHOUT_EXAMPLE), name
    ran = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(found)
    assert ran.failed == 0


def test_the_first_example_runs():
    assert doctest.testmod(clip_tutor).failed == 0


def test_importing_it_loads_nothing_heavy():
    said = "import sys, clip_tutor; dir(clip_tutor); print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_name_that_is_not_there_says_what_is():
    with pytest.raises(AttributeError, match="clip_tutor has no 'lod': it has CLIP, ImageIndex"):
        clip_tutor.lod  # noqa: B018
