"""HTTP/1.1 for the pasture: werkzeug's threaded server, with persistent connections that can be closed."""

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

BACKLOG = 1024  # a large flock connects all at once
_MOST_BODY_KEPT = 1024 * 1024  # bytes; far above the application's limit
_GRACE_SECONDS = 0.5


class RequestHandler(WSGIRequestHandler):
    """One connection. It reads each request in full, so that the connection can be kept; werkzeug's own does not.

    A ConnectionError that the application raises drops the connection without an answer, for tests.
    """

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # so that an unreadable request line gets a status line too
    disable_nagle_algorithm = True  # an answer is two writes; the second must not wait for an ACK
    timeout = 75  # seconds idle; not a usual interval, so that a bot seldom posts just as the server closes

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
        """Return the body, read to its end, where the connection's next request begins.

        A body over 1 MiB is read and dropped: the application refuses it by its Content-Length.
        """
        declared = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch(r"[0-9]{1,18}", declared):
            self.close_connection = True  # the start of the next request is unknown
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
            self.close_connection = True  # a middleware cut the answer short; the client must not wait for more
        self.send_response(response.status_code)
        for name, value in response.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        # Without the query: some clients put the signature there, and some the text.
        path = getattr(self, "path", "").partition("?")[0]
        LOGGER.debug("%s %r %s", self.command, path, code)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: http.server's messages repeat the request line with its query."""


class Server(ThreadedWSGIServer):
    """A thread for each connection to `listener`. `end` closes idle connections, too."""

    def __init__(self, listener: socket.socket, app: WSGIApplication) -> None:
        host, port = listener.getsockname()[:2]
        self._open: set[socket.socket] = set()
        self._changed = Condition()
        # werkzeug gets a bound descriptor, since it exits the process when it cannot bind.
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
        """Stop listening, give answers under way half a second to finish, and close every connection."""
        self.shutdown()
        self._hang_up(socket.SHUT_RD)
        self._hang_up(socket.SHUT_RDWR)

    def _hang_up(self, how: int) -> None:
        with self._changed:
            for connection in self._open:
                try:
                    connection.shutdown(how)
                except OSError:  # the client has closed it
                    continue
            self._changed.wait_for(lambda: not self._open, timeout=_GRACE_SECONDS)
