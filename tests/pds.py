"""Bluesky's stand-in on loopback, and bots that post to it, for tests."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import requests
from pydantic import SecretStr
from werkzeug.wrappers import Response

from flock.keys import BlueskyCredentials, Key, Params
from flock.networks.base import Intent, Reply
from flock.networks.bluesky.api import Bluesky
from flock.networks.bluesky.sessions import MemorySessions, Sessions
from flock.networks.http import Session
from flock.networks.service import Service
from flock.pasture.bluesky import BlueskyAccount, BlueskyPasture, Weather
from flock.pasture.serving import Server

HANDLE = "dolly.test"
PASSWORD = "sesa-mese-same-sesa"
NOW = 1_800_000_000.0
POSTS = "app.bsky.feed.post"


@dataclass
class House:
    """A running stand-in with one account. `now` is its clock; `weather` holds what the next writes meet.

    `answer`, if it is set, is its answer to everything.
    """

    app: BlueskyPasture
    account: BlueskyAccount
    url: str = ""
    now: float = NOW
    weather: list[Weather] = field(default_factory=list)
    answer: Response | None = None
    services: dict[str, Service] = field(default_factory=dict)
    sessions: Sessions = field(default_factory=MemorySessions)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return (self.answer or self.app)(environ, start_response)

    def service_of(self, root: str) -> Service:
        """Return the service of a root URL, the same one each time."""
        if root not in self.services:
            self.services[root] = Service(root, session=Session(root))
        return self.services[root]

    def bot(self, *, handle: str = HANDLE, password: str = PASSWORD, server: str = "", **own: Any) -> Bluesky:
        """Return a bot of the account, with the sessions of the house."""
        credentials = BlueskyCredentials(app_password=SecretStr(password), server=server or self.url, **own)
        key = Key(
            file=Path("dolly.json"),
            params=Params({}),
            screen_name=handle,
            credentials=credentials,
            poem_file=Path("poem.txt"),
            network="bluesky",
        )
        return Bluesky(
            key, bot="bluesky:dolly", service_of=self.service_of, sessions=self.sessions, wall=lambda: self.now
        )

    @property
    def texts(self) -> list[str]:
        """The account's posts, the lowest key first."""
        return [each.value["text"] for each in self.app.repos.records(self.account.did, POSTS, reverse=True)]

    def asked(self, method: str) -> int:
        """Return how often a method was called; without the name's first words."""
        return sum(each.endswith(f".{method}") for each in self.app.asked)

    def sign_in(self, password: str = PASSWORD, identifier: str = HANDLE) -> requests.Response:
        """Sign in as any client does."""
        body = {"identifier": identifier, "password": password}
        return self.call("com.atproto.server.createSession", body)

    def call(self, method: str, json: Any = None, token: str = "", **parts: Any) -> requests.Response:
        """Call a procedure as any client does."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.post(f"{self.url}/xrpc/{method}", json=json, headers=headers, timeout=10, **parts)

    def ask(self, method: str, **params: Any) -> requests.Response:
        """Send a query as any client does."""
        return requests.get(f"{self.url}/xrpc/{method}", params=params, timeout=10)


@contextmanager
def open_house(**parts: Any) -> Iterator[House]:
    """Run a stand-in on loopback; `parts` are those of a BlueskyPasture."""
    account = BlueskyAccount(HANDLE, SecretStr(PASSWORD))
    app = BlueskyPasture(
        [account],
        url=lambda: house.url,
        clock=lambda: house.now,
        weather=lambda: house.weather.pop(0) if house.weather else Weather.CALM,
        **parts,
    )
    house = House(app, account)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener, house)
    house.url = f"http://127.0.0.1:{server.port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield house
    finally:
        for service in house.services.values():
            service.close()
        server.end()
        app.close()


def intent(at: float = NOW, *, token: str = "", reply_to: Reply | None = None) -> Intent:
    """Return an intent with a token that no other has, unless one is given."""
    return Intent(token or secrets.token_hex(16), at, reply_to)
