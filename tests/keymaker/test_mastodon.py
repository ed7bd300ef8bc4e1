"""Keys for Mastodon: app, code and token against the practice server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from flock.errors import BadOption, KeyNotMade
from flock.keymaker import Keymaker
from flock.pasture import Pasture
from tests.keymaker.person import Person

Make = Callable[..., Keymaker]


def is_marked(pasture: Pasture, token: str) -> bool:
    """Return whether the server marks the token's account as a bot's."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{pasture.url}/api/v1/accounts/verify_credentials", headers=headers, timeout=10)
    return bool(answer.json()["bot"])


def test_a_code_becomes_a_key_of_an_account_that_is_marked(make: Make, poem: Path, pasture: Pasture) -> None:
    """With the person's consent."""
    person = Person(yes=[True])
    made = make(person).new("mastodon", poem)

    assert ("dolly", "mastodon", "dolly@pasture.json") == (
        made.key.screen_name,
        made.key.network,
        made.key.file.name,
    )
    assert is_marked(pasture, made.key.params["access_token"])
    assert "it is marked as an automated account" in made.remarks
    assert made.key.params["access_token"] not in person.log


def test_without_consent_the_app_does_not_even_ask_for_the_right(make: Make, poem: Path, pasture: Pasture) -> None:
    """The line says how to mark the account by hand."""
    person = Person(yes=[False])
    made = make(person).new("mastodon", poem)

    assert "write%3Aaccounts" not in person.visited[0]
    assert not is_marked(pasture, made.key.params["access_token"])
    assert [remark for remark in made.remarks if "Preferences, Profile" in remark]


def test_a_wrong_code_is_asked_for_again(make: Make, poem: Path) -> None:
    """The page still shows the right one."""
    person = Person(["wrong", "", None])
    assert "dolly" == make(person).new("mastodon", poem).key.screen_name
    assert 2 == len([line for line in person.told if "does not take this code" in line])


def test_codes_that_are_all_wrong_end_the_flow(make: Make, poem: Path, keys: Path) -> None:
    """Nothing is written."""
    with pytest.raises(KeyNotMade, match="took none of the codes"):
        make(Person(["wrong"] * 3)).new("mastodon", poem)
    assert [] == [*keys.iterdir()]


def test_the_server_is_asked_for_until_it_can_be_one(make: Make, poem: Path, pasture: Pasture) -> None:
    """A server of this machine is a real one where a person gives it as such."""
    person = Person(["", "http://botsin.example", pasture.url, None])
    made = make(person, base_url=None).new("mastodon", poem)

    assert pasture.url == made.key.params["server"]
    assert [line for line in person.told if "expected https://" in line]
    with pytest.raises(KeyNotMade, match="no server is given"):
        make(Person([""] * 3), base_url=None).new("mastodon", poem)


def test_a_server_that_cannot_be_one_is_refused(make: Make) -> None:
    """Before anything is asked."""
    with pytest.raises(BadOption, match="server: expected"):
        make(Person(), base_url=None, server="http://botsin.example")


def test_an_account_of_another_server_is_not_looked_for_here(make: Make, poem: Path, pasture: Pasture) -> None:
    """The line says what to give."""
    keymaker = make(Person(), base_url=None, server=pasture.url)
    with pytest.raises(KeyNotMade, match=r"this account is not on .*; give --server https://botsin\.example"):
        keymaker.new("mastodon", poem, screen_name="dolly@botsin.example")


def test_something_else_than_such_a_server_is_one_line(make: Make, poem: Path, keys: Path) -> None:
    """Nothing listens at this port."""
    person = Person()
    with pytest.raises(KeyNotMade, match=r"127\.0\.0\.1 takes no connection"):
        make(person, base_url=None, server="http://127.0.0.1:9").new("mastodon", poem)
    assert [] == [*keys.iterdir()]


def test_the_existing_key_of_an_account_is_found_before_the_dance(make: Make, poem: Path) -> None:
    """By its name and its server."""
    make(Person()).new("mastodon", poem)
    person = Person()
    with pytest.raises(KeyNotMade, match="has a key of dolly@pasture already"):
        make(person).new("mastodon", poem, screen_name="dolly")
    assert [] == person.visited
