"""Where a tweet goes: the right network for each key."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from flock.keys import Key, PracticeNames
from flock.networks.base import Network, Post
from flock.networks.dry_run import DryRun
from flock.options import Options, is_loopback

if TYPE_CHECKING:
    from flock.networks.wire import Wire
    from flock.pasture import Pasture

__all__ = ["DryRun", "Network", "Networks", "Post"]


class Networks:
    """Connects bots, and owns what their connections share: one wire a root URL, and the embedded pasture.

    With `options.pasture` every bot grazes on the pasture and nothing reaches the real network.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._wires: dict[str, Wire] = {}
        self._pasture: Pasture | None = None
        self._practice_names = PracticeNames()
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
        """Return the name under which the journal knows this bot: `network:name`, in lower case.

        A bot that practises is `pasture:name`, whatever network its key is for, so that its place in its poem is
        kept from earlier versions. If a bot of another network in this flock has that name already, it is
        `pasture:name (network)`; the bots take their names in the order of the key files.
        """
        realm = self.realm(key)
        name = self._practice_names.of(key) if realm == "pasture" else key.screen_name
        return f"{realm}:{name.casefold()}"

    def connect(self, key: Key) -> Network:
        """Return `key`'s way to its network. Raises BadOption when the environment makes that impossible."""
        if self._options.dry_run:
            return DryRun()
        # Imported late: a dry run and a rehearsal need no network stack.
        from flock.networks.x.api import ROOT_URL, Twitter  # noqa: PLC0415

        root_url = self._options.base_url or ROOT_URL
        if self.realm(key) == "pasture" and not is_loopback(root_url):
            # Practice keys may also go to a pasture that runs alone, but not further.
            root_url, key = self._graze(key)
        api = key.credentials.api or self._options.api
        return Twitter(key, wire=self._wire(root_url), root_url=root_url, api=api)

    def close(self) -> None:
        """Close every connection, and the pasture."""
        for wire in self._wires.values():
            wire.close()
        if self._pasture:
            self._pasture.close()

    def _graze(self, key: Key) -> tuple[str, Key]:
        """Give the bot an account on the embedded pasture, which is started when the first bot needs it.

        Returns the pasture's URL, and the key with the number that the account has there.
        """
        from flock.pasture import Account, Pasture  # noqa: PLC0415 - a flock on X needs no server

        with self._lock:
            if self._pasture is None:
                self._pasture = Pasture((), state=self._options.state_file.with_name("pasture.db"))
                self._pasture.start()
            account = self._pasture.admit(Account.of(key, self._practice_names.of(key)))
            own = replace(key.credentials, user_id=account.user_id)
            return self._pasture.url, replace(key, credentials=own)

    def _wire(self, root_url: str) -> Wire:
        from flock.networks.wire import Wire  # noqa: PLC0415

        with self._lock:
            if root_url not in self._wires:
                self._wires[root_url] = Wire(root_url)
            return self._wires[root_url]
