"""Names that a console cannot show must not end what wanted to name them."""

import io

import pytest

from clip_tutor.printable import printable


@pytest.mark.parametrize(
    ("encoding", "name", "shown"),
    [
        ("utf-8", "写真 3.jpg", "写真 3.jpg"),
        ("utf-8", "caf\udce9.jpg", r"caf\udce9.jpg"),
        ("cp1252", "café 写.jpg", r"café \u5199.jpg"),
        ("ascii", "é 🐕", r"\xe9 \U0001f415"),
        ("utf-16", "é\ud800", r"é\ud800"),
    ],
)
def test_what_a_stream_cannot_encode_is_escaped(encoding, name, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    stream.write(printable(name, stream))
    assert printable(name, stream) == shown


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_stream_without_an_encoding_takes_utf_8(stream):
    assert printable("写\udce9", stream) == r"写\udce9"
