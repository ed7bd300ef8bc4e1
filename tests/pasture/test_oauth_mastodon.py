"""Mastodon's OAuth on the pasture, out of band: an app, a code, a token, and the account's bot flag."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import requests
from mastodon import Mastodon, MastodonAPIError, MastodonIllegalArgumentError, MastodonUnauthorizedError
from requests import Response

from flock.pasture import Pasture
from flock.pasture.codes import OUT_OF_BAND
from tests.pasture.test_oauth_x import fields_of, press

SCOPES = ["read:accounts", "read:statuses", "write:statuses", "write:accounts"]
CODE = r"<code>([\w-]{43})</code>"


def register(url: str, **fields: Any) -> Response:
    """Register an app; keywords replace fields."""
    usual = {"client_name": "flock", "redirect_uris": OUT_OF_BAND, "scopes": " ".join(SCOPES)}
    return requests.post(f"{url}/api/v1/apps", data={**usual, **fields}, timeout=10)


@pytest.fixture
def app(pasture: Pasture) -> dict[str, str]:
    """An app that has registered itself."""
    answer = register(pasture.url)
    assert 200 == answer.status_code
    return {name: answer.json()[name] for name in ("client_id", "client_secret")}


def question(url: str, app: dict[str, str], **fields: str) -> Response:
    """Return the page that asks."""
    usual = {"client_id": app["client_id"], "redirect_uri": OUT_OF_BAND, "response_type": "code"}
    asked = {**usual, "scope": " ".join(SCOPES), **fields}
    return requests.get(f"{url}/oauth/authorize", params=asked, timeout=10)


def code_for(url: str, app: dict[str, str], name: str, **fields: str) -> str:
    """Press the button, and return the code."""
    (code,) = re.findall(CODE, press(question(url, app, **fields), name).text)
    return str(code)


def exchange(url: str, app: dict[str, str], code: str, **fields: str) -> Response:
    """Ask for the access token."""
    usual = {**app, "code": code, "grant_type": "authorization_code", "redirect_uri": OUT_OF_BAND}
    return requests.post(f"{url}/oauth/token", data={**usual, **fields}, timeout=10)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def say(url: str, token: str, text: str) -> Response:
    """Post with a token that was made here."""
    return requests.post(f"{url}/api/v1/statuses", data={"status": text}, headers=bearer(token), timeout=10)


def me(url: str, token: str) -> Response:
    """Return the account that the token belongs to."""
    return requests.get(f"{url}/api/v1/accounts/verify_credentials", headers=bearer(token), timeout=10)


def test_mastodon_py_registers_signs_in_and_posts(pasture: Pasture) -> None:
    """The stock client, from no account to a post, the bot flag, and a token that is revoked."""
    client_id, secret = Mastodon.create_app("flock", scopes=SCOPES, api_base_url=pasture.url)
    client = Mastodon(
        client_id=client_id, client_secret=secret, api_base_url=pasture.url, mastodon_version="4.7.2"
    )
    address = client.auth_request_url(scopes=SCOPES, allow_http=True)
    (code,) = re.findall(CODE, press(requests.get(address, timeout=10), "dolly").text)
    client.log_in(code=code, scopes=SCOPES, allow_http=True)

    assert ("dolly", False) == ((account := client.account_verify_credentials()).username, account.bot)
    assert client.account_update_credentials(bot=True).bot
    assert "baa" in client.status_post("baa").content
    assert ["baa"] == pasture.mastodon.texts("dolly")
    token = str(client.access_token)
    client.revoke_access_token(allow_http=True)
    assert (401, "The access token was revoked") == (
        (told := say(pasture.url, token, "x")).status_code,
        told.json()["error"],
    )
    with pytest.raises((MastodonUnauthorizedError, MastodonAPIError, MastodonIllegalArgumentError)):
        client.account_verify_credentials()
    client.session.close()


def test_a_token_outlives_the_pasture(tmp_path: Path) -> None:
    """With its account, the bot flag, the app, and a revocation; no secret is in the file."""
    with Pasture((), state=tmp_path / "pasture.db") as first:
        app = register(first.url).json()
        app = {name: app[name] for name in ("client_id", "client_secret")}
        tokens = [
            exchange(first.url, app, code_for(first.url, app, "Dolly")).json()["access_token"] for _ in range(2)
        ]
        flag = requests.patch(
            f"{first.url}/api/v1/accounts/update_credentials",
            data={"bot": "true"},
            headers=bearer(tokens[0]),
            timeout=10,
        )
        assert (200, True) == (flag.status_code, flag.json()["bot"])
        requests.post(f"{first.url}/oauth/revoke", data={**app, "token": tokens[1]}, timeout=10).raise_for_status()
        number = me(first.url, tokens[0]).json()["id"]
        written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    with Pasture((), state=tmp_path / "pasture.db") as again:
        assert [200, 401] == [say(again.url, token, "baa").status_code for token in tokens]
        assert (number, "Dolly", True) == tuple(
            me(again.url, tokens[0]).json()[key] for key in ("id", "username", "bot")
        )
        assert ">Dolly</a> on Mastodon" in requests.get(again.url, timeout=10).text
        assert 200 == exchange(again.url, app, code_for(again.url, app, "dolly")).status_code

    for secret in (*tokens, app["client_secret"]):
        assert secret.encode() not in written


def test_an_account_that_is_there_gets_another_token(pasture: Pasture, app: dict[str, str]) -> None:
    """Whatever its case; the one of its key file stays good."""
    pasture.mastodon.admit("Mary", "sesame-mary")
    token = exchange(pasture.url, app, code_for(pasture.url, app, "@mary")).json()["access_token"]

    assert me(pasture.url, "sesame-mary").json() == me(pasture.url, token).json()
    assert "Mary" == me(pasture.url, token).json()["username"]


def test_a_token_may_do_what_the_person_agreed_to(pasture: Pasture, app: dict[str, str]) -> None:
    """And no more."""
    code = code_for(pasture.url, app, "dolly", scope="read:accounts")
    answer = exchange(pasture.url, app, code).json()

    assert ("read:accounts", "Bearer") == (answer["scope"], answer["token_type"])
    assert 200 == me(pasture.url, answer["access_token"]).status_code
    refused = say(pasture.url, answer["access_token"], "baa")
    assert (403, "This action is outside the authorized scopes") == (refused.status_code, refused.json()["error"])


def test_a_code_is_good_once(pasture: Pasture, app: dict[str, str]) -> None:
    """The second time is an invalid grant."""
    code = code_for(pasture.url, app, "dolly")
    answers = [exchange(pasture.url, app, code) for _ in range(2)]

    assert [200, 400] == [answer.status_code for answer in answers]
    assert "invalid_grant" == answers[1].json()["error"]


def test_a_code_expires(pasture: Pasture, app: dict[str, str], clock: Mock) -> None:
    """After ten minutes."""
    early, late = code_for(pasture.url, app, "dolly"), code_for(pasture.url, app, "dolly")
    clock.return_value += 599.0
    assert 200 == exchange(pasture.url, app, early).status_code
    clock.return_value += 1.0
    assert (400, "invalid_grant") == (
        (answer := exchange(pasture.url, app, late)).status_code,
        answer.json()["error"],
    )


def test_old_codes_make_room(pasture: Pasture, app: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """There are at most so many at once; the oldest goes first."""
    monkeypatch.setattr("flock.pasture.codes._MOST_CODES", 2)
    codes = [code_for(pasture.url, app, "dolly") for _ in range(3)]

    assert [400, 200, 200] == [exchange(pasture.url, app, code).status_code for code in codes]


def test_apps_do_not_fill_the_disk(pasture: Pasture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone may register one, up to a number."""
    monkeypatch.setattr("flock.pasture.codes._MOST_APPS", 2)
    assert [200, 200, 429] == [register(pasture.url).status_code for _ in range(3)]


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"code": "wrong"}, 400, "invalid_grant"),
        ({"redirect_uri": "https://example.invalid/"}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_bad_request_for_a_token_is_told_why(
    pasture: Pasture, app: dict[str, str], fields: dict[str, str], status: int, error: str
) -> None:
    """In the words of OAuth 2."""
    usual = {"code": code_for(pasture.url, app, "dolly")}
    answer = exchange(pasture.url, app, **{**usual, **fields})
    assert (status, error) == (answer.status_code, answer.json()["error"])


def test_an_app_may_show_its_secret_by_http_basic(pasture: Pasture, app: dict[str, str]) -> None:
    """As OAuth 2 has it; JSON is taken, too, and bad JSON is not."""
    fields = {
        "grant_type": "authorization_code",
        "redirect_uri": OUT_OF_BAND,
        "code": code_for(pasture.url, app, "dolly"),
    }
    secrets = (app["client_id"], app["client_secret"])
    address = f"{pasture.url}/oauth/token"
    headers = {"Content-Type": "application/json"}

    assert 400 == requests.post(address, data="{", auth=secrets, headers=headers, timeout=10).status_code
    assert 200 == requests.post(address, json=fields, auth=secrets, timeout=10).status_code


def test_another_app_s_code_and_token_are_of_no_use(pasture: Pasture, app: dict[str, str]) -> None:
    """Neither can it take the one, nor revoke the other."""
    told = register(pasture.url).json()
    other = {name: told[name] for name in ("client_id", "client_secret")}
    assert 400 == exchange(pasture.url, other, code_for(pasture.url, app, "dolly")).status_code
    token = exchange(pasture.url, app, code_for(pasture.url, app, "dolly")).json()["access_token"]
    answer = requests.post(f"{pasture.url}/oauth/revoke", data={**other, "token": token}, timeout=10)

    assert (403, "unauthorized_client") == (answer.status_code, answer.json()["error"])
    assert 200 == me(pasture.url, token).status_code
    unknown = requests.post(f"{pasture.url}/oauth/revoke", data={**other, "token": "unknown"}, timeout=10)
    assert (200, {}) == (unknown.status_code, unknown.json())


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"client_name": " "}, "name can't be blank"),
        ({"client_name": "a" * 61}, "too long"),
        ({"redirect_uris": ""}, "Redirect URI can't be blank"),
        ({"redirect_uris": "nowhere"}, "absolute URI"),
        ({"scopes": "read everything"}, "Scopes"),
    ],
)
def test_a_bad_app_is_told_why(pasture: Pasture, fields: dict[str, str], problem: str) -> None:
    """422, as a validation that failed."""
    answer = register(pasture.url, **fields)

    assert 422 == answer.status_code
    assert re.match(f"Validation failed: .*{problem}", answer.json()["error"])


@pytest.mark.parametrize(
    ("fields", "status", "problem"),
    [
        ({"client_id": "wrong"}, 401, "unknown client"),
        ({"redirect_uri": "https://example.invalid/"}, 400, "redirect uri"),
        ({"response_type": "token"}, 400, "response type"),
        ({"scope": "read"}, 400, "scope"),
        ({"scope": ""}, 400, "scope"),
    ],
)
def test_a_bad_address_asks_nobody(
    pasture: Pasture, app: dict[str, str], fields: dict[str, str], status: int, problem: str
) -> None:
    """The page says why, and has no form."""
    page = question(pasture.url, app, **fields)

    assert (status, True, False) == (page.status_code, problem in page.text, "<form" in page.text)


def test_an_app_of_another_kind_gets_no_code(pasture: Pasture) -> None:
    """It was not registered for the way out of band."""
    told = register(pasture.url, redirect_uris="https://example.invalid/").json()
    assert 400 == question(pasture.url, told).status_code


@pytest.mark.parametrize("name", ["", "a b", "a" * 31, "ünï", "a@b.example"])
def test_a_name_that_mastodon_would_not_take_is_asked_for_again(
    pasture: Pasture, app: dict[str, str], name: str
) -> None:
    """The page says what a name is, and a good one is taken then."""
    again = press(question(pasture.url, app), name)

    assert (422, True) == (again.status_code, "1 to 30 letters" in again.text)
    assert re.findall(CODE, press(again, "dolly").text)


def test_cancel_makes_no_code_and_no_account(pasture: Pasture, app: dict[str, str]) -> None:
    """The page says so."""
    page = press(question(pasture.url, app), "dolly", decision="cancel")

    assert (200, True) == (page.status_code, "Nothing was authorized" in page.text)
    assert [] == pasture.mastodon.names()


@pytest.mark.parametrize("change", [{"seal": "0" * 64}, {"scope": "read:accounts"}, {"client_id": "another"}])
def test_a_form_that_was_changed_authorizes_nothing(
    pasture: Pasture, app: dict[str, str], change: dict[str, str]
) -> None:
    """The seal is about all that the page has said."""
    page = question(pasture.url, app)
    fields = {**fields_of(page), "screen_name": "dolly", **change}
    answer = requests.post(f"{pasture.url}/oauth/authorize", data=fields, timeout=10)

    assert (True, []) == (answer.status_code in {401, 403}, re.findall(CODE, answer.text))
    assert 403 == requests.post(page.url, data=fields_of(page), headers={"Origin": "null"}, timeout=10).status_code


def test_what_an_app_is_called_is_escaped(pasture: Pasture) -> None:
    """Its name is whatever it says."""
    told = register(pasture.url, client_name="<script>\u202e").json()
    page = question(pasture.url, told)

    assert "&lt;script&gt;\ufffd asks for" in page.text
    assert "<script" not in page.text


def test_no_secret_is_in_a_log(pasture: Pasture, app: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Neither codes nor tokens, at any level."""
    caplog.set_level(0)
    code = code_for(pasture.url, app, "dolly")
    token = exchange(pasture.url, app, code).json()["access_token"]
    say(pasture.url, token, "baa")
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("flock"))

    assert "/oauth/token" in ours
    for secret in (code, token, *app.values()):
        assert secret not in ours
