"""A web server on this machine that fails as told."""

import contextlib
import http.server
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator


class Faulty(http.server.BaseHTTPRequestHandler):
    """Answers each request for a path with the next of its acts; the last one goes on for ever."""

    files: dict[str, bytes]
    acts: dict[str, list[Callable[["Faulty", bytes], None]]]
    asked: list[tuple[str, str | None]]  # path and Range of each request

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Range")))
        acts = self.acts.get(self.path, [whole])
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        with contextlib.suppress(ConnectionError):
            act(self, self.files.get(self.path, b""))

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value != "":
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.flush()

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Act = Callable[[Faulty, bytes], None]


def whole(handler: Faulty, data: bytes) -> None:
    handler.head(200, Content_Length=len(data))
    handler.wfile.write(data)


def half(then: str, ranges: bool = True, etag: str = '"1"') -> Act:
    """Send half of what is left, then break off: by a reset, in silence, or as if that had been all."""

    def act(handler: Faulty, data: bytes) -> None:
        start = begin(handler, data, ranges, etag)
        handler.wfile.write(data[start : (start + len(data)) // 2])
        handler.wfile.flush()
        if then == "reset":
            handler.reset()
        elif then == "silence":
            time.sleep(5)

    return act


def rest(ranges: bool = True, etag: str = '"1"') -> Act:
    """Send all that is asked for."""

    def act(handler: Faulty, data: bytes) -> None:
        handler.wfile.write(data[begin(handler, data, ranges, etag) :])

    return act


def begin(handler: Faulty, data: bytes, ranges: bool, etag: str) -> int:
    asked = handler.headers.get("Range")
    if not asked or not ranges or (etag and handler.headers.get("If-Range", etag) != etag):
        handler.head(200, Content_Length=len(data), ETag=etag)
        return 0
    start = int(asked.removeprefix("bytes=").removesuffix("-"))
    handler.head(
        206, Content_Length=len(data) - start, Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}", ETag=etag
    )
    return start


def refuse(status: int, **headers: object) -> Act:
    return lambda handler, data: handler.head(status, Content_Length=0, **headers)


def trickle(handler: Faulty, data: bytes) -> None:
    handler.head(200, Content_Length=len(data))
    for place in range(200):
        handler.wfile.write(data[place : place + 1])
        handler.wfile.flush()
        time.sleep(0.02)


def chunks(broken: bool) -> Act:
    """Send the data in two chunks, without saying how long it is; or leave out the second and the end."""

    def act(handler: Faulty, data: bytes) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.head(200, Transfer_Encoding="chunked", Connection="close")
        middle = len(data) // 2
        for part in (data[:middle],) if broken else (data[:middle], data[middle:], b""):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.close_connection = True

    return act


@contextlib.contextmanager
def serving(files: dict[str, bytes], acts: dict[str, list[Act]]) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Yield the address of a server, and the list of what it is asked for."""
    asked: list[tuple[str, str | None]] = []
    handler = type("Handler", (Faulty,), {"files": files, "acts": acts, "asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:  # or its thread would ask a closed socket for ever, and leave no time for others
            server.shutdown()
