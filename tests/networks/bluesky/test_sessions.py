"""Sessions: signed in once, renewed before they end, kept over restarts, and never shown."""

import base64
import json
import logging
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from werkzeug.wrappers import Response

from flock import errors
from flock.keys import BlueskyCredentials
from flock.networks.bluesky.login import Login
from flock.networks.bluesky.sessions import KeptSessions, MemorySessions, Sessions, Tokens, renewal_time
from flock.networks.kept import KeptFile
from flock.pasture.bluesky import BlueskyAccount
from flock.pasture.meters import Windows
from flock.pasture.passes import ACCESS_LIFETIME, GRACE, REFRESH_LIFETIME
from tests.pds import HANDLE, NOW, PASSWORD, House, intent, open_house

TOKENS = Tokens(
    "https://bsky.social", "did:plc:" + "a" * 24, "https://pds.example", "access-sesame", "refresh-sesame"
)


@pytest.fixture(params=["memory", "file"])
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sessions]:
    """Each of the stores."""
    if request.param == "memory":
        yield MemorySessions()
        return
    with closing(KeptFile(tmp_path / "sessions.db")) as file:
        yield KeptSessions(file)


def test_a_store_returns_what_was_put_last(sessions: Sessions) -> None:
    """For each bot by itself."""
    assert sessions.get("bluesky:dolly") is None
    for access in ("one", "two"):
        sessions.put("bluesky:dolly", replace(TOKENS, access=access))
    sessions.put("bluesky:ewe", TOKENS)
    assert replace(TOKENS, access="two") == sessions.get("bluesky:dolly")
    assert TOKENS == sessions.get("bluesky:ewe")


def test_a_store_that_fails_holds_the_post_back(house: House, tmp_path: Path) -> None:
    """It has not been sent, and the bot tries again."""
    file = KeptFile(tmp_path / "sessions.db")
    house.sessions = KeptSessions(file)
    file.close()
    with pytest.raises(errors.Unavailable):
        house.bot().post("baa", intent())
    assert [] == house.texts


class FullAtFirst(MemorySessions):
    """A store that cannot be written at first, like a disk that is full."""

    is_full = True

    def put(self, bot: str, tokens: Tokens) -> None:
        if self.is_full:
            raise errors.JournalError("cannot keep sessions: the disk is full")
        super().put(bot, tokens)


def test_a_session_that_could_not_be_kept_is_kept_before_the_next_post(house: House) -> None:
    """Without another sign-in: they are limited."""
    house.sessions = kept = FullAtFirst()
    bot = house.bot()
    for _ in range(3):
        with pytest.raises(errors.Unavailable, match="the disk is full"):
            bot.post("baa", intent())
    kept.is_full = False
    bot.post("baa", intent())
    assert kept.get("bluesky:dolly")
    assert (1, ["baa"]) == (house.asked("createSession"), house.texts)


def test_tokens_are_never_shown(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by what holds them, nor in a log at its loudest."""
    caplog.set_level(logging.DEBUG)
    bot = house.bot()
    bot.post("baa", intent())
    kept = house.sessions.get("bluesky:dolly")
    assert kept
    shown = "".join([repr(kept), str(kept), repr(bot), repr(house.sessions), caplog.text])
    for secret in (kept.access, kept.refresh, PASSWORD):
        assert secret not in shown


def test_one_session_serves_every_post_and_every_restart(house: House) -> None:
    """Sign-ins are few; a session is good for hours without asking anybody."""
    for number in range(5):
        house.bot().post(f"line {number}", intent(NOW + number))
    assert (1, 0, 5) == (house.asked("createSession"), house.asked("refreshSession"), house.asked("putRecord"))


def test_a_session_is_renewed_before_it_ends(house: House) -> None:
    """By its refresh token, at nine tenths of its life; in one process, and after a restart."""
    bot = house.bot()
    for number in range(6):
        bot.post(f"line {number}", intent(NOW + number))
        house.now += 0.95 * ACCESS_LIFETIME
        bot = house.bot() if number % 2 else bot
    assert (1, 5) == (house.asked("createSession"), house.asked("refreshSession"))
    assert 6 == house.asked("putRecord") == len(house.texts)


def test_a_session_that_the_server_ended_is_renewed_at_once(house: House) -> None:
    """The bot's clock may be wrong: then the server's word counts, and the post is repeated."""
    bot = house.bot()
    bot.post("one", intent())
    kept = house.sessions.get("bluesky:dolly")
    assert kept
    for access in ("garbled", kept.refresh):
        house.sessions.put("bluesky:dolly", replace(kept, access=access))
        house.bot().post(f"with {access[:7]}", intent(NOW + 1))
    assert (1, 2) == (house.asked("createSession"), house.asked("refreshSession"))
    assert 3 == len(house.texts)


@pytest.mark.parametrize("end", ["revoked", "too old", "garbled"])
def test_only_a_session_that_cannot_be_renewed_is_followed_by_a_sign_in(house: House, end: str) -> None:
    """And then the post goes out, too."""
    bot = house.bot()
    bot.post("one", intent())
    kept = house.sessions.get("bluesky:dolly")
    assert kept
    house.now += ACCESS_LIFETIME
    if end == "revoked":
        house.app.passes.revoke(house.account.did)
    elif end == "too old":
        house.now += REFRESH_LIFETIME
    else:
        house.sessions.put("bluesky:dolly", replace(kept, refresh="garbled"))
        bot = house.bot()
    bot.post("two", intent(NOW + 1))
    assert (2, ["one", "two"]) == (house.asked("createSession"), house.texts)


def test_a_lost_answer_to_a_refresh_does_no_harm(house: House) -> None:
    """For two hours, the used refresh token gives the same next one."""
    house.bot().post("one", intent())
    before = house.sessions.get("bluesky:dolly")
    assert before
    house.now += ACCESS_LIFETIME
    house.bot().post("two", intent(NOW + 1))
    house.sessions.put("bluesky:dolly", before)
    house.now += GRACE / 2
    house.bot().post("three", intent(NOW + 2))
    assert (1, 3) == (house.asked("createSession"), len(house.texts))


def test_the_sessions_of_another_server_are_left_alone(house: House) -> None:
    """A key file that names another server, or the practice server of this run, signs in there."""
    house.sessions.put("bluesky:dolly", TOKENS)
    house.bot().post("baa", intent())
    assert 1 == house.asked("createSession")
    kept = house.sessions.get("bluesky:dolly")
    assert kept
    assert house.url == kept.server


def test_the_session_of_another_app_password_is_left_alone(house: House) -> None:
    """The handle may be another account's since; so the bot signs in and finds out."""
    house.bot().post("one", intent())
    house.app.rename(HANDLE, "old.test")
    other = BlueskyAccount(HANDLE, SecretStr("another-sesame"), did="did:plc:" + "b" * 24)
    house.app.admit(other)
    bot = house.bot(password="another-sesame")
    assert other.did == bot.find_account()
    assert other.did in bot.post("two", intent(NOW + 1))
    assert (2, ["one"]) == (house.asked("createSession"), house.texts)


def test_a_session_goes_on_while_its_account_is_renamed(house: House) -> None:
    """Its key file has the old handle, which no account has any more."""
    house.bot().post("one", intent())
    house.app.rename(HANDLE, "new.test")
    for number in range(3):
        house.now += ACCESS_LIFETIME
        house.bot().post(f"with token {number}", intent(NOW + 1 + number))
    assert (1, 4) == (house.asked("createSession"), len(house.texts))


def test_a_bot_that_runs_does_not_change_over_to_the_account_that_takes_its_handle(house: House) -> None:
    """Its session is at an end, and the same app password fits the other account: the next run finds that one."""
    bot = house.bot()
    assert house.account.did == bot.find_account()
    house.app.rename(HANDLE, "old.test")
    other = BlueskyAccount(HANDLE, SecretStr(PASSWORD), did="did:plc:" + "b" * 24)
    house.app.admit(other)
    house.now += REFRESH_LIFETIME + ACCESS_LIFETIME
    for _ in range(2):
        with pytest.raises(errors.Unauthorized, match="the handle is another account's now"):
            bot.post("baa", intent())
    assert other.did == house.bot().find_account()
    assert 0 == house.asked("putRecord")


def test_the_account_is_asked_for_once_and_only_without_a_session(house: House) -> None:
    """One sign-in serves for the account and for the post after it; no other request is made."""
    bot = house.bot()
    assert house.account.did == bot.find_account()
    bot.post("baa", intent())
    assert house.account.did == house.bot().find_account()
    assert ["createSession", "putRecord"] == [each.rpartition(".")[2] for each in house.app.asked]


def test_a_store_of_the_first_version_is_used(tmp_path: Path, house: House) -> None:
    """It says nothing about app passwords, and holds sessions that are worth keeping."""
    file = tmp_path / "sessions.db"
    house.bot().find_account()
    kept = house.sessions.get("bluesky:dolly")
    assert kept
    with closing(sqlite3.connect(file)) as old:
        old.execute(
            "CREATE TABLE bluesky_session (bot TEXT PRIMARY KEY, server TEXT NOT NULL, did TEXT NOT NULL,"
            " pds TEXT NOT NULL, access TEXT NOT NULL, refresh TEXT NOT NULL) WITHOUT ROWID"
        )
        own = ("bluesky:dolly", kept.server, kept.did, kept.pds, kept.access, kept.refresh)
        old.execute("INSERT INTO bluesky_session VALUES (?, ?, ?, ?, ?, ?)", own)
        old.commit()
    for _ in range(2):
        with closing(KeptFile(file)) as opened:
            house.sessions = KeptSessions(opened)
            assert house.account.did == house.bot().find_account()
    assert 1 == house.asked("createSession")


def test_too_many_sign_ins_are_waited_out() -> None:
    """With the reset that the server names, and without another request until then."""
    with open_house(windows=Windows(sign_ins=((1, 300),))) as house:
        house.sign_in()
        with pytest.raises(errors.RateLimited, match="HTTP 429"):
            house.bot().post("baa", intent())
        house.now += 300
        house.bot().post("baa", intent())
        assert ["baa"] == house.texts


def test_an_outage_at_the_door_is_over_once_the_bot_is_in(house: House) -> None:
    """Its posts may go to another service, where nobody else would end it."""
    door = house.service_of(house.url)
    assert door.outage.tells("dolly")
    house.bot().post("baa", intent())
    assert not door.outage.is_on


# What a server may answer to a sign-in

DID = "did:plc:" + "b" * 24


def session_with(**changed: Any) -> dict[str, Any]:
    """Return a good answer to a sign-in, with some parts changed."""
    return {"did": DID, "accessJwt": "access-sesame", "refreshJwt": "refresh-sesame", **changed}


def document_with(endpoint: object, did: str = DID, name: str = "#atproto_pds") -> dict[str, Any]:
    """Return a DID document that names a server."""
    return {"id": did, "service": [{"id": "#other"}, {"id": name, "serviceEndpoint": endpoint}]}


Answering = Callable[[int, Any], Login]


@pytest.fixture
def answering(house: House) -> Answering:
    """Return a function that lets the server answer everything with this, and returns a login there."""

    def answer(status: int, body: Any) -> Login:
        house.answer = Response(body if isinstance(body, bytes) else json.dumps(body), status)
        own = BlueskyCredentials(app_password=SecretStr(PASSWORD), server=house.url)
        return Login(HANDLE, own, bot="dolly", service_of=house.service_of, sessions=house.sessions)

    return answer


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (document_with("https://pds.example/"), "https://pds.example"),
        (document_with("https://pds.example", name=f"{DID}#atproto_pds"), "https://pds.example"),
        (document_with("http://127.0.0.1:9"), "http://127.0.0.1:9"),
        (document_with("https://pds.example", did="did:plc:" + "c" * 24), None),
        (document_with("https://pds.example", name="#atproto_labeler"), None),
        ({"id": DID, "service": 7}, None),
        (7, None),
        (None, None),
    ],
)
def test_posts_go_to_the_accounts_own_server(
    house: House, answering: Answering, document: object, expected: str | None
) -> None:
    """Out of its DID document; without one, to where it signed in."""
    assert (expected or house.url) == answering(200, session_with(didDoc=document)).tokens().pds


@pytest.mark.parametrize("endpoint", ["http://pds.example", "ftp://pds.example", "https://u:p@pds.example", "", 7])
def test_no_token_is_sent_to_a_server_without_https(answering: Answering, endpoint: object) -> None:
    """Or to one whose address cannot be."""
    with pytest.raises(errors.Unavailable, match="DID document"):
        answering(200, session_with(didDoc=document_with(endpoint))).tokens()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {}),
        (200, session_with(did="dolly.test")),
        (200, session_with(did=None)),
        (200, session_with(accessJwt="")),
        (200, session_with(accessJwt=7)),
        (200, session_with(refreshJwt="two words")),
        (200, session_with(refreshJwt="x" * 10_000)),
        (200, b"<html>"),
        (403, b"<html>awselb/2.0</html>"),
        (500, {"error": "InternalServerError"}),
    ],
)
def test_an_odd_answer_to_a_sign_in_means_that_nothing_was_posted(
    answering: Answering, status: int, body: Any
) -> None:
    """Whatever it is: the post has not been sent yet. It is the network's fault, and not the account's."""
    with pytest.raises(errors.Unavailable):
        answering(status, body).tokens()


# When a token is renewed


def token(**claims: Any) -> str:
    """Return a token with these claims, unsigned."""
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.c2VzYW1l"


@pytest.mark.parametrize(
    ("access", "received", "expected"),
    [
        (token(iat=1000, exp=8200), None, 1000 + 6480),
        (token(iat=1000, exp=8200), 50_000.0, 50_000 + 6480),  # a clock that is ahead of the server's
        (token(exp=8200), None, 8200),
        (token(exp=8200), 1000.0, 1000 + 6480),
        (token(iat=9000, exp=8200), None, 9000),
        (token(), None, math.inf),
        (token(exp="soon"), None, math.inf),
        (token(exp=1e999), None, math.inf),
        ("opaque", None, math.inf),
        ("a.b.c", None, math.inf),
        ("", None, math.inf),
    ],
)
def test_a_token_is_renewed_after_nine_tenths_of_its_life(
    access: str, received: float | None, expected: float
) -> None:
    """As it says itself. What says nothing is used until the server refuses it."""
    assert expected == pytest.approx(renewal_time(access, received))


@given(st.text() | st.binary().map(lambda part: f"e30.{base64.urlsafe_b64encode(part).decode()}.x"))
def test_any_text_can_be_a_token(access: str) -> None:
    """It comes from elsewhere."""
    assert not math.isnan(renewal_time(access))
