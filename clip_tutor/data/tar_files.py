"""A tar archive, read from front to back, with a word about everything in it that is damaged.

    ┌ 512 bytes: name, size, kind ┬ content, filled up to a multiple of 512 ┐ ┌ … ┐ ┌ 1024 zeros ┐
    └──────────────── one member ─┴────────────────────────────────────────┘ └ … ┘ └──── the end ┘

Python's ``tarfile`` takes a damaged header in the middle, or the lack of one, for the end of the archive and says
nothing. Like GNU tar, this looks for the next sound header, and as with ``tar --ignore-zeros`` archives may stand one
behind the other. What gzip, bzip2 or xz have compressed is known by its first bytes, not by its name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

_BLOCK = tarfile.BLOCKSIZE  # 512 bytes
_MOST = 1 << 20  # bytes: to ask for at once, and the longest name that is believed
_COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}


class Member(NamedTuple):
    r"""A file of an archive, or a link to one."""

    name: str  # bytes that are not UTF-8 are escaped, as \xe9
    content: bytes
    is_link: bool  # the content stands elsewhere in the archive, or nowhere


class TarReader:
    """The members of a tar archive, and once all were read, what is wrong with it.

    Args:
        file: the archive. An error while reading it counts as its end, and `fault` tells it.
        kinds: file name extensions, in small letters, of the members to read; others come without content. None: all.
    """

    def __init__(self, file: io.BufferedReader, kinds: tuple[str, ...] | None) -> None:
        self.count = 0  # members so far
        self.cut = False  # once all were read: whether it stops before its end
        self._marked = False  # whether the zeros came that mark the end
        self._file, self._kinds = _Forward(file), kinds
        self._first_block, self._last_name = b"", ""
        self._damaged: list[int] = []  # first and last byte where a header should stand and does not

    def __iter__(self) -> Iterator[Member]:
        """Yield files and links in the order of the archive."""
        while header := self._next_header():
            self._last_name = header.name
            is_file, is_link = header.isreg(), header.issym() or header.islnk()
            size = header.size if is_file or header.type not in tarfile.SUPPORTED_TYPES else 0
            content = b""
            if is_file and (self._kinds is None or header.name.rpartition(".")[2].lower() in self._kinds):
                content = self._file.read(size)
                whole = len(content) == size
            else:
                whole = self._file.skip(size)
            if not whole:
                break
            if is_file or is_link:
                self.count += 1
                yield Member(header.name, content, is_link)
            self._file.skip(-size % _BLOCK)
        self.cut = not self._marked or self.failure is not None

    @property
    def failure(self) -> Exception | None:
        """The error that reading ended with, of the disk, the web or the compression."""
        return self._file.failure

    @property
    def fault(self) -> str:
        """What is wrong with the archive; nothing where it is sound."""
        position, faults = self._file.position, []
        if not self.count and (self._damaged or 0 < position < _BLOCK):
            faults.append(f"it is no tar archive, it begins with {self._first_block[:24]!r}")
        elif self._damaged:
            first, last = self._damaged[0], self._damaged[-1] + _BLOCK
            faults.append(f"from byte {first} to byte {last} there is no header of a file")
        if self._file.failure:
            faults.append(str(self._file.failure) or type(self._file.failure).__name__)
        elif not position:
            faults.append("it is empty")
        elif self.count and self.cut:
            faults.append(f"it ends at byte {position}, in or after {self._last_name}, without the mark of an end")
        elif not self.count and not faults:
            faults.append(f"its {position} bytes hold no file")
        return "; ".join(faults)

    def _next_header(self) -> tarfile.TarInfo | None:
        """Return the next sound header, with the name and size that headers before it may give; None at the end."""
        given: dict[bytes, bytes] = {}
        while len(block := self._file.read(_BLOCK)) == _BLOCK:
            self._first_block = self._first_block or block
            if not any(block):
                self._marked, given = True, {}
                continue
            place = self._file.position - _BLOCK
            try:
                header = tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace")
                self._marked = False
                if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                    given |= _pax_records(self._text(header))
                elif header.type == tarfile.GNUTYPE_LONGNAME:
                    given[b"path"] = self._text(header).rstrip(b"\0")
                elif header.type in (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE):
                    self._text(header)
                else:
                    if b"path" in given:
                        header.name = given[b"path"].decode("utf-8", "backslashreplace")
                    header.size = int(given.get(b"size", header.size))
                    if header.size >= 0:
                        return header
                    raise ValueError("a size below 0")
            except EOFError:
                break
            except (tarfile.HeaderError, ValueError):
                self._damaged, given = [*self._damaged[:1], place], {}
        self._first_block = self._first_block or block
        return None

    def _text(self, header: tarfile.TarInfo) -> bytes:
        if not 0 <= header.size <= _MOST:
            raise ValueError(f"a name of {header.size} bytes")
        text = self._file.read(header.size + -header.size % _BLOCK)
        if len(text) < header.size:
            raise EOFError
        return text[: header.size]


def _pax_records(text: bytes) -> dict[bytes, bytes]:
    r"""Take apart lines such as ``b"18 path=0001.jpg\n"``: their length, a key and a value."""
    records = {}
    while text:
        length = int(text.partition(b" ")[0])
        if not 0 < length <= len(text):
            raise ValueError(f"a record of {length} bytes")
        key, _, value = text[:length].partition(b" ")[2].partition(b"=")
        records[key], text = value.removesuffix(b"\n"), text[length:]
    return records


class _Forward:
    """A stream, decompressed, that can only be read on. What breaks it off is its end, and kept as ``failure``."""

    def __init__(self, file: io.BufferedReader) -> None:
        self.position = 0
        self.failure: Exception | None = None
        self._file: Any = file
        start = self._guarded(lambda: file.peek(6))
        for mark, reader in _COMPRESSED.items():
            if start.startswith(mark):
                self._file = reader(file)

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end."""
        parts = []
        while size and (part := self._some(size)):
            size -= len(part)
            parts.append(part)
        return b"".join(parts)

    def skip(self, size: int) -> bool:
        """Pass over ``size`` bytes and return whether there were as many."""
        while size and (part := self._some(size)):
            size -= len(part)
        return not size

    def _some(self, size: int) -> bytes:
        part = self._guarded(lambda: self._file.read1(min(size, _MOST)))
        self.position += len(part)
        return part

    def _guarded(self, read: Any) -> bytes:
        try:
            return b"" if self.failure else read()
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            self.failure = error
            return b""
