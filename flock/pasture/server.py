"""Pasture: the practice server, which can be started and closed."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self
from wsgiref.types import WSGIApplication

from pydantic import SecretStr

from flock.errors import BadOption, printable
from flock.keys import BlueskyCredentials, Key, MastodonCredentials, XCredentials
from flock.pasture import app_passwords
from flock.pasture.accounts import Account, Accounts, Standing
from flock.pasture.app import PastureApp
from flock.pasture.bluesky import BlueskyAccount, BlueskyPasture
from flock.pasture.forms import Forms
from flock.pasture.limits import RateLimit
from flock.pasture.mastodon import MastodonApp
from flock.pasture.register import Register
from flock.pasture.repos import Repos
from flock.pasture.serving import BACKLOG, Server
from flock.pasture.statuses import Statuses
from flock.pasture.store import Store
from flock.pasture.timeline import Network

_POLL_SECONDS = 0.05  # between two checks whether the server should stop


class Pasture:
    """A server for these accounts. It listens on `host` from `start` to `close`, and can be started once.

    `state` is the file for the posts; without it they are in memory. `port` 0 takes a free port. `clock` returns
    seconds since the epoch, for the dates of posts, the check of timestamps, and rate limits. Bluesky's methods
    and Mastodon's API are there, too, from the first account on that needs them. `wrap` puts a
    middleware around the application: a ConnectionError that it raises drops the connection without an answer.

    Raises BadOption if two accounts share a name, a number or a token, or if the file cannot be used.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        *,
        state: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        rate_limit: RateLimit = RateLimit(),  # noqa: B008  # frozen
        clock: Callable[[], float] = time.time,
        wrap: Callable[[WSGIApplication], WSGIApplication] | None = None,
    ) -> None:
        self._accounts = Accounts(accounts)
        self._state = state
        self._clock = clock
        self._closing: list[Callable[[], object]] = []
        self._host = host
        self._port = port
        self._server: Server | None = None
        self.store = Store(state)
        try:
            self._register = Register(state)
        except BadOption:
            self.store.close()
            raise
        self._forms = Forms()
        self._routes = PastureApp(
            self._accounts,
            self.store,
            register=self._register,
            forms=self._forms,
            host=host,
            rate_limit=rate_limit,
            clock=clock,
        )
        self._app: WSGIApplication = wrap(self._routes) if wrap is not None else self._routes

    @property
    def url(self) -> str:
        """The root URL, such as "http://127.0.0.1:8080". It is known once the server has started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def admit(self, account: Account) -> Account:
        """Add an account, or replace the tokens of an account; return it as it was added.

        If its number is taken, it gets another one. Raises BadOption if another account has the same token.
        """
        admitted = self._accounts.admit(account)
        self._routes.pins.restore()
        return admitted

    def admit_app(self, consumer_key: str, consumer_secret: SecretStr) -> None:
        """Let an app of X's kind ask for tokens, which its accounts need not have before."""
        self._accounts.admit_app(consumer_key, consumer_secret)
        self._routes.pins.restore()

    def admit_bot(self, key: Key, name: str) -> Key:
        """Give the bot of a key an account here; return the key with which it posts here.

        `name` is the bot's name on X and on Mastodon; on Bluesky it has its own handle.
        """
        match key.credentials:
            case XCredentials() as own:
                account = self.admit(Account.of(key, name))
                return replace(key, credentials=replace(own, user_id=account.user_id))
            case BlueskyCredentials() as own_password:
                self.bluesky.admit(BlueskyAccount(key.screen_name, own_password.app_password))
                return replace(key, credentials=replace(own_password, server=self.url))
            case MastodonCredentials() as own_token:
                self.mastodon.admit(name, own_token.access_token.get_secret_value())
                return replace(key, credentials=replace(own_token, server=self.url))
        raise BadOption(f"{key.file}: the pasture has no accounts of {key.network}")

    @cached_property
    def bluesky(self) -> BlueskyPasture:
        """The part that speaks as Bluesky does. Its posts are in the same file."""
        repos = Repos(self._state)
        app = BlueskyPasture(url=lambda: self.url, repos=repos, clock=self._clock, register=self._register)
        self._closing.append(app.close)
        self._routes.mount("/xrpc/", app)
        self._routes.show("bluesky", Network("Bluesky", app.newest))
        self._routes.mount(app_passwords.PATH, app_passwords.AppPasswords(app, self._forms))
        return app

    @cached_property
    def mastodon(self) -> MastodonApp:
        """The part that speaks as Mastodon does. Its posts are in the same file."""
        statuses = Statuses(self._state)
        self._closing.append(statuses.close)
        app = MastodonApp(statuses, clock=self._clock, register=self._register, forms=self._forms)
        self._routes.mount("/api/", app)
        self._routes.show("mastodon", Network("Mastodon", app.newest))
        self._routes.mount("/oauth/", app)
        return app

    def start(self) -> None:
        """Listen, in a thread of its own. Raises BadOption if the address cannot be used."""
        _ = self.bluesky, self.mastodon  # each is there although no account needs it yet: people make accounts
        with _listener(self._host, self._port) as listener:
            self._server = Server(listener, self._app)
        self._port = self._server.port
        serve = self._server.serve_forever
        self._thread = Thread(target=serve, args=(_POLL_SECONDS,), name="pasture", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end every connection and close the store, within a second or so. May be called again."""
        if self._server is not None:
            self._server.end()
            self._thread.join(1.0)  # it has ended, but for its last step
            self._server = None
        for close in self._closing:
            close()
        self._register.close()
        self.store.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def revoke(self, screen_name: str) -> None:
        """Refuse the account's token from now on: v1.1 code 89, v2 401."""
        self._accounts.judge(screen_name, Standing.REVOKED)

    def suspend(self, screen_name: str) -> None:
        """Suspend the account: v1.1 code 64, v2 403 of the type "user-suspended"."""
        self._accounts.judge(screen_name, Standing.SUSPENDED)

    def lock(self, screen_name: str) -> None:
        """Lock the account, as X does until its owner signs in: v1.1 code 326, v2 403."""
        self._accounts.judge(screen_name, Standing.LOCKED)

    def pardon(self, screen_name: str) -> None:
        """Return the account to good standing."""
        self._accounts.judge(screen_name, Standing.GOOD)


def _listener(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65_535:
        raise BadOption(f"the pasture cannot listen on port {port}: ports are 0 to 65535, 0 for a free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.getaddrinfo(host or None, port, family)  # create_server loses a socket when the host is no host
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        cause = "in use" if error.errno == errno.EADDRINUSE else error.strerror
        advice = "choose another port, or 0 for a free one"
    except ValueError:  # a host such as "a..b"
        cause, advice = "this is no host", "give a name or an address of this machine"
    raise BadOption(f"the pasture cannot listen on {printable(host)} port {port}: {cause}; {advice}")
