"""Archives as they come: of any make, compressed, put together, cut off anywhere, damaged anywhere."""

import bz2
import gzip
import io
import lzma
import random
import tarfile

import pytest

from clip_tutor.data.tar_files import TarReader
from tests.data.archives import end_of, tar

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
FILES = [(f"{n}.jpg", random.Random(n).randbytes(300 + 400 * n)) for n in range(5)]
LONG = "folder/" * 30 + "写真.jpg"


def read(archive: bytes):
    reader = TarReader(io.BufferedReader(io.BytesIO(archive)), ("jpg", "txt"))
    return [(member.name, member.content) for member in reader], reader


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_every_make_of_archive_is_read(form):
    files = FILES if form == tarfile.USTAR_FORMAT else [*FILES, (LONG, b"long"), *FILES[:1]]
    members, reader = read(tar(files, form))
    assert members == files
    assert (reader.count, reader.fault, reader.cut) == (len(files), "", False)


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_wherever_an_archive_is_cut_off_the_whole_files_before_are_given_and_the_cut_is_told(form):
    archive = tar(FILES, form)
    ends = [end_of(archive, content) for _, content in FILES]
    for cut in range(1, end_of(archive, FILES[-1][1]) + 1, 117):
        members, reader = read(archive[:cut])
        assert members == FILES[: sum(end <= cut for end in ends)], cut
        assert reader.cut, cut
        told = f"it ends at byte {cut}, in or after" if members else r"it"
        assert reader.fault.startswith(told), (cut, reader.fault)


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("damage", ["letters", "zeros"])
def test_a_damaged_header_costs_its_own_file_and_is_told(form, damage):
    archive = tar(FILES, form)
    header = archive.index(FILES[2][1]) - 512
    spoiled = archive[:header] + {"letters": b"#" * 512, "zeros": bytes(512)}[damage] + archive[header + 512 :]
    members, reader = read(spoiled)
    assert members == FILES[:2] + FILES[3:]
    start = header if damage == "letters" else header + 512
    assert not reader.cut and reader.fault.startswith(f"from byte {start} to byte ")


def test_archives_that_were_put_together_are_read_to_the_end():
    members, reader = read(tar(FILES[:2]) + tar(FILES[2:4], tarfile.GNU_FORMAT) + tar(FILES[4:]))
    assert (members, reader.fault) == (FILES, "")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compression_is_noticed_and_one_that_is_cut_off_is_told(pack):
    files = [(name, content * 20) for name, content in FILES]  # several blocks of the compressor
    archive = pack(tar(files[:2])) + pack(tar(files[2:]))
    assert read(archive)[0] == files
    members, reader = read(archive[: len(archive) - len(archive) // 8])
    assert members == files[: len(members)] and (members or pack is not gzip.compress)
    assert reader.cut and "end-of-stream marker" in reader.fault
    assert read(pack(tar([]))[:-4])[1].fault


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is empty"),
        (bytes(10240), "its 10240 bytes hold no file"),
        (b"<!DOCTYPE html><html>" * 50, "it is no tar archive, it begins with b'<!DOCTYPE html>"),
        (b"version https://git-lfs", "it is no tar archive, it begins with b'version https://git-lfs'"),
        (b"\x1f\x8b\x08 not gzip at all", ""),
    ],
)
def test_what_is_no_archive_is_told(content, fault):
    members, reader = read(content)
    assert members == [] and reader.fault.startswith(fault) and reader.fault


def test_links_are_told_from_files_and_folders_left_out():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, kind in (("a", tarfile.DIRTYPE), ("a/1.jpg", tarfile.LNKTYPE), ("a/2.jpg", tarfile.SYMTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "b.jpg"
            archive.addfile(member)
        archive.addfile(tarfile.TarInfo("3.jpg"), io.BytesIO())
    reader = TarReader(io.BufferedReader(io.BytesIO(packed.getvalue())), ("jpg",))
    assert [(member.name, member.is_link) for member in reader] == [
        ("a/1.jpg", True),
        ("a/2.jpg", True),
        ("3.jpg", False),
    ]


def test_a_name_that_is_not_utf_8_is_escaped():
    assert read(tar([("café.txt", b"x")], tarfile.GNU_FORMAT, encoding="latin-1"))[0] == [(r"caf\xe9.txt", b"x")]


def test_only_what_is_asked_for_is_read():
    assert read(tar([("1.mp4", b"film"), ("1.TXT", b"text")]))[0] == [("1.mp4", b""), ("1.TXT", b"text")]
