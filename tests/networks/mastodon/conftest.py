"""A practice Mastodon on loopback, and bots that are connected to it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import pytest

from flock.keys import Key, read_key
from flock.networks.base import Intent, Reply
from flock.networks.http import Session
from flock.networks.mastodon.api import Mastodon
from flock.networks.mastodon.server import Server
from flock.networks.service import Service
from flock.pasture import serving
from flock.pasture.mastodon import MastodonApp

NOW = 1_800_000_000.0
TOKEN = "token-sesame"


def intent(number: int = 1, at: float = NOW, parent: str | None = None) -> Intent:
    """Return the intent of the n-th post."""
    return Intent(f"{number:032x}", at, Reply(parent, parent) if parent else None)


@contextmanager
def serve(app: WSGIApplication) -> Iterator[str]:
    """Run a WSGI application on loopback; return its root URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = serving.Server(listener, app)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.end()
    thread.join(10)


MakeKey = Callable[..., Key]
Connect = Callable[..., Mastodon]


@pytest.fixture
def make_key(write_key: Callable[..., Path]) -> MakeKey:
    """Return a function that makes the key of a bot on a Mastodon server."""
    of_x = ("consumer_token", "consumer_token_secret", "oauth_token", "oauth_token_secret")

    def make(server: str, **fields: Any) -> Key:
        own = {"network": "mastodon", "server": server, "access_token": TOKEN}
        return read_key(write_key(**{**dict.fromkeys(of_x, ...), **own, **fields}))

    return make


@pytest.fixture
def pasture() -> MastodonApp:
    """Return the practice server's application, with an account for dolly."""
    app = MastodonApp(pause=0.01, delay=0.05)
    app.admit("dolly", TOKEN)
    return app


@pytest.fixture
def connect_to(make_key: MakeKey) -> Iterator[Connect]:
    """Return a function that connects dolly to the server at a URL."""
    sessions: list[Session] = []

    def connect(url: str, server: Server | None = None, **fields: Any) -> Mastodon:
        sessions.append(Session(url))
        service = Service(url, session=sessions[-1])
        return Mastodon(make_key(url, **fields), service=service, server=server or Server(url))

    yield connect
    for session in sessions:
        session.close()


@pytest.fixture
def connect(pasture: MastodonApp, connect_to: Connect) -> Iterator[Connect]:
    """Return a function that connects dolly to the practice server."""
    with serve(pasture) as url:
        yield lambda **parts: connect_to(url, **parts)
