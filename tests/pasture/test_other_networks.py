"""The pasture speaks Bluesky's and Mastodon's APIs beside X's, on one port and one page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from flock.pasture import Pasture
from flock.pasture.bluesky import BlueskyAccount

PASSWORD = "sesame"
TOKEN = {"Authorization": "Bearer sesame-mary"}


@pytest.fixture
def all_of_them(tmp_path: Path) -> Iterator[Pasture]:
    """A pasture with an account of Bluesky's and one of Mastodon's kind, whose posts are in a file."""
    with Pasture((), state=tmp_path / "pasture.db") as pasture:
        settle(pasture)
        yield pasture


def settle(pasture: Pasture) -> None:
    """Give both bots an account."""
    pasture.bluesky.admit(BlueskyAccount("blue.test", SecretStr(PASSWORD)))
    pasture.mastodon.admit("mary", "sesame-mary")


def say_on_bluesky(pasture: Pasture, text: str) -> requests.Response:
    """Post as any client does."""
    url = f"{pasture.url}/xrpc/com.atproto"
    login = {"identifier": "blue.test", "password": PASSWORD}
    session = requests.post(f"{url}.server.createSession", json=login, timeout=10).json()
    post = {"$type": "app.bsky.feed.post", "text": text, "createdAt": "2027-01-15T08:00:00.000Z"}
    record = {"repo": session["did"], "collection": "app.bsky.feed.post", "record": post}
    token = {"Authorization": f"Bearer {session['accessJwt']}"}
    return requests.post(f"{url}.repo.createRecord", json=record, headers=token, timeout=10)


def say_on_mastodon(pasture: Pasture, text: str) -> requests.Response:
    """Post as any client does."""
    return requests.post(f"{pasture.url}/api/v1/statuses", json={"status": text}, headers=TOKEN, timeout=10)


def test_one_page_shows_the_posts_of_all_networks(all_of_them: Pasture) -> None:
    """By their times: the record on Bluesky says one that is to come. And there is a page for each network."""
    assert [200, 200] == [say(all_of_them, "baa").status_code for say in (say_on_bluesky, say_on_mastodon)]

    def by(view: str) -> list[str]:
        return re.findall(r'class="by"><a [^>]*>(\S+)</a>', requests.get(all_of_them.url + view, timeout=10).text)

    assert ["blue.test", "mary"] == by("/") == by("/?network=nowhere&by=mary")
    assert ["mary", "blue.test"] == by("/?order=oldest")
    assert [["blue.test"], ["mary"], []] == [by(f"/?network={name}") for name in ("bluesky", "mastodon", "x")]
    assert [["mary"], []] == [by(f"/?network=mastodon&by={name}") for name in ("Mary", "blue.test")]


def test_a_post_stands_there_in_its_language_behind_its_warning(all_of_them: Pasture) -> None:
    """With the direction of its language; a network that says no language leaves that to the first letter."""
    fields = {"status": "ثم", "language": "ar", "spoiler_text": "verse"}
    requests.post(f"{all_of_them.url}/api/v1/statuses", json=fields, headers=TOKEN, timeout=10)
    say_on_bluesky(all_of_them, "夜")
    html = requests.get(f"{all_of_them.url}/", timeout=10).text

    assert '<p class="warning">verse</p><p class="text" dir="rtl" lang="ar">ثم</p>' in html
    assert '<p class="text" dir="auto">夜</p>' in html


def test_the_page_shows_only_accounts_that_are_there(all_of_them: Pasture, tmp_path: Path) -> None:
    """The file may hold the posts of another flock, which practised before."""
    say_on_bluesky(all_of_them, "baa")
    say_on_mastodon(all_of_them, "moo")
    all_of_them.close()
    with Pasture((), state=tmp_path / "pasture.db") as again:
        assert "Nothing has been said yet." in requests.get(f"{again.url}/", timeout=10).text
        again.mastodon.admit("mary", "sesame-mary")
        html = requests.get(f"{again.url}/", timeout=10).text
    assert (True, False) == ("moo" in html, "baa" in html)


def test_posts_outlive_the_pasture(all_of_them: Pasture, tmp_path: Path) -> None:
    """They are in its one file, and the accounts are found again by their names."""
    say_on_bluesky(all_of_them, "baa")
    say_on_mastodon(all_of_them, "moo")
    all_of_them.close()
    with Pasture((), state=tmp_path / "pasture.db") as again:
        settle(again)
        assert ["moo"] == again.mastodon.texts("mary")
        latest = [*again.bluesky.newest(1), *again.mastodon.newest(1)]
        assert [("blue.test", "baa"), ("mary", "moo")] == [(post.screen_name, post.text) for post in latest]


@pytest.mark.parametrize("path", ["/xrpc/com.atproto.server.describeServer", "/api/v2/instance"])
def test_a_page_of_another_name_reads_none_of_them(all_of_them: Pasture, path: str) -> None:
    """As with X's paths."""
    assert 200 == requests.get(f"{all_of_them.url}{path}", timeout=10).status_code
    answer = requests.get(f"{all_of_them.url}{path}", headers={"Host": "evil.example"}, timeout=10)
    assert 421 == answer.status_code


@pytest.mark.parametrize("path", ["/xrpc/com.atproto.server.createSession", "/api/v1/statuses"])
def test_a_body_that_is_too_large_is_refused(all_of_them: Pasture, path: str) -> None:
    """It is not read."""
    answer = requests.post(f"{all_of_them.url}{path}", json={"status": "a" * 70_000}, headers=TOKEN, timeout=10)
    assert 413 == answer.status_code
