"""What a folder holds, and what has changed there."""

import os
from pathlib import Path

import pytest

from clip_tutor.search.scan import Stamp, compare, scan


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def seen(folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in scan(folder).files]


def test_images_of_all_folders_are_found_and_hidden_ones_left_alone(tmp_path):
    write(
        tmp_path,
        "b.JPG",
        "a/c.heic",
        "a/b/d.png",
        "._b.JPG",
        ".hidden/e.jpg",
        "a/.f.jpg",
        "notes.txt",
        "film.mp4",
        "noext",
    )
    assert seen(tmp_path) == ["a/b/d.png", "a/c.heic", "b.JPG"]
    assert scan(tmp_path).others == 3 and scan(tmp_path).problems == {}
    assert all(os.path.isabs(path) for path in scan(os.path.relpath(tmp_path)).files)


@pytest.mark.posix
def test_links_lead_to_a_file_once_and_never_in_circles(tmp_path):
    write(tmp_path, "a/1.jpg", "2.jpg")
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    (tmp_path / "z").symlink_to(tmp_path / "a")
    (tmp_path / "3.jpg").symlink_to(tmp_path / "2.jpg")
    os.link(tmp_path / "2.jpg", tmp_path / "4.jpg")
    assert len(seen(tmp_path)) == 2
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    assert len(seen(tmp_path)) == 2
    assert [Path(path).name for path in scan(tmp_path).problems] == ["circle.jpg", "lost.jpg"]


def test_a_folder_that_is_not_there_or_is_a_file_is_refused(tmp_path):
    write(tmp_path, "1.jpg")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*: is its disk connected"):
        scan(tmp_path / "none")
    with pytest.raises(NotADirectoryError, match=r"1\.jpg is a file: give the folder of images"):
        scan(tmp_path / "1.jpg")


def test_new_changed_unchanged_and_gone_files_are_told_apart(tmp_path):
    write(tmp_path, "same.jpg", "longer.jpg", "touched.jpg", "gone.jpg")
    known = scan(tmp_path).files
    write(tmp_path, "new.jpg")
    (tmp_path / "longer.jpg").write_text("longer")
    os.utime(tmp_path / "touched.jpg", ns=(1, 1))
    (tmp_path / "gone.jpg").unlink()
    changes = compare(scan(tmp_path), known)
    names = [[Path(path).name for path in paths] for paths in changes]
    assert names == [["new.jpg"], ["longer.jpg", "touched.jpg"], ["same.jpg"], ["gone.jpg"]]


def test_what_is_merely_out_of_sight_is_not_gone(tmp_path, monkeypatch):
    write(tmp_path, "a/1.jpg", "b/2.jpg")
    known = scan(tmp_path).files | {str(tmp_path / "b" / "3.jpg"): Stamp(1, 1)}
    scandir = os.scandir

    def closed(path: str):
        if str(path).endswith("a"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = scan(tmp_path)
    assert compare(found, known).gone == [str(tmp_path / "b" / "3.jpg")]
    assert "cannot be looked into (Permission denied)" in found.problems[str(tmp_path / "a")]
