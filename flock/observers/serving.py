"""Serves metrics over HTTP: /metrics for Prometheus, and /healthz for whoever asks whether the flock is well."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterable
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import make_wsgi_app

from flock.errors import BadOption, printable
from flock.pasture.serving import Bounds, Server

if TYPE_CHECKING:
    from flock.observers.metrics import Metrics

_BOUNDS = Bounds(connections=16, idle=60.0, exchange=10.0)
_BACKLOG = 16
_POLL = 0.1  # seconds
_ADDRESS = re.compile(r"(?:(\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]+):)?([0-9]{1,5})")
_ABOUT = "flock: /metrics is for Prometheus; /healthz is 200 while the flock is well\n"


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and the port that HOST:PORT means; a PORT alone is on this machine. Raises BadOption."""
    found = _ADDRESS.fullmatch(text)
    if not found or int(found[2]) > 65_535:
        raise BadOption(f"--metrics: expected HOST:PORT or a PORT, such as 127.0.0.1:9109, found {text!r}")
    return (found[1] or "127.0.0.1").strip("[]"), int(found[2])


class MetricsServer:
    """Serves `metrics` at the address, in daemon threads: one for each of at most 16 connections.

    A client has 10 seconds for an exchange. Port 0 is a free one: see `url`. Raises BadOption if the address
    cannot be used.
    """

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        self._metrics = metrics
        self._exposition = make_wsgi_app(metrics.registry)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.create_server((host, port), family=family, backlog=_BACKLOG) as listener:
                self._server = Server(listener, self._app, _BOUNDS, name="flock")
        except (OSError, UnicodeError) as error:
            cause = getattr(error, "strerror", None) or "this is no host"
            cause = "it is in use" if getattr(error, "errno", None) == errno.EADDRINUSE else cause
            where = f"{printable(host)} port {port}"
            raise BadOption(f"--metrics: cannot listen on {where}: {cause}; choose another address") from None
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        self.url = f"http://{shown}:{self._server.port}"
        Thread(target=self._server.serve_forever, args=(_POLL,), name="flock: metrics", daemon=True).start()

    def close(self) -> None:
        """Stop serving, within a second or so."""
        self._server.end()

    def _app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _text(start_response, "405 Method Not Allowed", "only GET and HEAD\n")
        match environ["PATH_INFO"]:
            case "/metrics":
                self._metrics.count()
                answer: Iterable[bytes] = self._exposition(environ, start_response)
                return answer
            case "/healthz":
                trouble = self._metrics.trouble()
                status = "503 Service Unavailable" if trouble else "200 OK"
                return _text(start_response, status, f"{trouble or 'the flock is well'}\n")
            case "/":
                return _text(start_response, "200 OK", _ABOUT)
        return _text(start_response, "404 Not Found", _ABOUT)


def _text(start_response: StartResponse, status: str, text: str) -> Iterable[bytes]:
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response(status, headers)
    return [text.encode(errors="replace")]
