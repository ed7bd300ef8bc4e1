"""HTTP/1.1 for the pasture: werkzeug's threaded server, with connections that are kept and can be ended."""

from __future__ import annotations

import logging
import re
import socket
from io import BytesIO
from threading import Condition
from typing import Any
from wsgiref.types import WSGIApplication

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Response

LOGGER = logging.getLogger("flock.pasture")

BACKLOG = 1024  # a large flock may start all at once
_MOST_BODY_KEPT = 1024 * 1024  # bytes; far above what the application takes
_GRACE_SECONDS = 0.5


class RequestHandler(WSGIRequestHandler):
    """One connection. Unlike werkzeug's own handler it reads each request in full, and so can keep the connection.

    A ConnectionError raised by the application drops the connection without an answer: that is how a test's
    middleware loses one.
    """

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # so that an unreadable request line gets a status line too
    disable_nagle_algorithm = True  # an answer goes out in two writes, and must not wait for an ACK in between
    timeout = 75  # seconds idle; an interval that no bot has, so that none posts just as its connection ends

    def run_wsgi(self) -> None:
        try:
            environ = self.make_environ()
        except ValueError:  # a request line such as "GET http://[ HTTP/1.1"
            self.send_error(400)
            return
        environ["wsgi.input"] = self._read_body()
        try:
            response = Response.from_app(self.server.app, environ, buffered=True)
        except ConnectionError:
            self.close_connection = True
        except Exception:
            LOGGER.exception("the application failed")
            self.send_error(500)
        else:
            self._answer(response)

    def _read_body(self) -> BytesIO:
        """The body, read to its end, where the connection's next request begins.

        Of a body beyond all measure nothing is kept: the application refuses it by its Content-Length.
        """
        declared = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch(r"[0-9]{1,18}", declared):
            self.close_connection = True  # nobody knows where the next request would begin
            return BytesIO()
        length = int(declared)
        if length <= _MOST_BODY_KEPT:
            return BytesIO(self.rfile.read(length))
        while length > 0 and (piece := self.rfile.read(min(length, _MOST_BODY_KEPT))):
            length -= len(piece)
        return BytesIO()

    def _answer(self, response: Response) -> None:
        body = response.get_data()
        response.headers.setdefault("Content-Length", str(len(body)))
        if self.command != "HEAD" and response.headers["Content-Length"] != str(len(body)):
            self.close_connection = (
                True  # a middleware cut the answer short: the client must not wait for the rest
            )
        self.send_response(response.status_code)
        for name, value in response.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        # The query is left out: some clients sign in it, and some put the text there.
        path = getattr(self, "path", "").partition("?")[0]
        LOGGER.debug("%s %r %s", self.command, path, code)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Nothing: what http.server would say repeats the request line, query and all."""


class Server(ThreadedWSGIServer):
    """A thread a connection, on a listening socket of our own; `end` ends the idle connections too."""

    def __init__(self, listener: socket.socket, app: WSGIApplication) -> None:
        host, port = listener.getsockname()[:2]
        self._open: set[socket.socket] = set()
        self._changed = Condition()
        # By descriptor, since werkzeug leaves the process when it cannot bind.
        super().__init__(host, port, app, RequestHandler, fd=listener.fileno())

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        LOGGER.debug("a connection ended badly", exc_info=True)

    def end(self) -> None:
        """Accept nothing more, let the answers under way finish for half a second, and end every connection."""
        self.shutdown()
        self._hang_up(socket.SHUT_RD)
        self._hang_up(socket.SHUT_RDWR)

    def _hang_up(self, how: int) -> None:
        with self._changed:
            for connection in self._open:
                try:
                    connection.shutdown(how)
                except OSError:  # the client was faster
                    continue
            self._changed.wait_for(lambda: not self._open, timeout=_GRACE_SECONDS)
