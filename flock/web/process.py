"""The page of a flock in a process of its own, which starts and ends with the flock.

The flock listens and passes the socket on. So a port that is taken is told before anything is said, and a page
that is started again has the same address; its readers' connections wait meanwhile. The page's process
(`flock/web/__main__.py`) reads from its standard input what to show, and ends when that is closed: also when the
flock was killed. What it writes are lines for the flock's log.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import STDOUT, Popen

from flock.events import Event, Stopping
from flock.options import Options
from flock.units import format_seconds
from flock.web.children import ending_of, give_order, start_python

log = logging.getLogger(__name__)

_AT_ONCE = 1.0  # seconds between an end of the page and what is done about it
_LONGEST = 60.0  # seconds before it is started again, at most
_STEADY = 60.0  # seconds that it has run after which a new end is the first one
_GRACE = 3.0  # seconds for its end
_LINE = re.compile(r"(\d\d) (.*)")  # of its log: a level, and a text


@dataclass(frozen=True, slots=True)
class Order:
    """What the page's process is to do.

    It shows the flock of `folder`, which is run with `options`, at the listening socket `descriptor`, to those
    that call it `host`, or by one of `names`. `midnight` is that of `Lookout`. It logs from `level` on.
    """

    folder: Path
    options: Options
    descriptor: int
    host: str
    names: tuple[str, ...]
    midnight: Callable[[float], float]
    level: int = logging.INFO


class PageProcess:
    """Shows the flock of a folder at `listener`, from `start` to `close`, in a process of its own.

    When that ends by itself, it is started again: after two seconds, and after up to a minute while it ends again
    and again. Nothing of this is an error of the flock, or delays it. As an observer it hears that the flock is
    stopping; then it starts none again.
    """

    def __init__(
        self,
        folder: Path,
        options: Options,
        listener: socket.socket,
        *,
        midnight: Callable[[float], float],
        host: str,
        names: tuple[str, ...] = (),
    ) -> None:
        self._listener = listener
        self._order = Order(folder, options, listener.fileno(), host, names, midnight)
        self._ending = threading.Event()
        self._starting = threading.Lock()
        self._process: Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="flock: page", daemon=True)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Stopping):
            self._ending.set()

    def start(self) -> None:
        """Start it, and see to it that it runs."""
        self._order = replace(self._order, level=log.getEffectiveLevel())
        self._thread.start()

    def close(self) -> None:
        """End it: within some seconds, and by SIGKILL if it does not end by itself."""
        self._ending.set()
        with self._starting:
            process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):  # it has ended, and not read all
                process.stdin.close()
            self._thread.join(_GRACE)
            if process.poll() is None:
                process.kill()
                self._thread.join(_AT_ONCE)
        self._listener.close()

    def _keep(self) -> None:
        pause = _AT_ONCE
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                how = self._run()
            except OSError as error:  # no memory, no more processes
                how = f"it cannot be started: {error.strerror}"
            if time.monotonic() - began > _STEADY:
                pause = _AT_ONCE
            if self._ending.wait(_AT_ONCE):  # systemd tells all processes of a service to stop at the same time
                return
            log.warning(
                "the page has ended: %s; it starts again in %s, and the flock goes on", how, format_seconds(pause)
            )
            self._ending.wait(pause)
            pause = min(2 * pause, _LONGEST)

    def _run(self) -> str:
        """Start the process, log what it says, and return in words how it ended. Raises OSError."""
        with self._starting:
            if self._ending.is_set():
                return ""
            process = self._process = start_python(
                "-m", "flock.web", stderr=STDOUT, pass_fds=(self._order.descriptor,)
            )
        with give_order(process, self._order) as lines:
            for line in lines:
                _pass_on(line.decode(errors="replace").rstrip("\n"))
        return ending_of(process.wait())


def _pass_on(line: str) -> None:
    """Log a line of the page's process. What has no level is the interpreter's, such as a traceback."""
    found = _LINE.fullmatch(line)
    log.log(int(found[1]) if found else logging.ERROR, "%s", found[2] if found else line)
