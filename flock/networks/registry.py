"""Where each bot posts: the right network for each key, and the services that the bots share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flock.keys import Key, PracticeNames, XCredentials
from flock.keys.credentials import DEFAULT_NETWORK
from flock.networks.base import Network
from flock.networks.dry_run import DryRun
from flock.networks.service import Service
from flock.networks.x import prices
from flock.options import Options, is_loopback

if TYPE_CHECKING:
    from flock.networks.http import Session
    from flock.pasture import Pasture

_DRY_RUN = "nowhere (a dry run)"


class Networks:
    """Connects bots, and owns what their connections share: a Service for each server, and the embedded pasture.

    With `options.pasture` every bot posts to the pasture and nothing reaches the real network.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._services: dict[str, Service] = {}
        self._pasture: Pasture | None = None
        self._practice_names = PracticeNames()
        self._namesakes: dict[str, dict[str, None]] = {}  # a name, and the networks that have a bot of that name
        self._lock = threading.Lock()

    def realm(self, key: Key) -> str:
        """Return the name of the network that `key` is used on; a bot has a place in its poem in each."""
        return "pasture" if self._options.is_practice else key.network

    def bot(self, key: Key) -> str:
        """Return the name under which the journal knows this bot: `network:name`, in lower case.

        A bot that practises is `pasture:name`, whatever network its key is for, so that its place in its poem is
        kept from earlier versions. If a bot of another network in this flock has that name already, it is
        `pasture:name (network)`; the bots take their names in the order of the key files.
        """
        realm = self.realm(key)
        self._namesakes.setdefault(key.screen_name.casefold(), {}).setdefault(key.network)
        name = self._practice_names.of(key) if realm == "pasture" else key.screen_name
        return f"{realm}:{name.casefold()}"

    def label(self, key: Key) -> str:
        """Return what the bot is called in logs, and draws its random numbers by: its screen name.

        Where bots of several networks have that name, so far as `bot` was asked for them, one keeps it: that on X,
        or the first. The others have their network before it, such as "pasture:dolly".
        """
        networks = self._namesakes.get(key.screen_name.casefold(), {key.network: None})
        first = DEFAULT_NETWORK if DEFAULT_NETWORK in networks else next(iter(networks))
        return key.screen_name if key.network == first else f"{key.network}:{key.screen_name}"

    def connect(self, key: Key) -> Network:
        """Return `key`'s connection to its network. Raises BadOption when the environment makes that
        impossible."""
        if self._options.dry_run:
            return DryRun(self.service(_DRY_RUN))
        from flock.networks.http import Session  # noqa: PLC0415 - a dry run needs no network stack
        from flock.networks.x.api import ROOT_URL, X  # noqa: PLC0415

        root_url = self._options.base_url or ROOT_URL
        name = self._options.base_url or "X"
        if self.realm(key) == "pasture" and not is_loopback(root_url):
            # Practice keys may also post to a pasture that runs alone, but not further.
            root_url, key = self._admit(key)
            name = f"the pasture at {root_url}"
        service = self.service(name, lambda: Session(root_url))
        own = key.credentials
        api = (own.api if isinstance(own, XCredentials) else None) or self._options.api
        return X(key, service=service, root_url=root_url, api=api)

    def price(self, key: Key, text: str) -> float:
        """Return what a post of `text` costs on the network that `key` is for, in US dollars.

        A practice server bills nothing; a post there has the price that it would have on the real network.
        """
        del key  # each key is for X
        return prices.price(text)

    def service(self, name: str, open_session: Callable[[], Session] | None = None) -> Service:
        """Return the service of that name, made on first need, with the HTTP session that `open_session` makes."""
        with self._lock:
            if name not in self._services:
                self._services[name] = Service(name, session=open_session() if open_session else None)
            return self._services[name]

    @property
    def services(self) -> Sequence[Service]:
        """The services that bots are connected to."""
        with self._lock:
            return tuple(self._services.values())

    @property
    def has_pasture(self) -> bool:
        """Whether the pasture is in this very process, which then holds both ends of each connection."""
        return self._pasture is not None

    def close(self) -> None:
        """Close every connection, and the pasture."""
        for service in self.services:
            service.close()
        if self._pasture:
            self._pasture.close()

    def _admit(self, key: Key) -> tuple[str, Key]:
        """Give the bot an account on the embedded pasture, which is started when the first bot needs it.

        Returns the pasture's URL, and the key with the number that the account has there.
        """
        from flock.pasture import Account, Pasture  # noqa: PLC0415 - a flock on X needs no server

        with self._lock:
            if self._pasture is None:
                self._pasture = Pasture((), state=self._options.state_file.with_name("pasture.db"))
                self._pasture.start()
            account = self._pasture.admit(Account.of(key, self._practice_names.of(key)))
            assert isinstance(key.credentials, XCredentials)  # noqa: S101 - all that the pasture admits so far
            own = replace(key.credentials, user_id=account.user_id)
            return self._pasture.url, replace(key, credentials=own)
