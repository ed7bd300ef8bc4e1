"""The page on which app passwords for the pasture's Bluesky are made."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
import requests
from atproto import Client  # type: ignore[import-untyped]  # atproto does not say that it has types
from pydantic import SecretStr
from requests import Response

from flock.pasture import Pasture
from flock.pasture.bluesky import BlueskyAccount
from tests.pasture.test_oauth_x import fields_of, press

PASSWORD = r"<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</code>"


def question(pasture: Pasture) -> Response:
    """Return the page that asks."""
    return requests.get(f"{pasture.url}/settings/app-passwords", timeout=10)


def make(pasture: Pasture, handle: str) -> str:
    """Press the button, and return the app password."""
    (password,) = re.findall(PASSWORD, press(question(pasture), handle).text)
    return str(password)


def sign_in(pasture: Pasture, handle: str, password: str) -> Response:
    """Sign in as any client does."""
    login = {"identifier": handle, "password": password}
    return requests.post(f"{pasture.url}/xrpc/com.atproto.server.createSession", json=login, timeout=10)


def test_atproto_signs_in_and_posts_with_it(pasture: Pasture) -> None:
    """The stock client."""
    client = Client(f"{pasture.url}/xrpc")
    with closing(client.request):
        client.login("dolly.test", make(pasture, "dolly.test"))
        client.send_post("baa")

    assert ["baa"] == [post.text for post in pasture.bluesky.newest(9)]


@pytest.mark.parametrize("typed", ["dolly", " @Dolly ", "DOLLY.test"])
def test_a_name_becomes_a_handle(pasture: Pasture, typed: str) -> None:
    """Under a domain that never exists."""
    assert 200 == sign_in(pasture, "dolly.test", make(pasture, typed)).status_code


def test_an_account_has_several(pasture: Pasture) -> None:
    """The one of its key file stays good, and none is another account's."""
    pasture.bluesky.admit(BlueskyAccount("mary.test", SecretStr("sesame")))
    first, second, other = make(pasture, "mary.test"), make(pasture, "mary.test"), make(pasture, "dolly.test")

    assert [200] * 3 == [sign_in(pasture, "mary.test", each).status_code for each in ("sesame", first, second)]
    assert [401] * 2 == [sign_in(pasture, "mary.test", each).status_code for each in (other, "")]


def test_they_outlive_the_pasture(tmp_path: Path) -> None:
    """With their accounts; they are not in the file."""
    with Pasture((), state=tmp_path / "pasture.db") as first:
        password = make(first, "dolly.test")
        did = sign_in(first, "dolly.test", password).json()["did"]
        written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    with Pasture((), state=tmp_path / "pasture.db") as again:
        assert did == sign_in(again, "dolly.test", password).json()["did"]
        assert "dolly.test" in question(again).text

    assert password.encode() not in written


@pytest.mark.parametrize("typed", ["", "a b", "-dolly", "dolly.", "dolly.1", "ünï", "a" * 64, "a." * 130 + "test"])
def test_what_is_no_handle_is_asked_for_again(pasture: Pasture, typed: str) -> None:
    """The page says what a handle is."""
    again = press(question(pasture), typed)
    assert (422, True) == (again.status_code, "A handle is a domain" in again.text)


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}])
def test_a_form_of_another_page_makes_nothing(pasture: Pasture, headers: dict[str, str]) -> None:
    """Neither does one without a seal."""
    page = question(pasture)
    forged = requests.post(page.url, data={**fields_of(page), "screen_name": "dolly"}, headers=headers, timeout=10)
    unsealed = requests.post(page.url, data={"screen_name": "dolly"}, timeout=10)

    assert [403, 403] == [forged.status_code, unsealed.status_code]
    assert [] == pasture.bluesky.handles()


def test_the_page_has_its_bounds(pasture: Pasture) -> None:
    """No other path, no other method, no large body, no other name."""
    address = f"{pasture.url}/settings/app-passwords"
    answers = [
        requests.get(f"{address}/more", timeout=10),
        requests.put(address, timeout=10),
        requests.post(address, data={"screen_name": "a" * 70_000}, timeout=10),
        requests.get(address, headers={"Host": "evil.example"}, timeout=10),
    ]
    assert [404, 404, 413, 421] == [answer.status_code for answer in answers]
