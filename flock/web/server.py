"""`WebPage`: the page of a flock, which can be started and closed."""

from __future__ import annotations

import logging
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from flock.options import STATE_NAME, Options
from flock.web.app import WebApp
from flock.web.gate import PARAMETER, Gate, Token, is_loopback_host
from flock.web.lookout import Lookout
from flock.web.serving import BOUNDS, WebServer
from flock.web.stream import Stream

log = logging.getLogger(__name__)

_LOOK = 0.25  # seconds between two looks at the journal
_IDLE = 5.0  # seconds between two looks while the page has no readers
_SUMMARY = 2.0  # seconds between two summaries
_LAST_LOOK = 2.0  # seconds for a look that is under way at the end
_POLL = 0.1
_TURN = 0.0005  # seconds that a thread may keep others from running
_FILES = 4096  # that the page may open: the most readers and exchanges, and some


def allow_readers() -> None:
    """Let this process open as many files as the page needs, if the hard limit allows it.

    And let no thread that computes keep readers waiting: a look at all of ten thousand bots takes 0.3 seconds.
    """
    sys.setswitchinterval(_TURN)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def url_of(listener: socket.socket) -> str:
    """Return the root URL of what listens there, such as "http://127.0.0.1:8140"."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class WebPage:
    """Shows the flock of a folder at `listener`, from `start` to `close`. Raises BadKeys, BadOption and
    JournalError.

    Beyond loopback it asks for a token; `fresh_token` is that token where it was made just now. `name` is the host
    as the operator gave it, by which the page is known, too, as it is by `names`.
    """

    def __init__(
        self,
        folder: Path,
        options: Options,
        listener: socket.socket,
        *,
        midnight: Callable[[float], float],
        name: str = "",
        names: Sequence[str] = (),
    ) -> None:
        self._lookout = Lookout(folder, options, midnight=midnight)
        self._stream = Stream()
        self._stream.publish(line.event() for line in self._lookout.latest)  # a reader of before goes on
        self._woken = threading.Event()
        host, port = listener.getsockname()[:2]
        token = None if is_loopback_host(host) else Token(options.state_file.with_name(f"{STATE_NAME}.web-token"))
        self.fresh_token = token.fresh if token else ""
        gate = Gate((name or host, *names), port, token)
        self._app = WebApp(self._lookout, self._stream, gate, on_reader=self._woken.set)
        self._server = WebServer(listener, self._app, BOUNDS, name="flock")
        self._stop = threading.Event()
        self._watcher = Thread(target=self._watch, name="flock: lookout", daemon=True)
        self.url = url_of(listener)

    @property
    def way_in(self) -> str:
        """Where the page is, with its token where that was made just now."""
        return f"{self.url}/?{PARAMETER}={self.fresh_token}" if self.fresh_token else f"{self.url}/"

    def start(self) -> None:
        """Serve and look, in daemon threads."""
        Thread(target=self._server.serve_forever, args=(_POLL,), name="flock: web", daemon=True).start()
        self._watcher.start()

    def close(self) -> None:
        """Stop serving, within a second or so."""
        self._stop.set()
        self._woken.set()
        self._server.end()
        self._stream.close()
        self._app.close()
        if self._watcher.is_alive():
            self._watcher.join(_LAST_LOOK)  # a journal that is closed looks like a damaged one
        self._lookout.close()

    def _watch(self) -> None:
        summary_at = time.monotonic()
        while not self._stop.is_set():
            pause = _LOOK if self._stream.readers else _IDLE
            try:
                self._lookout.glance(self._app.deliver)
                if time.monotonic() >= summary_at:
                    self._app.deliver_summary()
                    summary_at = time.monotonic() + _SUMMARY
            except Exception:
                log.exception("a look at the journal failed")
                pause = _IDLE
            self._woken.wait(pause)
            self._woken.clear()
