"""Downloads that break off, servers that refuse, and how long all of that may take."""

import io
import random
import threading
import time

import pytest

from clip_tutor.data import web_files
from clip_tutor.data.web_files import WebFile
from tests.data.faulty_server import chunks, half, refuse, rest, serving, trickle, whole

DATA = random.Random(0).randbytes(300_000)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(web_files, "FIRST_PAUSE", 0.01)


@pytest.fixture
def impatient(monkeypatch):
    for name, seconds in (("TIMEOUT", 0.8), ("MAX_WAIT", 1.0), ("FIRST_PAUSE", 0.1)):
        monkeypatch.setattr(web_files, name, seconds)


def read(acts):
    with (
        serving({"/a.bin": DATA}, {"/a.bin": list(acts)}) as (address, asked),
        io.BufferedReader(WebFile(f"{address}/a.bin")) as file,
    ):
        return file.read(), [part for _, part in asked]


@pytest.mark.parametrize("then", ["reset", "short"])
def test_what_breaks_off_goes_on_from_there(then):
    data, asked = read([half(then), half(then), rest()])
    assert data == DATA
    assert len(asked) == 3 and asked[0] is None
    if then != "reset":  # which throws away what is still on its way
        assert asked == [None, "bytes=150000-", "bytes=225000-"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_falls_silent_is_asked_again(monkeypatch, ranges):
    monkeypatch.setattr(web_files, "TIMEOUT", 0.5)
    data, asked = read([half("silence", ranges), rest(ranges)])
    assert data == DATA and len(asked) >= 2


@pytest.mark.parametrize("then", ["reset", "short"])
def test_a_server_without_range_sends_everything_again_and_nothing_is_read_twice(then):
    data, asked = read([half(then, ranges=False), half(then, ranges=False), rest(ranges=False)])
    assert data == DATA and len(asked) == 3


@pytest.mark.parametrize(
    "acts",
    [
        [refuse(503), refuse(500), whole],
        [refuse(429, Retry_After=0), whole],
        [refuse(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), whole],
        [half("reset"), refuse(503), refuse(503), rest()],
        [chunks(broken=False)],
        [chunks(broken=True), chunks(broken=False)],
        [half("short", etag='W/"1"'), rest(etag='W/"1"')],
        [half("short"), rest(etag="")],
    ],
)
def test_what_passes_is_waited_for(acts):
    assert read(acts)[0] == DATA


@pytest.mark.slow
def test_a_server_is_given_the_time_it_asks_for():
    began = time.monotonic()
    assert read([refuse(429, Retry_After=1), whole])[0] == DATA
    assert time.monotonic() - began >= 1


def test_a_redirect_is_followed_and_followed_again_after_a_break():
    acts = {"/a.bin": [refuse(302, Location="/b.bin")], "/b.bin": [half("short"), rest()]}
    with serving({"/b.bin": DATA}, acts) as (address, asked), io.BufferedReader(WebFile(f"{address}/a.bin")) as file:
        assert file.read() == DATA
    assert asked == [("/a.bin", None), ("/b.bin", None), ("/a.bin", "bytes=150000-"), ("/b.bin", "bytes=150000-")]


@pytest.mark.parametrize(("status", "kind"), [(404, FileNotFoundError), (410, FileNotFoundError), (403, OSError)])
def test_what_will_not_pass_is_said_at_once(status, kind):
    with serving({}, {"/a.bin": [refuse(status)]}) as (address, asked), pytest.raises(kind) as raised:
        WebFile(f"{address}/a.bin").read()
    assert f"{address}/a.bin: the server answers {status}" in str(raised.value)
    assert len(asked) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (refuse(503), "the server answers 503"),
        (refuse(429, Retry_After=3600), "asks to wait 3600 s"),
        (half("silence", ranges=False), "timed out"),
        (half("short", ranges=False), "the connection ended after 150000 of 300000 bytes"),
        (trickle, "the server sends less than 4096 bytes a second"),
        (chunks(broken=True), "IncompleteRead"),
    ],
)
def test_a_server_that_does_not_recover_is_given_up_within_bounds(impatient, act, reason):
    began = time.monotonic()
    with pytest.raises(OSError, match=f"http://127.*/a.bin: .*{reason}"):
        read([act])
    assert time.monotonic() - began < 10


def test_a_port_where_nobody_listens_and_an_address_that_is_none_are_named(impatient):
    with pytest.raises(OSError, match=r"http://127.0.0.1:1/a.bin: .*refused"):
        WebFile("http://127.0.0.1:1/a.bin").read()
    with pytest.raises(OSError, match=r"http://[^/]*/a.bin: "):
        WebFile("http://127.0.0.1:port/a.bin").read()


def test_two_versions_of_a_file_are_not_mixed():
    with pytest.raises(OSError, match=r"/a.bin: the file has changed on the server"):
        read([half("reset"), rest(etag='"2"')])


def test_letters_and_spaces_in_an_address_are_encoded():
    with serving({"/caf%C3%A9%20%41.bin": DATA}, {}) as (address, _):
        assert WebFile(f"{address}/café %41.bin").readall() == DATA


def test_the_server_of_these_tests_stops_when_one_fails():
    with pytest.raises(KeyError), serving({}, {}):
        raise KeyError
    assert [thread.name for thread in threading.enumerate() if "serve_forever" in thread.name] == []
