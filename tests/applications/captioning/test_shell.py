"""Captions from a shell: one line an image, odd ones named, options that contradict each other refused."""

from pathlib import Path

import pytest
from PIL import Image

from clip_tutor.applications.captioning.__main__ import main
from clip_tutor.data.emoji import find_emoji


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    """A cat on red and a rocket on blue, with and without transparency."""
    paths = []
    for character, color in (("🐈", "red"), ("🚀", "blue")):
        scene = Image.new("RGBA", (72, 72), color)
        scene.alpha_composite(find_emoji(character)[0].image())
        paths.append(str(tmp_path / f"{color}.png"))
        (scene if color == "red" else scene.convert("RGB")).save(paths[-1])
    return paths


@pytest.mark.slow
def test_each_image_has_a_line(images: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    odd = tmp_path / "odd.png"
    odd.write_text("no image")
    main([images[0], str(odd), images[1]])
    told, complaints = capsys.readouterr()
    red, blue = told.splitlines()
    assert red.startswith(f"{images[0]}: ") and "cat" in red and "red" in red
    assert "rocket" in blue and "blue" in blue
    assert complaints.startswith(f"{odd}: ")
    main([images[0], "--captions", "3", "--temperature", "0.7"])
    assert len(capsys.readouterr().out.splitlines()) == 3
    main([images[0], "--beams", "3"])
    assert "red" in capsys.readouterr().out


def test_options_that_contradict_each_other_are_refused(images: list[str]):
    with pytest.raises(ValueError, match="leave out one of them"):
        main([images[0], "--beams", "3", "--temperature", "1"])
    with pytest.raises(ValueError, match="ask for at least one"):
        main([images[0], "--captions", "0"])
