"""tests/hurried.py for bots on Mastodon: `flock` with its pauses multiplied by the variable HURRY."""

import os
import runpy
import secrets
import time
from pathlib import Path

from flock.keys import Key, MastodonCredentials
from flock.networks.base import Intent, Post
from flock.networks.http import Session
from flock.networks.mastodon.api import Mastodon
from flock.networks.mastodon.length import Server
from flock.networks.registry import Networks

SERVERS: dict[str, Server] = {}


class ByText(Mastodon):
    """Mastodon with the interface that the sheep still use."""

    refuses_duplicates = False

    def post(self, text: str, intent: Intent | None = None) -> Post:
        return super().post(text, intent or Intent(secrets.token_hex(16), time.time()))


def connect(networks: Networks, key: Key) -> ByText:
    """Return the bot's connection to its server."""
    assert isinstance(key.credentials, MastodonCredentials)
    url = key.credentials.server
    server = SERVERS.setdefault(url, Server(url))
    return ByText(key, service=networks.service(url, lambda: Session(url)), server=server)


if __name__ == "__main__":
    Networks.connect = connect  # type: ignore[assignment, method-assign]
    os.environ.setdefault("HURRY", "1")
    runpy.run_path(str(Path(__file__).parents[1] / "hurried.py"), run_name="__main__")
