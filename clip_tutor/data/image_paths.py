r"""From the name that a caption file gives an image to the file that is meant.

    sub\1.jpg           sub/1.jpg     written on Windows
    cafe + U+0301 .jpg  café.jpg      macOS takes accented letters apart, other systems do not; either may be written
    ./1.jpg             1.jpg
    a%20dog.jpg         a dog.jpg     as an address has it

The name as it is written comes first: another spelling is tried only where there is no such file. Capitals are not
among them, for 1.jpg and 1.JPG may be two images; a message says where nothing else differs.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

_ABSOLUTE = re.compile(r"/|\\\\|[A-Za-z]:[\\/]")

Listing = dict[str, str]  # how a name may be written ─▶ how it is written on this disk


class ImageFinder:
    """Finds images below a folder. Each folder is listed once: for a million images quicker than asking for each.

    Args:
        root: the folder that names are relative to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._list = cache(_list_folder)
        self._folder = cache(self._find_folder)

    def find(self, name: str) -> Path | None:
        """Return the file that a name means, or None if there is none."""
        slashed = name.strip().replace("\\", "/")
        for spelling in (name, slashed, unquote(slashed)):
            below, last = os.path.split(spelling)
            folder = self._folder(below)
            if folder is not None and (file := self._in(folder, last, folders=False)):
                return Path(folder, file)
        return None

    def hint(self, name: str) -> str:
        """Return what is known about a name that means no file, for a message."""
        if _ABSOLUTE.match(name):
            return "it is an absolute path, perhaps of another computer"
        below, last = os.path.split(name.replace("\\", "/"))
        folder = self._folder(below)
        if folder is None:
            return f"there is no folder {self.root / below}"
        alike = [file for file in self._list(folder)[0].values() if _stem(file) == _stem(last)]
        return f"there is {alike[0]!r}: capitals and endings must agree" if alike else f"there is no {self.root / name}"

    def _find_folder(self, below: str) -> str | None:
        whole = os.path.join(self.root, below)
        if os.path.isdir(whole):
            return whole
        above, last = os.path.split(below)
        if above == below or (parent := self._folder(above)) is None:
            return None
        found = self._in(parent, last, folders=True)
        return None if found is None else os.path.join(parent, found)

    def _in(self, folder: str, name: str, folders: bool) -> str | None:
        listing = self._list(folder)[folders]
        return listing.get(name) or listing.get(normalize("NFC", name))


def _list_folder(folder: str) -> tuple[Listing, Listing]:
    """Return a folder's files and the folders in it."""
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            (folders if entry.is_dir() else files).append(entry.name)
    return _spellings(files), _spellings(folders)


def _spellings(names: list[str]) -> Listing:
    """Return names by themselves, and by their accented letters put together where that is another spelling."""
    return {normalize("NFC", name): name for name in names} | {name: name for name in names}


def _stem(name: str) -> str:
    return os.path.splitext(normalize("NFC", name).casefold())[0]
