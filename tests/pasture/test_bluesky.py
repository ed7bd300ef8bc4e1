"""The stand-in for Bluesky is as strict as its server, and real clients post to it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import libipld
import pytest
import requests
from atproto import Client  # type: ignore[import-untyped]  # atproto does not say that it has types
from atproto_client.exceptions import AtProtocolError  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from flock.networks.bluesky.tid import record_key
from flock.pasture.bluesky import BlueskyAccount, Standing
from flock.pasture.lexicon import cid
from flock.pasture.meters import Windows
from flock.pasture.passes import ACCESS_LIFETIME, GRACE, REFRESH_LIFETIME
from flock.pasture.repos import Repos
from tests.pds import HANDLE, NOW, PASSWORD, POSTS, House, intent, open_house
from tests.real.table import CALLS, DEACTIVATED, PUTS, TAKEN_DOWN, Call, Put, prepared


@pytest.fixture
def house() -> Iterator[House]:
    """A running stand-in for Bluesky."""
    with open_house() as house:
        yield house


@pytest.fixture
def access(house: House) -> str:
    """The access token of a session."""
    return str(house.sign_in().json()["accessJwt"])


def put(house: House, access: str, **changed: Any) -> requests.Response:
    """Put a good post, with some parts of the request changed; a part that is `...` is left out."""
    record = {"$type": POSTS, "text": "baa", "createdAt": "2026-11-27T12:00:00.000Z"}
    whole = {
        "repo": house.account.did,
        "collection": POSTS,
        "rkey": record_key(intent()),
        "record": record,
        **changed,
    }
    body = {name: value for name, value in whole.items() if value is not ...}
    return house.call("com.atproto.repo.putRecord", body, access)


def error_of(response: requests.Response) -> tuple[int, str]:
    """Return the status and the error's name."""
    return response.status_code, response.json().get("error", "")


@pytest.mark.parametrize("row", PUTS, ids=lambda row: row.about)
def test_a_record_is_taken_or_refused_as_the_real_server_does(house: House, access: str, row: Put) -> None:
    """tests/real runs the same table against that."""
    response = put(house, access, record=row.record)
    assert (row.status, row.error) == error_of(response)
    assert row.words in response.text


@pytest.fixture
def account(house: House) -> dict[str, str]:
    """What the table needs of the account."""
    other = BlueskyAccount("other.test", SecretStr(PASSWORD))
    house.app.admit(other)
    known = {"handle": HANDLE, "did": house.account.did, "password": PASSWORD}
    return prepared(house.url, known, other=other.did)


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row.about)
def test_a_call_is_answered_as_by_the_real_server(house: House, account: dict[str, str], row: Call) -> None:
    """tests/real runs the same table against that."""
    row.check(house.url, account)


@pytest.mark.parametrize(
    ("standing", "row"),
    [(Standing.TAKEN_DOWN, row) for row in TAKEN_DOWN] + [(Standing.DEACTIVATED, row) for row in DEACTIVATED],
    ids=lambda each: each.about if isinstance(each, Call) else each.value,
)
def test_an_account_that_may_not_post_is_answered_as_by_the_real_server(
    house: House, account: dict[str, str], standing: Standing, row: Call
) -> None:
    """tests/real runs the same tables against that."""
    house.app.judge(HANDLE, standing)
    row.check(house.url, account)


def test_a_swap_decides_what_is_overwritten(house: House, access: str) -> None:
    """The same record again changes nothing; without a swap whatever is there is lost."""
    key = record_key(intent())
    good = {"$type": POSTS, "text": "baa", "createdAt": "2026-11-27T12:00:00.000Z"}
    other = {**good, "text": "moo"}
    first = put(house, access, rkey=key, record=good, swapRecord=None).json()
    again = put(house, access, rkey=key, record=good, swapRecord=None).json()
    assert first["cid"] == again["cid"]
    assert "commit" in first
    assert "commit" not in again
    for wrong in (None, cid(other)):
        response = put(house, access, rkey=key, record=other, swapRecord=wrong)
        assert (400, "InvalidSwap") == error_of(response)
        assert f"Record was at {first['cid']}" == response.json()["message"]
    assert (200, "") == error_of(put(house, access, rkey=key, record=other, swapRecord=first["cid"]))
    assert (200, "") == error_of(put(house, access, rkey=key, record=good))
    assert ["baa"] == house.texts


def test_a_create_of_a_key_that_is_taken_tells_nothing(house: House, access: str) -> None:
    """As on the real server, which makes it useless for a repeat."""
    record = {"$type": POSTS, "text": "baa", "createdAt": "2026-11-27T12:00:00.000Z"}
    body = {"repo": HANDLE, "collection": POSTS, "rkey": record_key(intent()), "record": record}
    answers = [house.call("com.atproto.repo.createRecord", body, access) for _ in range(2)]
    assert [(200, ""), (500, "InternalServerError")] == [*map(error_of, answers)]


def test_records_are_read_and_deleted(house: House, access: str) -> None:
    """By anybody, and by the account itself."""
    keys = [record_key(intent(NOW + number)) for number in range(3)]
    for key in keys:
        put(house, access, rkey=key)
    where = {"repo": HANDLE, "collection": POSTS}
    listed = house.ask("com.atproto.repo.listRecords", **where, limit=2).json()
    assert keys[:0:-1] == [each["uri"].rpartition("/")[2] for each in listed["records"]]
    rest = house.ask("com.atproto.repo.listRecords", **where, cursor=listed["cursor"]).json()["records"]
    assert [keys[0]] == [each["uri"].rpartition("/")[2] for each in rest]
    assert (400, "InvalidRequest") == error_of(house.ask("com.atproto.repo.listRecords", **where, limit=101))
    assert "baa" == house.ask("com.atproto.repo.getRecord", **where, rkey=keys[0]).json()["value"]["text"]
    for _ in range(2):
        assert 200 == house.call("com.atproto.repo.deleteRecord", {**where, "rkey": keys[0]}, access).status_code
    assert (400, "RecordNotFound") == error_of(house.ask("com.atproto.repo.getRecord", **where, rkey=keys[0]))


def test_tokens_are_for_one_use_and_end(house: House) -> None:
    """A refresh token is none for posts, an access token none for a refresh, and each has its time."""
    session = house.sign_in().json()
    access, refresh = session["accessJwt"], session["refreshJwt"]
    renew = "com.atproto.server.refreshSession"
    assert (401, "AuthMissing") == error_of(put(house, ""))
    assert (400, "InvalidToken") == error_of(put(house, refresh))
    assert (400, "InvalidToken") == error_of(put(house, access[:-6] + "AAAAAA"))
    assert (400, "InvalidToken") == error_of(house.call(renew, None, access))
    house.now += ACCESS_LIFETIME
    assert (400, "ExpiredToken") == error_of(put(house, access))
    first, second = (house.call(renew, None, refresh) for _ in range(2))
    assert [(200, "")] * 2 == [error_of(first), error_of(second)]
    assert 200 == put(house, second.json()["accessJwt"]).status_code
    house.now += GRACE
    assert (400, "ExpiredToken") == error_of(house.call(renew, None, refresh))
    house.now += REFRESH_LIFETIME
    assert (400, "ExpiredToken") == error_of(house.call(renew, None, first.json()["refreshJwt"]))


def test_an_account_is_taken_down_and_let_in_again(house: House) -> None:
    """Its sessions are over then, and a sign-in is refused as if the password were wrong."""
    session = house.sign_in().json()
    renew = "com.atproto.server.refreshSession"
    status = {"did": house.account.did, "active": False, "status": "takendown"}
    house.app.judge(HANDLE, Standing.TAKEN_DOWN)
    assert (401, "AccountTakedown") == error_of(put(house, session["accessJwt"]))
    assert (401, "AccountTakedown") == error_of(house.call(renew, None, session["refreshJwt"]))
    assert (401, "AuthenticationRequired") == error_of(house.sign_in())
    assert status == house.ask("com.atproto.sync.getRepoStatus", did=house.account.did).json()
    house.app.judge(HANDLE, Standing.GOOD)
    assert (400, "ExpiredToken") == error_of(house.call(renew, None, session["refreshJwt"]))
    assert (200, "") == error_of(put(house, session["accessJwt"]))


def test_a_deactivated_account_signs_in_and_posts_nothing(house: House) -> None:
    """The session says so."""
    house.app.judge(HANDLE, Standing.DEACTIVATED)
    session = house.sign_in().json()
    assert (False, "deactivated") == (session["active"], session["status"])
    assert (401, "AccountDeactivated") == error_of(put(house, session["accessJwt"]))


def test_sign_ins_and_posts_are_limited() -> None:
    """By the account, with the reset in the headers; another window does not matter."""
    with open_house(windows=Windows(sign_ins=((2, 300),), points=((5, 3600), (100, 86_400)))) as house:
        access = house.sign_in().json()["accessJwt"]
        house.sign_in("other")
        refused = house.sign_in()
        assert (429, "RateLimitExceeded") == error_of(refused)
        reset = NOW // 300 * 300 + 300
        assert (f"{reset:.0f}", "0", "2;w=300") == tuple(
            refused.headers[f"RateLimit-{name}"] for name in ("Reset", "Remaining", "Policy")
        )
        assert f"{reset - NOW:.0f}" == refused.headers["Retry-After"]
        keys = [record_key(intent(NOW + number)) for number in range(3)]
        assert [200, 200, 429] == [put(house, access, rkey=key).status_code for key in keys]
        house.now = reset
        assert 200 == house.sign_in().status_code


@pytest.mark.parametrize(
    ("verb", "path", "expected"),
    [
        ("POST", "app.nope.x", "No service configured for app.nope.x"),
        ("GET", "com.atproto.repo.putRecord", "Incorrect HTTP method (GET) expected POST"),
        ("POST", "com.atproto.repo.getRecord", "Incorrect HTTP method (POST) expected GET"),
    ],
)
def test_what_is_no_method_is_an_invalid_request(house: House, verb: str, path: str, expected: str) -> None:
    """In the form of the API; another path is a page."""
    response = requests.request(verb, f"{house.url}/xrpc/{path}", timeout=10)
    assert (400, {"error": "InvalidRequest", "message": expected}) == (response.status_code, response.json())
    assert 404 == requests.get(f"{house.url}/nope", timeout=10).status_code


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        (b"{", "application/json", "SyntaxError"),
        (b"[" * 60_000, "application/json", "SyntaxError"),
        (b"[]", "application/json", "InvalidRequest"),
        (b"a=b", "application/x-www-form-urlencoded", "InvalidRequest"),
    ],
)
def test_a_body_that_is_no_object_is_refused(
    house: House, access: str, content: bytes, kind: str, error: str
) -> None:
    """Whatever it is."""
    headers = {"Authorization": f"Bearer {access}", "Content-Type": kind}
    url = f"{house.url}/xrpc/com.atproto.repo.putRecord"
    assert (400, error) == error_of(requests.post(url, content, headers=headers, timeout=10))


def test_the_records_outlive_the_server(tmp_path: Path) -> None:
    """In a file; the tokens of before are no longer good."""
    with open_house(repos=Repos(tmp_path / "records.db")) as house:
        house.bot().post("baa", intent())
    with open_house(repos=Repos(tmp_path / "records.db")) as house:
        assert ["baa"] == house.texts


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=30), VALUES, max_size=4))
def test_the_hash_of_a_record_is_that_of_its_dag_cbor(record: dict[str, Any]) -> None:
    """As an independent library encodes it."""
    encoded = libipld.encode_dag_cbor(record)
    assert libipld.encode_cid(b"\x01\x71\x12\x20" + hashlib.sha256(encoded).digest()) == cid(record)


@pytest.fixture
def make_client(house: House) -> Iterator[Callable[[], Client]]:
    """Return a maker of the official Python client, atproto, unchanged."""
    with ExitStack() as stack:

        def make() -> Client:
            client = Client(base_url=f"{house.url}/xrpc")
            stack.callback(client.request.close)
            return client

        yield make


def test_the_official_client_posts_a_thread(house: House, make_client: Callable[[], Client]) -> None:
    """It signs in, posts, replies, reads and deletes."""
    client = make_client()
    client.login(HANDLE, PASSWORD)
    first = client.send_post("The hydra in retirement")
    reference = {"uri": first.uri, "cid": first.cid}
    second = client.send_post("took up wool", reply_to={"parent": reference, "root": reference})
    found = client.com.atproto.repo.list_records({"repo": HANDLE, "collection": POSTS})
    assert ["took up wool", "The hydra in retirement"] == [each.value.text for each in found.records]
    assert client.delete_post(second.uri)
    assert ["The hydra in retirement"] == house.texts
    with pytest.raises(AtProtocolError):
        client.send_post("a" * 301)


def test_the_official_client_renews_its_session(house: House, make_client: Callable[[], Client]) -> None:
    """Its session is that of a bot: the client goes on with it when the access token is too old."""
    house.now = time.time() - ACCESS_LIFETIME  # the client goes by its own clock
    first = make_client()
    first.login(HANDLE, PASSWORD)
    house.now = time.time()
    second = make_client()
    second.login(session_string=first.export_session_string())
    second.send_post("baa")
    assert (1, ["baa"]) == (house.asked("createSession"), house.texts)
    assert house.asked("refreshSession")
