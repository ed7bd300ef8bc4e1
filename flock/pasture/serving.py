"""HTTP/1.1 for the pasture: werkzeug's threaded server, with persistent connections, all of them bounded."""

from __future__ import annotations

import errno
import http.client
import json
import logging
import re
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from io import BufferedReader, BytesIO
from math import inf
from threading import Condition, Lock
from typing import Any
from wsgiref.types import WSGIApplication

from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Response

from flock.errors import printable
from flock.pasture.answers import SAFE_HEADERS, V2

LOGGER = logging.getLogger("flock.pasture")

BACKLOG = 1024  # a large flock connects all at once
MOST_BODY = 64 * 1024  # bytes; ten times the largest useful post
_MOST_HEAD = 64 * 1024  # bytes of a request's headers
_MOST_DRAINED = 8 * 1024 * 1024  # bytes of a body that was refused, so that the client gets to read the refusal
_GRACE_SECONDS = 0.5
_PAUSE_SECONDS = 0.1  # after a connection that could not be accepted
_ROUTING = Lock()  # werkzeug parses Python for each rule, and in Python 3.11 that may fail in two threads at once
_OUT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def routes(rules: Iterable[Rule]) -> MapAdapter:
    """Return what finds the endpoint of a request by these rules."""
    with _ROUTING:
        return Map(rules, merge_slashes=False).bind("pasture")


@dataclass(frozen=True)
class Bounds:
    """How many connections there are at once, and how long a client may take, in seconds."""

    connections: int = 512  # a flock has at most 128
    idle: float = 75.0  # not a usual interval, so that a bot seldom posts just as the server closes
    exchange: float = 20.0  # from a request's first byte to its last, and for reading the answer


class _Head:
    """The file that a request's headers are read from. It raises LineTooLong when all of them are too long."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._left = _MOST_HEAD

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise http.client.LineTooLong("header")
        return line


class RequestHandler(WSGIRequestHandler):
    """One connection. It reads each request in full, so that the connection can be kept; werkzeug's own does not.

    A ConnectionError that the application raises drops the connection without an answer, for tests.
    """

    server: Server
    rfile: BufferedReader
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # so that an unreadable request line gets a status line too
    disable_nagle_algorithm = True  # an answer is two writes; the second must not wait for an ACK

    def handle_one_request(self) -> None:
        self.server.wait_for(self.connection, self.server.bounds.idle)
        if self.rfile.peek(1):
            self.server.wait_for(self.connection, self.server.bounds.exchange)
        super().handle_one_request()

    def parse_request(self) -> bool:
        file, self.rfile = self.rfile, _Head(self.rfile)  # type: ignore[assignment]  # all that http.client needs
        try:
            return super().parse_request()
        finally:
            self.rfile = file

    def handle_expect_100(self) -> bool:
        if (self._body_length() or 0) > MOST_BODY:
            self.close_connection = True  # the client sends no body, and may send another request
            return True
        return super().handle_expect_100()

    def run_wsgi(self) -> None:
        try:
            environ = self.make_environ()
        except ValueError:  # a request line such as "GET http://[ HTTP/1.1"
            self.send_error(400)
            return
        length = self._body_length()
        if length is None:
            self.close_connection = True  # the start of the next request is unknown
            length = 0
        # The application refuses a larger body by its Content-Length.
        environ["wsgi.input"] = BytesIO(self.rfile.read(length) if length <= MOST_BODY else b"")
        environ["SERVER_NAME"] = self.connection.getsockname()[0]
        if length > _MOST_DRAINED:
            self.close_connection = True
        self.server.wait_for(self.connection, inf)
        try:
            response = Response.from_app(self.server.app, environ, buffered=True)
        except ConnectionError:
            self.close_connection = True
        except Exception:
            LOGGER.exception("the application failed")
            self.send_error(500)
        else:
            self.server.wait_for(self.connection, self.server.bounds.exchange)
            self.answer(response)
            self._drain(length if length > MOST_BODY else 0)

    def _body_length(self) -> int | None:
        """Return the length of the body in bytes; None if the headers do not tell it."""
        declared = self.headers.get_all("Content-Length", ["0"])
        if "Transfer-Encoding" in self.headers or len(declared) != 1:
            return None
        return int(declared[0]) if re.fullmatch(r"[0-9]{1,18}", declared[0]) else None

    def _drain(self, length: int) -> None:
        """Read a body that was refused: the client may send all of it before it reads the answer."""
        left = min(length, _MOST_DRAINED)
        while left > 0 and (piece := self.rfile.read(min(left, MOST_BODY))):
            left -= len(piece)

    def answer(self, response: Response) -> None:
        """Write the answer of the application."""
        body = response.get_data()
        response.headers.setdefault("Content-Length", str(len(body)))
        if self.command != "HEAD" and response.headers["Content-Length"] != str(len(body)):
            self.close_connection = True  # a middleware cut the answer short; the client must not wait for more
        self.send_response(response.status_code)
        for name, value in response.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer `code` and close the connection. http.server's message would repeat parts of the request."""
        body = json.dumps(V2(code, HTTPStatus(code).phrase).body()).encode()
        self.send_response(code)
        for name, value in SAFE_HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # http.server closes it after this
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """Return the Server header, which names no versions."""
        return self.server.name

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        # Without the query: some clients put the signature there, and some the text.
        path = getattr(self, "path", "").partition("?")[0]
        LOGGER.debug("%s %r %s", printable(self.command or "-"), path, int(code) if code != "-" else code)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: http.server's messages repeat the request line with its query."""


@dataclass(frozen=True)
class _Wait:
    """What the server waits for on a connection: since when, and until when, on the monotonic clock."""

    since: float
    until: float


class Server(ThreadedWSGIServer):
    """A thread for each connection to `listener`.

    A connection ends when its client takes too long (`bounds`). When there are too many, or no file descriptor is
    left for another one, the one that has waited longest ends. `end` closes idle connections, too. `name` stands
    in the Server header.
    """

    handler = RequestHandler

    def __init__(
        self, listener: socket.socket, app: WSGIApplication, bounds: Bounds = Bounds(), *, name: str = "pasture"
    ) -> None:
        host, port = listener.getsockname()[:2]
        self.bounds = bounds
        self.name = name
        self._open: dict[socket.socket, _Wait] = {}
        self._changed = Condition()
        # werkzeug gets a bound descriptor, since it exits the process when it cannot bind.
        super().__init__(host, port, app, self.handler, fd=listener.fileno())

    def wait_for(self, connection: socket.socket, seconds: float) -> None:
        """Give the connection's client so many seconds for what comes next; infinity while it need do nothing."""
        now = time.monotonic()
        with self._changed:
            if connection in self._open:
                self._open[connection] = _Wait(since=now if seconds < inf else inf, until=now + seconds)

    def service_actions(self) -> None:
        """End the connections whose clients took too long; the server calls this some twenty times a second."""
        now = time.monotonic()
        with self._changed:
            self._hang_up([each for each, wait in self._open.items() if wait.until < now])

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in _OUT_OF:  # the connection stays in the backlog, and accept would fail again at once
                with self._changed:
                    self._end_the_longest_wait()
                    self._changed.wait(_PAUSE_SECONDS)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        now = time.monotonic()
        with self._changed:
            if len(self._open) >= self.bounds.connections and not self._end_the_longest_wait():
                self.shutdown_request(request)
                return
            self._open[request] = _Wait(since=now, until=now + self.bounds.idle)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.pop(request, None)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        LOGGER.debug("a connection ended badly", exc_info=True)

    def end(self) -> None:
        """Stop listening, give answers under way half a second to finish, and close every connection."""
        self.shutdown()
        for how in (socket.SHUT_RD, socket.SHUT_RDWR):
            with self._changed:
                _shut(self._open, how)
                self._changed.wait_for(lambda: not self._open, timeout=_GRACE_SECONDS)

    def _end_the_longest_wait(self) -> bool:
        """End the connection that has waited longest for its client; return whether there was one."""
        waiting = [each for each, wait in self._open.items() if wait.since < inf]
        self._hang_up([min(waiting, key=lambda each: self._open[each].since)] if waiting else [])
        return bool(waiting)

    def _hang_up(self, connections: list[socket.socket]) -> None:
        """Have these connections end. They count no longer; their threads close them in a moment."""
        _shut(connections, socket.SHUT_RDWR)
        for each in connections:
            del self._open[each]


def _shut(connections: Iterable[socket.socket], how: int) -> None:
    for connection in connections:
        with suppress(OSError):  # the client has closed it
            connection.shutdown(how)
