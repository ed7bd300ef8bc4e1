"""The bounds of one exchange: how long an answer may take, and how large it may be.

http.client reads an answer through a file on the socket. `BoundedAnswer` gives it a file that ends with an error
at the deadline, or where the headers or the body are larger than any that flock needs. What a network sends
besides its answer never reaches the next request: then the connection is not used again.
"""

from __future__ import annotations

import http.client
import io
import socket
import zlib
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import DecodeError, HTTPError

from flock.clock import boot_time

EXCHANGE_LIMIT = 60.0  # seconds from the request to the last byte of its answer
CONNECT_TIMEOUT = 10.0  # seconds for each address of a name
READ_TIMEOUT = 30.0  # seconds without a byte
LARGEST_HEADERS = 65_536  # bytes, with all that comes before them
LARGEST_ANSWER = 1_000_000  # bytes, as they are sent and also after decompression
_CHUNK = 65_536

_ENCODINGS = {"": None, "identity": None, "gzip": 31, "x-gzip": 31, "deflate": 47}  # and zlib's window bits


class TooLarge(http.client.HTTPException):
    """The answer is larger than any that a network sends."""


class Unreached(HTTPError):
    """There was no connection: not a byte of the request was sent. The cause says why.

    `proxy` is the host of the proxy that was asked for the connection, or None where none was asked.
    """

    def __init__(self, proxy: str | None = None) -> None:
        self.proxy = proxy
        super().__init__("no connection")


class BoundedAnswer(http.client.HTTPResponse):
    """An answer of http.client that ends in time. Interim answers (1xx) before it are skipped."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        self._bytes = _Bytes(sock)
        super().__init__(self._bytes, *args, **kwargs)  # type: ignore[arg-type]  # it asks for `makefile` only

    def begin(self) -> None:
        super().begin()
        while self.status < 200 and self.status != HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = self.msg = None  # type: ignore[assignment]  # as before the first `begin`
            super().begin()
        if self._bytes.is_over or self.headers.defects or not _is_length(self.headers.get("Content-Length")):
            raise http.client.HTTPException("the answer is no proper HTTP")
        self._bytes.bound_the_body()


def _is_length(text: str | None) -> bool:
    """Return whether a Content-Length says where the answer ends; urllib3 looks at several of them."""
    return text is None or (text.isascii() and all(each.strip().isdigit() for each in text.split(",")))


class _Bytes(io.RawIOBase):
    """What comes from a socket from now on: so many bytes at most, until a deadline."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._socket = sock
        self._raw: io.RawIOBase = sock.makefile("rb", buffering=0)  # keeps the socket open until it is closed
        self._deadline = boot_time() + EXCHANGE_LIMIT
        self._left = LARGEST_HEADERS
        self._has_ended = False
        self.is_over = False  # the server has closed the connection

    def makefile(self, *_: object) -> io.BufferedReader:
        return _Reader(self)

    def bound_the_body(self) -> None:
        """Allow a whole body from here, the headers being read."""
        self._left = LARGEST_ANSWER + _CHUNK  # the lines between chunks, and what is read ahead

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._has_ended:
            return 0
        seconds = self._deadline - boot_time()
        if seconds <= 0:
            raise TimeoutError("the answer takes too long")
        if self._left <= 0:
            raise TooLarge("the answer is too large")
        self._socket.settimeout(min(READ_TIMEOUT, seconds))
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        self.is_over = not count
        return count

    def end(self) -> None:
        """Read no more from the socket."""
        self._has_ended = True

    def refuse_more(self) -> None:
        """Make the connection useless: its next use would read what belongs to no request."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reader(io.BufferedReader):
    """Closed by http.client at the end of the answer; what is left in it by then belongs to no request."""

    raw: _Bytes

    def __init__(self, raw: _Bytes) -> None:
        super().__init__(raw)

    def close(self) -> None:
        if not self.closed:
            self.raw.end()
            with suppress(ValueError):  # closed below it
                if self.peek(1):
                    self.raw.refuse_more()
        super().close()


def content_of(answer: BaseHTTPResponse) -> bytes:
    """Read the body of `answer` to its end, decompressed, and give its connection back.

    Raises TooLarge, or one of urllib3's exceptions; then the connection is closed.
    """
    try:
        chunks = []
        size = 0
        while chunk := answer.read(_CHUNK, decode_content=False):
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise TooLarge("the answer is too large")
        return _decoded(b"".join(chunks), answer.headers.get("Content-Encoding", ""))
    except BaseException:
        answer.close()
        raise
    finally:
        answer.release_conn()


def _decoded(content: bytes, encoding: str) -> bytes:
    """Return `content` decompressed. Raises TooLarge, or DecodeError also where the encoding is not known."""
    name = encoding.strip().lower()
    if name not in _ENCODINGS:
        raise DecodeError("an encoding that was not asked for")
    window = _ENCODINGS[name]
    if window is None or not content:
        return content
    decompress = zlib.decompressobj(window)
    try:
        found = decompress.decompress(content, LARGEST_ANSWER + 1)
    except zlib.error as error:
        raise DecodeError("not what its Content-Encoding says") from error
    if len(found) > LARGEST_ANSWER:
        raise TooLarge("the answer is too large once it is decompressed")
    if not decompress.eof:
        raise DecodeError("the compressed answer has no end")
    return found
