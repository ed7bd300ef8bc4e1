"""Ten bots on a real server, snac2, through ten kills: each line once, in its order, as the server has them.

Not collected by scripts/test. Needs Debian's package archive, or a folder in which tests/real/get-snac has been
before: SNAC_FOLDER=/tmp/snac scripts/test tests/real/real_snac.py
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from flock import errors
from flock.keys import read_key
from flock.networks.base import Intent, Post, is_same_text, new_intent
from flock.networks.http import Session
from flock.networks.mastodon.api import Mastodon
from flock.networks.mastodon.server import Server
from flock.networks.service import Service
from flock.testing import network_contract
from tests.conftest import until
from tests.real.kills import BOTS, outlive_kills

HERE = Path(__file__).parent
CODE = "urn:ietf:wg:oauth:2.0:oob"


@dataclass
class Snac:
    """A running server, and the token of each account."""

    url: str
    tokens: dict[str, str]

    def texts(self, name: str) -> list[str]:
        """Return what an account has posted, earliest first, as the server has it."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}

        def get(path: str) -> object:
            return requests.get(f"{self.url}/api/v1/accounts/{path}", headers=headers, timeout=10).json()

        me = get("verify_credentials")
        assert isinstance(me, dict)
        statuses = get(f"{me['id']}/statuses?limit=256")
        assert isinstance(statuses, list)
        return [status["text"] for status in reversed(statuses)]


@pytest.fixture(scope="module")
def snac(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snac]:
    """Start the server with an account for each bot."""
    folder = tmp_path_factory.mktemp("snac")
    fetched = os.environ.get("SNAC_FOLDER") or str(folder / "fetched")
    got = subprocess.run([HERE / "get-snac", fetched], capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stderr
    program, data = got.stdout.strip(), folder / "data"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def run(*arguments: str, answers: str = "") -> str:
        told = subprocess.run(
            [program, *arguments], input=answers, capture_output=True, text=True, check=True, timeout=60
        )
        return told.stdout + told.stderr

    run("init", str(data), answers=f"127.0.0.1\n{port}\nlocalhost:{port}\n\nadmin@example.com\n")
    settings = data / "server.json"
    # With as many threads as it takes by itself, it answered nothing for some six seconds now and then.
    chosen = {"protocol": "http", "disable_sandbox": True, "num_threads": 32}
    settings.write_text(json.dumps({**json.loads(settings.read_text()), **chosen}))
    passwords = {}
    for name in BOTS:
        found = re.search(r"password is (\S+)", run("adduser", str(data), name, answers=f"{name}\n"))
        assert found
        passwords[name] = found[1]
    url = f"http://127.0.0.1:{port}"
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([program, "httpd", data], stdout=log, stderr=log) as server,
    ):
        until("snac listens", lambda: listens(port))
        yield Snac(url, {name: token_of(url, name, password) for name, password in passwords.items()})
        server.terminate()


def listens(port: int) -> bool:
    """Return whether a server takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def token_of(url: str, name: str, password: str) -> str:
    """Return an access token for an account; snac resets a connection now and then."""
    with requests.Session() as session:
        adapter = requests.adapters.HTTPAdapter(max_retries=5)
        session.mount("http://", adapter)

        def post(path: str, **fields: str) -> requests.Response:
            for _ in range(20):
                try:
                    return session.post(f"{url}{path}", data=fields, timeout=10)
                except requests.ConnectionError:
                    continue
            raise AssertionError("snac answers no post")

        app = post("/api/v1/apps", client_name="flock", redirect_uris=CODE, scopes="read write").json()
        login = {"redir": CODE, "cid": app["client_id"], "state": "", "login": name, "passwd": password}
        code = post("/oauth/x-snac-login", **login).text.strip()
        ids = {"client_id": app["client_id"], "client_secret": app["client_secret"], "redirect_uri": CODE}
        answer = post("/oauth/token", grant_type="authorization_code", code=code, **ids).json()
        return str(answer["access_token"])


@pytest.fixture
def connect(snac: Snac, write_key: Callable[..., Path]) -> Iterator[Callable[..., Patient]]:
    """Return a function that connects the last bot."""
    with Session(snac.url) as session:
        server = Server(snac.url)

        def connect_it(token: str = snac.tokens[BOTS[-1]]) -> Patient:
            own = {"network": "mastodon", "server": snac.url, "access_token": token, "screen_name": BOTS[-1]}
            return Patient(read_key(write_key(**own)), service=Service("snac", session=session), server=server)

        yield connect_it


def test_ten_bots_outlive_ten_kills(snac: Snac, tmp_path: Path) -> None:
    """No line is lost, said twice, or out of its order."""
    common = {"network": "mastodon", "server": snac.url}
    keys = {bot: {**common, "access_token": snac.tokens[bot], "screen_name": bot} for bot in BOTS}
    outlive_kills(tmp_path, keys, snac.texts)


class Patient(Mastodon):
    """A bot that finds out at once about a post without an answer: snac resets a connection now and then."""

    def post(self, text: str, intent: Intent | None = None) -> str:
        intent = intent or new_intent()
        for _ in range(20):
            try:
                return super().post(text, intent)
            except errors.Unavailable:
                continue
            except errors.OutcomeUnknown:
                if found := next((post.id for post in self.recent() if is_same_text(post.text, text)), None):
                    return found
        raise AssertionError("snac answers no post")

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        for _ in range(20):
            with suppress(errors.Retry):
                return super().recent(since_id)
        raise AssertionError("snac does not list the posts")


def test_snac_keeps_the_contract(connect: Callable[..., Patient]) -> None:
    """Although it takes texts of any length, blank ones, and replies to nothing."""
    network_contract(connect)


def test_snac_ignores_the_key(connect: Callable[..., Patient]) -> None:
    """So its repeats are not safe."""
    bot = connect()
    intent = Intent(secrets.token_hex(16), 0.0)
    assert not bot.is_safe_to_repeat(intent, 0.0)
    assert bot.post("once", intent) != bot.post("twice", intent)


def test_snac_refuses_a_bad_token(connect: Callable[..., Patient]) -> None:
    """With an empty page."""
    bot = connect("wrong")
    for attempt in (bot.recent, lambda: bot.post("baa", Intent(secrets.token_hex(16), 0.0))):
        with pytest.raises(errors.Unauthorized):
            attempt()


def test_snac_tells_how_old_a_post_is(connect: Callable[..., Patient]) -> None:
    """Neither its ids do, nor does it leave out what was said before."""
    bot = connect()
    bot.post(f"how old {secrets.token_hex(4)}", new_intent())
    age = bot.recent()[0].age
    assert age is not None
    assert -2 < age < 60
