"""Colab: the learner's file goes to their computer and comes back."""

import sys
from types import ModuleType

import pytest

from clip_tutor import lab
from clip_tutor.lab.my_clip.file import MyFile

ONE = '"""Mine."""\n\n# %% imports\n\n# %% 04.1 · Patches\ndef patchify(x):\n    return x\n'


@pytest.fixture
def colab(monkeypatch):
    """A stand-in for google.colab: what was downloaded, and what the person chooses to upload."""
    google, module, files = ModuleType("google"), ModuleType("google.colab"), ModuleType("google.colab.files")
    files.saved, files.chosen = [], {}
    files.download = files.saved.append
    files.upload = lambda: files.chosen
    google.colab, module.files = module, files
    for name, one in (("google", google), ("google.colab", module), ("google.colab.files", files)):
        monkeypatch.setitem(sys.modules, name, one)
    return files


def test_the_file_is_downloaded(file, colab):
    with pytest.raises(FileNotFoundError, match="first part"):
        lab.download_my_clip()
    file.write_text(ONE)
    lab.download_my_clip()
    assert colab.saved == [str(file)]


def test_what_is_brought_back_goes_on_and_nothing_is_lost(file, colab, capsys):
    file.write_text(ONE.replace("return x", "return x + 1"))
    colab.chosen = {"my_clip (1).py": ONE.encode()}
    lab.upload_my_clip()
    assert "return x\n" in MyFile.read(file).code("04.1")
    (copy,) = file.parent.glob("my_clip_*.py")
    assert "x + 1" in copy.read_text() and copy.name in capsys.readouterr().out


@pytest.mark.parametrize(("chosen", "said"), [({}, "chosen"), ({"other.py": b"x = 1\n"}, "no part of the course")])
def test_another_file_is_refused(file, colab, chosen, said):
    colab.chosen = chosen
    with pytest.raises(ValueError, match=said):
        lab.upload_my_clip()
    assert not file.exists()


def test_elsewhere_it_is_said_where_the_file_lies(file, capsys):
    file.write_text(ONE)
    lab.download_my_clip()
    lab.upload_my_clip()
    assert capsys.readouterr().out.count(str(file)) == 2
