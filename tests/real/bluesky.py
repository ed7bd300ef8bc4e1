"""Bluesky's own server, on loopback: ten bots, ten kills, and what its stand-in and the adapter believe of it.

    tests/real/install-pds /tmp/pds
    PDS_FOLDER=/tmp/pds scripts/test tests/real/bluesky.py

`scripts/test` alone does not run this.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import subprocess
import sys
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
from flock.networks.base import Intent, Post, Reply
from flock.networks.bluesky.api import Bluesky
from flock.networks.bluesky.sessions import KeptSessions, MemorySessions, Sessions, Tokens
from flock.networks.bluesky.tid import record_key
from flock.networks.http import Session
from flock.networks.kept import KeptFile
from flock.networks.service import Service
from tests.conftest import until
from tests.real.table import PUTS, Put

ROOT = Path(__file__).parents[2]
POSTS = "app.bsky.feed.post"
BOTS, KILLS, LINES = 10, 10, 100
POSTERS = [sys.executable, "-m", "tests.real.posters"]
ADMIN = ("admin", "admin-pass")


@dataclass
class Pds:
    """The server: its root URL, and what anybody may ask of it."""

    url: str

    def call(self, method: str, body: Any = None, token: str = "", **parts: Any) -> requests.Response:
        """Call a procedure."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.post(f"{self.url}/xrpc/{method}", json=body, headers=headers, timeout=30, **parts)

    def open_account(self) -> dict[str, str]:
        """Make an account with an app password."""
        handle = f"ewe-{secrets.token_hex(5)}.test"
        body = {"handle": handle, "email": f"{handle}@example.com", "password": "an-account-password"}
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
    with log.open("wb") as output:
        server = subprocess.Popen(
            [node, "pds.mjs", str(port), str(log.parent / "data")], cwd=folder, stdout=output, stderr=output
        )
        try:
            until("the server is ready", lambda: server.poll() is not None or b"ready" in log.read_bytes())
            assert server.poll() is None, log.read_text()
            yield Pds(f"http://localhost:{port}")
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


def access_of(pds: Pds, account: dict[str, str]) -> str:
    """Return an access token."""
    body = {"identifier": account["handle"], "password": account["app_password"]}
    return str(pds.call("com.atproto.server.createSession", body).json()["accessJwt"])


def test_ten_bots_and_ten_kills(pds: Pds, tmp_path: Path) -> None:
    """Every line of each bot is on the server once, and in order; and no bot signed in twice."""
    accounts = [pds.open_account() for _ in range(BOTS)]
    for account in accounts:
        lines = [f"{account['handle']} says line {number} #wool 🐑" for number in range(LINES)]
        tmp_path.joinpath(f"{account['handle']}.json").write_text(json.dumps({**account, "lines": lines}))
    chance = random.Random(17)
    first_sessions: dict[str, Tokens] = {}
    for number in range(KILLS):
        run_and_kill(tmp_path, said(tmp_path) + chance.randint(10, 50))
        first_sessions |= {bot: kept for bot, kept in sessions_in(tmp_path).items() if number == 0}
    subprocess.run([*POSTERS, str(tmp_path)], cwd=ROOT, check=True, timeout=300)

    for account in accounts:
        about = json.loads(tmp_path.joinpath(f"{account['handle']}.json").read_text())
        records = pds.records(account["did"])
        assert about["lines"] == [each["value"]["text"] for each in records]
        times = [each["value"]["createdAt"] for each in records]
        assert times == sorted(times)
    assert first_sessions
    assert first_sessions.items() <= sessions_in(tmp_path).items()


def run_and_kill(folder: Path, goal: int) -> None:
    """Let the bots speak, and kill their process when so many lines are said."""
    process = subprocess.Popen([*POSTERS, str(folder)], cwd=ROOT)
    until("some lines are said", lambda: process.poll() is not None or said(folder) >= goal)
    assert process.poll() is None, "the bots were done before they were killed"
    process.kill()
    process.wait(20)


def said(folder: Path) -> int:
    """Return how many lines the bots have noted as said."""
    return sum(diary.read_text().count('"said"') for diary in folder.glob("*.diary"))


def sessions_in(folder: Path) -> dict[str, Tokens]:
    """Return the sessions that the bots have kept."""
    with closing(KeptFile(folder / "sessions.db")) as file:
        sessions = KeptSessions(file)
        names = [f"bluesky:{file.stem}" for file in folder.glob("*.json")]
        return {name: kept for name in names if (kept := sessions.get(name))}


@pytest.mark.parametrize("row", PUTS, ids=lambda row: row.about)
def test_a_record_is_taken_or_refused_as_the_table_says(pds: Pds, table_account: dict[str, str], row: Put) -> None:
    """By which the stand-in is held, too."""
    rkey = record_key(intent())
    body = {"repo": table_account["did"], "collection": POSTS, "rkey": rkey, "record": row.record}
    response = pds.call("com.atproto.repo.putRecord", body, table_account["access"])
    assert (row.status, row.error) == (response.status_code, response.json().get("error", ""))
    assert row.words in response.text


@pytest.fixture(scope="module")
def table_account(pds: Pds) -> dict[str, str]:
    """An account, with an access token."""
    account = pds.open_account()
    return {**account, "access": access_of(pds, account)}


def test_a_post_is_put_once_however_often_it_is_repeated(pds: Pds, bots: Bots) -> None:
    """And never over another record; in a thread, with its links and its mentions."""
    fixed = intent()
    first = bots(lang="en").post("https://example.com #wool @nobody.test", fixed)
    assert first == bots(lang="en").post("https://example.com #wool @nobody.test", fixed)
    assert first == bots(lang="de").post("https://example.com #wool @nobody.test", fixed)
    with pytest.raises(errors.Conflict):
        bots().post("another line", fixed)
    second = bots(mentions=True).post(f"for @{bots.account['handle']}", intent(reply_to=Reply(first.id, first.id)))
    records = pds.records(bots.account["did"])
    assert [first, second] == [Post(f"{r['uri']}#{r['cid']}", r["value"]["text"]) for r in records]
    parent = records[1]["value"]["reply"]["parent"]
    assert first.id == f"{parent['uri']}#{parent['cid']}"
    assert bots.account["did"] == records[1]["value"]["facets"][0]["features"][0]["did"]
    assert [second] == bots().recent(first.id)


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
