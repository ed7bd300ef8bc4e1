"""The web page of a flock whose journal a test writes: what the bots say, and how they fare."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

from flock.journal import WELL, Outcome, Place, Settlement, SqliteJournal, Standing
from flock.options import Options, settle_options
from flock.web.listening import listen
from flock.web.server import WebPage


class Shown:
    """A flock's journal, and its page, which can be closed and opened again at the same address."""

    def __init__(self, folder: Path, names: Sequence[str], options: Options, journal: SqliteJournal) -> None:
        self._folder = folder
        self._options = options
        self._journal = journal
        self._posts = dict.fromkeys(names, 0)
        self._port = 0
        self._page: WebPage | None = None
        journal.claim([f"x:{name}" for name in names])
        for name in names:
            self.rest(name)
        self.open()

    @property
    def url(self) -> str:
        """The root of the page."""
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Serve the page."""
        with listen("127.0.0.1", self._port) as listener:
            self._port = listener.getsockname()[1]
            self._page = WebPage(self._folder, self._options, listener, midnight=lambda now: now - 86_400)
        self._page.start()

    def close(self) -> None:
        """Serve it no more."""
        if self._page:
            self._page.close()
        self._page = None

    def say(self, name: str, text: str, outcome: Outcome = Outcome.SAID) -> None:
        """Let the bot say a line."""
        n, now = self._posts[name], time.time()
        self._posts[name] = n + 1
        self._journal.intend(f"x:{name}", Place(n=n, intended=now, due=now), text)
        after = Place(n=n + 1, due=now + 3600, recitations=n // 2, last_id=str(n))
        self._journal.settle(f"x:{name}", Settlement(n, 0, outcome, now, str(n)), after)

    def rest(self, name: str, standing: Standing = WELL, recitations: int = 0) -> None:
        """Let the bot fare so, and be due in an hour."""
        place = Place(n=self._posts[name], due=time.time() + 3600, recitations=recitations)
        self._journal.keep(f"x:{name}", place, standing)


@contextmanager
def shown(folder: Path, write_key: Callable[..., Path], names: Sequence[str]) -> Iterator[Shown]:
    """Show a flock of these bots."""
    for number, name in enumerate(names):
        write_key(f"{name}.json", screen_name=name, oauth_token=f"{1000 + number}-token", oauth_token_secret=name)
    options = settle_options({"state": folder / "flock.db"}, environment={})
    with closing(SqliteJournal(folder / "flock.db", keep=1e9)) as journal:
        page = Shown(folder, names, options, journal)
        try:
            yield page
        finally:
            page.close()


class Relay:
    """A port of this machine that leads to the port `to`."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._streams: set[socket.socket] = set()
        self._frozen: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """Let the streams of events stand, as after a laptop has slept: they pass nothing on, and do not end.

        Idle connections end, as both ends let them after some seconds.
        """
        self._frozen |= self._streams
        for each in self._open - self._frozen:
            with suppress(OSError):  # it has ended
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End all connections."""
        self._listener.close()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._open |= {near, far}
                Thread(target=self._pass_on, args=(near, far), daemon=True).start()
                Thread(target=self._pass_on, args=(far, near), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                if one in self._frozen:
                    return
                if b"GET /events" in data:
                    self._streams |= {one, other}
                other.sendall(data)
            if one not in self._frozen:
                other.shutdown(socket.SHUT_RDWR)
