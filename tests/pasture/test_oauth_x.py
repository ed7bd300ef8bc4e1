"""X's PIN flow on the pasture: from an app and no account to tokens with which posts are taken."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import tweepy  # type: ignore[import-untyped]  # tweepy ships no types
from pydantic import SecretStr
from requests import Response
from requests_oauthlib import OAuth1Session

from flock.pasture import Account, Pasture

APP = ("app-key", "app-secret")
PIN = r"<code>(\d{7})</code>"
WRONG_PIN = (401, "Error processing your OAuth request: Invalid oauth_verifier parameter")


def begin(url: str, app: tuple[str, str] = APP, callback: str | None = "oob") -> tuple[str, str]:
    """Return a request token and its secret."""
    with OAuth1Session(*app, callback_uri=callback) as session:
        told = session.fetch_request_token(f"{url}/oauth/request_token")
    assert "true" == told["oauth_callback_confirmed"]
    return told["oauth_token"], told["oauth_token_secret"]


def question(url: str, token: str) -> Response:
    """Return the page that asks."""
    return requests.get(f"{url}/oauth/authorize", params={"oauth_token": token}, timeout=10)


def fields_of(page: Response) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: html.unescape(value) for name, value in found}


def press(page: Response, name: str, decision: str = "authorize", **headers: str) -> Response:
    """Send the form on a page as a browser does."""
    (action,) = re.findall(r'action="([^"]+)"', page.text)
    fields = {**fields_of(page), "screen_name": name, "decision": decision}
    parts = urlsplit(page.url)
    target = f"{parts.scheme}://{parts.netloc}{html.unescape(action)}"
    return requests.post(target, data=fields, headers=headers, timeout=10)


def exchange(url: str, token: tuple[str, str], pin: str, app: tuple[str, str] = APP) -> Response:
    """Ask for the access token."""
    with OAuth1Session(*app, *token, verifier=pin) as session:
        return session.post(f"{url}/oauth/access_token", timeout=10)


def grant(url: str, name: str, app: tuple[str, str] = APP) -> dict[str, str]:
    """Go through the whole flow, and return what the app gets."""
    token = begin(url, app)
    page = press(question(url, token[0]), name)
    (pin,) = re.findall(PIN, page.text)
    answer = exchange(url, token, pin, app)
    assert 200 == answer.status_code, answer.text
    return {key: value for key, (value,) in parse_qs(answer.text).items()}


def say(url: str, tokens: dict[str, str], text: str, app: tuple[str, str] = APP) -> Response:
    """Post with tokens that were made here."""
    with OAuth1Session(*app, tokens["oauth_token"], tokens["oauth_token_secret"]) as session:
        return session.post(f"{url}/2/tweets", json={"text": text}, timeout=10)


def test_a_new_name_becomes_an_account_that_posts(pasture: Pasture) -> None:
    """Its number stands before the dash of its token, as on X."""
    tokens = grant(pasture.url, "dolly")

    assert 201 == say(pasture.url, tokens, "baa").status_code
    assert ["dolly"] == [post.screen_name for post in pasture.store.posts()]
    assert ("dolly", tokens["oauth_token"].partition("-")[0]) == (tokens["screen_name"], tokens["user_id"])


def test_an_account_gives_an_app_the_same_tokens_again(pasture: Pasture) -> None:
    """A name is written as the account writes it."""
    first, again = grant(pasture.url, "Dolly"), grant(pasture.url, "@dolly")

    assert first == again
    assert "Dolly" == again["screen_name"]


def test_the_tokens_of_a_key_file_are_not_given_away(
    pasture: Pasture, wolf: Account, say_v2: Callable[[str], Response]
) -> None:
    """They may be good on the real network. The app gets others, and both are good here."""
    tokens = grant(pasture.url, "wolf")

    assert ("wolf", wolf.user_id) == (tokens["screen_name"], tokens["user_id"])
    assert not {wolf.token, wolf.token_secret.get_secret_value()} & set(tokens.values())
    assert [201, 201] == [say(pasture.url, tokens, "baa").status_code, say_v2("boo").status_code]
    assert {"wolf"} == {post.screen_name for post in pasture.store.posts()}


def test_another_app_gets_other_tokens_of_the_same_account(pasture: Pasture, wolf: Account) -> None:
    """Both are good, and the first app's key with the second's token is not."""
    other = ("other-key", "other-secret")
    pasture.admit_app(other[0], SecretStr(other[1]))
    tokens = grant(pasture.url, "wolf", other)

    assert wolf.token != tokens["oauth_token"]
    assert wolf.user_id == tokens["user_id"]
    assert 201 == say(pasture.url, tokens, "baa", other).status_code
    assert 401 == say(pasture.url, tokens, "boo").status_code


def test_tokens_outlive_the_pasture(tmp_path: Path, wolf: Account) -> None:
    """Also those of a second app, which is made known after the start; and no secret is in the file."""
    other = ("other-key", "other-secret")
    with Pasture([wolf], state=tmp_path / "pasture.db") as first:
        first.admit_app(other[0], SecretStr(other[1]))
        made = grant(first.url, "dolly"), grant(first.url, "dolly", other), grant(first.url, "mary")
        assert 201 == say(first.url, made[0], "baa").status_code
        written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    with Pasture([wolf], state=tmp_path / "pasture.db") as again:
        again.admit_app(other[0], SecretStr(other[1]))
        answers = [
            say(again.url, made[0], "two"),
            say(again.url, made[1], "three", other),
            say(again.url, made[2], ""),
        ]
        posts = [(post.screen_name, post.text) for post in again.store.posts()]
        assert made[0] == grant(again.url, "dolly")

    assert [201, 201, 400] == [answer.status_code for answer in answers]
    assert [("dolly", "baa"), ("dolly", "two"), ("dolly", "three")] == posts
    for tokens in made:
        assert tokens["oauth_token"].encode() not in written
        assert tokens["oauth_token_secret"].encode() not in written


def test_made_accounts_do_not_come_back_without_their_app(tmp_path: Path, wolf: Account) -> None:
    """Their tokens need its secret."""
    with Pasture([wolf], state=tmp_path / "pasture.db") as first:
        tokens = grant(first.url, "dolly")
    with Pasture((), state=tmp_path / "pasture.db") as again:
        assert 401 == say(again.url, tokens, "baa").status_code


@pytest.mark.parametrize("pin", ["", "000000", "12345678", "é"])
def test_a_wrong_pin_is_refused_as_x_refuses_it(pasture: Pasture, pin: str) -> None:
    """With a sentence; the right one is taken afterwards."""
    token = begin(pasture.url)
    (right,) = re.findall(PIN, press(question(pasture.url, token[0]), "dolly").text)

    refused = exchange(pasture.url, token, pin)
    assert WRONG_PIN == (refused.status_code, refused.text)
    assert 200 == exchange(pasture.url, token, right).status_code


def test_pins_cannot_be_tried_out(pasture: Pasture) -> None:
    """After five wrong ones the right one is worth nothing."""
    token = begin(pasture.url)
    (right,) = re.findall(PIN, press(question(pasture.url, token[0]), "dolly").text)
    wrong = f"{(int(right) + 1) % 10**7:07}"

    assert [WRONG_PIN] * 5 == [
        (a.status_code, a.text) for a in (exchange(pasture.url, token, wrong) for _ in range(5))
    ]
    assert 401 == exchange(pasture.url, token, right).status_code


def test_no_pin_is_right_before_the_button_is_pressed(pasture: Pasture) -> None:
    """Not even an empty one."""
    token = begin(pasture.url)
    assert [401, 401] == [exchange(pasture.url, token, pin).status_code for pin in ("", "0000000")]


def test_a_request_token_is_good_for_one_account(pasture: Pasture) -> None:
    """Neither its page nor its PIN work twice."""
    token = begin(pasture.url)
    page = question(pasture.url, token[0])
    (pin,) = re.findall(PIN, press(page, "dolly").text)

    assert (403, True) == ((again := press(page, "mary")).status_code, "Whoa there!" in again.text)
    assert 200 == exchange(pasture.url, token, pin).status_code
    answer = exchange(pasture.url, token, pin)
    assert (401, 89) == (answer.status_code, answer.json()["errors"][0]["code"])
    assert 403 == question(pasture.url, token[0]).status_code


def test_a_request_token_expires(pasture: Pasture, clock: Mock) -> None:
    """After ten minutes, its page and its PIN, too."""
    asked, answered = begin(pasture.url), begin(pasture.url)
    (pin,) = re.findall(PIN, press(question(pasture.url, answered[0]), "dolly").text)
    clock.return_value += 299.0  # a request's own timestamp may be five minutes off
    assert 200 == question(pasture.url, asked[0]).status_code
    clock.return_value += 301.0

    assert 403 == question(pasture.url, asked[0]).status_code
    assert 401 == exchange(pasture.url, answered, pin).status_code
    assert "dolly" in question(pasture.url, begin_at(pasture, clock)).text


def begin_at(pasture: Pasture, clock: Mock) -> str:
    """Return a request token that is asked for by a client whose clock is the pasture's."""
    with OAuth1Session(*APP, callback_uri="oob") as session:
        session.auth.client.timestamp = str(int(clock.return_value))
        return str(session.fetch_request_token(f"{pasture.url}/oauth/request_token")["oauth_token"])


def test_cancel_lets_nobody_in(pasture: Pasture) -> None:
    """The page says so, and the request token is worth nothing."""
    token = begin(pasture.url)
    page = press(question(pasture.url, token[0]), "", decision="cancel")

    assert (200, True) == (page.status_code, "Nothing was authorized" in page.text)
    assert 403 == question(pasture.url, token[0]).status_code
    assert 401 == exchange(pasture.url, token, "0000000").status_code


@pytest.mark.parametrize("app", [("app-key", "wrong"), ("wrong", "app-secret")])
def test_an_app_that_is_not_known_gets_no_request_token(pasture: Pasture, app: tuple[str, str]) -> None:
    """X's code 32."""
    with OAuth1Session(*app, callback_uri="oob") as session:
        answer = session.post(f"{pasture.url}/oauth/request_token", timeout=10)

    assert (401, 32) == (answer.status_code, answer.json()["errors"][0]["code"])


@pytest.mark.parametrize("callback", [None, "https://example.invalid/back"])
def test_only_the_pin_flow_is_known(pasture: Pasture, callback: str | None) -> None:
    """X's code 415, as for a callback that was not approved."""
    with OAuth1Session(*APP, callback_uri=callback) as session:
        answer = session.post(f"{pasture.url}/oauth/request_token", timeout=10)

    assert (403, 415) == (answer.status_code, answer.json()["errors"][0]["code"])


def test_a_request_for_a_token_cannot_be_repeated(pasture: Pasture) -> None:
    """Its nonce is kept; an unsigned one is X's code 215."""
    with OAuth1Session(*APP, callback_uri="oob") as session:
        session.auth.client.nonce = "7"
        answers = [session.post(f"{pasture.url}/oauth/request_token", timeout=10) for _ in range(2)]
    unsigned = requests.post(f"{pasture.url}/oauth/request_token", timeout=10)

    assert [200, 401] == [answer.status_code for answer in answers]
    assert (400, 215) == (unsigned.status_code, unsigned.json()["errors"][0]["code"])


@pytest.mark.parametrize("name", ["", " ", "a b", "sixteen_letters_", "ünï", "<b>", "a/b"])
def test_a_name_that_x_would_not_take_is_asked_for_again(pasture: Pasture, name: str) -> None:
    """The page says what a name is, and a good one is taken then."""
    token = begin(pasture.url)
    again = press(question(pasture.url, token[0]), name)

    assert (422, True) == (again.status_code, "1 to 15 letters" in again.text)
    assert "<b>" not in again.text
    assert re.findall(PIN, press(again, "dolly").text)


def test_old_request_tokens_make_room(pasture: Pasture, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are at most so many at once; the oldest goes first."""
    monkeypatch.setattr("flock.pasture.pins._MOST_PENDING", 3)
    tokens = [begin(pasture.url)[0] for _ in range(4)]

    assert [403, 200, 200, 200] == [question(pasture.url, token).status_code for token in tokens]


FORGERIES: dict[str, Callable[[Response], dict[str, Any]]] = {
    "no seal": lambda _: {"data": {"screen_name": "dolly", "decision": "authorize"}},
    "another seal": lambda page: {"data": {**fields_of(page), "seal": "0" * 64, "screen_name": "dolly"}},
    "a seal that is no ASCII": lambda page: {"data": {**fields_of(page), "seal": "é", "screen_name": "dolly"}},
    "another page": lambda page: {
        "data": {**fields_of(page), "screen_name": "dolly"},
        "headers": {"Origin": "http://evil.example"},
    },
    "a page without an origin": lambda page: {
        "data": {**fields_of(page), "screen_name": "dolly"},
        "headers": {"Origin": "null"},
    },
    "an origin that is no address": lambda page: {
        "data": {**fields_of(page), "screen_name": "dolly"},
        "headers": {"Origin": "http://["},
    },
    "another site": lambda page: {
        "data": {**fields_of(page), "screen_name": "dolly"},
        "headers": {"Sec-Fetch-Site": "cross-site"},
    },
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_form_of_another_page_authorizes_nothing(pasture: Pasture, what: str) -> None:
    """It is answered 403, and the person's own form is taken afterwards."""
    token = begin(pasture.url)
    page = question(pasture.url, token[0])
    forged = requests.post(page.url, **FORGERIES[what](page), timeout=10)

    assert (403, []) == (forged.status_code, re.findall(PIN, forged.text))
    assert re.findall(PIN, press(page, "dolly", Origin=pasture.url).text)


def test_a_seal_is_good_for_its_own_request_token(pasture: Pasture) -> None:
    """And for no other."""
    mine, other = (question(pasture.url, begin(pasture.url)[0]) for _ in range(2))
    forged = requests.post(other.url, data={**fields_of(mine), "screen_name": "dolly"}, timeout=10)

    assert 403 == forged.status_code


def test_a_page_that_leads_its_own_name_to_us_sees_no_form(pasture: Pasture) -> None:
    """The Host header is checked before."""
    token = begin(pasture.url)[0]
    answer = requests.get(
        f"{pasture.url}/oauth/authorize",
        params={"oauth_token": token},
        headers={"Host": "evil.example"},
        timeout=10,
    )

    assert (421, False) == (answer.status_code, "seal" in answer.text)


def test_the_page_allows_its_own_style_and_its_own_form(pasture: Pasture) -> None:
    """No script, no frame, nothing from elsewhere; accounts and what was typed are escaped."""
    page = question(pasture.url, begin(pasture.url)[0])
    policy = page.headers["Content-Security-Policy"].split("; ")

    assert ["default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'"] == policy[:4]
    assert ["base-uri 'none'", "frame-ancestors 'none'"] == policy[4:]
    assert "no-store" == page.headers["Cache-Control"]
    assert not re.search(r"<script|\bsrc=|https?://|\bstyle=|\bon\w+=", page.text)
    assert "wolf, Lamb" in page.text


def test_no_secret_is_in_a_log(pasture: Pasture, caplog: pytest.LogCaptureFixture) -> None:
    """Neither tokens nor PINs, at any level."""
    caplog.set_level(0)
    token = begin(pasture.url)
    (pin,) = re.findall(PIN, press(question(pasture.url, token[0]), "dolly").text)
    tokens = parse_qs(exchange(pasture.url, token, pin).text)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("flock"))

    assert "/oauth/access_token" in ours
    for secret in (*token, pin, tokens["oauth_token"][0], tokens["oauth_token_secret"][0], *APP):
        assert secret not in ours


def test_tweepy_gets_its_tokens_by_pin(pasture: Pasture) -> None:
    """With its own handler; only the address of the server is another one."""
    handler = tweepy.OAuth1UserHandler(*APP, callback="oob")
    handler._get_oauth_url = lambda endpoint: f"{pasture.url}/oauth/{endpoint}"
    with closing(handler.oauth):
        page = requests.get(handler.get_authorization_url(), timeout=10)
    (pin,) = re.findall(PIN, press(page, "dolly").text)
    token, secret = handler.get_access_token(pin)
    handler.oauth.close()

    assert 201 == say(pasture.url, {"oauth_token": token, "oauth_token_secret": secret}, "baa").status_code
