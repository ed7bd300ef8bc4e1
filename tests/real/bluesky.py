"""Bluesky's own server, on loopback: ten bots, ten kills, and what its stand-in and the adapter believe of it.

    tests/real/install-pds /tmp/pds
    PDS_FOLDER=/tmp/pds scripts/test tests/real/bluesky.py

`scripts/test` alone does not run this.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from flock import errors
from flock.keys import BlueskyCredentials, Key, Params
from flock.networks.base import Intent, Reply
from flock.networks.bluesky.api import Bluesky
from flock.networks.bluesky.sessions import MemorySessions, Sessions
from flock.networks.bluesky.tid import record_key
from flock.networks.http import Session
from flock.networks.service import Service
from tests.conftest import until
from tests.real.kills import BOTS, outlive_kills
from tests.real.table import CALLS, DEACTIVATED, PUTS, SIGN_IN, TAKEN_DOWN, Call, Put, prepared

POSTS = "app.bsky.feed.post"
PASSWORD = "an-account-password"  # with which an account does more than with an app password
ADMIN = ("admin", "admin-pass")


@dataclass
class Pds:
    """The server: its root URL, the folder of its data, and what anybody may ask of it."""

    url: str
    data: Path

    def call(self, method: str, body: Any = None, token: str = "", **parts: Any) -> requests.Response:
        """Call a procedure."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.post(f"{self.url}/xrpc/{method}", json=body, headers=headers, timeout=30, **parts)

    def open_account(self) -> dict[str, str]:
        """Make an account with an app password."""
        handle = f"ewe-{secrets.token_hex(5)}.test"
        body = {"handle": handle, "email": f"{handle}@example.com", "password": PASSWORD}
        session = self.call("com.atproto.server.createAccount", body).json()
        made = self.call("com.atproto.server.createAppPassword", {"name": "flock"}, session["accessJwt"]).json()
        return {"handle": handle, "did": session["did"], "app_password": made["password"], "server": self.url}

    def records(self, did: str) -> list[dict[str, Any]]:
        """Return all posts of an account, the lowest key first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            params = {"repo": did, "collection": POSTS, "limit": "100", "reverse": "true", "cursor": cursor}
            url = f"{self.url}/xrpc/com.atproto.repo.listRecords"
            page = requests.get(url, params={k: v for k, v in params.items() if v}, timeout=30).json()
            found += page["records"]
            if not (page["records"] and (cursor := page.get("cursor", ""))):
                return found

    def sign_ins(self, did: str) -> int:
        """Return how many sessions an account has opened with its app password. None has ended meanwhile."""
        query = "SELECT count(*) FROM refresh_token WHERE did = ? AND appPasswordName IS NOT NULL"
        with closing(sqlite3.connect(f"file:{self.data / 'account.sqlite'}?mode=ro", uri=True)) as accounts:
            return int(accounts.execute(query, (did,)).fetchone()[0])

    def judge(self, did: str, *, is_down: bool) -> None:
        """Take an account down, or let it in again."""
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": did}
        takedown = {"applied": is_down, **({"ref": "1"} if is_down else {})}
        body = {"subject": subject, "takedown": takedown}
        assert self.call("com.atproto.admin.updateSubjectStatus", body, auth=ADMIN).ok


@pytest.fixture(scope="module")
def pds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pds]:
    """Run the server, with its real limits. It must be installed."""
    folder = Path(os.environ.get("PDS_FOLDER", "(not set)"))
    node = folder / "bin" / "node"
    assert node.exists(), "set PDS_FOLDER to a folder that tests/real/install-pds has filled"
    port = free_ports()
    log = tmp_path_factory.mktemp("pds") / "log"
    data = log.with_name("data")
    with log.open("wb") as output:
        server = subprocess.Popen(
            [node, "pds.mjs", str(port), str(data)], cwd=folder, stdout=output, stderr=output
        )
        try:
            until("the server is ready", lambda: server.poll() is not None or b"ready" in log.read_bytes())
            assert server.poll() is None, log.read_text()
            yield Pds(f"http://localhost:{port}", data)
        finally:
            server.terminate()
            server.wait(20)


def free_ports() -> int:
    """Return a port that is free, and the next one, too."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except OSError:
                continue
        return port


@dataclass
class Bots:
    """Makes bots of one account."""

    account: dict[str, str]
    service: Service
    sessions: Sessions

    def __call__(self, sessions: Sessions | None = None, **own: Any) -> Bluesky:
        password = SecretStr(self.account["app_password"])
        credentials = BlueskyCredentials(app_password=password, server=self.account["server"], **own)
        key = Key(
            file=Path("ewe.json"),
            params=Params({}),
            screen_name=f"@{self.account['handle']}",
            credentials=credentials,
            poem_file=Path("poem.txt"),
            network="bluesky",
        )
        kept = sessions or self.sessions
        return Bluesky(key, bot="bluesky:ewe", service_of=lambda _: self.service, sessions=kept)


@pytest.fixture
def bots(pds: Pds) -> Iterator[Bots]:
    """A maker of bots with a new account."""
    with Session(pds.url) as session:
        yield Bots(pds.open_account(), Service("the server", session=session), MemorySessions())


def intent(*, reply_to: Reply | None = None) -> Intent:
    """Return a new intent."""
    return Intent(secrets.token_hex(16), time.time(), reply_to)


def test_ten_bots_outlive_ten_kills(pds: Pds, tmp_path: Path) -> None:
    """No line is lost, said twice, or out of its order; and each bot signs in once."""
    accounts = {bot: pds.open_account() for bot in BOTS}
    names = ("app_password", "server")
    keys = {
        bot: {"network": "bluesky", "screen_name": own["handle"], **{name: own[name] for name in names}}
        for bot, own in accounts.items()
    }

    def said(bot: str) -> list[str]:
        return [each["value"]["text"] for each in pds.records(accounts[bot]["did"])]

    outlive_kills(tmp_path, keys, said)
    assert dict.fromkeys(BOTS, 1) == {bot: pds.sign_ins(own["did"]) for bot, own in accounts.items()}


@pytest.mark.parametrize("row", PUTS, ids=lambda row: row.about)
def test_a_record_is_taken_or_refused_as_the_table_says(pds: Pds, well: dict[str, str], row: Put) -> None:
    """By which the stand-in is held, too."""
    body = {"repo": well["did"], "collection": POSTS, "rkey": record_key(intent()), "record": row.record}
    response = pds.call("com.atproto.repo.putRecord", body, well["access"])
    assert (row.status, row.error) == (response.status_code, response.json().get("error", ""))
    assert row.words in response.text


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row.about)
def test_a_call_is_answered_as_the_table_says(pds: Pds, well: dict[str, str], row: Call) -> None:
    """By which the stand-in is held, too."""
    row.check(pds.url, well)


@pytest.mark.parametrize("row", TAKEN_DOWN, ids=lambda row: row.about)
def test_an_account_that_is_taken_down_is_answered_as_the_table_says(
    pds: Pds, taken_down: dict[str, str], row: Call
) -> None:
    """By which the stand-in is held, too."""
    row.check(pds.url, taken_down)


@pytest.mark.parametrize("row", DEACTIVATED, ids=lambda row: row.about)
def test_an_account_that_is_deactivated_is_answered_as_the_table_says(
    pds: Pds, deactivated: dict[str, str], row: Call
) -> None:
    """By which the stand-in is held, too."""
    row.check(pds.url, deactivated)


def open_prepared(pds: Pds) -> dict[str, str]:
    """Return a new account as the table needs it."""
    account = pds.open_account()
    known = {"handle": account["handle"], "did": account["did"], "password": account["app_password"]}
    return prepared(pds.url, known, other=pds.open_account()["did"])


@pytest.fixture(scope="module")
def well(pds: Pds) -> dict[str, str]:
    """An account that may do everything."""
    return open_prepared(pds)


@pytest.fixture(scope="module")
def taken_down(pds: Pds) -> dict[str, str]:
    """An account that is taken down."""
    account = open_prepared(pds)
    pds.judge(account["did"], is_down=True)
    return account


@pytest.fixture(scope="module")
def deactivated(pds: Pds) -> dict[str, str]:
    """An account that its owner has deactivated."""
    account = open_prepared(pds)
    session = SIGN_IN.ask(pds.url, {**account, "password": PASSWORD}).json()
    assert pds.call("com.atproto.server.deactivateAccount", {}, session["accessJwt"]).ok
    return account


def test_a_post_is_put_once_however_often_it_is_repeated(pds: Pds, bots: Bots) -> None:
    """And never over another record; in a thread, with its links and its mentions."""
    fixed = intent()
    first = bots(lang="en").post("https://example.com #wool @nobody.test", fixed)
    assert first == bots(lang="en").post("https://example.com #wool @nobody.test", fixed)
    assert first == bots(lang="de").post("https://example.com #wool @nobody.test", fixed)
    with pytest.raises(errors.Conflict):
        bots().post("another line", fixed)
    second = bots(mentions=True).post(f"for @{bots.account['handle']}", intent(reply_to=Reply(first, first)))
    records = pds.records(bots.account["did"])
    assert [first, second] == [f"{r['uri']}#{r['cid']}" for r in records]
    parent = records[1]["value"]["reply"]["parent"]
    assert first == f"{parent['uri']}#{parent['cid']}"
    assert bots.account["did"] == records[1]["value"]["facets"][0]["features"][0]["did"]
    assert [second] == [post.id for post in bots().recent(first)]


@pytest.mark.parametrize("access", ["garbled", "of another kind"])
def test_a_session_that_the_server_does_not_take_is_renewed(bots: Bots, access: str) -> None:
    """With the refresh token, or else by signing in."""
    bots().post("one", intent())
    kept = bots.sessions.get("bluesky:ewe")
    assert kept
    for refresh in (kept.refresh, "garbled"):
        wrong = "garbled" if access == "garbled" else kept.refresh
        bots.sessions.put("bluesky:ewe", replace(kept, access=wrong, refresh=refresh))
        bots().post("and on", intent())


def test_an_account_that_is_taken_down_says_so(pds: Pds, bots: Bots) -> None:
    """And posts again, with a new session, when it is let in."""
    bots().post("one", intent())
    pds.judge(bots.account["did"], is_down=True)
    with pytest.raises(errors.Suspended):
        bots().post("two", intent())
    kept = bots.sessions.get("bluesky:ewe")
    assert kept
    bots.sessions.put("bluesky:ewe", replace(kept, access="garbled"))
    with pytest.raises(errors.Suspended):
        bots().post("two", intent())
    pds.judge(bots.account["did"], is_down=False)
    bots().post("two", intent())
    assert ["one", "two"] == [each["value"]["text"] for each in pds.records(bots.account["did"])]


def test_a_wrong_password_and_too_many_sign_ins_are_told_apart(bots: Bots) -> None:
    """After thirty sign-ins in five minutes the server names the time of the next."""
    bots.account["app_password"] = "aaaa-bbbb-cccc-dddd"
    found = []
    for _ in range(31):
        with pytest.raises(errors.NetworkError) as caught:
            bots(MemorySessions()).post("baa", intent())
        found.append(caught.value)
    assert {errors.Unauthorized} == {type(each) for each in found[:30]}
    last = found[30]
    assert isinstance(last, errors.RateLimited)
    assert last.until is not None
    assert 0 < last.until - time.time() <= 301
