"""What the bots of one server share besides their Service: what the server says about itself."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import asdict
from threading import Lock

import simplejson as json

from flock.errors import JournalError, Retry, Unavailable
from flock.networks.mastodon.length import USUAL, Rules
from flock.units import DAY

_BELIEVED = DAY  # seconds from the answer, after which a server is asked again
_PAUSE = 600.0  # seconds until a server is asked again that did not tell its rules, or was away


class Server:
    """The rules of the server at `root_url`: asked for once a day, and kept in `kept`.

    `kept` maps root URLs to rules and the time of the answer, as JSON; it may be one that outlives the process, so
    that a line under way is cut as before after a restart, also while the server is away. `wall` returns seconds
    since the epoch. Safe to share between threads: while one asks, the others wait, and get the same answer.
    """

    def __init__(
        self,
        root_url: str,
        kept: MutableMapping[str, str] | None = None,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root_url = root_url
        self._kept: MutableMapping[str, str] = {} if kept is None else kept
        self._wall = wall
        self._steady = steady
        self._rules: Rules | None = None
        self._told_at = 0.0  # when the server told them, by the wall clock
        self._lock = Lock()
        self._asked = 0  # how often
        self._failure = ""  # of the last time
        self._asks_at = 0.0  # not before, by the steady clock

    def rules(self, ask: Callable[[], Rules | None]) -> Rules:
        """Return the server's rules: those of the last day, or else those that `ask` returns.

        Where it returns None, or the server cannot be asked, older rules hold on. Where there are none, a server
        that tells nothing has those of Mastodon for now. Raises Unavailable for one that cannot be asked.
        """
        if (rules := self._rules) and self._is_fresh:
            return rules
        asked = self._asked
        with self._lock:
            if self._rules is None:
                self._remember()
            if not self._is_fresh and asked == self._asked and self._steady() >= self._asks_at:
                self._ask(ask)
            if self._rules is None and self._failure:
                raise Unavailable(self._failure)
            return self._rules or USUAL

    def forget(self) -> None:
        """Forget the rules: the server has others by now."""
        with self._lock:
            self._rules = None
            self._told_at = self._asks_at = 0.0
            with suppress(JournalError):
                self._kept.pop(self.root_url, None)

    @property
    def _is_fresh(self) -> bool:
        return 0 <= self._wall() - self._told_at < _BELIEVED

    def _remember(self) -> None:
        """Take the rules that an earlier run has kept. Where they cannot be read, the server is asked."""
        with suppress(JournalError, KeyError, TypeError, ValueError):  # also those of another version
            kept = json.loads(self._kept[self.root_url])
            self._rules, self._told_at = Rules(**kept["rules"]), float(kept["told_at"])

    def _ask(self, ask: Callable[[], Rules | None]) -> None:
        self._asked += 1
        self._failure = ""
        try:
            rules = ask()
        except Retry as error:
            self._failure = str(error)
            if self._rules:
                self._asks_at = self._steady() + _PAUSE
            return
        if rules is None:
            self._asks_at = self._steady() + _PAUSE
            return
        self._rules, self._told_at = rules, self._wall()
        with suppress(JournalError):  # the next run asks, then
            self._kept[self.root_url] = json.dumps({"told_at": self._told_at, "rules": asdict(rules)})
