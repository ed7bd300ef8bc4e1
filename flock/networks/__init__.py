"""Where a tweet goes: the right network for each key."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from flock.key import Key
from flock.networks.base import Network, Post
from flock.networks.dry_run import DryRun
from flock.options import Options, is_loopback

if TYPE_CHECKING:
    from flock.networks.http import Session
    from flock.pasture import Pasture

__all__ = ["DryRun", "Network", "Networks", "Post"]


class Networks:
    """Connects bots, and owns what their connections share: one session a root URL, and the embedded pasture.

    With `options.pasture` every bot grazes on the pasture and nothing reaches the real network.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sessions: dict[str, Session] = {}
        self._pasture: Pasture | None = None
        self._lock = threading.Lock()

    def realm(self, key: Key) -> str:
        """Return the name of the network that `key` is used on; a bot has a place in its poem in each."""
        return "pasture" if self._options.is_practice else key.network

    def place(self, key: Key) -> str:
        """Return where this bot's posts go, in a word or two for the operator."""
        if self._options.dry_run:
            return "nowhere (a dry run)"
        if self._options.base_url and (self.realm(key) != "pasture" or self._options.is_practice):
            return self._options.base_url
        if self.realm(key) != "pasture":
            return "X"
        return f"the pasture at {self._pasture.url}" if self._pasture else "the pasture"

    @property
    def has_pasture(self) -> bool:
        """Whether the pasture is in this very process, which then holds both ends of each connection."""
        return self._pasture is not None

    def bot(self, key: Key) -> str:
        """Return the name under which the journal knows this bot."""
        return f"{self.realm(key)}:{key.screen_name.casefold()}"

    def connect(self, key: Key) -> Network:
        """Return `key`'s way to its network. Raises BadOption when the environment makes that impossible."""
        if self._options.dry_run:
            return DryRun()
        # Imported late: a dry run and a rehearsal need no network stack.
        from flock.networks.twitter import ROOT_URL, Twitter  # noqa: PLC0415

        root_url = self._options.base_url or ROOT_URL
        if self.realm(key) == "pasture" and not is_loopback(root_url):
            root_url = self._graze(key)  # practice keys may also go to a pasture that runs alone, but not further
        return Twitter(key, session=self._session(root_url), root_url=root_url, api=key.api or self._options.api)

    def close(self) -> None:
        """Close every connection, and the pasture."""
        for session in self._sessions.values():
            session.close()
        if self._pasture:
            self._pasture.close()

    def _graze(self, key: Key) -> str:
        """Let the bot onto the embedded pasture, started on first need, and return the pasture's URL."""
        from flock.pasture import Account, Pasture  # noqa: PLC0415 - a flock on X needs no server

        with self._lock:
            if self._pasture is None:
                self._pasture = Pasture((), state=self._options.state_file.with_name("pasture.db"))
                self._pasture.start()
            self._pasture.admit(Account.of(key))
            return self._pasture.url

    def _session(self, root_url: str) -> Session:
        from flock.networks.http import Session  # noqa: PLC0415

        with self._lock:
            if root_url not in self._sessions:
                self._sessions[root_url] = Session(root_url)
            return self._sessions[root_url]
