"""Weather: a middleware between a flock and its network that fails in every way in which networks fail."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from random import Random
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_PAGE = b"<html><body><h1>Something is broken</h1></body></html>"


class Weather:
    """Lets most posts pass, and ruins the others in every way in turn, as chance (seeded) or `choose` has it.

    `timelines` False refuses to show an account its own posts. `calm` ends the bad weather. `met` counts what
    happened. `late` is after how many seconds a post is stored that is "stored late".
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        seed: int,
        timelines: bool,
        choose: Callable[[], str] | None = None,
        late: float = 2.0,
    ) -> None:
        self._app = app
        self._random = Random(seed)
        self._timelines = timelines
        self._choose = choose or (lambda: self._random.choice(_KINDS))
        self._late = late
        self._lock = threading.Lock()
        self.calm = False
        self.met: Counter[str] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            if not self._timelines:
                return _answer(
                    start_response, "403 Forbidden", b'{"title": "Forbidden", "status": 403, "detail": "No."}'
                )
            return self._app(environ, start_response)
        with self._lock:
            kind = "calm" if self.calm else self._choose()
            self.met[kind] += 1
        return self._ruin(kind, environ, start_response)

    def _ruin(self, kind: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match kind:
            case "503, not stored":
                return _answer(
                    start_response, "503 Service Unavailable", b'{"title": "Service Unavailable", "status": 503}'
                )
            case "HTML, not stored":
                return _answer(start_response, "502 Bad Gateway", _PAGE, "text/html")
            case "429":
                reset = ("x-rate-limit-reset", str(int(time.time()) + 1))
                body = b'{"title": "Too Many Requests", "status": 429}'
                return _answer(start_response, "429 Too Many Requests", body, "application/json", reset)
            case "dropped before":
                raise ConnectionError
            case "503, stored":
                self._swallow(environ)
                return _answer(
                    start_response, "503 Service Unavailable", b'{"title": "Service Unavailable", "status": 503}'
                )
            case "HTML, stored" | "502, stored":
                self._swallow(environ)
                status = "200 OK" if kind.startswith("HTML") else "502 Bad Gateway"
                return _answer(start_response, status, _PAGE, "text/html")
            case "stored late":
                timer = threading.Timer(self._late, self._swallow, [environ])
                timer.daemon = True
                timer.start()
                raise ConnectionError
            case "dropped after":
                self._swallow(environ)
                raise ConnectionError
            case "slow":
                threading.Event().wait(0.1)  # the slowness is the point
        return self._app(environ, start_response)

    def _swallow(self, environ: WSGIEnvironment) -> None:
        """Let the network store the post, and lose its answer."""
        list(self._app(environ, lambda *_: lambda _: None))


_KINDS = [
    *["calm"] * 12,
    "503, not stored",
    "503, stored",
    "HTML, not stored",
    "HTML, stored",
    "429",
    "dropped before",
    "dropped after",
    "slow",
]


def _answer(
    start_response: StartResponse,
    status: str,
    body: bytes,
    kind: str = "application/json",
    *headers: tuple[str, str],
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *headers])
    return [body]
