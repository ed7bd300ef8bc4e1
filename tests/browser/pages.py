"""The web page of a flock whose journal a test writes: what the bots say, and how they fare."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from flock.journal import WELL, Outcome, Place, Settlement, SqliteJournal, Standing
from flock.options import Options, settle_options
from flock.web.server import WebPage, listen


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

    def rest(self, name: str, standing: Standing = WELL, recitations: int = 0, **here: Any) -> None:
        """Let the bot fare so, and be due in an hour; `here` holds other fields of its place."""
        due = time.time() + 3600
        place = Place(n=self._posts[name], due=due, recitations=recitations)._replace(**here)
        self._journal.keep(f"x:{name}", place, standing)

    def take(self, name: str) -> None:
        """Run a further bot."""
        self._posts[name] = 0
        self._journal.claim([f"x:{name}"])

    def leave(self, name: str) -> None:
        """Let no flock run the bot."""
        self._journal.release([f"x:{name}"])


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
