"""From the files of a shard to pairs: which belong together, which is the image, and what was said about it.

    000.jpg  000.json  000.txt │ 001.txt  001.webp │ README.md      files, in the order of the archive
    ───────────┬────────────── │ ────────┬──────── │
      Pair("000", …)             Pair("001", …)                     what a sample lacks is remarked on

WebDataset's rule: files that follow each other are one sample if their names agree up to the first dot of the file
name. A second file of the same name begins a new sample, so that archives that were put together keep all their pairs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from clip_tutor.data.pairs import Pair, captions_in, clean_captions, pick_caption_columns
from clip_tutor.data.tar_files import Member

# Image files by their extensions; of several in one sample the first of this list counts.
IMAGES: tuple[str, ...] = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jfif")
IMAGES += ("jpe", "jp2", "jxl", "ppm", "pgm", "pbm", "pnm", "dib", "tga", "ico")
KINDS = (*IMAGES, "json", "txt")

NO_IMAGE, NO_CAPTION = "without an image", "without a caption"
NOT_UTF8 = "with a .txt that is not UTF-8"
Files = dict[str, Member]  # of one sample, by extension
Remarks = dict[str, list[str]]  # what is wrong with samples, and the keys of those


def samples(members: Iterable[Member]) -> Iterator[tuple[str, Files]]:
    """Yield (key, files of one sample): neighboring files whose names agree up to the first dot."""
    current, files = "", Files()
    for member in members:
        folder, _, base = member.name.removeprefix("./").rpartition("/")
        stem, dot, extension = base.partition(".")
        if not stem or not dot or "__MACOSX" in folder.split("/"):  # what macOS adds of its own, as ._000.jpg
            continue
        key, extension = f"{folder}/{stem}" if folder else stem, extension.lower()
        if files and (key != current or extension in files):
            yield current, files
            files = {}
        current, files[extension] = key, member
    if files:
        yield current, files


def pairs_of(key: str, files: Files, remarks: Remarks) -> Iterator[Pair]:
    """Yield the pair of a sample; what it lacks is empty, and remarked on.

    Where names have more dots, ``a.b.jpg`` and ``a.b.txt`` are a pair of their own, as an image and a caption that
    agree up to the last dot. ``a.seg.png`` beside ``a.jpg`` is none: it goes with the pair ``a`` and is left alone.
    """
    by_stem: dict[str, Files] = {"": {}}
    for extension, member in files.items():
        stem, _, kind = extension.rpartition(".")
        if kind in KINDS:
            by_stem.setdefault(stem, {})[kind] = member
    for stem, own in by_stem.items():
        name = f"{key}.{stem}" if stem else key
        faults: list[str] = []
        image = next((own[kind].content for kind in IMAGES if kind in own and own[kind].content), b"")
        captions = _captions(own, faults)
        if not own or (stem and by_stem[""] and not (image and captions)):
            continue
        if not captions:
            faults.append(NO_CAPTION)
        if not image:
            others = sorted(f".{kind}" for kind in files if not kind.endswith(("json", "txt")))
            links = any(member.is_link for member in own.values())
            instead = ", only a link" if links else f", only {', '.join(others)}" if others else ""
            faults.append(NO_IMAGE + instead)
        for fault in faults:
            remarks.setdefault(fault, []).append(name)
        if image or captions:
            yield Pair(name, image, captions)


def _captions(files: Files, faults: list[str]) -> tuple[str, ...]:
    """Return what the .json calls a caption, else the lines of the .txt, else what the .json calls a title or the like.

    A caption from the web may go over several lines; its .json says that it is one. Where there is none, lines count.
    """
    about: Any = None
    if "json" in files:
        try:
            about = json.loads(files["json"].content)
        except (ValueError, RecursionError):
            faults.append("with a .json that cannot be read")
    if not isinstance(about, dict):
        about = {"caption": about}
    lines = _text(files["txt"].content, faults).split("\n") if "txt" in files else []
    return _clean(about.get("caption")) or _clean(lines) or _clean(_other_captions(about))


def _other_captions(about: dict[str, Any]) -> Any:
    try:
        return captions_in(about, pick_caption_columns(about, "this .json"))
    except ValueError:
        return None


def _clean(captions: object) -> tuple[str, ...]:
    try:
        return clean_captions(captions)
    except TypeError:
        return ()


def _text(content: bytes, faults: list[str]) -> str:
    try:
        return content.decode(json.detect_encoding(content))  # UTF-16, too: its first bytes tell it
    except UnicodeDecodeError:
        faults.append(f"{NOT_UTF8}, so that � stands for some letters")
        return content.decode("utf-8", "replace")
