"""What lies in a folder of photographs, and what has changed there since the index last looked.

    folder ─ walk ─▶ image files: size, time of last change ─┬─ compare ─▶ new · changed · unchanged · gone
                                  what the index holds ──────┘

Hidden files and folders are left alone, and so are the ``._…`` files in which a Mac keeps its own notes on a foreign
disk.
A file that several links lead to is found once, under the first of its paths.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"),
    *(".jp2", ".ppm", ".pgm", ".tga"),
)


class Stamp(NamedTuple):
    """What a file's size and time of last change say: as long as both stay, so does its content."""

    size: int  # bytes
    mtime_ns: int


@dataclass(frozen=True)
class Scan:
    """What a folder holds."""

    files: dict[str, Stamp]  # the image files by their absolute paths, sorted
    problems: dict[str, str]  # folders and files that could not be looked at, and why
    others: int  # files that are no images, by their names
    unseen: tuple[str, ...] = field(default=())  # folders that could not be looked into

    def hides(self, path: str) -> bool:
        """Return whether a file may be there although it was not seen: in a folder that could not be looked into."""
        return any(path.startswith(folder + os.sep) for folder in self.unseen) or path in self.problems


class Changes(NamedTuple):
    """How a folder differs from what the index holds of it."""

    new: list[str]
    changed: list[str]
    unchanged: list[str]
    gone: list[str]


def stamp_of(path: str | Path) -> Stamp:
    """Return a file's size and time of last change.

    Raises:
        OSError: it is not there, or may not be looked at.
    """
    seen = os.stat(path)
    return Stamp(seen.st_size, seen.st_mtime_ns)


def scan(folder: str | Path) -> Scan:
    """Return the image files of a folder and of all folders in it.

    Raises:
        FileNotFoundError: there is no such folder.
        NotADirectoryError: it is a file.
    """
    folder = os.path.abspath(os.path.expanduser(folder))
    if not os.path.exists(folder):
        raise FileNotFoundError(f"there is no folder {folder}: is its disk connected?")
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"{folder} is a file: give the folder of images, or add single files with add_files")
    files: dict[str, Stamp] = {}
    problems: dict[str, str] = {}
    unseen: list[str] = []
    seen: set[tuple[int, int]] = set()  # folders and files, by device and number: links may go in circles
    others = 0
    about = os.stat(folder)
    seen.add((about.st_dev, about.st_ino))
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            problems[here] = f"cannot be looked into ({error.strerror}): ask its owner for the permission"
            unseen.append(here)
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                about = entry.stat()
                is_folder = entry.is_dir()
            except OSError as error:  # a link that leads nowhere or in a circle, or a file that was just deleted
                if _is_image(entry.name):
                    problems[entry.path] = f"cannot be looked at ({error.strerror})"
                continue
            if not is_folder and not _is_image(entry.name):
                others += 1
                continue
            identity = (about.st_dev, about.st_ino)
            if about.st_ino and identity in seen:
                continue
            seen.add(identity)
            if is_folder:
                waiting.append(entry.path)
            else:
                files[entry.path] = Stamp(about.st_size, about.st_mtime_ns)
    return Scan(dict(sorted(files.items())), problems, others, tuple(unseen))


def compare(found: Scan, known: Mapping[str, Stamp]) -> Changes:
    """Return what is new, changed, unchanged and gone, by path.

    Args:
        known: what the index holds of this folder. What may merely be out of sight is not gone.
    """
    new = [path for path in found.files if path not in known]
    both = [path for path in found.files if path in known]
    return Changes(
        new,
        [path for path in both if found.files[path] != known[path]],
        [path for path in both if found.files[path] == known[path]],
        [path for path in known if path not in found.files and not found.hides(path)],
    )


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
