"""A file of the web, read from front to back through whatever happens to a long download.

    GET ──▶ bytes ──▶ bytes ──▶ reset, silence, 503, short ──▶ pause ──▶ GET with Range, from there on ──▶ bytes

The reader sees one unbroken file. A server that does not know Range sends everything again; what was read before is
passed over. Pauses grow from half a second on, each twice the last, or are as long as the server asks (Retry-After).

The time spent waiting for one file is bounded: silence, pauses and attempts in vain together take at most `MAX_WAIT`
seconds; whatever arrives wins time back, at `SLOWEST` bytes a second. A refusal that will not pass, such as 404, ends
it at once.
"""

from __future__ import annotations

import email.utils
import http.client
import io
import re
import ssl
import string
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timezone
from typing import Any

TIMEOUT = 8.0  # seconds without one byte, after which a connection counts as dead
MAX_WAIT = 12.0  # seconds of waiting in all: for one dead connection, and to try once more
SLOWEST = 4096  # bytes a second: a server that sends less than that only keeps us waiting
FIRST_PAUSE = 0.5  # seconds
LONGEST_ASKED = 60.0  # seconds that a server may ask us to wait, for one file in all
_MAY_PASS = (408, 425, 429, 500, 502, 503, 504)  # refusals that may be over in a moment; others stay
_NO_FILE = (404, 410)


class WebFile(io.RawIOBase):
    """A file behind an http or https address, to be read from front to back."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._position = 0  # bytes given so far
        self._known = 0  # bytes that come a second time, to be passed over
        self._size: int | None = None  # of the whole file, where the server says it
        self._version: str | None = None  # tells this file from one that takes its place on the server
        self._answer: Any = None  # the connection at hand
        self._ended = False
        self._waited, self._asked, self._pause = 0.0, 0.0, FIRST_PAUSE  # seconds

    def readable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Hang up."""
        self._hang_up()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Read what arrives next, and connect again as often as that takes; 0 at the end of the file.

        Raises:
            FileNotFoundError: there is no such file; the message names the address.
            OSError: the server is given up; the message says why.
        """
        while not self._ended:
            began = time.monotonic()
            try:
                if self._answer is None:
                    self._connect()
                part = self._answer.read1(min(len(buffer), self._known or len(buffer)))
                if not part and self._size is not None and self._position < self._size:
                    raise ConnectionError(f"the connection ended after {self._position} of {self._size} bytes")
            except _GivenUpError:
                raise
            except (OSError, http.client.HTTPException, ValueError) as error:  # the last, of a chunk's size
                self._hang_up()
                self._waited += time.monotonic() - began
                self._wait_or_give_up(error)
                continue
            self._ended = not part
            new = 0 if self._known else len(part)
            self._count(time.monotonic() - began, len(part), new)
            self._known -= len(part) - new
            self._position += new
            if new:
                buffer[:new] = part
                return new
        return 0

    def _connect(self) -> None:
        headers = {"Range": f"bytes={self._position}-"} if self._position else {}
        if self._position and self._version and not self._version.startswith("W/"):
            headers["If-Range"] = self._version  # should the file have changed, all of it is sent
        address = urllib.parse.quote(self.address, safe=string.punctuation)
        timeout = max(min(TIMEOUT, MAX_WAIT - self._waited), 0.05)
        self._answer = urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=timeout)
        start, size = 0, self._answer.headers.get("Content-Length")
        if self._answer.status == 206:
            place = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", self._answer.headers.get("Content-Range", ""))
            if not place or int(place[1]) != self._position:
                raise _GivenUpError(f"{self.address}: the server sends another part of the file than it was asked for")
            start, size = self._position, place[2].replace("*", "")
        version = self._answer.headers.get("ETag") or self._answer.headers.get("Last-Modified")
        another = bool(version and self._version and version != self._version)  # a part need not say its version again
        if self._position and (another or (self._size and size and size != str(self._size))):
            raise _GivenUpError(f"{self.address}: the file has changed on the server while it was read")
        self._size, self._version = int(size) if size and size.isdecimal() else self._size, version or self._version
        self._known = self._position - start

    def _wait_or_give_up(self, error: Exception) -> None:
        """Pause before the next attempt, or raise what is to be said where there is none."""
        if not isinstance(error, urllib.error.HTTPError):
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, http.client.InvalidURL | ssl.SSLCertVerificationError):
                raise _GivenUpError(f"{self.address}: {reason}") from error
            self._sleep(0.0, str(reason) or type(reason).__name__, error)
            return
        error.close()
        if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{self._position}":
            self._ended = True  # the file had said nothing about its size: it ends where we are
            return
        said = f"the server answers {error.code} {error.reason}"
        if error.code not in _MAY_PASS:
            raise (FileNotFoundError if error.code in _NO_FILE else _GivenUpError)(f"{self.address}: {said}") from error
        self._sleep(_seconds(error.headers.get("Retry-After", "")), said, error)

    def _sleep(self, asked: float, said: str, error: Exception) -> None:
        pause, self._pause = max(self._pause, asked), 2 * self._pause
        if asked:
            self._asked += pause
            said += f" and asks to wait {asked:.0f} s"
        else:
            self._waited += pause
        if self._waited >= MAX_WAIT or self._asked > LONGEST_ASKED:
            raise _GivenUpError(f"{self.address}: {said}; several attempts changed nothing") from error
        time.sleep(pause)

    def _count(self, seconds: float, arrived: int, new: int) -> None:
        """Set what arrived against the time that it took."""
        self._waited += max(seconds - arrived / SLOWEST, 0)
        if new:
            self._waited, self._pause = max(self._waited - new / SLOWEST, 0), FIRST_PAUSE
        if self._waited > MAX_WAIT:
            raise _GivenUpError(f"{self.address}: the server sends less than {SLOWEST} bytes a second")

    def _hang_up(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None


class _GivenUpError(OSError):
    """Another attempt would change nothing."""


def _seconds(retry_after: str) -> float:
    """Return the seconds of a Retry-After header, which holds a number or a date; 0 where there is none."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        until = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max((until - datetime.now(until.tzinfo and timezone.utc)).total_seconds(), 0.0)
