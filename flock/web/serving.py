"""HTTP for the web page: a thread for each exchange. A stream of events has none: its connection is passed on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Response

from flock.pasture.serving import Bounds, RequestHandler, Server

HAND_OVER = "flock.hand_over"  # in the WSGI environment: call it with what takes the connection after the answer
BOUNDS = Bounds(connections=256, idle=30.0, exchange=20.0)

Taker = Callable[[socket.socket], object]


class Handler(RequestHandler):
    """One connection. An answer that is a stream ends with its headers: the taker writes all else."""

    server: WebServer
    _taker: Taker | None = None

    def make_environ(self) -> dict[str, Any]:
        self._taker = None
        environ: dict[str, Any] = super().make_environ()
        environ[HAND_OVER] = self._hand_over
        return environ

    def _hand_over(self, taker: Taker) -> None:
        self._taker = taker

    def answer(self, response: Response) -> None:
        if self._taker is None:
            super().answer(response)
            return
        self.close_connection = True
        self.send_response(response.status_code)
        for name, value in response.headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self._taker(self.server.give(self.connection))


class WebServer(Server):
    """Serves the page. `give` hands a connection over to its caller."""

    handler = Handler

    def give(self, connection: socket.socket) -> socket.socket:
        """Return the connection as a socket of its own, which this server neither bounds nor closes any more."""
        with self._changed:
            self._open.pop(connection, None)
            self._changed.notify_all()
        return socket.socket(fileno=connection.detach())
