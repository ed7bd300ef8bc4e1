"""The practice server's Mastodon, by its official client and by bare requests: as strict as the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mastodon
import pytest
import requests
from mastodon import Mastodon

from flock.networks.mastodon.length import Rules
from flock.pasture.mastodon import MastodonApp, State, Weather
from flock.pasture.statuses import Statuses
from tests.conftest import until
from tests.networks.mastodon.conftest import serve

NOW = 1_800_000_000.0
TOKEN = "token-of-dolly"

Ask = Callable[..., requests.Response]


class Clock:
    """A clock that is set by hand."""

    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return the server's clock."""
    return Clock()


@pytest.fixture
def app(clock: Clock) -> MastodonApp:
    """Return a server with two accounts."""
    app = MastodonApp(clock=clock)
    app.admit("dolly", TOKEN)
    app.admit("ewe", "token-of-ewe")
    return app


@pytest.fixture
def url(app: MastodonApp) -> Iterator[str]:
    """Return where the server is."""
    with serve(app) as url:
        yield url


@pytest.fixture
def ask(url: str) -> Iterator[Ask]:
    """Return a function that sends a request, by default as dolly."""
    with requests.Session() as session:

        def send(verb: str, path: str, token: str = TOKEN, key: str = "", **parts: Any) -> requests.Response:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            headers |= {"Idempotency-Key": key} if key else {}
            return session.request(verb, f"{url}/api/v1/{path}", headers=headers, timeout=10, **parts)

        yield send


@pytest.fixture
def client(url: str) -> Iterator[Mastodon]:
    """Return Mastodon.py's client for dolly."""
    with requests.Session() as session:
        yield Mastodon(access_token=TOKEN, api_base_url=url, session=session, ratelimit_method="throw")


def test_the_official_client_posts_and_reads(app: MastodonApp, client: Mastodon) -> None:
    """Mastodon.py checks the server's version first, and the form of each answer."""
    me = client.account_verify_credentials()
    first = client.status_post("baa & <moo>", visibility="unlisted", language="en", idempotency_key="1")
    again = client.status_post("baa & <moo>", idempotency_key="1")
    reply = client.status_reply(first, "baa again", spoiler_text="sheep")

    assert ("dolly", True) == (me.username, me.bot)
    assert first.id == again.id != reply.id
    assert "<p>baa &amp; &lt;moo&gt;</p>" == first.content
    assert ("unlisted", "en", first.id, "sheep") == (
        first.visibility,
        first.language,
        reply.in_reply_to_id,
        reply.spoiler_text,
    )
    assert [reply.id, first.id] == [each.id for each in client.account_statuses(me.id)]
    assert [reply.id] == [each.id for each in client.account_statuses(me.id, since_id=first.id)]
    assert "baa & <moo>" == client.status_source(first.id).text
    assert 500 == client.instance_v2().configuration.statuses.max_characters
    client.status_delete(first)
    assert ["@dolly baa again"] == app.texts("dolly")


def test_the_official_client_understands_refusals(app: MastodonApp, client: Mastodon) -> None:
    """By their status and their words."""
    with pytest.raises(mastodon.MastodonAPIError, match="character limit of 500 exceeded"):
        client.status_post("x" * 501)
    app.judge("dolly", State.REVOKED)
    with pytest.raises(mastodon.MastodonUnauthorizedError, match="revoked"):
        client.status_post("baa")


def test_a_key_is_kept_for_an_hour_for_its_account(ask: Ask, clock: Clock) -> None:
    """A second request with it gets the first post, whatever its text is."""
    first = ask("POST", "statuses", key="k", json={"status": "baa"}).json()
    assert first["id"] == ask("POST", "statuses", key="k", json={"status": "moo"}).json()["id"]
    assert (
        first["id"] != ask("POST", "statuses", token="token-of-ewe", key="k", json={"status": "baa"}).json()["id"]
    )
    clock.now += 3601.0
    assert first["id"] != ask("POST", "statuses", key="k", json={"status": "baa"}).json()["id"]


def test_a_key_of_a_deleted_post_finds_nothing(ask: Ask) -> None:
    """And makes no new one."""
    first = ask("POST", "statuses", key="k", json={"status": "baa"}).json()
    ask("DELETE", f"statuses/{first['id']}")
    again = ask("POST", "statuses", key="k", json={"status": "baa"})
    assert (404, {"error": "Record not found"}) == (again.status_code, again.json())


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"status": "x" * 501}, 422, "Validation failed: Text character limit of 500 exceeded"),
        ({"status": "x" * 498, "spoiler_text": "sheep"}, 422, "Validation failed: Text character limit of 500"),
        ({"status": " \n"}, 422, "Validation failed: Text can't be blank"),
        ({}, 422, "Validation failed: Text can't be blank"),
        ({"status": "baa", "visibility": "loud"}, 422, "Validation failed: Visibility"),
        ({"status": "baa", "language": "sheepish"}, 422, "Validation failed: Language"),
        ({"status": "baa", "in_reply_to_id": "1"}, 404, "The post you are trying to reply to does not appear"),
    ],
)
def test_a_bad_post_is_refused(
    ask: Ask, app: MastodonApp, fields: dict[str, str], status: int, error: str
) -> None:
    """In the words of Mastodon; as JSON and as a form."""
    for answer in (ask("POST", "statuses", json=fields), ask("POST", "statuses", data=fields)):
        assert status == answer.status_code
        assert answer.json()["error"].startswith(error)
    assert [] == app.texts("dolly")


def test_what_fits_by_mastodons_count_is_taken(ask: Ask, app: MastodonApp) -> None:
    """A link counts 23, a mention without its server."""
    text = "x" * 470 + " https://example.com/" + "y" * 100 + " @ab@botsin.example"
    assert 200 == ask("POST", "statuses", json={"status": text}).status_code
    assert [text] == app.texts("dolly")


@pytest.mark.parametrize(("token", "status"), [("", 401), ("wrong", 401), (TOKEN, 200)])
def test_a_token_is_asked_for(ask: Ask, token: str, status: int) -> None:
    """At each request about an account."""
    assert status == ask("GET", "accounts/verify_credentials", token=token).status_code
    assert status == ask("POST", "statuses", token=token, json={"status": "baa"}).status_code


def test_a_token_has_scopes(ask: Ask, app: MastodonApp) -> None:
    """`write` includes `write:statuses`."""
    app.admit("dolly", TOKEN, scopes=["write"])
    refused = ask("GET", "accounts/verify_credentials")
    assert (403, "This action is outside the authorized scopes") == (refused.status_code, refused.json()["error"])
    assert 200 == ask("POST", "statuses", json={"status": "baa"}).status_code


def test_an_account_may_post_300_times_in_three_hours(ask: Ask, app: MastodonApp, clock: Clock) -> None:
    """In windows by the clock, whose end the headers tell."""
    account = app.admit("dolly", TOKEN)
    account.posts += [NOW] * 299
    last = ask("POST", "statuses", json={"status": "baa"})
    over = ask("POST", "statuses", json={"status": "baa"})
    clock.now += 3 * 3600.0
    assert [200, 429, 200] == [
        each.status_code for each in (last, over, ask("POST", "statuses", json={"status": "baa"}))
    ]
    assert ("300", "0") == (last.headers["X-RateLimit-Limit"], last.headers["X-RateLimit-Remaining"])
    assert "2027-01-15T09:00:00.000000Z" == over.headers["X-RateLimit-Reset"]


def test_a_timeline_is_asked_for_in_parts(ask: Ask, app: MastodonApp) -> None:
    """Newest first, by ids that grow."""
    ids = [ask("POST", "statuses", json={"status": f"line {n}"}).json()["id"] for n in range(5)]
    me = ask("GET", "accounts/verify_credentials").json()["id"]

    def listed(**params: object) -> list[str]:
        answer = ask("GET", f"accounts/{me}/statuses", params=params)
        return [each["id"] for each in answer.json()]

    assert ids == sorted(ids, key=int)
    assert ids[::-1] == listed()
    assert ids[:2:-1] == listed(limit=2) == listed(since_id=ids[2])
    assert ids[1::-1] == listed(max_id=ids[2])
    assert 404 == ask("GET", f"accounts/{me}/statuses", params={"since_id": "0a"}).status_code


@pytest.mark.parametrize(
    ("weather", "status", "posts"),
    [
        (Weather.REFUSED, 503, 0),
        (Weather.BAD_GATEWAY, 502, 1),
        (Weather.SLOW, 200, 1),
        (Weather.DROPPED, None, 0),
        (Weather.LOST, None, 1),
    ],
)
def test_weather(weather: Weather, status: int | None, posts: int) -> None:
    """Each kind is answered, or not, and stored, or not."""
    app = MastodonApp(weather=lambda: weather, pause=0.01)
    app.admit("dolly", TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serve(app) as url:
        try:
            answer = requests.post(f"{url}/api/v1/statuses", json={"status": "baa"}, headers=headers, timeout=10)
        except requests.ConnectionError:
            assert status is None
        else:
            assert status == answer.status_code
    assert posts == len(app.texts("dolly"))
    assert [weather] == app.met


def test_a_late_post_looks_its_key_up_at_once_and_is_stored_afterwards() -> None:
    """So that a repeat that comes too soon makes a second post, as on Mastodon before 4.6."""
    coming = [Weather.LATE, Weather.CALM, Weather.CALM]
    app = MastodonApp(weather=lambda: coming.pop(0), delay=0.05)
    app.admit("dolly", TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "k"}
    with serve(app) as url:
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{url}/api/v1/statuses", json={"status": "baa"}, headers=headers, timeout=10)
        assert [] == app.texts("dolly")
        until("it is stored", lambda: len(app.texts("dolly")) == 1)
        requests.post(f"{url}/api/v1/statuses", json={"status": "baa"}, headers=headers, timeout=10)
    assert ["baa"] == app.texts("dolly")


def test_a_server_says_what_it_is(url: str) -> None:
    """Its limits and its version, to everybody."""
    with serve(MastodonApp(rules=Rules(most=640, per_link=32), version="4.5.0")) as other:
        for path in ("/api/v1/instance", "/api/v2/instance"):
            told = requests.get(f"{other}{path}", timeout=10).json()
            assert "4.5.0" == told["version"]
            statuses = told["configuration"]["statuses"]
            assert (640, 32) == (statuses["max_characters"], statuses["characters_reserved_per_url"])


def test_posts_outlive_the_server(tmp_path: Any) -> None:
    """Where they are kept in a file; their ids go on."""
    first = MastodonApp(Statuses(tmp_path / "statuses.db"))
    first.admit("dolly", TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serve(first) as url:
        requests.post(f"{url}/api/v1/statuses", json={"status": "baa"}, headers=headers, timeout=10)
    first.statuses.close()

    second = MastodonApp(Statuses(tmp_path / "statuses.db"), clock=lambda: 0.0)
    second.admit("dolly", TOKEN)
    assert ["baa"] == second.texts("dolly")
    with serve(second) as url:
        requests.post(f"{url}/api/v1/statuses", json={"status": "moo"}, headers=headers, timeout=10)
    assert ["baa", "moo"] == second.texts("dolly")
    second.statuses.close()
