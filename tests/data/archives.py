"""Tar archives for tests, made in memory."""

import io
import tarfile

File = tuple[str, bytes]


def tar(files: list[File], form: int = tarfile.PAX_FORMAT, **how: object) -> bytes:
    """An archive of files, in this order."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form, **how) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mtime = 0.5  # a fraction: PAX gives each file a second header for it
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def end_of(archive: bytes, content: bytes) -> int:
    """Where a content ends in an archive."""
    return archive.index(content) + len(content)
